fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::integrations::update_workspaces::FUNCTION)
}
