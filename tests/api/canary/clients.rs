//! Secrets as Bifrost's clients give them.

use http::Method;
use serde_json::{Value, json};

use super::cage::Cage;

const CLIENT: &str = "/api/mcp/client";

impl Cage {
    /// Everything that can be done with a client, and much that cannot.
    pub async fn clients(&self) {
        let open = json!({ "name": "a_client", "connection_type": "http", "connection_string": self.peer.url });
        let with = |members: Value| {
            let mut body = open.clone();
            for (name, value) in members.as_object().unwrap() {
                body[name] = value.clone();
            }
            body
        };
        let secret = || self.secret("a header of a client");
        for bad in [
            json!({ "headers": { "X-Key": [secret()] } }),
            json!({ "headers": { "X-Key": format!("{}\n", secret()) } }),
            json!({ "headers": { "X-Key": format!("{} ********", secret()) } }),
            json!({ "headers": { "X-Key": { "value": [secret()] } } }),
            json!({ "headers": { "X-Key": { "value": secret(), "from_env": true } } }),
            json!({ "headers": { "Host": secret() } }),
            json!({ "headers": secret() }),
            json!({ "auth_type": secret() }),
            json!({ "connection_string": secret() }),
            json!({ "connection_string": format!("https://me:{}@mcp.example.com/", self.secret("a password")) }),
            json!({ "stdio_config": { "command": "npx", "args": [secret()] } }),
            json!({ "tools_to_execute": secret() }),
            json!({ "tls_config": { "ca_cert_pem": format!("-----BEGIN PRIVATE KEY-----\n{}", secret()) } }),
        ] {
            self.ask(Method::POST, CLIENT, Some(with(bad)), 400).await;
        }

        let process = json!({
            "name": "a_process", "connection_type": "stdio",
            "stdio_config": { "command": "npx", "args": [secret(), "--token"], "envs": [format!("KEY={}", secret())] },
        });
        let several = json!({ "headers": { "X-Key": secret(), "Authorization": { "value": format!("Bearer {}", secret()) } } });
        for body in [process, with(several)] {
            let made = self.ask(Method::POST, CLIENT, Some(body), 200).await;
            let id = made.json()["mcp_client_id"].as_str().unwrap().to_owned();
            let path = format!("{CLIENT}/{id}");
            let is_remote = made.json()["message"]
                .as_str()
                .unwrap()
                .contains("pending_tools");
            self.ask(Method::GET, &path, None, 200).await;
            self.ask(Method::GET, "/api/mcp/clients?limit=9", None, 200)
                .await;
            let expected = if is_remote { 200 } else { 422 };
            for below in ["reconnect", "refresh-tools"] {
                self.ask(Method::POST, &format!("{path}/{below}"), None, expected)
                    .await;
            }
            if is_remote {
                for (value, expected) in [
                    (json!("<REDACTED>"), 200),
                    (json!(secret()), 200),
                    (json!(format!("{}<REDACTED>", secret())), 400),
                ] {
                    let change = json!({ "headers": { "X-Key": value } });
                    self.ask(Method::PUT, &path, Some(change), expected).await;
                }
            }
            self.ask(
                Method::PUT,
                &path,
                Some(json!({ "stdio_config": { "command": secret() } })),
                400,
            )
            .await;
            self.ask(Method::DELETE, &path, None, 200).await;
        }
        let per_user = json!({ "auth_type": "per_user_headers", "per_user_header_keys": ["x-user-key"], "headers": { "X-Key": secret() } });
        self.samples(with(per_user)).await;
    }

    /// What one user would bring, given as a sample.
    async fn samples(&self, client: Value) {
        let made = self.ask(Method::POST, CLIENT, Some(client), 200).await;
        let id = made.json()["mcp_client_id"].as_str().unwrap().to_owned();
        let (path, verify) = (
            format!("{CLIENT}/{id}"),
            format!("{CLIENT}/{id}/verify-headers"),
        );
        let secret = || self.secret("a sample of a user's header");
        for (samples, expected) in [
            (json!({ "x-user-key": [secret()] }), 400),
            (json!({ "x-user-key": format!("{}\n", secret()) }), 400),
            (json!({ "x-user-key": secret(), "x-more": secret() }), 400),
            (json!(secret()), 400),
            (json!({ "x-user-key": secret() }), 200),
            (json!({ "x-user-key": secret() }), 200),
        ] {
            let body = json!({ "user_headers": samples });
            self.ask(Method::POST, &verify, Some(body), expected).await;
        }
        for path in [&path, &format!("/v1/mcp-integrations/{id}")] {
            self.ask(Method::GET, path, None, 200).await;
        }
        self.ask(Method::POST, &format!("{path}/refresh-tools"), None, 200)
            .await;
        self.ask(Method::DELETE, &path, None, 200).await;
    }
}
