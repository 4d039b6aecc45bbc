//! Every key and every index of the table, and no other file spells one.
//!
//! | item             | PK                           | SK                                   | what it is                                  |
//! | ---------------- | ---------------------------- | ------------------------------------ | ------------------------------------------- |
//! | connection       | `TENANT#{tenant}`            | `CONNECTION#{id}`                    | the configuration                           |
//! | contract summary | `TENANT#{tenant}`            | `CONNECTION#{id}#CONTRACT`           | what its server offers, without the tools   |
//! | health           | `TENANT#{tenant}`            | `CONNECTION#{id}#HEALTH`             | changes with each check                     |
//! | tools            | `TENANT#{tenant}`            | `TOOLS#{id}#{digest}#{chunk}`        | the tools of one contract, cut in chunks    |
//! | name guard       | `TENANT#{tenant}`            | `NAME#{hash of the name}`            | makes the name unique                       |
//! | idempotency      | `TENANT#{tenant}`            | `IDEMPOTENCY#{hash of the key}`      | makes a repeated request recognisable       |
//! | API key          | `TENANT#{tenant}`            | `KEY#{key id}`                       | who may call                                |
//! | tenant           | `TENANT#{tenant}`            | `TENANT`                             | the tenant itself                           |
//! | workspace        | `TENANT#{tenant}`            | `WORKSPACE#{workspace}`              | a part of the tenant                        |
//! | member           | `TENANT#{tenant}`            | `MEMBER#{workspace}#{user}`          | a user in a workspace                       |
//! | server           | `TENANT#{tenant}`            | `SERVER#{id}`                        | a connection in a workspace                 |
//! | slug guard       | `TENANT#{tenant}`            | `SLUG#{kind}#{slug}`                 | makes the slug unique, and leads to its id  |
//! | workspace access | `TENANT#{tenant}`            | `ACCESS#{connection}#{workspace}`    | whether that workspace may use it           |
//! | user access      | `TENANT#{tenant}`            | `USERACCESS#{server}#{user}`         | whether that user may use it                |
//! | user connection  | `TENANT#{tenant}`            | `USERCONNECTION#{server or connection}#{user}` | what he brought or was given for it |
//! | toggles          | `TENANT#{tenant}`            | `TOGGLES#{connection or server}`     | which capabilities were switched            |
//! | pushed           | `TENANT#{tenant}`            | `PUSHED#{connection}`                | what the gateway told of its server         |
//! | grants           | `TENANT#{tenant}`            | `GRANTS#{connection}`                | what virtual keys may use of it             |
//! | granted          | `TENANT#{tenant}`            | `GRANTED#{key id}#{connection}`      | that the key stands in that one's grants    |
//! | flow             | `TENANT#{tenant}`            | `FLOW#{id}`                          | an authorization that somebody began        |
//! | entry of a list  | `TENANT#{tenant}#LIST#{list}`| `ENTRY#{id}`                         | that a row is in the list, and its name     |
//! | count of a list  | `TENANT#{tenant}#LIST#{list}`| `COUNT#{first digits of the ids}`    | how many entries begin with these digits    |
//! | samples          | `TENANT#{tenant}#HISTORY#{id}` | `HOUR#{hour}`                      | the checks of one hour                      |
//! | incident         | `TENANT#{tenant}#HISTORY#{id}` | `INCIDENT#{started at}`            | a time in which it did not work             |
//! | requests         | `TENANT#{tenant}`            | `REQUESTS#{id}#{minute}`             | counts checks that somebody asked for       |
//! | wheel slot       | `WHEEL#{period}#{slot}`      | `{tenant}#{id}`                      | is checked in this slot's turn              |
//! | out of turn      | `WHEEL#OUT_OF_TURN`          | `{tenant}#{id}`                      | is to be checked at a moment of its own     |
//! | tick             | `WHEEL#TICKS`                | `{minute}`                           | a minute that somebody works off            |
//!
//! Every partition is one tenant's, except the wheel's: that is the schedule's, which serves all tenants and hands out nothing but ids.
//!
//! The one index is `unfinished` (`unfinishedShard`, `unfinishedSince`). Connections are in it while they have unfinished work, and only
//! the sweeper reads it.
//!
//! A list has its entries in the order of their ids, which is that of creation, and counts them by the first digits of the ids, which stand for
//! about seventeen minutes each. So a page anywhere in it is found by its number, and what is in front of it is not read.
//!
//! A name is hashed because 255 characters can be 1,020 bytes, and a sort key with its prefix has room for 1,024.

