fn main() -> std::process::ExitCode {
    functions::run(functions::native::connections::test::FUNCTION)
}
