fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::update_capabilities::FUNCTION)
}
