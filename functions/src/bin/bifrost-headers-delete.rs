fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::headers::delete::FUNCTION)
}
