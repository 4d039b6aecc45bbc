fn main() -> std::process::ExitCode {
    functions::run(functions::native::connections::rotate::FUNCTION)
}
