//! What a page costs: the same number of reads however many rows there are, total included.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use harness::{faults::Watched, stack::TestStack};
use serde_json::{Value, json};
use shared::{
    access::WorkspaceAccess,
    audit::Record,
    caller::KeyRecord,
    connection::{Connection, ConnectionId},
    ports::{Registrations as _, Rows as _, Trail as _},
    server::{Server, ServerId},
    tenant::TenantId,
    timestamp::Timestamp,
    user_connection::UserConnection,
    workspace::{Member, Workspace},
};
use shared_aws::{
    client::{Aws, AwsSettings},
    keys,
    store::DynamoStore,
};
use uuid::Uuid;

use super::{INTEGRATIONS, SERVERS, ok};

/// How many rows of each kind there are when the pages are looked at.
const SIZES: [usize; 3] = [10, 1_000, 20_000];
/// From here on rows are copies, under other ids and names, of what the product wrote for one: writing each would take minutes.
const WRITTEN: usize = 50;
/// Copies that are stored at once.
const BULK: usize = 500;
const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);
/// Rows written at the same time.
const AT_ONCE: usize = 8;

/// Writes rows as the product does, with their places in lists, and without a request for each.
struct Filler {
    store: DynamoStore,
    tenant: TenantId,
    workspace: Uuid,
    connection: Uuid,
    server: Uuid,
}

