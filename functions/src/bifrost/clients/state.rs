//! What our verdicts are called here: five states, the words of Bifrost's second version beside them, and why.

use serde::Serialize;
use shared::{
    connection::{Auth, Method},
    health::Status,
    ports::Listing,
    verdict::{Class, Reason},
};

/// The five documented states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Connected,
    /// Does not work, and may mend itself.
    Disconnected,
    /// Does not work, and somebody has to do something.
    Error,
    /// Not checked yet, or of no use before somebody has authorized it.
    PendingTools,
    Disabled,
}

impl State {
    pub const ALL: [Self; 5] = [
        Self::Connected,
        Self::Disconnected,
        Self::Error,
        Self::PendingTools,
        Self::Disabled,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
            Self::Error => "error",
            Self::PendingTools => "pending_tools",
            Self::Disabled => "disabled",
        }
    }

    pub fn of(listing: &Listing) -> Self {
        if !listing.connection.enabled || listing.connection.server_url.is_local() {
            return Self::Disabled;
        }
        match listing.health.status {
            Status::Unknown => Self::PendingTools,
            Status::Active if lacks_users(listing) => Self::PendingTools,
            Status::Error if lacks_consent(listing) => Self::PendingTools,
            Status::Active => Self::Connected,
            Status::Error if listing.health.reason.is_some_and(Reason::retryable) => {
                Self::Disconnected
            }
            Status::Error => Self::Error,
        }
    }

    /// The same in the words of the second version.
    pub const fn health_word(self, needs_reauth: bool) -> &'static str {
        match self {
            Self::Connected => "healthy",
            Self::Disconnected => "unstable",
            Self::Error if needs_reauth => "needs_reauth",
            Self::Error => "error",
            Self::PendingTools => "pending_verification",
            Self::Disabled => "disabled",
        }
    }
}

/// Whether nobody has authorized what works only for those who have, so that nothing is known of its tools.
fn lacks_users(listing: &Listing) -> bool {
    listing.health.reason == Some(Reason::UserAuthRequired) && listing.offered().is_none()
}

/// Whether nobody has consented yet to the one token that it uses for everybody.
fn lacks_consent(listing: &Listing) -> bool {
    listing.health.reason == Some(Reason::CredentialMissing)
        && listing.connection.auth.method() == Method::Oauth
}

/// Whether a client shows the state of the second version that says to authorize it again.
pub fn needs_reauth(listing: &Listing) -> bool {
    let is_oauth = matches!(
        listing.connection.auth,
        Auth::Configured {
            method: Method::Oauth | Method::OauthAuto
        }
    );
    is_oauth && matches!(listing.health.reason, Some(Reason::CredentialRejected))
}

/// Why the state is what it is: what a check found, and where there was nothing to find, that.
pub fn reason(listing: &Listing, tools: usize) -> Option<&'static str> {
    if let Some(reason) = listing.reason() {
        return Some(reason.word());
    }
    match State::of(listing) {
        State::PendingTools => Some("not_checked"),
        State::Connected if tools == 0 => Some("no_tools"),
        _ => None,
    }
}

