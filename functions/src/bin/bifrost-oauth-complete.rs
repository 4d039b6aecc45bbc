fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::oauth::complete::FUNCTION)
}
