fn main() -> std::process::ExitCode {
    functions::run(functions::check_due_connections::FUNCTION)
}
