fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::integrations::read_metadata::FUNCTION)
}
