fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::clients::verify_headers::FUNCTION)
}
