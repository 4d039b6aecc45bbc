fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::openapi::read::FUNCTION)
}
