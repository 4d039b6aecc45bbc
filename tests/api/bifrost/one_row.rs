//! One row, three names: what is made in one vocabulary is seen, changed and removed in the others.

use harness::{
    client::Client,
    peers::{Peer, Rmcp},
    stack::{TestStack, id_of},
};
use serde_json::{Value, json};

use super::{CLIENT, CLIENTS, REDACTED, change, create, ok, read, with_token};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Vocabulary {
    Native,
    Portkey,
    Bifrost,
}

use Vocabulary::{Bifrost, Native, Portkey};

impl Vocabulary {
    const ALL: [Self; 3] = [Native, Portkey, Bifrost];

    fn client(self, stack: &TestStack) -> Client {
        match self {
            Portkey => stack.portkey(),
            Native | Bifrost => stack.api(),
        }
    }

    async fn make(self, stack: &TestStack, name: &str, url: &str, token: &str) -> String {
        let client = self.client(stack);
        match self {
            Native => stack.register_bearer(name, url, token).await,
            Portkey => {
                let body = json!({ "name": name, "url": url, "auth_type": "headers", "transport": "http",
                    "configurations": { "custom_headers": { "Authorization": format!("Bearer {token}") } } });
                id_of(&ok(&client.post("/v1/mcp-integrations", &body).await))
            }
            Bifrost => create(&client, &with_token(name, url, token)).await,
        }
    }

    fn path(self, id: &str) -> String {
        match self {
            Native => format!("/api/mcp-connections/{id}"),
            Portkey => format!("/v1/mcp-integrations/{id}"),
            Bifrost => format!("{CLIENT}/{id}"),
        }
    }

    /// Name, address, whether it works, and whether there is a credential.
    async fn sees(self, stack: &TestStack, id: &str) -> [Value; 4] {
        let shown = ok(&self.client(stack).get(&self.path(id)).await);
        match self {
            Native => [
                shown["name"].clone(),
                shown["serverUrl"].clone(),
                json!(shown["status"] == "active"),
                shown["hasCredential"].clone(),
            ],
            Portkey => {
                let headers = &shown["configurations"]["custom_headers"];
                [
                    shown["name"].clone(),
                    shown["url"].clone(),
                    json!(shown["health"]["status"] == "active"),
                    json!(headers == &json!({ "Authorization": "********" })),
                ]
            }
            Bifrost => {
                let config = &shown["config"];
                [
                    config["name"].clone(),
                    config["connection_string"].clone(),
                    json!(shown["state"] == "connected"),
                    json!(config["headers"] == json!({ "Authorization": REDACTED })),
                ]
            }
        }
    }

    async fn rename(self, stack: &TestStack, id: &str, name: &str) {
        let (client, path, body) = (self.client(stack), self.path(id), json!({ "name": name }));
        ok(&match self {
            Native => client.patch(&path, &body).await,
            Portkey | Bifrost => client.put(&path, &body).await,
        });
    }

    async fn give_token(self, stack: &TestStack, id: &str, token: &str) {
        let (client, path, bearer) = (self.client(stack), self.path(id), format!("Bearer {token}"));
        ok(&match self {
            Native => client.patch(&path, &json!({ "bearerToken": token })).await,
            Portkey => client
                .put(
                    &path,
                    &json!({ "configurations": { "custom_headers": { "Authorization": bearer } } }),
                )
                .await,
            Bifrost => {
                client
                    .put(&path, &json!({ "headers": { "Authorization": bearer } }))
                    .await
            }
        });
    }

    async fn lists(self, stack: &TestStack) -> Vec<Value> {
        let client = self.client(stack);
        let (path, items, id) = match self {
            Native => ("/api/mcp-connections", "", "/id"),
            Portkey => ("/v1/mcp-integrations", "/data", "/id"),
            Bifrost => (CLIENTS, "", "/config/client_id"),
        };
        let listed = ok(&client.get(path).await);
        let items = listed.pointer(items).unwrap().as_array().unwrap();
        items
            .iter()
            .map(|item| item.pointer(id).unwrap().clone())
            .collect()
    }
}

