//! Workspaces: how they are made, found, changed and, with all that is in them, removed.

mod deletion;
mod founding;
mod repair;

use harness::client::Client;
use http::Method;
use serde_json::{Value, json};

use super::{key, ok, refused, text};

const WORKSPACES: &str = "/v1/admin/workspaces";

/// Makes a workspace and gives its id.
async fn found(client: &Client, body: &Value) -> String {
    text(&ok(&client.post(WORKSPACES, body).await)["id"])
}

async fn shown(client: &Client, named: &str) -> Value {
    ok(&client.get(&format!("{WORKSPACES}/{named}")).await)
}

/// Asks for a workspace to be removed, with a body where there is one.
async fn remove(client: &Client, named: &str, body: Option<Value>) -> harness::client::Answer {
    let path = format!("{WORKSPACES}/{named}");
    client.send(Method::DELETE, &path, &[], body.as_ref()).await
}

fn names(page: &Value) -> Vec<String> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| text(&row["name"])).collect()
}

mod lists {
    use harness::stack::TestStack;

    use super::*;

    #[tokio::test]
    async fn a_list_is_narrowed_and_paged() {
        let stack = TestStack::start().await;
        let api = stack.portkey();
        for name in ["Alpha", "beta", "alphabet", "Gamma", "Alpha"] {
            found(&api, &json!({ "name": name })).await;
        }
        let all = ["Default", "Alpha", "beta", "alphabet", "Gamma", "Alpha"];
        for (query, expected, total, more) in [
            ("", &all[..], 6, false),
            ("status=active", &all, 6, false),
            ("status=archived,active", &all, 6, false),
            ("status=archived", &[], 0, false),
            ("page_size=2", &all[..2], 6, true),
            ("page_size=2&current_page=2", &all[4..], 6, false),
            ("page_size=4&current_page=1", &all[4..], 6, false),
            ("page_size=2&current_page=3", &[], 6, false),
            ("name=ALPHA", &["Alpha", "alphabet", "Alpha"], 3, false),
            (
                "name=alpha&page_size=1&current_page=1",
                &["alphabet"],
                3,
                true,
            ),
            ("exact_name=Alpha", &["Alpha", "Alpha"], 2, false),
            ("exact_name=Alpha&page_size=1", &["Alpha"], 2, true),
            (
                "exact_name=Alpha&page_size=1&current_page=1",
                &["Alpha"],
                2,
                false,
            ),
            ("exact_name=alpha", &[], 0, false),
            ("exact_name=Alpha&name=lph", &["Alpha", "Alpha"], 2, false),
            ("exact_name=Alpha&name=bet", &[], 0, false),
            ("exact_name=Alpha&status=archived", &[], 0, false),
            ("name=&exact_name=&something=new", &all, 6, false),
        ] {
            let page = ok(&api.get(&format!("{WORKSPACES}?{query}")).await);
            assert_eq!(names(&page), expected, "{query}");
            assert_eq!(
                (&page["object"], &page["total"], &page["has_more"]),
                (&json!("list"), &json!(total), &json!(more)),
                "{query}"
            );
        }
        for query in [
            "page_size=0",
            "page_size=501",
            "current_page=-1",
            "status=open",
            "status=active,open",
            "organisation_id=x",
            "page_size=1&page_size=2",
        ] {
            refused(
                &api.get(&format!("{WORKSPACES}?{query}")).await,
                400,
                "AB01",
            );
        }
        // What was renamed is found by its new name alone.
        ok(&api
            .put(&format!("{WORKSPACES}/beta"), &json!({ "name": "Omega" }))
            .await);
        assert_eq!(
            ok(&api.get(&format!("{WORKSPACES}?name=beta")).await)["total"],
            0
        );
        assert_eq!(
            names(&ok(&api.get("/v2/admin/workspaces?name=omega").await)),
            ["Omega"]
        );
    }

    /// Each verb has its scope, none of which a workspace's key can have; and nobody is told of another tenant's.
    #[tokio::test]
    async fn workspaces_are_for_keys_of_the_organisation_that_have_the_scope() {
        let stack = TestStack::start().await;
        let api = stack.portkey();
        found(&api, &json!({ "name": "Aimed at" })).await;
        let path = format!("{WORKSPACES}/aimed-at");
        let verbs = ["create", "list", "read", "update", "delete"];
        let ask = async |client: &Client, verb: &str| match verb {
            "create" => client.post(WORKSPACES, &json!({ "name": "made" })).await,
            "list" => client.get(WORKSPACES).await,
            "read" => client.get(&path).await,
            "update" => client.put(&path, &json!({ "description": "x" })).await,
            _ => client.delete(&path).await,
        };
        for held in verbs {
            let scope = format!("workspaces.{held}");
            let client = stack.portkey_with(&key(&stack, "organisation/service", &[&scope]).await);
            for verb in verbs.into_iter().filter(|verb| *verb != held) {
                let told = refused(&ask(&client, verb).await, 403, "AB03");
                assert!(
                    told.contains(&format!("workspaces.{verb}")),
                    "{held}: {told}"
                );
            }
            ok(&ask(&client, held).await);
        }
        for kind in [
            &stack.acme().workspace_service_key,
            &stack.acme().workspace_user_key,
        ] {
            for verb in verbs {
                refused(&ask(&stack.portkey_with(kind), verb).await, 403, "AB03");
            }
        }
        let id = found(&api, &json!({ "name": "Ours" })).await;
        let evil = stack.portkey_with(&stack.evil().organisation_service_key);
        assert_eq!(names(&ok(&evil.get(WORKSPACES).await)), ["Default"]);
        for named in [id.as_str(), "ours", "never-was", "a%20b"] {
            let path = format!("{WORKSPACES}/{named}");
            for answer in [
                evil.get(&path).await,
                evil.put(&path, &json!({ "name": "mine" })).await,
                remove(&evil, named, Some(json!({ "force_delete": true }))).await,
                evil.get(&format!("{path}/users")).await,
                evil.post(
                    &format!("{path}/users"),
                    &json!({ "users": [stack.evil().user_id] }),
                )
                .await,
            ] {
                assert_eq!(
                    refused(&answer, 404, "AB08"),
                    "workspace not found",
                    "{named}"
                );
            }
        }
        assert_eq!(shown(&api, "ours").await["name"], "Ours");
    }
}
