fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::keys::rotate::FUNCTION)
}
