fn main() -> std::process::ExitCode {
    functions::run(functions::authorize::FUNCTION)
}
