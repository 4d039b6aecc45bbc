//! Keeps workspaces, who belongs to them, [API keys](keys), and what [virtual ones](virtual_keys) may use.

pub mod keys;
pub mod virtual_keys;

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::{
    audit::{Action, Author, Deed, Record, ResourceKind},
    caller::Caller,
    error::{Error, Noun, Result, busy_if_stale},
    ports::{Clock, Grantings, Ids, Rows, Slice, Window, Workspaces},
    right::Right,
    slug::{Reference, Slug},
    tenant::{TenantId, UserId, WorkspaceId},
    text::{Document, Label, Text},
    timestamp::Timestamp,
    workspace::{self, Member, Role, Workspace},
};

use keys::MANAGED_KINDS;

/// How often a change is tried again when somebody else changed the row in between.
const ATTEMPTS: u32 = 3;
/// A list that is looked through is read in pages of so many rows, and no further than this.
const SIFTED_AT_ONCE: usize = 500;
const MOST_SIFTED: usize = 10_000;
/// Rows that are removed one by one are read so many at a time.
const REMOVED_AT_ONCE: usize = 100;
/// Settings are read with their row, and the row of a key with every request.
const MAX_SETTINGS_BYTES: usize = 16 * 1024;
/// The beginning of a list whose rows are removed.
pub(crate) const FIRST: Window = Window {
    offset: 0,
    limit: REMOVED_AT_ONCE,
};
const OTHER_WORKSPACE: &str = "an API key of a workspace cannot name another workspace";

#[derive(Clone)]
pub struct Directory<S> {
    pub store: S,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
}

/// The workspace a request is about: a workspace's key has its own, an organisation's has to name one.
pub async fn workspace_of(
    store: &impl Workspaces,
    caller: &Caller,
    named: Option<&Reference<WorkspaceId>>,
) -> Result<Workspace> {
    match named_workspace(store, caller, named).await? {
        Some(workspace) => Ok(workspace),
        None => Err(no_workspace()),
    }
}

/// Refuses a request that has to say which workspace it is about and does not.
pub fn demand_workspace(caller: &Caller, named: Option<&Reference<WorkspaceId>>) -> Result<()> {
    if caller.workspace.is_some() || named.is_some() {
        Ok(())
    } else {
        Err(no_workspace())
    }
}

fn no_workspace() -> Error {
    Error::invalid(
        "workspace_id",
        "is required with an API key of the organisation",
    )
}

/// Whether a user leads a workspace: nobody else acts on other users, or for them.
pub(crate) async fn demand_lead(
    store: &impl Workspaces,
    tenant: TenantId,
    workspace: WorkspaceId,
    user: UserId,
) -> Result<()> {
    match store.member(tenant, workspace, user).await? {
        Some(member) if member.role.leads() => Ok(()),
        _ => Err(Error::NotAllowed(
            "only admins and managers of a workspace may act on other users",
        )),
    }
}

/// The same where an organisation's key need not name one.
pub async fn named_workspace(
    store: &impl Workspaces,
    caller: &Caller,
    named: Option<&Reference<WorkspaceId>>,
) -> Result<Option<Workspace>> {
    let own = caller.workspace;
    let id = match (named, own) {
        (None, None) => return Ok(None),
        (None, Some(own)) => own,
        (Some(Reference::Id(id)), _) => *id,
        (Some(Reference::Slug(slug)), _) => match store.workspace_of(caller.tenant, slug).await? {
            Some(id) => id,
            None if own.is_some() => return Err(Error::NotAllowed(OTHER_WORKSPACE)),
            None => return Err(Error::NotFound(Noun::Workspace)),
        },
    };
    if own.is_some_and(|own| own != id) {
        return Err(Error::NotAllowed(OTHER_WORKSPACE));
    }
    let found = store.workspace(caller.tenant, id).await?;
    found.map(Some).ok_or(Error::NotFound(Noun::Workspace))
}

