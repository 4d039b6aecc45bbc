//! Metadata on the wire: how a server introduced itself, to our checks or to the gateway, and when.
//!
//! There are no icons in it: Portkey's client for Python cannot read a list of them, and Portkey's document has none.

use serde_json::{Map, Value, json};
use shared::{capability::Pushed, health::Status, ports::Listing, timestamp::Timestamp};

use super::test_result;

/// What a server may say of itself: the name here, and the others that it goes by where it is pushed.
const TEXTS: [(&str, &[&str]); 7] = [
    ("server_name", &["server_name", "name"]),
    ("server_version", &["server_version", "version"]),
    ("protocol_version", &["protocol_version", "protocolVersion"]),
    ("title", &["title"]),
    ("description", &["description"]),
    ("website_url", &["website_url", "websiteUrl"]),
    ("instructions", &["instructions"]),
];
const FLAGS: (&str, &[&str]) = ("capability_flags", &["capability_flags", "capabilities"]);

/// What of it stands in a list.
const SUMMARY: [&str; 7] = [
    "title",
    "description",
    "server_name",
    "server_version",
    "protocol_version",
    "sync_status",
    "last_synced_at",
];

/// What is pushed and no check learns.
const TOLD_ALONE: [&str; 3] = ["description", "website_url", FLAGS.0];

/// Everything that is known. Of what a check found and what the gateway told, the later one is shown; of the other, what only that one can say.
pub fn metadata(listing: &Listing, pushed: &Pushed) -> Value {
    let found_at = listing.offered().and(listing.health.last_succeeded_at);
    let mut introduction = if pushed.introduced_at > found_at {
        pushed.metadata.clone()
    } else {
        let told = pushed.metadata.clone().into_iter();
        let mut known: Map<_, _> = told
            .filter(|(name, _)| TOLD_ALONE.contains(&name.as_str()))
            .collect();
        known.extend(found(listing));
        known
    };
    let mut shown = Map::from_iter([("object".to_owned(), "metadata".into())]);
    for name in TEXTS.iter().map(|(name, _)| *name).chain([FLAGS.0]) {
        let value = introduction.remove(name).unwrap_or_default();
        shown.insert(name.to_owned(), value);
    }
    shown.extend(sync(listing, found_at.max(pushed.synced_at)));
    Value::Object(shown)
}

/// What a list shows of it: what checks found, since what the gateway told is a row of its own.
pub fn summary(listing: &Listing) -> Value {
    let connection = &listing.connection;
    let nothing = Pushed::nothing(connection.tenant, connection.id);
    let mut known = metadata(listing, &nothing);
    let shown = SUMMARY.map(|name| (name.to_owned(), known[name].take()));
    Value::Object(Map::from_iter(shown))
}

fn found(listing: &Listing) -> Map<String, Value> {
    let Some(contract) = listing.offered() else {
        return Map::new();
    };
    let info = contract.server_info.as_ref();
    let texts = [
        ("server_name", info.map(|info| info.name.clone())),
        ("server_version", info.map(|info| info.version.clone())),
        ("title", info.and_then(|info| info.title.clone())),
        ("protocol_version", Some(contract.protocol_version.clone())),
        ("instructions", contract.instructions.clone()),
    ];
    texts
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into()))
        .collect()
}

/// How up to date all of it is.
fn sync(listing: &Listing, synced_at: Option<Timestamp>) -> Map<String, Value> {
    let health = &listing.health;
    let failed = health.status == Status::Error && health.last_check_at > synced_at;
    let status = match synced_at {
        _ if failed => "error",
        Some(_) => "synced",
        None => "pending",
    };
    let error = health.reason.filter(|_| failed).map(test_result::sentence);
    let sync = [
        ("sync_status", json!(status)),
        ("last_synced_at", json!(synced_at)),
        ("sync_error", json!(error)),
    ];
    sync.map(|(name, value)| (name.to_owned(), value))
        .into_iter()
        .collect()
}

/// Keeps of what somebody tells of a server the members that there are, under their names here. What is null or of another type is nothing.
pub fn pushed(mut told: Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    let mut keep = |(name, spellings): (&str, &[&str]), has_type: fn(&Value) -> bool| {
        let mut values = spellings
            .iter()
            .filter_map(|spelling| told.remove(*spelling));
        if let Some(value) = values.find(has_type) {
            kept.insert(name.to_owned(), value);
        }
    };
    for text in TEXTS {
        keep(text, Value::is_string);
    }
    keep(FLAGS, Value::is_object);
    kept
}