use sha2::{Digest as _, Sha256};
use shared::{
    caller::KeyId,
    connection::{ConnectionId, ConnectionName},
    contract::ContractDigest,
    oauth::flow::FlowId,
    ports::Unsettled,
    server::ServerId,
    slug::Slug,
    tenant::{TenantId, UserId, WorkspaceId},
    timestamp::Timestamp,
    wheel::Slot,
};
use uuid::Uuid;

pub const PK: &str = "PK";
pub const SK: &str = "SK";
/// DynamoDB removes an item some time after this moment, in seconds. Nothing relies on when.
pub const EXPIRES_AT: &str = "expiresAt";

pub const UNFINISHED: &str = "unfinished";
pub const UNFINISHED_SHARD: &str = "unfinishedShard";
pub const UNFINISHED_SINCE: &str = "unfinishedSince";
/// One shard is enough: it takes a thousand writes a second, and Secrets Manager takes fifty new secrets.
pub const THE_SHARD: &str = "0";

/// Names one item.
#[derive(Clone, Copy, Debug)]
pub enum Key<'a> {
    Connection(TenantId, ConnectionId),
    Contract(TenantId, ConnectionId),
    Health(TenantId, ConnectionId),
    Tools(TenantId, ConnectionId, &'a ContractDigest, usize),
    Name(TenantId, &'a ConnectionName),
    Idempotency(TenantId, &'a str),
    ApiKey(TenantId, KeyId),
    Tenant(TenantId),
    Workspace(TenantId, WorkspaceId),
    Member(TenantId, WorkspaceId, UserId),
    Server(TenantId, ServerId),
    Slug(TenantId, SlugKind, &'a Slug),
    WorkspaceAccess(TenantId, ConnectionId, WorkspaceId),
    UserAccess(TenantId, ServerId, UserId),
    UserConnection(TenantId, ServerId, UserId),
    /// Of a connection or of a server.
    Toggles(TenantId, Uuid),
    Pushed(TenantId, ConnectionId),
    Grants(TenantId, ConnectionId),
    Granted(TenantId, KeyId, ConnectionId),
    Flow(TenantId, FlowId),
    Entry(TenantId, List<'a>, Uuid),
    /// The count of the entries that begin as this id does.
    Count(TenantId, List<'a>, Uuid),
    /// The number of the hour since the epoch.
    Samples(TenantId, ConnectionId, i64),
    Incident(TenantId, ConnectionId, Timestamp),
    /// The number of the minute since the epoch.
    Requests(TenantId, ConnectionId, i64),
    Wheel(Slot, TenantId, ConnectionId),
    OutOfTurn(TenantId, ConnectionId),
    /// The number of the minute since the epoch.
    Tick(i64),
}

impl Key<'_> {
    pub fn pk(&self) -> String {
        match self {
            Self::Connection(tenant, _)
            | Self::Contract(tenant, _)
            | Self::Health(tenant, _)
            | Self::Tools(tenant, ..)
            | Self::Name(tenant, _)
            | Self::Idempotency(tenant, _)
            | Self::ApiKey(tenant, _)
            | Self::Requests(tenant, ..)
            | Self::Tenant(tenant)
            | Self::Workspace(tenant, _)
            | Self::Member(tenant, ..)
            | Self::Server(tenant, _)
            | Self::Slug(tenant, ..)
            | Self::WorkspaceAccess(tenant, ..)
            | Self::UserAccess(tenant, ..)
            | Self::UserConnection(tenant, ..)
            | Self::Toggles(tenant, _)
            | Self::Pushed(tenant, _)
            | Self::Grants(tenant, _)
            | Self::Granted(tenant, ..)
            | Self::Flow(tenant, _) => of_tenant(*tenant),
            Self::Entry(tenant, list, _) | Self::Count(tenant, list, _) => list.pk(*tenant),
            Self::Samples(tenant, id, _) | Self::Incident(tenant, id, _) => history(*tenant, *id),
            Self::Wheel(slot, ..) => wheel(*slot),
            Self::OutOfTurn(..) => OUT_OF_TURN.to_owned(),
            Self::Tick(_) => TICKS.to_owned(),
        }
    }

    pub fn sk(&self) -> String {
        match self {
            Self::Connection(_, id) => format!("CONNECTION#{id}"),
            Self::Contract(_, id) => format!("CONNECTION#{id}{CONTRACT}"),
            Self::Health(_, id) => format!("CONNECTION#{id}{HEALTH}"),
            Self::Tools(_, id, digest, chunk) => format!("TOOLS#{id}#{digest}#{chunk:03}"),
            Self::Name(_, name) => format!("NAME#{}", hash(name.as_str())),
            Self::Idempotency(_, key) => format!("IDEMPOTENCY#{key}"),
            Self::ApiKey(_, id) => format!("KEY#{id}"),
            Self::Tenant(_) => "TENANT".to_owned(),
            Self::Workspace(_, id) => format!("WORKSPACE#{id}"),
            Self::Member(_, workspace, user) => format!("MEMBER#{workspace}#{user}"),
            Self::Server(_, id) => format!("SERVER#{id}"),
            Self::Slug(_, kind, slug) => format!("SLUG#{}#{}", kind.word(), slug.folded()),
            Self::WorkspaceAccess(_, connection, workspace) => {
                format!("ACCESS#{connection}#{workspace}")
            }
            Self::UserAccess(_, server, user) => format!("USERACCESS#{server}#{user}"),
            Self::UserConnection(_, server, user) => format!("{USER_CONNECTION}{server}#{user}"),
            Self::Toggles(_, of) => format!("TOGGLES#{of}"),
            Self::Pushed(_, connection) => format!("PUSHED#{connection}"),
            Self::Grants(_, connection) => format!("GRANTS#{connection}"),
            Self::Granted(_, key, connection) => format!("{GRANTED}{key}#{connection}"),
            Self::Flow(_, id) => format!("FLOW#{id}"),
            Self::Entry(_, _, id) => format!("ENTRY#{id}"),
            Self::Count(_, _, id) => format!("COUNT#{}", bucket(*id)),
            Self::Samples(_, _, hour) => format!("HOUR#{hour:08}"),
            Self::Incident(_, _, started_at) => format!("INCIDENT#{started_at}"),
            Self::Requests(_, id, minute) => format!("REQUESTS#{id}#{minute}"),
            Self::Wheel(_, tenant, id) | Self::OutOfTurn(tenant, id) => format!("{tenant}#{id}"),
            Self::Tick(minute) => tick(*minute),
        }
    }
}

/// The things that have slugs, each with names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlugKind {
    Connection,
    Server,
    Workspace,
}

impl SlugKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Connection => "CONNECTION",
            Self::Server => "SERVER",
            Self::Workspace => "WORKSPACE",
        }
    }
}

