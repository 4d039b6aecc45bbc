fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::delete_connection::FUNCTION)
}
