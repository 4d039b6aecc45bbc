//! What an upstream offers: how it introduces itself and the tools it lists, hashed so that a change is noticed.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// At most this many bytes of a peer's instructions are kept; what is beyond is cut at a character boundary.
pub const MAX_INSTRUCTIONS_BYTES: usize = 64 * 1024;

/// A server's name and version as it reports them itself; for display only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    pub name: String,
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// One tool as the server lists it. Its schema is kept as it came and never followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub input_schema: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}

/// Everything one good check learned of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Contract {
    pub protocol_version: String,
    pub server_info: Option<ServerInfo>,
    pub instructions: Option<String>,
    pub tools: Vec<Tool>,
}

impl Contract {
    /// A hash of the instructions and of the tools sorted by name, so that the order a server lists them in does not matter.
    pub fn digest(&self) -> ContractDigest {
        let mut tools: Vec<String> = self
            .tools
            .iter()
            .map(|tool| serde_json::json!(tool).to_string())
            .collect();
        tools.sort_unstable();
        let mut hash = Sha256::new();
        hash.update(serde_json::json!([self.instructions, tools]).to_string());
        ContractDigest(URL_SAFE_NO_PAD.encode(hash.finalize()))
    }

    pub fn summary(&self) -> ContractSummary {
        ContractSummary {
            digest: self.digest(),
            protocol_version: self.protocol_version.clone(),
            server_info: self.server_info.clone(),
            instructions: self.instructions.clone(),
            tool_count: self.tools.len(),
        }
    }
}

/// Names one state of a contract; the tools are stored under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractDigest(String);

impl fmt::Display for ContractDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A contract without its tools: what a list of connections shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContractSummary {
    pub digest: ContractDigest,
    pub protocol_version: String,
    pub server_info: Option<ServerInfo>,
    pub instructions: Option<String>,
    pub tool_count: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str) -> Tool {
        Tool {
            name: name.to_owned(),
            title: None,
            description: None,
            input_schema: serde_json::json!({"type": "object"}),
            annotations: None,
        }
    }

    fn contract(instructions: &str, tools: &[&str]) -> Contract {
        Contract {
            protocol_version: "2026-07-28".to_owned(),
            server_info: None,
            instructions: Some(instructions.to_owned()),
            tools: tools.iter().map(|name| tool(name)).collect(),
        }
    }

    #[test]
    fn the_digest_sees_content_and_not_order() {
        let base = contract("hello", &["a", "b"]).digest();
        assert_eq!(base, contract("hello", &["b", "a"]).digest());
        assert_ne!(base, contract("hello", &["a"]).digest());
        assert_ne!(base, contract("other", &["a", "b"]).digest());
        let mut described = contract("hello", &["a", "b"]);
        described.tools[0].description = Some("now does something else".to_owned());
        assert_ne!(base, described.digest());
    }

    #[test]
    fn the_digest_does_not_see_a_new_version_of_the_same_offer() {
        let mut upgraded = contract("hello", &["a"]);
        upgraded.protocol_version = "2025-11-25".to_owned();
        upgraded.server_info = Some(ServerInfo {
            name: "s".to_owned(),
            version: "2".to_owned(),
            title: None,
        });
        assert_eq!(upgraded.digest(), contract("hello", &["a"]).digest());
    }
}
