fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::list::FUNCTION)
}
