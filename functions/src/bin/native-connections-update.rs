fn main() -> std::process::ExitCode {
    functions::run(functions::native::connections::update::FUNCTION)
}
