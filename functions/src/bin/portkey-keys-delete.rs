fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::delete::FUNCTION)
}
