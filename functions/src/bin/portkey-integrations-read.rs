fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::integrations::read::FUNCTION)
}
