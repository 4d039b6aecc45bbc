//! What one check found: a reason from a closed list, and the transcript of how it was found.

use std::{any::Any, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::contract::Contract;

/// Why a connection does not work, or what is remarkable about one that does. One name from the prober to the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    DnsFailure,
    ConnectRefused,
    ConnectTimeout,
    TlsInvalid,
    TlsExpired,
    AddressBlocked,
    RedirectRefused,
    HttpError,
    RateLimited,
    NotMcp,
    WrongTransport,
    VersionUnsupported,
    ProtocolError,
    ResponseTimeout,
    ResponseTooLarge,
    CredentialMissing,
    CredentialRejected,
    CredentialForbidden,
    AuthRequired,
    UserAuthRequired,
    ContractChanged,
    NotRunnableHere,
    InternalError,
}

/// What a reason means for the status of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The server works; the reason is a remark.
    Remark,
    /// The server does not work; it may mend itself, so a single one proves little.
    Outage,
    /// The server answers and refuses us. No outage, and certain at the first time.
    Refusal,
    /// The server asks for patience and says nothing about its health.
    Postponed,
    /// We could not check. Never held against the server.
    Ours,
}

impl Reason {
    /// Every reason, in the order of the public list.
    pub const ALL: [Self; 23] = [
        Self::DnsFailure,
        Self::ConnectRefused,
        Self::ConnectTimeout,
        Self::TlsInvalid,
        Self::TlsExpired,
        Self::AddressBlocked,
        Self::RedirectRefused,
        Self::HttpError,
        Self::RateLimited,
        Self::NotMcp,
        Self::WrongTransport,
        Self::VersionUnsupported,
        Self::ProtocolError,
        Self::ResponseTimeout,
        Self::ResponseTooLarge,
        Self::CredentialMissing,
        Self::CredentialRejected,
        Self::CredentialForbidden,
        Self::AuthRequired,
        Self::UserAuthRequired,
        Self::ContractChanged,
        Self::NotRunnableHere,
        Self::InternalError,
    ];

    /// The stable word, as it stands in rows, metrics and answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DnsFailure => "dns_failure",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::TlsInvalid => "tls_invalid",
            Self::TlsExpired => "tls_expired",
            Self::AddressBlocked => "address_blocked",
            Self::RedirectRefused => "redirect_refused",
            Self::HttpError => "http_error",
            Self::RateLimited => "rate_limited",
            Self::NotMcp => "not_mcp",
            Self::WrongTransport => "wrong_transport",
            Self::VersionUnsupported => "version_unsupported",
            Self::ProtocolError => "protocol_error",
            Self::ResponseTimeout => "response_timeout",
            Self::ResponseTooLarge => "response_too_large",
            Self::CredentialMissing => "credential_missing",
            Self::CredentialRejected => "credential_rejected",
            Self::CredentialForbidden => "credential_forbidden",
            Self::AuthRequired => "auth_required",
            Self::UserAuthRequired => "user_auth_required",
            Self::ContractChanged => "contract_changed",
            Self::NotRunnableHere => "not_runnable_here",
            Self::InternalError => "internal_error",
        }
    }

    pub const fn class(self) -> Class {
        match self {
            Self::ContractChanged | Self::UserAuthRequired => Class::Remark,
            Self::RateLimited => Class::Postponed,
            Self::NotRunnableHere | Self::InternalError => Class::Ours,
            Self::CredentialMissing
            | Self::CredentialRejected
            | Self::CredentialForbidden
            | Self::AuthRequired => Class::Refusal,
            Self::DnsFailure
            | Self::ConnectRefused
            | Self::ConnectTimeout
            | Self::TlsInvalid
            | Self::TlsExpired
            | Self::AddressBlocked
            | Self::RedirectRefused
            | Self::HttpError
            | Self::NotMcp
            | Self::WrongTransport
            | Self::VersionUnsupported
            | Self::ProtocolError
            | Self::ResponseTimeout
            | Self::ResponseTooLarge => Class::Outage,
        }
    }

    /// Whether waiting alone may mend it.
    pub const fn retryable(self) -> bool {
        matches!(
            self,
            Self::DnsFailure
                | Self::ConnectRefused
                | Self::ConnectTimeout
                | Self::HttpError
                | Self::RateLimited
                | Self::ProtocolError
                | Self::ResponseTimeout
                | Self::InternalError
        )
    }

    /// The same in a vocabulary that calls the address and the way of authentication something else.
    pub fn remedy_naming(self, address: &str, auth_type: &str) -> Option<String> {
        let remedy = self.remedy()?;
        Some(
            remedy
                .replace("serverUrl", address)
                .replace("authType", auth_type),
        )
    }

    /// What the tenant has to do; nothing where waiting is all there is to do.
    pub const fn remedy(self) -> Option<&'static str> {
        Some(match self {
            Self::DnsFailure => "Check the host name in serverUrl: it does not resolve.",
            Self::ConnectRefused => {
                "Start the server, or correct the port in serverUrl: nothing accepts connections there."
            }
            Self::ConnectTimeout => "Check that the server is up and that its firewall lets us in.",
            Self::TlsInvalid => {
                "Install a certificate that matches the host name and comes from a public authority, or from one that the connection names."
            }
            Self::TlsExpired => "Renew the server's TLS certificate.",
            Self::AddressBlocked => {
                "Use an address on the public Internet: this one is not allowed."
            }
            Self::RedirectRefused => {
                "Set serverUrl to the address that the server redirects to; redirects are not followed."
            }
            Self::HttpError => "Look into the server's logs: it answers with an HTTP error.",
            Self::RateLimited | Self::InternalError => return None,
            Self::NotMcp => {
                "Set serverUrl to the MCP endpoint itself: what answers there does not speak MCP."
            }
            Self::WrongTransport => {
                "Set serverUrl to a Streamable HTTP endpoint: this one serves the deprecated HTTP+SSE transport."
            }
            Self::VersionUnsupported => {
                "Upgrade the server: it offers no MCP revision that we speak."
            }
            Self::ProtocolError => {
                "Report it to the server's maker: its answers break the MCP specification."
            }
            Self::ResponseTimeout => {
                "Look into the server's load: it accepts requests but does not answer in time."
            }
            Self::ResponseTooLarge => "Reduce what the server lists: its answer is over the limit.",
            Self::CredentialMissing => {
                "Store a credential for this connection, or authorize it where it uses OAuth: there is none to send."
            }
            Self::CredentialRejected => {
                "Replace the credential, or authorize again where it is a token of OAuth: it is not accepted."
            }
            Self::CredentialForbidden => {
                "Give the credential the rights it lacks: the server knows it and refuses it."
            }
            Self::NotRunnableHere => {
                "Serve it over HTTP to have it checked: what runs as a process beside a gateway is never run here."
            }
            Self::AuthRequired => "Set authType and a credential: the server asks for one.",
            Self::UserAuthRequired => {
                "Let each user authorize: the server works and asks for a user's own tokens."
            }
            Self::ContractChanged => {
                "Review the tools: the server's instructions or tools are not what they were."
            }
        })
    }
}

