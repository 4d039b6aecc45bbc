fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::integrations::list_workspaces::FUNCTION)
}
