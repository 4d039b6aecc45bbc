fn main() -> std::process::ExitCode {
    functions::run(functions::sweep::FUNCTION)
}
