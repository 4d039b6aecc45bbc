//! Virtual keys, which are shown when they are made and when they are rotated, and secrets in their place.

use http::Method;
use serde_json::{Value, json};

use super::cage::Cage;

const KEYS: &str = "/api/governance/virtual-keys";

impl Cage {
    /// The key in an answer that alone may have it.
    async fn shown(&self, path: &str, body: &Value) -> (String, String) {
        let answer = self.watched.api().post(path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let key = answer.json()["virtual_key"].clone();
        let value = key["value"].as_str().unwrap().to_owned();
        self.watch_key("a virtual key", &value);
        (key["id"].as_str().unwrap().to_owned(), value)
    }

    /// Everything that can be done with a virtual key, and what cannot.
    pub async fn virtual_keys(&self) {
        let secret = || self.secret("a secret in a virtual key's place");
        for bad in [
            json!({ "name": "x", "value": secret() }),
            json!({ "name": "x", "is_active": secret() }),
            json!({ "name": "x", "budget": { "max_limit": secret() } }),
            json!({ "name": "x", "mcp_configs": [{ "mcp_client_id": secret() }] }),
            json!({ "name": "x", "mcp_configs": secret() }),
        ] {
            self.ask(Method::POST, KEYS, Some(bad), 400).await;
        }
        let (id, old) = self.shown(KEYS, &json!({ "name": "a virtual key" })).await;
        let path = format!("{KEYS}/{id}");
        let (_, new) = self.shown(&format!("{path}/rotate"), &json!({})).await;
        for (value, expected) in [(&old, 401), (&new, 200)] {
            let client = self.watched.portkey_with(value);
            let answer = client.get("/v1/api-keys/self/details").await;
            self.note(answer, &[expected]);
        }
        for below in [KEYS, &path, &format!("{path}/tools"), "/api/mcp/clients"] {
            self.ask(Method::GET, below, None, 200).await;
        }
        let off = json!({ "is_active": false, "mcp_configs": [] });
        self.ask(Method::PUT, &path, Some(off), 200).await;
        let answer = self.watched.with_key(&new).get(KEYS).await;
        self.note(answer, &[401]);
        self.ask(Method::DELETE, &path, None, 200).await;
    }
}
