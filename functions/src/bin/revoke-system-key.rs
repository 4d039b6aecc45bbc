fn main() -> std::process::ExitCode {
    functions::run(functions::revoke_system_key::FUNCTION)
}
