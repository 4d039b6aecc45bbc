//! What `cargo run` says first: the demo tenants' keys, and lines to paste.

pub mod server;

use std::fmt::Write as _;

use crate::stack::{DemoTenant, Stack};

pub fn welcome(stack: &Stack) -> String {
    let mut text = String::new();
    let url = &stack.url;
    let _ = writeln!(text, "mcp-steward is ready at {url} (Ctrl-C stops it)\n");
    let _ = writeln!(text, "  API description    {url}/openapi.json");
    let _ = writeln!(text, "  Portkey's API      {url}/v1/openapi.json");
    let _ = writeln!(
        text,
        "  DynamoDB           {}",
        stack.endpoints.dynamodb_url
    );
    let _ = writeln!(
        text,
        "  Secrets Manager    {}",
        stack.endpoints.secrets_manager_url
    );
    for tenant in &stack.tenants {
        let _ = writeln!(text, "\nTenant {}", tenant.tenant_id);
        let _ = writeln!(
            text,
            "  organisation key   {}",
            tenant.organisation_service_key
        );
        let _ = writeln!(
            text,
            "  workspace key      {}",
            tenant.workspace_service_key
        );
        let _ = writeln!(text, "  user's key         {}", tenant.workspace_user_key);
        let _ = writeln!(text, "  gateway's key      {}", tenant.system_key);
    }
    if let (Some(tenant), Some(server)) = (stack.tenants.first(), &stack.demo_server_url) {
        let _ = write!(text, "\n{}", commands(url, server, tenant));
    }
    text
}

/// Lines to paste into another shell: register a server, test it, list what works. The idempotency key lets them be pasted twice.
fn commands(url: &str, server: &str, tenant: &DemoTenant) -> String {
    let body = format!(
        r#"{{"name":"Demo","serverUrl":"{server}","authType":"bearer","bearerToken":"{}"}}"#,
        server::TOKEN
    );
    let api = format!("{url}/api/mcp-connections");
    let key = &tenant.organisation_service_key;
    format!(
        "Paste into another shell (an MCP server to try it with is at {server}):\n\n\
         KEY={key}\n\
         ID=$(curl -sS {api} -H \"Authorization: Bearer $KEY\" -H 'Content-Type: application/json' -H 'Idempotency-Key: demo' \
         -d '{body}' | sed -E 's/.*\"id\":\"([^\"]+)\".*/\\1/')\n\
         curl -sS -X POST {api}/$ID/test -H \"Authorization: Bearer $KEY\"\n\
         curl -sS {api} -H \"Authorization: Bearer $KEY\"\n"
    )
}
