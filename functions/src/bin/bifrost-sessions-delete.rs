fn main() -> std::process::ExitCode {
    functions::run(functions::bifrost::sessions::delete::FUNCTION)
}
