fn main() -> std::process::ExitCode {
    functions::run(functions::portkey::keys::create_organisation_service::FUNCTION)
}