/// In which step of theirs it went wrong; nothing where nothing did.
pub fn stage(reason: Reason) -> Option<&'static str> {
    if !matches!(reason.class(), Class::Outage | Class::Refusal) {
        return None;
    }
    Some(match reason {
        Reason::DnsFailure
        | Reason::ConnectRefused
        | Reason::ConnectTimeout
        | Reason::TlsInvalid
        | Reason::TlsExpired
        | Reason::AddressBlocked
        | Reason::RedirectRefused => "connect",
        _ if reason.class() == Class::Refusal => "credential",
        _ => "list_tools",
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;
    use shared::{
        connection::{Connection, ServerUrl},
        health::Health,
    };

    use super::*;

    fn listing(status: Status, reason: Option<Reason>) -> Listing {
        let connection: Connection = serde_json::from_value(json!({
            "tenant": uuid::Uuid::nil(), "id": uuid::Uuid::nil(), "name": "n", "serverUrl": "https://mcp.example.com/mcp", "auth": { "type": "none" },
            "enabled": true, "checkInterval": 300, "createdAt": "2026-03-25T12:00:00.000Z", "updatedAt": "2026-03-25T12:00:00.000Z", "version": 1, "revision": 1, "epoch": 0,
        }))
        .unwrap();
        Listing {
            connection,
            health: Health {
                status,
                reason,
                ..Health::unknown(0)
            },
            contract: None,
        }
    }

    /// The whole mapping: what a reason makes of a connection that is in error because of it.
    #[test]
    fn each_reason_has_its_state_its_word_and_its_stage() {
        let table = [
            ("dns_failure", "disconnected", "unstable", Some("connect")),
            (
                "connect_refused",
                "disconnected",
                "unstable",
                Some("connect"),
            ),
            (
                "connect_timeout",
                "disconnected",
                "unstable",
                Some("connect"),
            ),
            ("tls_invalid", "error", "error", Some("connect")),
            ("tls_expired", "error", "error", Some("connect")),
            ("address_blocked", "error", "error", Some("connect")),
            ("redirect_refused", "error", "error", Some("connect")),
            ("http_error", "disconnected", "unstable", Some("list_tools")),
            ("rate_limited", "disconnected", "unstable", None),
            ("not_mcp", "error", "error", Some("list_tools")),
            ("wrong_transport", "error", "error", Some("list_tools")),
            ("version_unsupported", "error", "error", Some("list_tools")),
            (
                "protocol_error",
                "disconnected",
                "unstable",
                Some("list_tools"),
            ),
            (
                "response_timeout",
                "disconnected",
                "unstable",
                Some("list_tools"),
            ),
            ("response_too_large", "error", "error", Some("list_tools")),
            ("credential_missing", "error", "error", Some("credential")),
            ("credential_rejected", "error", "error", Some("credential")),
            ("credential_forbidden", "error", "error", Some("credential")),
            ("auth_required", "error", "error", Some("credential")),
            ("user_auth_required", "error", "error", None),
            ("contract_changed", "error", "error", None),
            ("not_runnable_here", "error", "error", None),
            ("internal_error", "disconnected", "unstable", None),
        ];
        assert_eq!(table.map(|row| row.0), Reason::ALL.map(Reason::word));
        for (reason, (word, state, health, stage)) in Reason::ALL.into_iter().zip(table) {
            let listing = listing(Status::Error, Some(reason));
            let found = State::of(&listing);
            assert_eq!(found.word(), state, "{word}");
            assert_eq!(found.health_word(needs_reauth(&listing)), health, "{word}");
            assert_eq!(super::stage(reason), stage, "{word}");
        }
    }

    #[test]
    fn each_status_has_its_state() {
        let state = |listing: &Listing| (State::of(listing).word(), reason(listing, 0));
        let fresh = listing(Status::Unknown, None);
        assert_eq!(state(&fresh), ("pending_tools", Some("not_checked")));
        let empty = listing(Status::Active, None);
        assert_eq!(state(&empty), ("connected", Some("no_tools")));
        assert_eq!(reason(&empty, 1), None);
        let asks_users = listing(Status::Active, Some(Reason::UserAuthRequired));
        assert_eq!(
            state(&asks_users),
            ("pending_tools", Some("user_auth_required"))
        );
        // A failure that is not certain yet changes the reason alone.
        let shaky = listing(Status::Active, Some(Reason::ConnectRefused));
        assert_eq!(state(&shaky), ("connected", Some("connect_refused")));
    }

    #[test]
    fn what_is_switched_off_or_runs_elsewhere_is_disabled_whatever_was_found() {
        for status in [Status::Unknown, Status::Active, Status::Error] {
            let mut off = listing(status, None);
            off.connection.enabled = false;
            assert_eq!(State::of(&off), State::Disabled);
            let mut local = listing(status, None);
            local.connection.server_url = ServerUrl::local().unwrap();
            assert_eq!(State::of(&local), State::Disabled);
            assert_eq!(reason(&local, 0), Some("not_runnable_here"));
        }
    }

    #[test]
    fn a_dead_token_of_oauth_needs_to_be_authorized_again() {
        let mut dead = listing(Status::Error, Some(Reason::CredentialRejected));
        for (method, word) in [(Method::Oauth, "needs_reauth"), (Method::Headers, "error")] {
            dead.connection.auth = Auth::Configured { method };
            assert_eq!(State::of(&dead).health_word(needs_reauth(&dead)), word);
        }
    }
}