/// A list whose pages are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List<'a> {
    Connections,
    /// Those that belong to no workspace.
    ConnectionsOfTenant,
    ConnectionsOf(WorkspaceId),
    /// The workspaces of which something is said for a connection.
    Access(ConnectionId),
    /// The connections of which something is said for a workspace.
    Given(WorkspaceId),
    Servers(WorkspaceId),
    Workspaces,
    Members(WorkspaceId),
    Keys,
    KeysOf(WorkspaceId),
    /// Of those on one server, or on a connection.
    UserConnections(ServerId),
    /// Of those on connections, of all users.
    Sessions,
    SessionsOf(WorkspaceId),
    SessionsOfUser(UserId),
    /// The audit trail. Its entries are the records themselves.
    Audit,
    AuditOf(&'a str),
    AuditBy(KeyId),
}

impl List<'_> {
    pub fn pk(&self, tenant: TenantId) -> String {
        let name = match self {
            Self::Connections => "CONNECTIONS".to_owned(),
            Self::ConnectionsOfTenant => "CONNECTIONS#TENANT".to_owned(),
            Self::ConnectionsOf(workspace) => format!("CONNECTIONS#{workspace}"),
            Self::Access(connection) => format!("ACCESS#{connection}"),
            Self::Given(workspace) => format!("GIVEN#{workspace}"),
            Self::Servers(workspace) => format!("SERVERS#{workspace}"),
            Self::Workspaces => "WORKSPACES".to_owned(),
            Self::Members(workspace) => format!("MEMBERS#{workspace}"),
            Self::Keys => "KEYS".to_owned(),
            Self::KeysOf(workspace) => format!("KEYS#{workspace}"),
            Self::UserConnections(server) => format!("USERCONNECTIONS#{server}"),
            Self::Sessions => "SESSIONS".to_owned(),
            Self::SessionsOf(workspace) => format!("SESSIONS#WORKSPACE#{workspace}"),
            Self::SessionsOfUser(user) => format!("SESSIONS#USER#{user}"),
            Self::Audit => "AUDIT".to_owned(),
            Self::AuditOf(resource) => format!("AUDIT#RESOURCE#{resource}"),
            Self::AuditBy(key) => format!("AUDIT#KEY#{key}"),
        };
        format!("TENANT#{tenant}#LIST#{name}")
    }
}

