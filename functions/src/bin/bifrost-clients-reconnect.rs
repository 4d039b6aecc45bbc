fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::clients::reconnect::FUNCTION)
}