/// An id made at the n-th second of somebody's work.
fn id(n: usize, kind: u8) -> Uuid {
    let millis = NOW.millis().unsigned_abs() + n as u64 * 1000;
    let low = (n as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 2 | 1 << 63;
    Uuid::from_u64_pair(millis << 16 | 0x7000 | u64::from(kind), low)
}

fn noun<T: serde::de::DeserializeOwned>(members: Value) -> T {
    serde_json::from_value(members).unwrap()
}

impl Filler {
    fn new(watched: &Watched, connection: &str, server: &str) -> Self {
        let credentials =
            aws_credential_types::Credentials::new("filler", "secret", None, None, "tests");
        let aws = Aws::new(AwsSettings {
            region: "eu-central-1".to_owned(),
            credentials,
            dynamodb_endpoint: Some(watched.stack.stack.endpoints.dynamodb_url.clone()),
            secrets_manager_endpoint: None,
            ca_bundle: None,
        });
        let table = watched.stack.stack.template.tables[0].name.clone();
        Self {
            store: DynamoStore::new(aws.unwrap().dynamodb(), table),
            tenant: watched.acme().tenant_id.parse().unwrap(),
            workspace: watched.acme().workspace_id.parse().unwrap(),
            connection: connection.parse().unwrap(),
            server: server.parse().unwrap(),
        }
    }

    /// The n-th row of every kind.
    async fn add(&self, n: usize) {
        let Self {
            store,
            tenant,
            workspace,
            connection,
            server,
        } = self;
        let common = json!({ "tenant": tenant, "createdAt": NOW, "updatedAt": NOW, "revision": 1, "name": format!("row {n}"), "slug": format!("row-{n}") });
        let with = |more: Value| {
            let mut all = common.clone();
            all.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            all
        };
        let (user, key) = (id(n, 1), id(n, 2));
        let row: Connection = noun(with(json!({
            "id": id(n, 3), "serverUrl": "https://mcp.example.com/mcp", "auth": { "type": "none" }, "enabled": true, "checkInterval": 300, "version": 1, "epoch": 0,
            "sharesName": true,
        })));
        store.add(&row, None, None, NOW).await.unwrap();
        let made: Server = noun(with(
            json!({ "id": id(n, 4), "workspace": workspace, "connection": connection, "owner": "x", "defaultAccess": "allow" }),
        ));
        store.insert(&made, None).await.unwrap();
        let space: Workspace = noun(with(json!({ "id": id(n, 5) })));
        store.insert(&space, None).await.unwrap();
        let member: Member = noun(with(
            json!({ "workspace": workspace, "user": user, "seat": id(n, 6), "role": "member", "firstName": format!("row {n}") }),
        ));
        store.insert(&member, None).await.unwrap();
        let record: KeyRecord = noun(with(
            json!({ "id": key, "hash": "0", "kind": "workspace-service", "workspace": workspace, "scopes": [] }),
        ));
        store.insert(&record, None).await.unwrap();
        let said: WorkspaceAccess = noun(with(
            json!({ "connection": connection, "workspace": id(n, 5), "enabled": true }),
        ));
        store.insert(&said, None).await.unwrap();
        let tokens: UserConnection = noun(with(
            json!({ "id": id(n, 7), "server": server, "workspace": workspace, "user": user }),
        ));
        store.insert(&tokens, None).await.unwrap();
        let deed: Record = noun(with(json!({
            "id": id(n, 8), "at": NOW, "author": { "key": key, "kind": "workspace-service", "request": "x" }, "action": "create", "resource": "mcp_server", "resourceId": "one",
        })));
        store.append(&deed).await.unwrap();
    }
}

/// Stores copies of everything that was written for the last row, one for each number, and counts them.
fn copy(watched: &Watched, numbers: std::ops::Range<usize>) {
    let model = numbers.start - 1;
    // Keys are spelled without hyphens.
    let ids = |n: usize| {
        let all = (1..=8).map(move |kind| id(n, kind));
        all.flat_map(|id| [id.hyphenated().to_string(), id.simple().to_string()])
    };
    let named = |n: usize| [format!("row {n}\""), format!("row-{n}\"")];
    let items: Vec<String> = harness::stored::raw_items(&watched.stack.stack)
        .iter()
        .map(Value::to_string)
        .filter(|item| ids(model).any(|id| item.contains(&id)) && !item.contains("\"COUNT#"))
        .collect();
    let items = format!("[{}]", items.join(","));
    let stack = &watched.stack.stack;
    let (database, table) = (stack.dynamodb.database(), &stack.template.tables[0].name);
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for item in harness::stored::items(stack) {
        if let Some(digits) = keys::counted(item.sk()) {
            let count = item.0["listed"].as_i64().unwrap();
            counts.insert((item.pk().to_owned(), digits.to_owned()), count);
        }
    }
    let import = |items: Vec<dynoxide::Item>| {
        database
            .import_items(table, items, dynoxide::ImportOptions::default())
            .unwrap();
    };
    let numbers: Vec<_> = numbers.collect();
    for some in numbers.chunks(BULK) {
        let mut copies = Vec::new();
        for n in some {
            let renamed = ids(model)
                .zip(ids(*n))
                .chain(named(model).into_iter().zip(named(*n)));
            let text = renamed.fold(items.clone(), |text, (old, new)| text.replace(&old, &new));
            let made: Vec<dynoxide::Item> = serde_json::from_str(&text).unwrap();
            for item in &made {
                let key = |name: &str| match &item[name] {
                    dynoxide::AttributeValue::S(key) => key.clone(),
                    other => panic!("{other:?}"),
                };
                if let Some(id) =
                    keys::entry(&key("SK")).filter(|_| !key("PK").contains("#LIST#AUDIT#"))
                {
                    *counts.entry((key("PK"), keys::bucket(id))).or_default() += 1;
                }
            }
            copies.extend(made);
        }
        import(copies);
    }
    let counted = counts.into_iter().map(|((pk, digits), count)| {
        let item = json!({ "PK": { "S": pk }, "SK": { "S": format!("COUNT#{digits}") }, "listed": { "N": count.to_string() } });
        serde_json::from_value(item).unwrap()
    });
    import(counted.collect());
}

/// Reads that a function made for one answer; the authorizer's are its own affair.
async fn reads(watched: &Watched, path: &str) -> (Value, usize) {
    watched.dynamodb.forget();
    let page = ok(&watched.portkey().get(path).await);
    let seen = watched.dynamodb.seen();
    let of_function = seen
        .iter()
        .filter(|seen| seen.access_key_id.as_deref() != Some("authorize-portkey"));
    (page, of_function.count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_costs_the_same_however_many_rows_there_are() {
    let watched = TestStack::watched().await;
    let (connection, server) = super::publish(&watched, "the one").await;
    let filler = Filler::new(&watched, &connection, &server);
    let lists = |page: &str| {
        [
            format!("{INTEGRATIONS}?{page}"),
            format!("{INTEGRATIONS}?type=organisation&{page}"),
            format!("{INTEGRATIONS}/{connection}/workspaces?version=2&{page}"),
            format!("{SERVERS}?workspace_id=ws-default&{page}"),
            format!("{SERVERS}/{server}/connections?workspace_id=ws-default&{page}"),
            format!("/v1/admin/workspaces?{page}"),
            format!("/v1/admin/workspaces/ws-default/users?{page}"),
            format!("/v1/api-keys?{page}"),
            format!("/v1/api-keys?workspace_id=ws-default&{page}"),
            format!("/v1/audit-logs?{page}"),
        ]
    };
    // Its pages are counted from one.
    let users = |page: usize| {
        format!(
            "{SERVERS}/{server}/user-access?page_size=10&page={}",
            page + 1
        )
    };
    // What has to look at each row's name looks at thousands in one read.
    let searches = [
        format!("{INTEGRATIONS}?search=row&page_size=10"),
        format!("{INTEGRATIONS}?type=workspace&page_size=10"),
        format!("{INTEGRATIONS}?workspace_id=ws-default&page_size=10"),
        format!("{SERVERS}?workspace_id=ws-default&search=row&page_size=10"),
        format!("{SERVERS}/{server}/user-access?search=row&page_size=10"),
        "/v1/audit-logs?resource_id=one&page_size=10".to_owned(),
    ];

    let mut filled = 0;
    let mut costs: Vec<Vec<usize>> = Vec::new();
    let mut searched: Vec<Vec<usize>> = Vec::new();
    for size in SIZES {
        stream::iter(filled..size.min(WRITTEN))
            .for_each_concurrent(AT_ONCE, |n| filler.add(n))
            .await;
        if size > WRITTEN {
            copy(&watched, filled.max(WRITTEN)..size);
        }
        filled = size;
        // The first page, one in the middle, and the last that is full.
        for place in [0, size / 20, size / 10 - 1] {
            let mut cost = Vec::new();
            let paths = lists(&format!("page_size=10&current_page={place}"));
            for path in paths.into_iter().chain([users(place)]) {
                let (page, count) = reads(&watched, &path).await;
                assert_eq!(page["data"].as_array().map(Vec::len), Some(10), "{path}");
                let total = page["total"].as_u64().unwrap() as usize;
                assert!((size..size + 20).contains(&total), "{path}: {total}");
                cost.push(count);
            }
            costs.push(cost);
        }
        let mut cost = Vec::new();
        for path in &searches {
            let (page, count) = reads(&watched, path).await;
            assert!(page["total"].is_u64(), "{path}: {page}");
            cost.push(count);
        }
        searched.push(cost);
    }

    let most: Vec<_> = (0..costs[0].len())
        .map(|list| costs.iter().map(|cost| cost[list]).max())
        .collect();
    let least: Vec<_> = (0..costs[0].len())
        .map(|list| costs.iter().map(|cost| cost[list]).min())
        .collect();
    assert_eq!(
        most, least,
        "a page costs more where there is more: {costs:?}"
    );
    for cost in &searched {
        assert!(
            cost.iter().all(|reads| *reads <= 18),
            "a search reads too much: {searched:?}"
        );
    }
}

/// Every row is on exactly one page, in the order of creation, wherever pages begin.
#[tokio::test]
async fn pages_put_together_are_the_list() {
    let watched = TestStack::watched().await;
    let (connection, server) = super::publish(&watched, "the one").await;
    let filler = Filler::new(&watched, &connection, &server);
    // Hours apart, so that they are counted apart.
    for n in [0, 1, 2, 4000, 4001, 9000, 20_000, 20_001, 20_002, 20_003] {
        filler.add(n).await;
    }
    let list = async |query: &str| {
        ok(&watched
            .portkey()
            .get(&format!("{INTEGRATIONS}?{query}"))
            .await)
    };
    let ids = |page: &Value| {
        page["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].clone())
            .collect::<Vec<_>>()
    };
    let whole = ids(&list("page_size=1000").await);
    assert_eq!(whole.len(), 11);
    let mut sorted = whole.clone();
    sorted.sort_by_key(|id| id.as_str().unwrap().to_owned());
    assert_eq!(whole, sorted);
    for size in 1..12 {
        let mut all = Vec::new();
        for page in 0.. {
            let found = list(&format!("page_size={size}&current_page={page}")).await;
            all.extend(ids(&found));
            assert_eq!(found["total"], 11);
            if found["has_more"] == false {
                break;
            }
        }
        assert_eq!(all, whole, "{size}");
    }
    // One goes, and is gone from its page and from the count.
    let gone = ConnectionId::new(id(4000, 3));
    assert_eq!(
        ok(&watched
            .portkey()
            .delete(&format!("{INTEGRATIONS}/{gone}"))
            .await),
        json!({})
    );
    let left = list("page_size=1000").await;
    assert_eq!((&left["total"], ids(&left).len()), (&json!(10), 10));
    let made = ServerId::new(id(4000, 4));
    assert_eq!(
        ok(&watched.portkey().delete(&format!("{SERVERS}/{made}")).await),
        json!({})
    );
    let servers = ok(&watched
        .portkey()
        .get(&format!("{SERVERS}?workspace_id=ws-default"))
        .await);
    assert_eq!(servers["total"], 10);
}
