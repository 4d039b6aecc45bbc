//! What `cargo run` says first: the demo tenants' keys, and lines to paste.

use std::fmt::Write as _;

use crate::stack::{DemoTenant, Stack};

pub fn welcome(stack: &Stack) -> String {
    let mut text = String::new();
    let url = &stack.url;
    let _ = writeln!(text, "mcp-steward is ready at {url}  (Ctrl-C stops it)");
    let _ = writeln!(text, "  API description   {url}/openapi.json");
    let _ = writeln!(text, "  DynamoDB          {}", stack.endpoints.dynamodb_url);
    let _ = writeln!(
        text,
        "  Secrets Manager   {}",
        stack.endpoints.secrets_manager_url
    );
    for tenant in &stack.tenants {
        let _ = writeln!(text, "\nTenant {}", tenant.tenant_id);
        let _ = writeln!(
            text,
            "  organisation key    {}",
            tenant.organisation_service_key
        );
        let _ = writeln!(
            text,
            "  workspace key       {}",
            tenant.workspace_service_key
        );
        let _ = writeln!(text, "  workspace user key  {}", tenant.workspace_user_key);
    }
    if let Some(tenant) = stack.tenants.first() {
        let _ = write!(text, "\n{}", commands(url, tenant));
    }
    text
}

/// Three lines to paste, one after the other, into another shell.
fn commands(url: &str, tenant: &DemoTenant) -> String {
    let key = &tenant.organisation_service_key;
    let api = format!("{url}/api/mcp-connections");
    format!(
        "Register an MCP server, test it, and list what works:\n\
         \x20 curl -sS {api} -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
         -d '{{\"name\":\"demo\",\"serverUrl\":\"{url}/mcp\",\"authType\":\"none\"}}'\n\
         \x20 curl -sS -X POST $(curl -sS {api} -H 'Authorization: Bearer {key}' | sed 's/.*\"id\":\"\\([^\"]*\\)\".*/\\1/;s|^|{api}/|')/test -H 'Authorization: Bearer {key}'\n\
         \x20 curl -sS {api} -H 'Authorization: Bearer {key}'\n"
    )
}