/// What a workspace is to be.
pub struct NewWorkspace {
    pub name: Label,
    pub slug: Option<Slug>,
    pub description: Option<Text<{ workspace::MAX_DESCRIPTION }>>,
    /// Defaults and limits.
    pub settings: Map<String, Value>,
    /// Users who belong to it from the beginning.
    pub members: Vec<NewMember>,
}

pub struct NewMember {
    pub user: UserId,
    pub role: Role,
    pub first_name: Option<Label>,
    pub last_name: Option<Label>,
    pub email: Option<Label>,
}

/// A change of a workspace: what is absent stays.
#[derive(Default)]
pub struct WorkspaceEdit {
    pub name: Option<Label>,
    pub description: Option<Option<Text<{ workspace::MAX_DESCRIPTION }>>>,
    /// They take the place of settings of the same name; null takes one away.
    pub settings: Map<String, Value>,
}

/// Which workspaces are wanted.
#[derive(Default)]
pub struct WorkspaceFilter {
    /// Part of the name, in any case.
    pub part: Option<String>,
    /// The whole name, as it is spelled.
    pub name: Option<String>,
    /// Only such as were closed; but those are not kept.
    pub is_closed: bool,
}

/// Which members are wanted.
#[derive(Default)]
pub struct MemberFilter {
    /// Part of a name or of the e-mail address, in any case.
    pub part: Option<String>,
    /// The whole e-mail address, in any case.
    pub email: Option<String>,
    pub role: Option<Role>,
}

// ------------------------------------------------------------------------------------------------------------------- workspaces

impl<S: Workspaces> Directory<S> {
    /// A workspace by id or slug. One that a key does not reach is none.
    pub async fn workspace(
        &self,
        caller: &Caller,
        named: &Reference<WorkspaceId>,
    ) -> Result<Workspace> {
        match named_workspace(&self.store, caller, Some(named)).await {
            Ok(Some(workspace)) => Ok(workspace),
            Ok(None) | Err(Error::NotAllowed(_)) => Err(Error::NotFound(Noun::Workspace)),
            Err(error) => Err(error),
        }
    }

    /// The workspaces of the tenant, in the order of their creation.
    pub async fn workspaces(
        &self,
        tenant: TenantId,
        filter: &WorkspaceFilter,
        window: Window,
    ) -> Result<Slice<Workspace>> {
        if filter.is_closed {
            return Ok(Slice {
                items: Vec::new(),
                total: 0,
                has_more: false,
            });
        }
        let part = filter.part.as_deref();
        let Some(name) = &filter.name else {
            return self.store.workspaces(tenant, part, window).await;
        };
        let read = |window| self.store.workspaces(tenant, Some(name), window);
        let is_wanted = |workspace: &Workspace| {
            let found = workspace.name.as_str();
            found == name && part.is_none_or(|part| contains(found, part))
        };
        sift(window, read, is_wanted).await
    }
}

