fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::write_tokens::FUNCTION)
}
