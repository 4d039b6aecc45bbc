fn main() -> std::process::ExitCode {
    functions::run(functions::authorize_portkey::FUNCTION)
}