/// The first digits of an id, under which a list counts it.
pub fn bucket(id: Uuid) -> String {
    let mut digits = id.hyphenated().to_string();
    digits.truncate(BUCKET_DIGITS);
    digits
}

/// The digits of a count, from its sort key.
pub fn counted(sk: &str) -> Option<&str> {
    sk.strip_prefix("COUNT#")
}

/// The id of an entry, from its sort key.
pub fn entry(sk: &str) -> Option<Uuid> {
    sk.strip_prefix("ENTRY#")?.parse().ok()
}

/// Names the items of one partition that one Query reads, in the order of their keys.
#[derive(Clone, Copy, Debug)]
pub enum Range<'a> {
    /// A connection with its contract summary and its health.
    Connection(TenantId, ConnectionId),
    /// All connections after one, each followed by its contract summary and its health.
    Connections(TenantId, Option<ConnectionId>),
    /// Entries of a list whose ids begin with these digits or larger ones, or with these and smaller ones; all without digits.
    EntriesFrom(TenantId, List<'a>, &'a str),
    EntriesTo(TenantId, List<'a>, &'a str),
    /// Entries between two moments, both included.
    EntriesWithin(TenantId, List<'a>, Timestamp, Timestamp),
    Counts(TenantId, List<'a>),
    Tools(TenantId, ConnectionId, &'a ContractDigest),
    /// The tools of all contracts that a connection ever had.
    AllTools(TenantId, ConnectionId),
    /// What is said of single users for a server.
    UserAccesses(TenantId, ServerId),
    /// Of which connections a key is granted anything.
    Granted(TenantId, KeyId),
    /// From one hour to another, both included.
    Samples(TenantId, ConnectionId, i64, i64),
    Incidents(TenantId, ConnectionId),
    Wheel(Slot),
    OutOfTurn,
    /// Up to this minute.
    Ticks(i64),
}

impl Range<'_> {
    pub fn pk(&self) -> String {
        match self {
            Self::Connection(tenant, _)
            | Self::Connections(tenant, _)
            | Self::Tools(tenant, ..)
            | Self::AllTools(tenant, _)
            | Self::UserAccesses(tenant, _)
            | Self::Granted(tenant, _) => of_tenant(*tenant),
            Self::EntriesFrom(tenant, list, _)
            | Self::EntriesTo(tenant, list, _)
            | Self::EntriesWithin(tenant, list, ..)
            | Self::Counts(tenant, list) => list.pk(*tenant),
            Self::Samples(tenant, id, ..) | Self::Incidents(tenant, id) => history(*tenant, *id),
            Self::Wheel(slot) => wheel(*slot),
            Self::OutOfTurn => OUT_OF_TURN.to_owned(),
            Self::Ticks(_) => TICKS.to_owned(),
        }
    }

    /// The lowest and the highest sort key. `$` follows `#` in ASCII, so it ends what begins with a prefix and `#`.
    pub fn bounds(&self) -> (String, String) {
        match self {
            Self::Connection(_, id) => (format!("CONNECTION#{id}"), format!("CONNECTION#{id}$")),
            Self::Connections(_, None) => ("CONNECTION#".to_owned(), "CONNECTION$".to_owned()),
            Self::Connections(_, Some(after)) => {
                (format!("CONNECTION#{after}$"), "CONNECTION$".to_owned())
            }
            Self::EntriesFrom(_, _, digits) => (format!("ENTRY#{digits}"), "ENTRY$".to_owned()),
            Self::EntriesTo(_, _, digits) => ("ENTRY#".to_owned(), format!("ENTRY#{digits}~")),
            Self::EntriesWithin(_, _, from, to) => (
                format!("ENTRY#{}", moment(*from)),
                format!("ENTRY#{}~", moment(*to)),
            ),
            Self::Counts(..) => ("COUNT#".to_owned(), "COUNT$".to_owned()),
            Self::Tools(_, id, digest) => (
                format!("TOOLS#{id}#{digest}#"),
                format!("TOOLS#{id}#{digest}$"),
            ),
            Self::AllTools(_, id) => (format!("TOOLS#{id}#"), format!("TOOLS#{id}$")),
            Self::UserAccesses(_, server) => (
                format!("USERACCESS#{server}#"),
                format!("USERACCESS#{server}$"),
            ),
            Self::Granted(_, key) => (format!("{GRANTED}{key}#"), format!("{GRANTED}{key}$")),
            Self::Samples(_, _, from, to) => (format!("HOUR#{from:08}"), format!("HOUR#{to:08}")),
            Self::Incidents(..) => ("INCIDENT#".to_owned(), "INCIDENT$".to_owned()),
            // Everything: ids are lower-case hexadecimal.
            Self::Wheel(_) | Self::OutOfTurn => ("0".to_owned(), "g".to_owned()),
            Self::Ticks(minute) => (tick(0), tick(*minute)),
        }
    }
}

/// One of the items that make up a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Row,
    Contract,
    /// The last of them in the order of keys.
    Health,
}

