fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::keys::read::FUNCTION)
}
