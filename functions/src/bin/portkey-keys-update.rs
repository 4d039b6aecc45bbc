fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::update::FUNCTION)
}