/// The connection that a sort key belongs to, and which of its items it names.
pub fn part(sk: &str) -> Option<(ConnectionId, Part)> {
    let rest = sk.strip_prefix("CONNECTION#")?;
    let (id, part) = match rest.split_at_checked(UUID_DIGITS)? {
        (id, "") => (id, Part::Row),
        (id, CONTRACT) => (id, Part::Contract),
        (id, HEALTH) => (id, Part::Health),
        _ => return None,
    };
    Some((id.parse().ok()?, part))
}

/// The key and the connection of a grant that a sort key names.
pub fn granted(sk: &str) -> Option<(KeyId, ConnectionId)> {
    let (key, connection) = sk.strip_prefix(GRANTED)?.split_once('#')?;
    Some((key.parse().ok()?, connection.parse().ok()?))
}

/// The row with unfinished work that these keys name.
pub fn unsettled(pk: &str, sk: &str) -> Option<(TenantId, Unsettled)> {
    let tenant = pk.strip_prefix("TENANT#")?.parse().ok()?;
    if let Some(names) = sk.strip_prefix(USER_CONNECTION) {
        let (server, user) = names.split_once('#')?;
        let what = Unsettled::UserConnection(server.parse().ok()?, user.parse().ok()?);
        return Some((tenant, what));
    }
    match part(sk)? {
        (id, Part::Row) => Some((tenant, Unsettled::Connection(id))),
        _ => None,
    }
}

/// The connection that a sort key of the wheel names.
pub fn scheduled(sk: &str) -> Option<(TenantId, ConnectionId)> {
    let (tenant, id) = sk.split_once('#')?;
    Some((tenant.parse().ok()?, id.parse().ok()?))
}

/// The minute that a sort key of the ticks names.
pub fn minute(sk: &str) -> Option<i64> {
    sk.parse().ok()
}

