fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::workspaces::read::FUNCTION)
}
