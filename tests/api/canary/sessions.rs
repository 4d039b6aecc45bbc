//! Values that users bring for a client.

use http::Method;
use serde_json::{Value, json};

use super::cage::Cage;

const CLIENT: &str = "/api/mcp/client";

impl Cage {
    /// Everything that can be done with what a user brings, and much that cannot.
    pub async fn sessions(&self) {
        let client = json!({
            "name": "a_client_of_users", "connection_type": "http", "connection_string": self.peer.url, "auth_type": "per_user_headers",
            "per_user_header_keys": ["x-user-key"], "headers": { "X-Key": self.secret("a header for everybody") },
        });
        let made = self.ask(Method::POST, CLIENT, Some(client), 200).await;
        let id = made.json()["mcp_client_id"].as_str().unwrap().to_owned();
        let key = self.watched.acme().workspace_user_key.clone();
        let user = self.watched.with_key(&key);
        let send = async |method: Method, path: &str, body: Value, expected: u16| {
            let body = (!body.is_null()).then_some(&body);
            let answer = user.send(method, path, &[], body).await;
            self.note(answer, &[expected]).json()
        };
        let secret = || self.secret("what a user brings");

        let path = format!("{CLIENT}/{id}/sessions");
        let smuggled = json!({ "headers": { "x-user-key": secret() } });
        send(Method::POST, &path, smuggled, 400).await;
        let begun = send(Method::POST, &path, json!({}), 200).await;
        let session = begun["session_id"].as_str().unwrap();
        let form = format!("/api/mcp/per-user-headers/flows/{session}");
        let ask_again = format!("/api/mcp/sessions/{session}/reauth");
        for (headers, expected) in [
            (json!({ "x-user-key": [secret()] }), 400),
            (json!({ "x-user-key": format!("{}\n", secret()) }), 400),
            (json!({ "x-user-key": secret(), "x-more": secret() }), 400),
            (json!(secret()), 400),
            (json!({ "x-user-key": secret() }), 200),
            (json!({ "x-user-key": secret() }), 200),
        ] {
            send(Method::POST, &ask_again, Value::Null, 200).await;
            send(Method::GET, &form, Value::Null, 200).await;
            let body = json!({ "headers": headers });
            send(Method::PUT, &form, body, expected).await;
        }
        send(Method::GET, "/api/mcp/sessions", Value::Null, 200).await;
        self.ask(Method::GET, "/api/mcp/sessions?status=active", None, 200)
            .await;
        self.ask(Method::DELETE, &format!("{CLIENT}/{id}"), None, 200)
            .await;
    }
}