const GRANTED: &str = "GRANTED#";
const USER_CONNECTION: &str = "USERCONNECTION#";
/// Of the twelve digits that are milliseconds: so many stand for 2^20 of them.
const BUCKET_DIGITS: usize = 7;
const CONTRACT: &str = "#CONTRACT";
const HEALTH: &str = "#HEALTH";
const OUT_OF_TURN: &str = "WHEEL#OUT_OF_TURN";
const TICKS: &str = "WHEEL#TICKS";
const UUID_DIGITS: usize = 36;

fn of_tenant(tenant: TenantId) -> String {
    format!("TENANT#{tenant}")
}

fn history(tenant: TenantId, id: ConnectionId) -> String {
    format!("TENANT#{tenant}#HISTORY#{id}")
}

fn wheel(Slot { period, index }: Slot) -> String {
    format!("WHEEL#{period}#{index}")
}

fn tick(minute: i64) -> String {
    format!("{minute:010}")
}

/// How ids made at a moment begin.
fn moment(at: Timestamp) -> String {
    let digits = format!("{:012x}", at.millis().clamp(0, 0xffff_ffff_ffff));
    format!("{}-{}", &digits[..8], &digits[8..])
}

fn hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    const TENANT: &str = "01890000-0000-7000-8000-000000000001";
    const ID: &str = "01890000-0000-7000-8000-000000000002";

    fn digest() -> ContractDigest {
        serde_json::from_value(json!("Zm9v_-8")).unwrap()
    }

    fn name(text: &str) -> ConnectionName {
        text.to_owned().try_into().unwrap()
    }

    fn both(tenant: &str, id: &str) -> (TenantId, ConnectionId) {
        (tenant.parse().unwrap(), id.parse().unwrap())
    }

    /// The keys are the table's format: what is written here is what stored items are found by.
    #[test]
    fn every_key_is_what_the_table_says() {
        let (tenant, id) = both(TENANT, ID);
        let slot = Slot {
            period: 5,
            index: 3,
        };
        let of_tenant = format!("TENANT#{TENANT}");
        let history = format!("TENANT#{TENANT}#HISTORY#{ID}");
        let is = |key: Key<'_>, pk: &str, sk: &str| {
            assert_eq!((key.pk().as_str(), key.sk().as_str()), (pk, sk));
        };
        let own = |rest: &str| format!("CONNECTION#{ID}{rest}");
        is(Key::Connection(tenant, id), &of_tenant, &own(""));
        is(Key::Contract(tenant, id), &of_tenant, &own("#CONTRACT"));
        is(Key::Health(tenant, id), &of_tenant, &own("#HEALTH"));
        let chunk = format!("TOOLS#{ID}#Zm9v_-8#007");
        is(Key::Tools(tenant, id, &digest(), 7), &of_tenant, &chunk);
        let hash = "NAME#ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        is(Key::Name(tenant, &name("abc")), &of_tenant, hash);
        let hash = "IDEMPOTENCY#abc";
        is(Key::Idempotency(tenant, "abc"), &of_tenant, hash);
        let requests = format!("REQUESTS#{ID}#30000000");
        is(Key::Requests(tenant, id, 30_000_000), &of_tenant, &requests);
        let key = "KEY#01890000000070008000000000000001";
        is(
            Key::ApiKey(tenant, TENANT.parse().unwrap()),
            &of_tenant,
            key,
        );
        is(Key::Tenant(tenant), &of_tenant, "TENANT");
        let workspace = format!("WORKSPACE#{ID}");
        is(
            Key::Workspace(tenant, ID.parse().unwrap()),
            &of_tenant,
            &workspace,
        );
        let (workspace, server) = (ID.parse().unwrap(), ID.parse().unwrap());
        let user = TENANT.parse().unwrap();
        let both_ids = format!("{ID}#{TENANT}");
        let member = format!("MEMBER#{both_ids}");
        is(Key::Member(tenant, workspace, user), &of_tenant, &member);
        is(
            Key::Server(tenant, server),
            &of_tenant,
            &format!("SERVER#{ID}"),
        );
        let slug = Slug::try_from("Git_Hub".to_owned()).unwrap();
        let guard = "SLUG#SERVER#git_hub";
        is(
            Key::Slug(tenant, SlugKind::Server, &slug),
            &of_tenant,
            guard,
        );
        let access = format!("ACCESS#{ID}#{ID}");
        is(
            Key::WorkspaceAccess(tenant, id, workspace),
            &of_tenant,
            &access,
        );
        let access = format!("USERACCESS#{both_ids}");
        is(Key::UserAccess(tenant, server, user), &of_tenant, &access);
        let tokens = format!("USERCONNECTION#{both_ids}");
        is(
            Key::UserConnection(tenant, server, user),
            &of_tenant,
            &tokens,
        );
        is(
            Key::Toggles(tenant, id.uuid()),
            &of_tenant,
            &format!("TOGGLES#{ID}"),
        );
        is(Key::Pushed(tenant, id), &of_tenant, &format!("PUSHED#{ID}"));
        is(Key::Grants(tenant, id), &of_tenant, &format!("GRANTS#{ID}"));
        let granted = format!("GRANTED#01890000000070008000000000000001#{ID}");
        let holder = TENANT.parse().unwrap();
        is(Key::Granted(tenant, holder, id), &of_tenant, &granted);
        is(
            Key::Flow(tenant, ID.parse().unwrap()),
            &of_tenant,
            &format!("FLOW#{ID}"),
        );
        for (list, name) in [
            (List::Connections, "CONNECTIONS".to_owned()),
            (List::ConnectionsOfTenant, "CONNECTIONS#TENANT".to_owned()),
            (List::ConnectionsOf(workspace), format!("CONNECTIONS#{ID}")),
            (List::Access(id), format!("ACCESS#{ID}")),
            (List::Given(workspace), format!("GIVEN#{ID}")),
            (List::Servers(workspace), format!("SERVERS#{ID}")),
            (List::Workspaces, "WORKSPACES".to_owned()),
            (List::Members(workspace), format!("MEMBERS#{ID}")),
            (List::Keys, "KEYS".to_owned()),
            (List::KeysOf(workspace), format!("KEYS#{ID}")),
            (
                List::UserConnections(server),
                format!("USERCONNECTIONS#{ID}"),
            ),
            (List::Audit, "AUDIT".to_owned()),
            (List::AuditOf("x/y"), "AUDIT#RESOURCE#x/y".to_owned()),
        ] {
            let pk = format!("{of_tenant}#LIST#{name}");
            is(
                Key::Entry(tenant, list, id.uuid()),
                &pk,
                &format!("ENTRY#{ID}"),
            );
            is(Key::Count(tenant, list, id.uuid()), &pk, "COUNT#0189000");
        }
        is(Key::Samples(tenant, id, 492_900), &history, "HOUR#00492900");
        let at = Timestamp::from_millis(1_774_440_000_007);
        let started = "INCIDENT#2026-03-25T12:00:00.007Z";
        is(Key::Incident(tenant, id, at), &history, started);
        let member = format!("{TENANT}#{ID}");
        is(Key::Wheel(slot, tenant, id), "WHEEL#5#3", &member);
        is(Key::OutOfTurn(tenant, id), "WHEEL#OUT_OF_TURN", &member);
        is(Key::Tick(29_574_000), "WHEEL#TICKS", "0029574000");
    }

    /// Each range holds what it says, and neither the keys of its neighbours nor those of other kinds.
    #[test]
    fn every_range_holds_its_keys_and_no_others() {
        let (tenant, id) = both(TENANT, ID);
        let (_, earlier) = both(TENANT, "01890000-0000-7000-8000-000000000001");
        let (_, later) = both(TENANT, "01890000-0000-7000-8000-00000000000f");
        let (digest, at) = (digest(), Timestamp::from_millis(1_774_440_000_007));
        let keys_of = |id| {
            [
                Key::Connection(tenant, id),
                Key::Contract(tenant, id),
                Key::Health(tenant, id),
                Key::Tools(tenant, id, &digest, 0),
                Key::Tools(tenant, id, &digest, 11),
                Key::Samples(tenant, id, 41),
                Key::Samples(tenant, id, 42),
                Key::Incident(tenant, id, at),
                Key::Requests(tenant, id, 1),
                Key::Grants(tenant, id),
                Key::Granted(tenant, KeyId::new(id.uuid()), id),
            ]
        };
        let others = [
            Key::Idempotency(tenant, "x"),
            Key::Tenant(tenant),
            Key::OutOfTurn(tenant, id),
            Key::Tick(42),
            Key::Tick(43),
        ];
        let within = |range: Range<'_>| -> Vec<String> {
            let (from, to) = range.bounds();
            [earlier, id, later]
                .into_iter()
                .flat_map(keys_of)
                .chain(others)
                .filter(|key| {
                    key.pk() == range.pk() && (from.as_str()..=to.as_str()).contains(&&*key.sk())
                })
                .map(|key| key.sk())
                .collect()
        };
        let keys = |keys: &[Key<'_>]| keys.iter().map(Key::sk).collect::<Vec<_>>();

        let [own, next] = [keys_of(id), keys_of(later)];
        assert_eq!(within(Range::Connection(tenant, id)), keys(&own[..3]));
        assert_eq!(within(Range::Connections(tenant, None)).len(), 9);
        assert_eq!(
            within(Range::Connections(tenant, Some(id))),
            keys(&next[..3])
        );
        assert_eq!(within(Range::Tools(tenant, id, &digest)), keys(&own[3..5]));
        assert_eq!(within(Range::AllTools(tenant, id)), keys(&own[3..5]));
        assert_eq!(within(Range::Samples(tenant, id, 42, 50)), keys(&own[6..7]));
        assert_eq!(within(Range::Incidents(tenant, id)), keys(&own[7..8]));
        assert_eq!(
            within(Range::Granted(tenant, KeyId::new(id.uuid()))),
            keys(&own[10..])
        );
        assert_eq!(within(Range::OutOfTurn), keys(&others[2..3]));
        assert_eq!(within(Range::Ticks(42)), keys(&others[3..4]));
    }

    #[test]
    fn keys_are_read_back() {
        let (tenant, id) = both(TENANT, ID);
        for (key, expected) in [
            (Key::Connection(tenant, id), Part::Row),
            (Key::Contract(tenant, id), Part::Contract),
            (Key::Health(tenant, id), Part::Health),
        ] {
            assert_eq!(part(&key.sk()), Some((id, expected)));
        }
        let row = Key::Connection(tenant, id);
        let unfinished = Some((tenant, Unsettled::Connection(id)));
        assert_eq!(unsettled(&row.pk(), &row.sk()), unfinished);
        let (server, user) = (ID.parse().unwrap(), TENANT.parse().unwrap());
        let row = Key::UserConnection(tenant, server, user);
        let unfinished = Some((tenant, Unsettled::UserConnection(server, user)));
        assert_eq!(unsettled(&row.pk(), &row.sk()), unfinished);
        let holder: KeyId = TENANT.parse().unwrap();
        let of_key = Key::Granted(tenant, holder, id).sk();
        assert_eq!(granted(&of_key), Some((holder, id)));
        let entry_id: Uuid = ID.parse().unwrap();
        let in_list = Key::Entry(tenant, List::Keys, entry_id).sk();
        assert_eq!(entry(&in_list), Some(entry_id));
        let count = Key::Count(tenant, List::Keys, entry_id).sk();
        assert_eq!(counted(&count), Some("0189000"));
        assert_eq!(
            scheduled(&Key::OutOfTurn(tenant, id).sk()),
            Some((tenant, id))
        );
        assert_eq!(minute(&Key::Tick(29_574_000).sk()), Some(29_574_000));
        for foreign in ["", "CONNECTION#", "TENANT", "CONNECTION#é", "x#y"] {
            assert_eq!((part(foreign), scheduled(foreign)), (None, None));
        }
    }

    #[test]
    fn the_longest_name_has_a_key() {
        assert!(
            Key::Name(TENANT.parse().unwrap(), &name(&"🦀".repeat(255)))
                .sk()
                .len()
                <= 1024
        );
    }
}
