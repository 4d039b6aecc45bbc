fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::audit::list::FUNCTION)
}
