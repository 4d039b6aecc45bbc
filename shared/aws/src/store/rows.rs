//! Rows that are written whole, with their slug, their places in lists and the record of who did it: one implementation for all of them.

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use shared::{
    access::{UserAccess, WorkspaceAccess},
    audit::Record,
    caller::{KeyKind, KeyRecord},
    capability::{Pushed, Toggles},
    error::{Error, Noun, Result},
    grants::Grants,
    oauth::flow::Flow,
    ports::Rows,
    server::Server,
    tenant::{TenantId, WorkspaceId},
    user_connection::UserConnection,
    workspace::{Member, Workspace},
};
use uuid::Uuid;

use super::{
    DynamoStore,
    audit::write_record,
    lists::{Entry, move_entries},
    sessions,
    transaction::{Condition, Mark, Outcome, Transaction},
};
use crate::{
    items::{self, Item, text},
    keys::{Key, List, SlugKind},
};

/// The id that a slug leads to.
const LEADS_TO: &str = "leadsTo";

/// How a noun is kept.
pub(super) trait Stored: Serialize + DeserializeOwned + Send + Sync {
    const NOUN: Noun;

    fn tenant(&self) -> TenantId;
    fn key(&self) -> Key<'_>;
    fn revision(&self) -> u64;

    /// Its slug's guard, and the id it leads to.
    fn slug(&self) -> Option<(Key<'_>, Uuid)> {
        None
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        Vec::new()
    }

    /// What has to be there for it to be seen. Who removes that removes this first, so without it this would outlive it.
    fn stands_on(&self) -> Vec<Ground<'_>> {
        Vec::new()
    }

    /// What hangs on it and goes with it.
    fn dependents(&self) -> Vec<Key<'_>> {
        Vec::new()
    }

    fn item(&self) -> Result<Item> {
        items::item(&self.key(), self)
    }

    fn read(item: Item) -> Result<Self> {
        items::noun(item)
    }
}

#[async_trait]
impl<R: Stored> Rows<R> for DynamoStore {
    async fn insert(&self, new: &R, record: Option<&Record>) -> Result<()> {
        let mut writes = self.transaction();
        insert(&mut writes, new)?;
        demand(&mut writes, new.stands_on())?;
        write_record(&mut writes, record)?;
        let mut refused = match writes.commit().await? {
            Outcome::Done => return Ok(()),
            Outcome::Refused(refused) => refused,
        };
        match (refused.take(Mark::Row), refused.ground()) {
            // What stands there as we want it was written by us, and what was lost was the answer.
            (Some(Some(there)), _) if there == new.item()? => Ok(()),
            (_, Some(noun)) => Err(Error::NotFound(noun)),
            (Some(_), None) => Err(Error::Taken(R::NOUN)),
            (None, None) => Err(Error::Taken(Noun::Slug)),
        }
    }

    async fn exchange(&self, before: &R, after: &R, record: Option<&Record>) -> Result<()> {
        let mut writes = self.transaction();
        exchange(&mut writes, before, after)?;
        write_record(&mut writes, record)?;
        match writes.commit().await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(mut refused) => match (refused.take(Mark::Row), refused.ground()) {
                (Some(Some(there)), _) if there == after.item()? => Ok(()),
                (None, Some(noun)) => Err(Error::NotFound(noun)),
                _ => Err(Error::Stale),
            },
        }
    }

    async fn discard(&self, last: &R, record: Option<&Record>) -> Result<()> {
        let mut writes = self.transaction();
        remove(&mut writes, last)?;
        write_record(&mut writes, record)?;
        match writes.commit().await? {
            Outcome::Done => Ok(()),
            Outcome::Refused(mut refused) => match refused.take(Mark::Row) {
                Some(None) => Ok(()),
                _ => Err(Error::Stale),
            },
        }
    }
}

/// Adds a row that must not be there yet, with its guard and its places.
pub(super) fn insert<R: Stored>(writes: &mut Transaction<'_>, new: &R) -> Result<()> {
    writes.put(Mark::Row, new.item()?, Condition::absent())?;
    if let Some((guard, id)) = new.slug() {
        writes.put(Mark::Slug, slug_guard(&guard, id), Condition::absent())?;
    }
    move_entries(writes, new.tenant(), &[], &new.entries())
}

