fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::check_user_access::FUNCTION)
}
