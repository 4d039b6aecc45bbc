//! What a key may use in effect, and how grants change.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::connection::ServerUrl;

const NOW: Timestamp = Timestamp::from_millis(1_774_440_000_000);

fn list(names: &[&str]) -> ToolList {
    ToolList::parse(names.iter().map(|name| (*name).to_owned()).collect()).unwrap()
}

fn id(number: u128) -> KeyId {
    KeyId::new(Uuid::from_u128(number))
}

fn key() -> KeyRecord {
    serde_json::from_value(json!({
        "tenant": Uuid::from_u128(1), "id": id(1), "hash": "", "kind": "workspace-service",
        "workspace": Uuid::from_u128(2), "scopes": ["mcp.invoke"], "createdAt": NOW,
    }))
    .unwrap()
}

fn connection(execute: &[&str], auto_execute: &[&str]) -> Connection {
    let mut row: Connection = serde_json::from_value(json!({
        "tenant": Uuid::from_u128(1), "id": Uuid::from_u128(3), "name": "github",
        "serverUrl": "https://mcp.example.com/", "auth": {"type": "none"}, "enabled": true, "checkInterval": 300,
        "createdAt": NOW, "updatedAt": NOW, "version": 1, "revision": 1, "epoch": 0,
    }))
    .unwrap();
    row.details.tools = Some(ToolRules {
        execute: list(execute),
        auto_execute: list(auto_execute),
    });
    row
}

fn nothing() -> Grants {
    let row = connection(&[], &[]);
    Grants::none(row.tenant, row.id)
}

fn granted(tools: &[&str]) -> Grants {
    nothing().with(id(1), Some(list(tools)))
}

#[test]
fn a_key_may_use_what_is_allowed_and_granted() {
    use Withheld::{ClientAllowsNone, GrantedNone, NotGranted, NothingInCommon};
    let all = &["*"][..];
    for (allowed, auto, for_all, said, expected) in [
        // Nothing is said of the key: none, unless all keys may.
        (all, &[][..], false, None, Err(NotGranted)),
        (all, &[], true, None, Ok((all, &[][..]))),
        (&["read"], &[], true, None, Ok((&["read"][..], &[]))),
        (&[], &[], true, None, Err(ClientAllowsNone)),
        // What is said of the key counts before that.
        (all, &[], true, Some(&[][..]), Err(GrantedNone)),
        (
            all,
            &["*"],
            true,
            Some(&["read"]),
            Ok((&["read"], &["read"])),
        ),
        (all, &["a", "b"], false, Some(&["B"]), Ok((&["B"], &["b"]))),
        (
            &["Read", "write"],
            &["write"],
            false,
            Some(all),
            Ok((&["Read", "write"], &["write"])),
        ),
        (
            &["Read", "write"],
            &["write"],
            false,
            Some(&["READ"]),
            Ok((&["Read"], &[])),
        ),
        (
            &["read"],
            &[],
            false,
            Some(&["write"]),
            Err(NothingInCommon),
        ),
        (&[], &[], false, Some(all), Err(ClientAllowsNone)),
    ] {
        let mut row = connection(allowed, auto);
        row.details.allow_on_all_virtual_keys = for_all;
        let grants = said.map(granted);
        let found = effective(&key(), &row, grants.as_ref(), NOW);
        let expected = expected.map(|(execute, auto)| ToolRules {
            execute: list(execute),
            auto_execute: list(auto),
        });
        assert_eq!(found, expected, "{allowed:?} {auto:?} {for_all} {said:?}");
    }
}