/// Puts a row in the place of another, in the lists as well.
pub(super) fn exchange<R: Stored>(
    writes: &mut Transaction<'_>,
    before: &R,
    after: &R,
) -> Result<()> {
    let unchanged = Condition::revision(before.revision());
    writes.put(Mark::Row, after.item()?, unchanged)?;
    let (was_in, is_in) = (before.entries(), after.entries());
    move_entries(writes, after.tenant(), &was_in, &is_in)?;
    if before.stands_on().is_empty() {
        demand(writes, after.stands_on())?;
    }
    Ok(())
}

/// Removes a row with its guard, its places and what hangs on it.
pub(super) fn remove<R: Stored>(writes: &mut Transaction<'_>, last: &R) -> Result<()> {
    let unchanged = Condition::revision(last.revision());
    writes.delete(Mark::Row, &last.key(), unchanged)?;
    if let Some((guard, _)) = last.slug() {
        writes.delete(Mark::Other, &guard, Condition::none())?;
    }
    for key in last.dependents() {
        writes.delete(Mark::Other, &key, Condition::none())?;
    }
    move_entries(writes, last.tenant(), &last.entries(), &[])
}

/// Something that has to be there, and as what it is missed.
pub(super) type Ground<'a> = (Key<'a>, Noun);

/// A workspace that is not being closed.
pub(super) const fn open_workspace(tenant: TenantId, id: WorkspaceId) -> Ground<'static> {
    (Key::Workspace(tenant, id), Noun::Workspace)
}

/// Lets the writes happen only where all of this is there, and stays.
pub(super) fn demand(writes: &mut Transaction<'_>, grounds: Vec<Ground<'_>>) -> Result<()> {
    for (key, noun) in grounds {
        let stays = Condition::when("attribute_exists(PK) AND attribute_not_exists(closing)");
        writes.check(Mark::Ground(noun), &key, stays)?;
    }
    Ok(())
}

pub(super) fn slug_guard(key: &Key<'_>, id: Uuid) -> Item {
    let mut guard = items::bare(key);
    guard.insert(LEADS_TO.to_owned(), text(id));
    guard
}

impl DynamoStore {
    pub(super) async fn find<R: Stored>(&self, key: &Key<'_>) -> Result<Option<R>> {
        self.item(key).await?.map(R::read).transpose()
    }

    /// Those of these rows that there are, in no order.
    pub(super) async fn find_all<R: Stored>(&self, keys: &[Key<'_>]) -> Result<Vec<R>> {
        let found = self.batch(keys).await?;
        found.into_iter().map(R::read).collect()
    }

    /// The id that a slug leads to.
    pub(super) async fn led_to(&self, slug: &Key<'_>) -> Result<Option<Uuid>> {
        let guard = self.item(slug).await?;
        let id = guard.map(|guard| super::string(&guard, LEADS_TO).parse());
        id.transpose().map_err(Error::internal)
    }
}

impl Stored for Server {
    const NOUN: Noun = Noun::Server;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Server(self.tenant, self.id)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn slug(&self) -> Option<(Key<'_>, Uuid)> {
        let guard = Key::Slug(self.tenant, SlugKind::Server, self.slug.slug());
        Some((guard, self.id.uuid()))
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        let entry = Entry::new(self.id.uuid(), self.name.as_str(), self.connection);
        vec![(List::Servers(self.workspace), entry)]
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        vec![open_workspace(self.tenant, self.workspace)]
    }

    fn dependents(&self) -> Vec<Key<'_>> {
        vec![Key::Toggles(self.tenant, self.id.uuid())]
    }
}

impl Stored for Workspace {
    const NOUN: Noun = Noun::Workspace;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Workspace(self.tenant, self.id)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn slug(&self) -> Option<(Key<'_>, Uuid)> {
        let guard = Key::Slug(self.tenant, SlugKind::Workspace, &self.slug);
        Some((guard, self.id.uuid()))
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        let entry = Entry::new(self.id.uuid(), self.name.as_str(), "");
        vec![(List::Workspaces, entry)]
    }
}

impl Stored for Member {
    const NOUN: Noun = Noun::Member;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Member(self.tenant, self.workspace, self.user)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        let entry = Entry::new(self.seat, &self.search_text(), self.user);
        vec![(List::Members(self.workspace), entry)]
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        vec![open_workspace(self.tenant, self.workspace)]
    }
}

/// What entries say of a key: its kind, and whether it is a virtual one.
pub(super) fn key_tag(kind: KeyKind, is_virtual: bool) -> String {
    let calls_tools = if is_virtual { " virtual" } else { "" };
    format!("{}{calls_tools}", kind.word())
}

