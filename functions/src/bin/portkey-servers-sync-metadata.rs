fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::servers::sync_metadata::FUNCTION)
}
