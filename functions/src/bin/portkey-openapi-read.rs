fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::openapi::read::FUNCTION)
}
