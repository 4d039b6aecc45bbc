//! What a key may do: a scope is granted to a key, a right is what an operation demands.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{caller::KeyKind, text::ParseError};

/// What may be done with one kind of thing. Rights are exact: `list` does not imply `read`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Right {
    resource: &'static str,
    verb: &'static str,
}

const CONNECTIONS: &str = "organisation_mcp_integrations";
const WORKSPACE_CONNECTIONS: &str = "workspace_mcp_integrations";
const SERVERS: &str = "mcp_servers";
const WORKSPACES: &str = "workspaces";
const MEMBERS: &str = "workspace_users";

/// Scopes are spelled as Portkey spells them: a connection is their organisation integration, and one thing has one right.
impl Right {
    pub const CREATE_CONNECTIONS: Self = Self::new(CONNECTIONS, "create");
    pub const READ_CONNECTIONS: Self = Self::new(CONNECTIONS, "read");
    pub const UPDATE_CONNECTIONS: Self = Self::new(CONNECTIONS, "update");
    pub const DELETE_CONNECTIONS: Self = Self::new(CONNECTIONS, "delete");
    pub const LIST_CONNECTIONS: Self = Self::new(CONNECTIONS, "list");

    pub const CREATE_WORKSPACE_CONNECTIONS: Self = Self::new(WORKSPACE_CONNECTIONS, "create");
    pub const READ_WORKSPACE_CONNECTIONS: Self = Self::new(WORKSPACE_CONNECTIONS, "read");
    pub const UPDATE_WORKSPACE_CONNECTIONS: Self = Self::new(WORKSPACE_CONNECTIONS, "update");
    pub const DELETE_WORKSPACE_CONNECTIONS: Self = Self::new(WORKSPACE_CONNECTIONS, "delete");
    pub const LIST_WORKSPACE_CONNECTIONS: Self = Self::new(WORKSPACE_CONNECTIONS, "list");

    pub const CREATE_SERVERS: Self = Self::new(SERVERS, "create");
    pub const READ_SERVERS: Self = Self::new(SERVERS, "read");
    pub const UPDATE_SERVERS: Self = Self::new(SERVERS, "update");
    pub const DELETE_SERVERS: Self = Self::new(SERVERS, "delete");
    pub const LIST_SERVERS: Self = Self::new(SERVERS, "list");
    /// Calling tools through the gateway.
    pub const INVOKE: Self = Self::new("mcp", "invoke");

    pub const CREATE_WORKSPACES: Self = Self::new(WORKSPACES, "create");
    pub const READ_WORKSPACES: Self = Self::new(WORKSPACES, "read");
    pub const UPDATE_WORKSPACES: Self = Self::new(WORKSPACES, "update");
    pub const DELETE_WORKSPACES: Self = Self::new(WORKSPACES, "delete");
    pub const LIST_WORKSPACES: Self = Self::new(WORKSPACES, "list");

    pub const CREATE_MEMBERS: Self = Self::new(MEMBERS, "create");
    pub const READ_MEMBERS: Self = Self::new(MEMBERS, "read");
    pub const UPDATE_MEMBERS: Self = Self::new(MEMBERS, "update");
    pub const DELETE_MEMBERS: Self = Self::new(MEMBERS, "delete");
    pub const LIST_MEMBERS: Self = Self::new(MEMBERS, "list");

    pub const LIST_AUDIT_LOGS: Self = Self::new("audit_logs", "list");

    /// Every right to connections of the whole tenant.
    pub const CONNECTIONS: [Self; 5] = [
        Self::CREATE_CONNECTIONS,
        Self::READ_CONNECTIONS,
        Self::UPDATE_CONNECTIONS,
        Self::DELETE_CONNECTIONS,
        Self::LIST_CONNECTIONS,
    ];
    /// Every right to connections of one workspace.
    pub const WORKSPACE_CONNECTIONS: [Self; 5] = [
        Self::CREATE_WORKSPACE_CONNECTIONS,
        Self::READ_WORKSPACE_CONNECTIONS,
        Self::UPDATE_WORKSPACE_CONNECTIONS,
        Self::DELETE_WORKSPACE_CONNECTIONS,
        Self::LIST_WORKSPACE_CONNECTIONS,
    ];
    pub const SERVERS: [Self; 5] = [
        Self::CREATE_SERVERS,
        Self::READ_SERVERS,
        Self::UPDATE_SERVERS,
        Self::DELETE_SERVERS,
        Self::LIST_SERVERS,
    ];
    pub const WORKSPACES: [Self; 5] = [
        Self::CREATE_WORKSPACES,
        Self::READ_WORKSPACES,
        Self::UPDATE_WORKSPACES,
        Self::DELETE_WORKSPACES,
        Self::LIST_WORKSPACES,
    ];
    pub const MEMBERS: [Self; 5] = [
        Self::CREATE_MEMBERS,
        Self::READ_MEMBERS,
        Self::UPDATE_MEMBERS,
        Self::DELETE_MEMBERS,
        Self::LIST_MEMBERS,
    ];

