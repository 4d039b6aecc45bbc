fn main() -> std::process::ExitCode {
    functions::run(functions::create_system_key::FUNCTION)
}
