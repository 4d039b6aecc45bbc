fn main() -> std::process::ExitCode {
    functions::run(functions::create_tenant::FUNCTION)
}
