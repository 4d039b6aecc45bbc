fn main() -> std::process::ExitCode {
    functions::run(functions::native::connections::tools::FUNCTION)
}
