fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::update_user_access::FUNCTION)
}
