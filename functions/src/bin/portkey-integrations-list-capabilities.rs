fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::integrations::list_capabilities::FUNCTION)
}