/// Which generation of MCP a server speaks; it belongs to the server and is remembered between checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Era {
    /// 2026-07-28 and later: every request describes itself, `server/discover` comes first.
    Modern,
    /// 2025-11-25 and earlier: a handshake with `initialize`, perhaps a session.
    Legacy,
}

/// One line of the transcript of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub step: StepName,
    /// Milliseconds this step took.
    pub duration_ms: u64,
    /// What went wrong in it; absent when nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The HTTP status the server answered with, where it got that far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
}

/// The steps a check can consist of, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepName {
    Resolve,
    Connect,
    Tls,
    Discover,
    Initialize,
    Initialized,
    ListTools,
    /// Prompts, resources and their templates.
    ListOthers,
    EndSession,
}

/// A check that did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    pub reason: Reason,
    /// Seconds the server asked us to stay away, from `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            retry_after_seconds: None,
        }
    }
}

/// Everything that one check found, before it is judged against what was known.
#[derive(Clone, Debug)]
pub struct Finding {
    pub outcome: Result<Contract, Failure>,
    /// What the server turned out to speak; what was remembered, where the check did not get that far.
    pub era: Option<Era>,
    /// Milliseconds from the first step to the last.
    pub latency_ms: u64,
    pub steps: Vec<Step>,
    /// What the prober reserved for a large contract. It is given back when the finding is dropped, and not before.
    pub reserved: Option<Arc<dyn Any + Send + Sync>>,
}

impl Finding {
    /// A check that could not begin.
    pub fn failed(reason: Reason, era: Option<Era>) -> Self {
        Self {
            outcome: Err(reason.into()),
            era,
            latency_ms: 0,
            steps: Vec::new(),
            reserved: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The words are API: clients switch on them. The stored form and the shown form are one.
    #[test]
    fn every_reason_has_one_word() {
        for reason in Reason::ALL {
            assert_eq!(serde_json::json!(reason), serde_json::json!(reason.word()));
        }
    }

    #[test]
    fn what_does_not_mend_itself_says_what_to_do() {
        for reason in Reason::ALL {
            assert!(
                reason.retryable() || reason.remedy().is_some(),
                "{}",
                reason.word()
            );
        }
    }
}
