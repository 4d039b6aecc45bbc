fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::read::FUNCTION)
}
