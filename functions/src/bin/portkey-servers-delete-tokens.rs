fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::delete_tokens::FUNCTION)
}
