//! What the table and the secret store hold, looked at from behind, and whether it fits together.

use std::collections::{BTreeMap, BTreeSet};

use dynoxide::actions::scan::ScanRequest;
use local::{secrets_manager::StoredSecret, stack::Stack};
use serde_json::{Map, Value};
use shared::{
    connection::Connection, grants::Grants, user_connection::UserConnection, wheel::Slot,
};
use shared_aws::keys::{self, Key, List, SlugKind};

/// An item of the table as plain JSON; what is binary is base64.
#[derive(Clone, Debug, PartialEq)]
pub struct Item(pub Value);

impl Item {
    pub fn pk(&self) -> &str {
        self.0["PK"].as_str().unwrap_or_default()
    }

    pub fn sk(&self) -> &str {
        self.0["SK"].as_str().unwrap_or_default()
    }

    fn key(&self) -> (String, String) {
        (self.pk().to_owned(), self.sk().to_owned())
    }
}

/// Every item of every table, just as DynamoDB spells it.
pub fn raw_items(stack: &Stack) -> Vec<Value> {
    let mut items = Vec::new();
    for table in &stack.template.tables {
        let mut from = None;
        loop {
            let request = ScanRequest {
                table_name: table.name.clone(),
                exclusive_start_key: from,
                ..ScanRequest::default()
            };
            let page = stack.dynamodb.database().scan(request);
            let page = page.expect("the table can be scanned");
            let found = serde_json::to_value(&page).expect("a page is JSON");
            items.extend(found["Items"].as_array().cloned().unwrap_or_default());
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
    }
    items
}

/// Every item of every table.
pub fn items(stack: &Stack) -> Vec<Item> {
    let raw = raw_items(stack);
    raw.iter()
        .filter_map(Value::as_object)
        .map(|item| Item(plain_map(item)))
        .collect()
}

/// The row of every connection.
pub fn rows(items: &[Item]) -> Vec<Connection> {
    let is_row =
        |item: &&Item| keys::part(item.sk()).is_some_and(|(_, part)| part == keys::Part::Row);
    items
        .iter()
        .filter(is_row)
        .map(|item| serde_json::from_value(item.0.clone()).expect("a row is a connection"))
        .collect()
}

/// The rows that say which users have tokens.
pub fn user_connections(items: &[Item]) -> Vec<UserConnection> {
    items
        .iter()
        .filter(|item| item.sk().starts_with("USERCONNECTION#"))
        .map(|item| serde_json::from_value(item.0.clone()).expect("a user's connection"))
        .collect()
}

/// The value of the version that a row names.
pub fn credential_of(stack: &Stack, row: &Connection) -> Option<String> {
    let version = row.credential.as_ref()?.version.to_string();
    let secrets = stack.secrets_manager.secrets();
    let secret = secrets
        .iter()
        .find(|secret| secret.name == secret_name(stack, row))?;
    let stored = secret.versions.iter().find(|stored| stored.id == version)?;
    Some(String::from_utf8_lossy(&stored.value).into_owned())
}

/// The name of a connection's secret.
pub fn secret_name(stack: &Stack, row: &Connection) -> String {
    format!("{}{}/{}", secret_prefix(stack), row.tenant, row.id)
}

fn secret_prefix(stack: &Stack) -> String {
    let mut functions = stack.template.functions.iter();
    let prefix = functions.find_map(|function| function.environment.get("STEWARD_SECRET_PREFIX"));
    format!("{}/", prefix.expect("the template names the prefix"))
}

/// Whatever does not fit together while no work is under way; nothing when all is well.
pub fn flaws(stack: &Stack) -> Vec<String> {
    let items = items(stack);
    let rows = rows(&items);
    let there: BTreeSet<_> = items.iter().map(Item::key).collect();
    let secrets: BTreeMap<_, _> = stack
        .secrets_manager
        .secrets()
        .into_iter()
        .map(|secret| (secret.name.clone(), secret))
        .collect();
    let mut flaws = Vec::new();
    for row in &rows {
        flaws_of_row(row, &there, &mut flaws);
        let name = secret_name(stack, row);
        flaws_of_credential(row, secrets.get(&name), &mut flaws);
    }
    let users = user_connections(&items);
    let of_users = users
        .iter()
        .map(|row| format!("{}{}/{}", secret_prefix(stack), row.tenant, row.id));
    for (row, name) in users.iter().zip(of_users.clone()) {
        // Who was asked and brought nothing has no secret either.
        let is_whole = secrets.contains_key(&name) == row.credential.is_some();
        if row.unfinished.is_some() || !is_whole {
            flaws.push(format!("tokens of {} are not all there", row.user));
        }
    }
    let named: BTreeSet<_> = rows.iter().map(|row| secret_name(stack, row)).collect();
    let named: BTreeSet<_> = named.into_iter().chain(of_users).collect();
    flaws_of_lists(&items, &mut flaws);
    flaws_of_grants(&items, &there, &mut flaws);
    for name in secrets.keys() {
        if !named.contains(name) {
            flaws.push(format!("the secret {name} has no row"));
        }
    }
    for item in &items {
        flaws_of_item(item, &rows, &mut flaws);
    }
    flaws
}

fn flaws_of_row(row: &Connection, there: &BTreeSet<(String, String)>, flaws: &mut Vec<String>) {
    let (tenant, id) = (row.tenant, row.id);
    let mut flaw = |text: &str| flaws.push(format!("{}: {text}", row.name.as_str()));
    let has = |key: &Key<'_>| there.contains(&(key.pk(), key.sk()));
    if let Some(unfinished) = &row.unfinished {
        flaw(&format!("has work unfinished: {unfinished:?}"));
    }
    if !has(&Key::Health(tenant, id)) {
        flaw("has no health");
    }
    if !row.shares_name && !has(&Key::Name(tenant, &row.name)) {
        flaw("has no guard for its name");
    }
    if let Some(slug) = &row.slug
        && !has(&Key::Slug(tenant, SlugKind::Connection, slug))
    {
        flaw("has no guard for its slug");
    }
    let list = row
        .workspace
        .map_or(List::ConnectionsOfTenant, List::ConnectionsOf);
    for list in [List::Connections, list] {
        if !has(&Key::Entry(tenant, list, id.uuid())) {
            flaw(&format!("is not listed in {list:?}"));
        }
    }
    let place = format!("{tenant}#{id}");
    let slots: Vec<_> = there
        .iter()
        .filter(|(pk, sk)| *sk == place && pk != &Key::OutOfTurn(tenant, id).pk())
        .map(|(pk, _)| pk.clone())
        .collect();
    let wanted: Vec<_> = row
        .schedule()
        .map(|period| Key::Wheel(Slot::of(id, period), tenant, id).pk())
        .into_iter()
        .collect();
    if slots != wanted {
        flaw(&format!(
            "is in {slots:?} of the wheel and not in {wanted:?}"
        ));
    }
}

fn flaws_of_credential(row: &Connection, secret: Option<&StoredSecret>, flaws: &mut Vec<String>) {
    let mut flaw = |text: &str| flaws.push(format!("{}: {text}", row.name.as_str()));
    let needs = row.auth.demands_credential();
    let (credential, secret) = match (&row.credential, secret) {
        (None, None) if !needs => return,
        (Some(credential), Some(secret)) if row.auth.takes_credential() => (credential, secret),
        (credential, secret) => {
            return flaw(&format!(
                "needs a credential: {needs}, names one: {}, has a secret: {}",
                credential.is_some(),
                secret.is_some()
            ));
        }
    };
    if credential.origin != row.server_url.origin() {
        flaw("names a credential for another origin");
    }
    if secret.marked_for_deletion {
        flaw("has a secret that is about to go");
    }
    let holders = |stage: &str| -> Vec<_> {
        let versions = secret.versions.iter();
        let holding = versions.filter(|version| version.stages.iter().any(|held| held == stage));
        holding.map(|version| version.id.clone()).collect()
    };
    if holders("AWSCURRENT") != [credential.version.to_string()] {
        flaw("names another version than the current one");
    }
    if !holders("AWSPENDING").is_empty() {
        flaw("has a value staged");
    }
}

/// A list counts the entries that it has, and no others.
fn flaws_of_lists(items: &[Item], flaws: &mut Vec<String>) {
    let mut counts: BTreeMap<(String, String), i64> = BTreeMap::new();
    for item in items.iter().filter(|item| item.pk().contains("#LIST#")) {
        let list = item.pk().to_owned();
        // Of the audit trail the whole alone is counted.
        if list.contains("#LIST#AUDIT#") {
            continue;
        }
        if let Some(id) = keys::entry(item.sk()) {
            *counts.entry((list, keys::bucket(id))).or_default() += 1;
        } else if let Some(digits) = keys::counted(item.sk()) {
            let count = item.0["listed"].as_i64().unwrap_or_default();
            *counts.entry((list, digits.to_owned())).or_default() -= count;
        }
    }
    for ((list, digits), difference) in counts {
        if difference != 0 {
            flaws.push(format!("{list} miscounts {digits} by {difference}"));
        }
    }
}

/// Who is granted something of a connection is there and is led to it, and nobody else is.
fn flaws_of_grants(items: &[Item], there: &BTreeSet<(String, String)>, flaws: &mut Vec<String>) {
    let mut led = BTreeSet::new();
    for item in items {
        if let Some((key, connection)) = keys::granted(item.sk()) {
            led.insert((item.pk().to_owned(), key, connection));
        }
    }
    for item in items.iter().filter(|item| item.sk().starts_with("GRANTS#")) {
        let grants: Grants = serde_json::from_value(item.0.clone()).expect("grants");
        for key in grants.keys() {
            if !led.remove(&(item.pk().to_owned(), key, grants.connection)) {
                flaws.push(format!("nothing leads {key} to {}", grants.connection));
            }
            let row = Key::ApiKey(grants.tenant, key);
            if !there.contains(&(row.pk(), row.sk())) {
                flaws.push(format!(
                    "{} is granted to {key}, which is gone",
                    grants.connection
                ));
            }
        }
    }
    for (_, key, connection) in led {
        flaws.push(format!(
            "{key} is led to {connection}, which is not granted"
        ));
    }
}

/// What belongs to a connection must have one.
fn flaws_of_item(item: &Item, rows: &[Connection], flaws: &mut Vec<String>) {
    let (pk, sk) = (item.pk(), item.sk());
    let is_known = |id: &str| rows.iter().any(|row| row.id.to_string() == id);
    let kind = sk.split('#').next().unwrap_or_default();
    let owner = match kind {
        _ if pk.starts_with("WHEEL#") && pk != Key::Tick(0).pk() => sk.split('#').nth(1),
        "CONNECTION" | "TOOLS" | "PUSHED" | "GRANTS" => sk.split('#').nth(1),
        "GRANTED" => sk.split('#').nth(2),
        "SLUG" if sk.starts_with("SLUG#CONNECTION#") => item.0["leadsTo"].as_str(),
        "ENTRY" if pk.contains("#LIST#CONNECTIONS") => sk.split('#').nth(1),
        "NAME" | "IDEMPOTENCY" => item.0["madeFor"].as_str(),
        // A connection's history outlives it, for as long as it would be kept anyway.
        "HOUR" | "INCIDENT" if item.0["expiresAt"].is_number() => return,
        "HOUR" | "INCIDENT" => pk.split('#').nth(3),
        _ => return,
    };
    if !owner.is_some_and(is_known) {
        flaws.push(format!("{pk} {sk} belongs to no connection"));
    }
    if !item.0["unfinishedShard"].is_null() || !item.0["unfinishedSince"].is_null() {
        flaws.push(format!("{pk} {sk} is among the unfinished"));
    }
}

fn plain_map(item: &Map<String, Value>) -> Value {
    let members = item.iter();
    members
        .map(|(name, value)| (name.clone(), plain(value)))
        .collect()
}

/// `{"S": "x"}` is `"x"`.
fn plain(value: &Value) -> Value {
    let typed = value.as_object().and_then(|typed| typed.iter().next());
    match typed {
        Some((kind, Value::String(number))) if kind == "N" => {
            serde_json::from_str(number).unwrap_or_default()
        }
        Some((kind, _)) if kind == "NULL" => Value::Null,
        Some((kind, Value::Array(list))) if kind == "L" => list.iter().map(plain).collect(),
        Some((kind, Value::Object(map))) if kind == "M" => plain_map(map),
        Some((_, value)) => value.clone(),
        None => Value::Null,
    }
}