#[tokio::test]
async fn every_vocabulary_sees_changes_and_removes_what_each_of_them_made() {
    let stack = TestStack::start().await;
    let peer = Peer::rmcp(Rmcp::ALL[0]).bearer("first").start().await;
    for maker in Vocabulary::ALL {
        for other in Vocabulary::ALL {
            let place = format!("made by {maker:?}, changed by {other:?}");
            peer.set_bearer("first");
            let name = format!("{maker:?}_{other:?}");
            let id = maker.make(&stack, &name, &peer.url, "first").await;
            stack.clock.turn_to_next_minute();
            stack.tick().await;
            let renamed = format!("{name}_renamed");
            other.rename(&stack, &id, &renamed).await;
            for reader in Vocabulary::ALL {
                let [name, url, works, has_credential] = reader.sees(&stack, &id).await;
                assert_eq!(name, renamed, "{place}, read by {reader:?}");
                assert!(
                    url.as_str().unwrap().starts_with(&peer.url),
                    "{place}, read by {reader:?}"
                );
                assert_eq!(
                    (works, has_credential),
                    (json!(true), json!(true)),
                    "{place}, read by {reader:?}"
                );
                assert!(reader.lists(&stack).await.contains(&json!(id)), "{place}");
            }

            peer.set_bearer("second");
            other.give_token(&stack, &id, "second").await;
            stack.clock.turn_to_next_minute();
            stack.tick().await;
            for reader in Vocabulary::ALL {
                assert_eq!(
                    reader.sees(&stack, &id).await[2],
                    json!(true),
                    "{place}, read by {reader:?}"
                );
            }

            let gone = other.client(&stack).delete(&other.path(&id)).await;
            assert!(matches!(gone.status, 200 | 204), "{place}: {gone:?}");
            for reader in Vocabulary::ALL {
                assert_eq!(
                    reader.client(&stack).get(&reader.path(&id)).await.status,
                    404,
                    "{place}"
                );
                assert!(!reader.lists(&stack).await.contains(&json!(id)), "{place}");
            }
        }
    }
}

/// An edit elsewhere leaves alone what only this vocabulary has words for, and the other way round.
#[tokio::test]
async fn what_one_vocabulary_has_no_words_for_survives_its_edits() {
    let stack = TestStack::start().await;
    let api = stack.api();
    let mut body = with_token("worded", "https://mcp.example.com/mcp", "t");
    body["tools_to_execute"] = json!(["read"]);
    body["allow_on_all_virtual_keys"] = json!(true);
    body["tool_sync_interval"] = json!(5);
    body["allowed_extra_headers"] = json!(["X-Trace"]);
    let id = create(&api, &body).await;
    let before = read(&api, &id).await["config"].clone();
    Native.rename(&stack, &id, "by native").await;
    let configured = json!({ "description": "by Portkey", "configurations": { "custom_headers": { "X-Two": "2" }, "forward_headers": ["x-user"] } });
    ok(&stack.portkey().put(&Portkey.path(&id), &configured).await);
    let after = read(&api, &id).await["config"].clone();
    for name in [
        "tools_to_execute",
        "allow_on_all_virtual_keys",
        "tool_sync_interval",
        "allowed_extra_headers",
    ] {
        assert_eq!(after[name], before[name], "{name}");
    }
    assert_eq!(
        (&after["name"], &after["headers"]),
        (&json!("by native"), &json!({ "X-Two": REDACTED }))
    );

    // A name from elsewhere may stay what it is, and the headers are not all that is stored.
    ok(&change(
        &api,
        &id,
        &json!({ "name": "by native", "headers": { "X-Two": REDACTED, "X-Three": "3" } }),
    )
    .await);
    let seen = ok(&stack.portkey().get(&Portkey.path(&id)).await);
    assert_eq!(seen["description"], "by Portkey");
    assert_eq!(
        seen["configurations"],
        json!({ "custom_headers": { "X-Two": "********", "X-Three": "********" }, "forward_headers": ["x-user"] })
    );
}