#[test]
fn what_is_switched_off_gives_nothing() {
    let grants = granted(&["*"]);
    let row = connection(&["*"], &[]);
    let of = |key: &KeyRecord, row: &Connection| effective(key, row, Some(&grants), NOW).err();
    assert_eq!(of(&key(), &row), None);
    let disabled = KeyRecord {
        disabled: true,
        ..key()
    };
    assert_eq!(of(&disabled, &row), Some(Withheld::KeyInactive));
    let expired = KeyRecord {
        expires_at: Some(NOW),
        ..key()
    };
    assert_eq!(of(&expired, &row), Some(Withheld::KeyInactive));
    let off = Connection {
        enabled: false,
        ..row.clone()
    };
    assert_eq!(of(&key(), &off), Some(Withheld::ClientDisabled));
    let local = Connection {
        server_url: ServerUrl::local().unwrap(),
        ..row
    };
    assert_eq!(of(&key(), &local), Some(Withheld::NotRunnableHere));
}

#[test]
fn a_workspaces_connection_is_for_its_keys() {
    let mut row = connection(&["*"], &[]);
    assert!(fits(&key(), &row));
    row.workspace = key().workspace;
    assert!(fits(&key(), &row));
    let elsewhere = KeyRecord {
        workspace: None,
        ..key()
    };
    assert!(!fits(&elsewhere, &row));
    let calls_none = KeyRecord {
        scopes: Vec::new(),
        ..key()
    };
    assert!(!fits(&calls_none, &row));
}

fn grantings(keys: impl IntoIterator<Item = u128>, tools: &ToolList) -> Vec<Granting> {
    let of = |number| Granting {
        key: id(number),
        tools: tools.clone(),
    };
    keys.into_iter().map(of).collect()
}

#[test]
fn grants_are_replaced_whole_and_kept_as_they_are() {
    let before = nothing()
        .replaced(&grantings([1, 2], &ToolList::all()), "/vk_configs")
        .unwrap();
    let after = before
        .replaced(&grantings([2, 3], &ToolList::none()), "/vk_configs")
        .unwrap();
    let change = GrantsChange {
        before: before.clone(),
        after: after.clone(),
        seen: None,
    };
    assert_eq!(change.added().collect::<Vec<_>>(), [id(3)]);
    assert_eq!(change.removed().collect::<Vec<_>>(), [id(1)]);
    assert!(!change.is_empty());
    assert_eq!((before.revision, after.revision), (1, 2));
    let read: Grants = serde_json::from_value(json!(after)).unwrap();
    assert_eq!(read, after);
    let again = after.replaced(&grantings([4, 2, 4], &ToolList::all()), "/vk_configs");
    let Err(Error::Invalid(problems)) = again else {
        panic!("a key may be named twice")
    };
    assert_eq!(problems[0].field, "/vk_configs/2/virtual_key_id");
    assert_eq!(problems.len(), 1);
}

#[test]
fn a_change_has_an_end_and_so_have_grants() {
    let change = |before: std::ops::Range<u128>, after: std::ops::Range<u128>, tools: &ToolList| {
        let of = |range| {
            nothing()
                .replaced(&grantings(range, tools), "/vk_configs")
                .unwrap()
        };
        let (before, after) = (of(before), of(after));
        let change = GrantsChange {
            before,
            after,
            seen: None,
        };
        change.check("/vk_configs")
    };
    let all = ToolList::all();
    assert!(change(0..0, 0..30, &all).is_ok() && change(0..0, 0..31, &all).is_err());
    assert!(change(0..60, 0..0, &all).is_ok() && change(0..61, 0..0, &all).is_err());
    assert!(change(0..999, 0..1000, &all).is_ok() && change(0..1000, 0..1001, &all).is_err());
    let long = "x".repeat(250);
    let many: Vec<_> = (0..300).map(|number| format!("{number}{long}")).collect();
    let large = ToolList::parse(many).unwrap();
    assert!(change(0..0, 0..1, &large).is_ok() && change(0..1, 0..2, &large).is_err());
}

#[test]
fn reasons_have_words_of_their_own() {
    let words: BTreeSet<_> = Withheld::ALL.into_iter().map(Withheld::word).collect();
    assert_eq!(words.len(), Withheld::ALL.len());
}