/// The kind that entries say a key is of.
pub(super) fn kind_in(tag: &str) -> &str {
    tag.split(' ').next().unwrap_or_default()
}

impl Stored for KeyRecord {
    const NOUN: Noun = Noun::ApiKey;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::ApiKey(self.tenant, self.id)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        let name = self.name.as_ref().map_or("", |name| name.as_str());
        let entry = Entry::new(self.id.uuid(), name, key_tag(self.kind, self.is_virtual()));
        let of_workspace = self.workspace.map(List::KeysOf);
        let lists = [Some(List::Keys), of_workspace].into_iter().flatten();
        // The gateway's keys are the operator's affair.
        lists
            .filter(|_| self.kind != KeyKind::System)
            .map(|list| (list, entry.clone()))
            .collect()
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        let Some(workspace) = self.workspace else {
            return Vec::new();
        };
        let member = |user| (Key::Member(self.tenant, workspace, user), Noun::Member);
        let workspace = open_workspace(self.tenant, workspace);
        [workspace]
            .into_iter()
            .chain(self.user.map(member))
            .collect()
    }

    fn item(&self) -> Result<Item> {
        items::api_key_item(self)
    }

    fn read(item: Item) -> Result<Self> {
        items::api_key(item)
    }
}

impl Stored for WorkspaceAccess {
    const NOUN: Noun = Noun::Workspace;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::WorkspaceAccess(self.tenant, self.connection, self.workspace)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        let of_connection = Entry::new(self.workspace.uuid(), "", self.enabled);
        let of_workspace = Entry::new(self.connection.uuid(), "", self.enabled);
        vec![
            (List::Access(self.connection), of_connection),
            (List::Given(self.workspace), of_workspace),
        ]
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        vec![open_workspace(self.tenant, self.workspace)]
    }
}

impl Stored for UserAccess {
    const NOUN: Noun = Noun::Member;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::UserAccess(self.tenant, self.server, self.user)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        let member = Key::Member(self.tenant, self.workspace, self.user);
        vec![
            (Key::Server(self.tenant, self.server), Noun::Server),
            (member, Noun::Member),
        ]
    }
}

impl Stored for UserConnection {
    const NOUN: Noun = Noun::UserConnection;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::UserConnection(self.tenant, self.server, self.user)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn entries(&self) -> Vec<(List<'_>, Entry)> {
        if !self.is_visible() {
            return Vec::new();
        }
        let id = self.id.uuid();
        let entry = Entry::new(id, "", self.user);
        let of_server = (List::UserConnections(self.server), entry);
        if self.connection().is_none() {
            return vec![of_server];
        }
        let entry = Entry::new(id, "", sessions::tag(self));
        vec![
            of_server,
            (List::Sessions, entry.clone()),
            (List::SessionsOf(self.workspace), entry.clone()),
            (List::SessionsOfUser(self.user), entry),
        ]
    }

    fn stands_on(&self) -> Vec<Ground<'_>> {
        // Nobody can see one without its secret yet, and what it is made for may go.
        if !self.is_visible() {
            return Vec::new();
        }
        let member = Key::Member(self.tenant, self.workspace, self.user);
        let mut grounds = vec![(member, Noun::Member)];
        match self.connection() {
            None => grounds.push((Key::Server(self.tenant, self.server), Noun::Server)),
            Some(connection) => grounds.extend([
                (Key::Connection(self.tenant, connection), Noun::Connection),
                open_workspace(self.tenant, self.workspace),
            ]),
        }
        grounds
    }

    fn item(&self) -> Result<Item> {
        items::user_connection_item(self)
    }
}

impl Stored for Toggles {
    const NOUN: Noun = Noun::Server;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Toggles(self.tenant, self.of)
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Stored for Grants {
    const NOUN: Noun = Noun::Connection;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Grants(self.tenant, self.connection)
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}

impl Stored for Flow {
    const NOUN: Noun = Noun::Authorization;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Flow(self.tenant, self.id)
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn item(&self) -> Result<Item> {
        items::flow_item(self)
    }
}

impl Stored for Pushed {
    const NOUN: Noun = Noun::Connection;

    fn tenant(&self) -> TenantId {
        self.tenant
    }

    fn key(&self) -> Key<'_> {
        Key::Pushed(self.tenant, self.connection)
    }

    fn revision(&self) -> u64 {
        self.revision
    }
}
