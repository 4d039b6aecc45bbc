fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::read_self::FUNCTION)
}
