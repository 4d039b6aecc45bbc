fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::create_workspace_user::FUNCTION)
}
