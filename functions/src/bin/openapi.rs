fn main() -> std::process::ExitCode {
    functions::run(functions::openapi::FUNCTION)
}