impl<S: Workspaces + Rows<Workspace> + Rows<Member>> Directory<S> {
    pub async fn found(
        &self,
        caller: &Caller,
        by: &Author,
        wanted: NewWorkspace,
    ) -> Result<Workspace> {
        if !wanted.members.is_empty() {
            caller.demand(Right::CREATE_MEMBERS)?;
        }
        let now = self.clock.now();
        let mut new = Workspace {
            tenant: caller.tenant,
            id: WorkspaceId::new(self.ids.sortable(now)?),
            slug: wanted
                .slug
                .clone()
                .unwrap_or_else(|| Slug::from_name(wanted.name.as_str(), "workspace")),
            name: wanted.name,
            description: wanted.description,
            settings: settings(None, &wanted.settings)?,
            is_default: false,
            closing: false,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let record = self.record(
            by,
            Action::Create,
            ResourceKind::Workspace,
            &new,
            new.id.to_string(),
            now,
        )?;
        let plain = new.slug.clone();
        for attempt in 1.. {
            match Rows::<Workspace>::insert(&self.store, &new, Some(&record)).await {
                Err(Error::Taken(Noun::Slug)) if wanted.slug.is_none() && attempt < ATTEMPTS => {
                    new.slug = plain.with_tail(self.ids.random()?.as_u128());
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        for member in wanted.members {
            self.seat(by, &new, member).await?;
        }
        Ok(new)
    }

    pub async fn edit_workspace(
        &self,
        by: &Author,
        workspace: &Workspace,
        edit: WorkspaceEdit,
    ) -> Result<()> {
        let now = self.clock.now();
        let before = workspace;
        let after = Workspace {
            name: edit.name.unwrap_or_else(|| before.name.clone()),
            description: edit
                .description
                .unwrap_or_else(|| before.description.clone()),
            settings: settings(before.settings.as_ref(), &edit.settings)?,
            // Who edits it wants it to stay.
            closing: false,
            updated_at: now,
            revision: before.revision + 1,
            ..before.clone()
        };
        let mut fields = changed(&[
            ("name", before.name != after.name),
            ("description", before.description != after.description),
        ]);
        fields.extend(amended(&before.settings, &after.settings, &edit.settings));
        if fields.is_empty() && !before.closing {
            return Ok(());
        }
        let mut record = self.record(
            by,
            Action::Update,
            ResourceKind::Workspace,
            before,
            before.id.to_string(),
            now,
        )?;
        record.fields = fields;
        busy_if_stale(Rows::<Workspace>::exchange(&self.store, before, &after, Some(&record)).await)
    }

    /// Removes an empty workspace; its members leave with it. Begins nothing after `until`; called again, it goes on where it stopped.
    pub async fn close(&self, by: &Author, workspace: &Workspace, until: Timestamp) -> Result<()> {
        if workspace.is_default {
            return Err(Error::InUse(
                Noun::Workspace,
                "it is the default workspace, which every tenant has",
            ));
        }
        self.demand_empty(workspace).await?;
        let shut = self.shut(workspace).await?;
        // From here on nothing can be added, so what is found now is all there will be.
        if let Err(error) = self.demand_empty(&shut).await {
            if !workspace.closing {
                let reopened = shut.closing(false);
                // Should that fail, an edit reopens it, and whoever asks for its removal again goes on.
                let _ = Rows::<Workspace>::exchange(&self.store, &shut, &reopened, None).await;
            }
            return Err(error);
        }
        let workspace = &shut;
        loop {
            self.in_time(until, Noun::Workspace)?;
            let members = self
                .store
                .members(workspace.tenant, workspace.id, None, FIRST)
                .await?;
            if members.items.is_empty() {
                break;
            }
            for member in &members.items {
                self.in_time(until, Noun::Workspace)?;
                // One who was changed just now is found again.
                match Rows::<Member>::discard(&self.store, member, None).await {
                    Ok(()) | Err(Error::Stale) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        self.store
            .forget_accesses_of(workspace.tenant, workspace.id)
            .await?;
        let now = self.clock.now();
        let record = self.record(
            by,
            Action::Delete,
            ResourceKind::Workspace,
            workspace,
            workspace.id.to_string(),
            now,
        )?;
        busy_if_stale(Rows::<Workspace>::discard(&self.store, workspace, Some(&record)).await)
    }

    async fn demand_empty(&self, workspace: &Workspace) -> Result<()> {
        match self.store.contents(workspace.tenant, workspace.id).await? {
            0 => Ok(()),
            _ => Err(Error::InUse(
                Noun::Workspace,
                "it has servers, integrations or API keys; use force_delete to remove them with it",
            )),
        }
    }

    /// Lets nothing be added to a workspace any more. No change of it that anybody sees, so it leaves no record.
    pub(crate) async fn shut(&self, workspace: &Workspace) -> Result<Workspace> {
        if workspace.closing {
            return Ok(workspace.clone());
        }
        let after = workspace.closing(true);
        let done = Rows::<Workspace>::exchange(&self.store, workspace, &after, None).await;
        busy_if_stale(done).map(|()| after)
    }
}

// ---------------------------------------------------------------------------------------------------------------------- members

impl<S: Workspaces + Rows<Member>> Directory<S> {
    pub async fn member(&self, workspace: &Workspace, user: UserId) -> Result<Member> {
        let found = self
            .store
            .member(workspace.tenant, workspace.id, user)
            .await?;
        found.ok_or(Error::NotFound(Noun::Member))
    }

    /// The members of a workspace, in the order in which they came.
    pub async fn members(
        &self,
        workspace: &Workspace,
        filter: &MemberFilter,
        window: Window,
    ) -> Result<Slice<Member>> {
        let (tenant, id) = (workspace.tenant, workspace.id);
        let part = filter.part.as_deref();
        if filter.email.is_none() && filter.role.is_none() {
            return self.store.members(tenant, id, part, window).await;
        }
        let read = |window| {
            let part = filter.email.as_deref().or(part);
            self.store.members(tenant, id, part, window)
        };
        let is_wanted = |member: &Member| {
            let email = member.email.as_ref().map_or("", |email| email.as_str());
            filter.role.is_none_or(|role| role == member.role)
                && filter
                    .email
                    .as_ref()
                    .is_none_or(|wanted| wanted.to_lowercase() == email.to_lowercase())
                && part.is_none_or(|part| contains(&member.search_text(), part))
        };
        sift(window, read, is_wanted).await
    }

    /// Adds users to a workspace. One who is there already stays as he is.
    pub async fn join(
        &self,
        by: &Author,
        workspace: &Workspace,
        users: Vec<NewMember>,
    ) -> Result<()> {
        for user in users {
            let id = user.user;
            if !self.seat(by, workspace, user).await? {
                self.keep(workspace, id).await?;
            }
        }
        Ok(())
    }

    /// Adds a user; false when he is there already.
    async fn seat(&self, by: &Author, workspace: &Workspace, user: NewMember) -> Result<bool> {
        let now = self.clock.now();
        let member = Member {
            tenant: workspace.tenant,
            workspace: workspace.id,
            user: user.user,
            seat: self.ids.sortable(now)?,
            role: user.role,
            first_name: user.first_name,
            last_name: user.last_name,
            email: user.email,
            closing: false,
            created_at: now,
            updated_at: now,
            revision: 1,
        };
        let record = self.record(
            by,
            Action::Create,
            ResourceKind::WorkspaceUser,
            workspace,
            member.user.to_string(),
            now,
        )?;
        match self.store.insert(&member, Some(&record)).await {
            Ok(()) => Ok(true),
            Err(Error::Taken(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets somebody stay whose removal was begun and not ended.
    async fn keep(&self, workspace: &Workspace, user: UserId) -> Result<()> {
        let member = self.member(workspace, user).await?;
        if !member.closing {
            return Ok(());
        }
        busy_if_stale(
            self.store
                .exchange(&member, &member.closing(false), None)
                .await,
        )
    }

    pub async fn set_role(
        &self,
        by: &Author,
        workspace: &Workspace,
        user: UserId,
        role: Role,
    ) -> Result<()> {
        let before = self.member(workspace, user).await?;
        if role == before.role {
            return Ok(());
        }
        let now = self.clock.now();
        let after = Member {
            role,
            updated_at: now,
            revision: before.revision + 1,
            ..before.clone()
        };
        let mut record = self.record(
            by,
            Action::Update,
            ResourceKind::WorkspaceUser,
            workspace,
            user.to_string(),
            now,
        )?;
        record.fields = vec!["role".to_owned()];
        busy_if_stale(self.store.exchange(&before, &after, Some(&record)).await)
    }
}

impl<S: Workspaces + Grantings + Rows<Member>> Directory<S> {
    /// Marks a member as about to go, so that nothing is made for him any more.
    pub(crate) async fn usher_out(&self, workspace: &Workspace, user: UserId) -> Result<Member> {
        let before = self.member(workspace, user).await?;
        if before.closing {
            return Ok(before);
        }
        let member = before.closing(true);
        busy_if_stale(Rows::<Member>::exchange(&self.store, &before, &member, None).await)?;
        Ok(member)
    }

    /// Removes a member who has nothing left in his workspace.
    pub(crate) async fn dismiss(
        &self,
        by: &Author,
        workspace: &Workspace,
        member: &Member,
    ) -> Result<()> {
        let record = self.record(
            by,
            Action::Delete,
            ResourceKind::WorkspaceUser,
            workspace,
            member.user.to_string(),
            self.clock.now(),
        )?;
        busy_if_stale(Rows::<Member>::discard(&self.store, member, Some(&record)).await)
    }

    pub(crate) async fn revoke_keys_of(
        &self,
        by: &Author,
        workspace: &Workspace,
        user: UserId,
        until: Timestamp,
    ) -> Result<()> {
        let (mut window, mut seen) = (FIRST, None);
        loop {
            self.in_time(until, Noun::Member)?;
            let page = self
                .store
                .keys_in(workspace.tenant, Some(workspace.id), &MANAGED_KINDS, window)
                .await?;
            // What others remove meanwhile moves the rest forward, past where we look next; then we begin anew.
            let is_as_before = seen.is_none_or(|seen| seen == page.total);
            seen = Some(page.total);
            window.offset += page.items.len();
            for key in page.items.iter().filter(|key| key.user == Some(user)) {
                self.in_time(until, Noun::Member)?;
                self.revoke_key(by, key).await?;
                window.offset -= 1;
                seen = seen.map(|seen| seen - 1);
            }
            if !is_as_before {
                (window, seen) = (FIRST, None);
            } else if !page.has_more {
                return Ok(());
            }
        }
    }
}

impl<S> Directory<S> {
    /// Refuses to go on when the time for it is over.
    pub(crate) fn in_time(&self, until: Timestamp, of: Noun) -> Result<()> {
        if self.clock.now() < until {
            return Ok(());
        }
        Err(Error::InUse(
            of,
            "there is more to remove with it than one request can; repeat the request to go on",
        ))
    }

    fn record(
        &self,
        by: &Author,
        action: Action,
        resource: ResourceKind,
        workspace: &Workspace,
        id: String,
        now: Timestamp,
    ) -> Result<Record> {
        let deed = Deed {
            author: by,
            action,
            resource,
            resource_id: id,
            workspace: Some(workspace.id),
            fields: Vec::new(),
        };
        deed.record(workspace.tenant as TenantId, &*self.ids, now)
    }
}

/// Looks through a list for what is wanted of it, and shows a part of that. Where the list goes on beyond what is looked at, `has_more` says so.
async fn sift<T, F: Future<Output = Result<Slice<T>>>>(
    window: Window,
    read: impl Fn(Window) -> F,
    is_wanted: impl Fn(&T) -> bool,
) -> Result<Slice<T>> {
    let mut found = Vec::new();
    let mut is_complete = false;
    for offset in (0..MOST_SIFTED).step_by(SIFTED_AT_ONCE) {
        let limit = SIFTED_AT_ONCE;
        let page = read(Window { offset, limit }).await?;
        found.extend(page.items.into_iter().filter(&is_wanted));
        if !page.has_more {
            is_complete = true;
            break;
        }
    }
    let total = found.len();
    let items: Vec<_> = found
        .into_iter()
        .skip(window.offset)
        .take(window.limit)
        .collect();
    let has_more = window.offset.saturating_add(items.len()) < total || !is_complete;
    Ok(Slice {
        items,
        total,
        has_more,
    })
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Settings with these in place of those of the same name.
fn settings(before: Option<&Document>, changes: &Map<String, Value>) -> Result<Option<Document>> {
    let after = Document::amended(before, changes);
    let bytes = after.as_ref().map_or(0, |after| after.0.to_string().len());
    if bytes > MAX_SETTINGS_BYTES {
        return Err(Error::invalid(
            "",
            "has limits and defaults of more than 16384 bytes as JSON",
        ));
    }
    Ok(after)
}

/// The settings that a change made different, by name.
fn amended<'a>(
    before: &'a Option<Document>,
    after: &'a Option<Document>,
    changes: &'a Map<String, Value>,
) -> impl Iterator<Item = String> + 'a {
    let member = |document: &'a Option<Document>, name: &str| {
        document.as_ref().and_then(|document| document.member(name))
    };
    let names = changes.keys();
    names
        .filter(move |name| member(before, name) != member(after, name))
        .cloned()
}

fn changed(fields: &[(&str, bool)]) -> Vec<String> {
    fields
        .iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use futures::FutureExt as _;
    use serde_json::json;

    use super::*;

    fn numbers(most: usize) -> impl Fn(Window) -> std::future::Ready<Result<Slice<usize>>> {
        move |window| {
            let end = most.min(window.offset + window.limit);
            ready(Ok(Slice {
                items: (window.offset..end).collect(),
                total: most,
                has_more: end < most,
            }))
        }
    }

    fn sifted(most: usize, every: usize, offset: usize, limit: usize) -> Slice<usize> {
        let window = Window { offset, limit };
        let sifting = sift(window, numbers(most), |number| number % every == 0);
        sifting.now_or_never().expect("ready").expect("a slice")
    }

    #[test]
    fn a_sifted_list_has_pages_as_others_have() {
        let page = sifted(1200, 500, 0, 2);
        assert_eq!(
            (page.items, page.total, page.has_more),
            (vec![0, 500], 3, true)
        );
        let page = sifted(1200, 500, 2, 2);
        assert_eq!(
            (page.items, page.total, page.has_more),
            (vec![1000], 3, false)
        );
        let page = sifted(0, 1, 0, 2);
        assert_eq!((page.items, page.total, page.has_more), (vec![], 0, false));
    }

    #[test]
    fn what_lies_too_far_is_not_looked_at_and_not_denied() {
        let page = sifted(MOST_SIFTED, 5000, 0, 10);
        assert_eq!(
            (page.items, page.total, page.has_more),
            (vec![0, 5000], 2, false)
        );
        let page = sifted(MOST_SIFTED + 1, 5000, 0, 10);
        assert_eq!(
            (page.items, page.total, page.has_more),
            (vec![0, 5000], 2, true)
        );
    }

    fn members(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(members) => members,
            _ => Map::new(),
        }
    }

    #[test]
    fn settings_replace_those_of_their_name() {
        let first = settings(
            None,
            &members(json!({"defaults": {"a": 1}, "rate_limits": []})),
        );
        let before = first.expect("small");
        let changes =
            members(json!({"defaults": {"a": 2}, "rate_limits": null, "usage_limits": null}));
        let after = settings(before.as_ref(), &changes).expect("small");
        assert_eq!(after, Some(Document(json!({"defaults": {"a": 2}}))));
        let fields: Vec<_> = amended(&before, &after, &changes).collect();
        assert_eq!(fields, ["defaults", "rate_limits"]);
        let gone = settings(after.as_ref(), &members(json!({"defaults": null}))).expect("small");
        assert_eq!(gone, None);
    }

    #[test]
    fn settings_have_an_end() {
        let fits = |bytes: usize| settings(None, &members(json!({"a": "x".repeat(bytes)}))).is_ok();
        assert!(fits(16_000) && !fits(16_384));
    }
}