    const fn new(resource: &'static str, verb: &'static str) -> Self {
        Self { resource, verb }
    }

    /// The right to do something with API keys of one kind.
    pub const fn to_keys(kind: KeyKind, verb: KeyVerb) -> Self {
        let resource = match kind {
            KeyKind::OrganisationService => "organisation_service_api_keys",
            KeyKind::WorkspaceService => "workspace_service_api_keys",
            KeyKind::WorkspaceUser => "workspace_user_api_keys",
            // No key has a scope of this name: operators make them, with IAM.
            KeyKind::System => "system_api_keys",
        };
        Self::new(resource, verb.word())
    }

    /// Every right to API keys of one kind.
    pub fn all_to_keys(kind: KeyKind) -> impl Iterator<Item = Self> {
        KeyVerb::ALL
            .into_iter()
            .map(move |verb| Self::to_keys(kind, verb))
    }
}

/// What can be done with an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyVerb {
    Create,
    Read,
    Update,
    Delete,
    List,
    Rotate,
}

impl KeyVerb {
    const ALL: [Self; 6] = [
        Self::Create,
        Self::Read,
        Self::Update,
        Self::Delete,
        Self::List,
        Self::Rotate,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::List => "list",
            Self::Rotate => "rotate",
        }
    }
}

/// The scope that grants it.
impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.resource, self.verb)
    }
}

impl fmt::Debug for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A scope as a key holds it, such as `mcp_servers.read`. Scopes of other vocabularies are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Scope(String);

impl Scope {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn grants(&self, right: Right) -> bool {
        self.0.split_once('.') == Some((right.resource, right.verb))
    }

    /// Whether a key of this kind may hold it. Of what the organisation shares a workspace may see the list alone, and only a
    /// workspace's key calls tools.
    pub fn fits(&self, kind: KeyKind) -> bool {
        let is_of_organisation = [
            CONNECTIONS,
            WORKSPACES,
            "organisation_service_api_keys",
            "audit_logs",
        ]
        .into_iter()
        .any(|resource| self.0.split('.').next() == Some(resource));
        match kind {
            KeyKind::OrganisationService => !self.grants(Right::INVOKE),
            KeyKind::WorkspaceService | KeyKind::WorkspaceUser => {
                !is_of_organisation || self.grants(Right::LIST_CONNECTIONS)
            }
            KeyKind::System => false,
        }
    }
}

impl From<Right> for Scope {
    fn from(right: Right) -> Self {
        Self(right.to_string())
    }
}

impl TryFrom<String> for Scope {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        let fits = !text.is_empty()
            && text.len() <= 100
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.');
        if fits {
            Ok(Self(text))
        } else {
            Err(ParseError(
                "must be lower-case words joined by dots and underscores",
            ))
        }
    }
}

impl FromStr for Scope {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        text.to_owned().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::try_from(text.to_owned()).expect("a scope")
    }

    #[test]
    fn a_scope_grants_its_right_and_no_other() {
        let read = scope("mcp_servers.read");
        assert!(read.grants(Right::READ_SERVERS));
        for right in [Right::LIST_SERVERS, Right::READ_CONNECTIONS, Right::INVOKE] {
            assert!(!read.grants(right), "{right}");
        }
        assert!(!scope("mcp_servers").grants(Right::READ_SERVERS));
        for right in Right::SERVERS.into_iter().chain(Right::MEMBERS) {
            assert!(Scope::from(right).grants(right), "{right}");
        }
    }

    #[test]
    fn a_workspace_key_holds_nothing_of_the_organisation_but_the_list() {
        use KeyKind::{OrganisationService, System, WorkspaceService, WorkspaceUser};
        for (text, organisation, workspace) in [
            ("organisation_mcp_integrations.list", true, true),
            ("organisation_mcp_integrations.read", true, false),
            ("workspaces.list", true, false),
            ("organisation_service_api_keys.create", true, false),
            ("audit_logs.list", true, false),
            ("workspace_users.read", true, true),
            ("mcp_servers.read", true, true),
            ("mcp.invoke", false, true),
            ("completions.write", true, true),
        ] {
            let scope = scope(text);
            assert_eq!(scope.fits(OrganisationService), organisation, "{text}");
            assert_eq!(scope.fits(WorkspaceService), workspace, "{text}");
            assert_eq!(scope.fits(WorkspaceUser), workspace, "{text}");
            assert!(!scope.fits(System), "{text}");
        }
    }
}
