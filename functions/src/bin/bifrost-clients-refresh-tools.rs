fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::clients::refresh_tools::FUNCTION)
}
