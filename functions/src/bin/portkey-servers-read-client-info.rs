fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::read_client_info::FUNCTION)
}
