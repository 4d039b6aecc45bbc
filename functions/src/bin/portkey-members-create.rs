fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::members::create::FUNCTION)
}
