//! From the address of an MCP server to the endpoints of its authorization server: RFC 9728, then RFC 8414, then `OpenID` Connect Discovery.

use http::StatusCode;
use serde_json::{Map, Value};
use shared::{
    connection::ServerUrl,
    oauth::{ClientAuthentication, Endpoints, Trouble, held::Arranged},
};
use tokio::time::Instant;
use url::Url;

use super::{OauthPeers, challenge::Challenge, object, text, texts, trouble};
use crate::fetch::Ask;

/// What a client begins a conversation with. Who wants a token says so.
const HELLO: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp-steward","version":"1"}}}"#;

/// Scopes that a server may name, and what one may have in characters.
const MAX_SCOPES: usize = 100;
const MAX_SCOPE: usize = 256;

pub(super) async fn discover(
    peers: &OauthPeers,
    server: &ServerUrl,
    arranged: &Arranged,
    deadline: Instant,
) -> Result<Endpoints, Trouble> {
    let given = |url: &Option<ServerUrl>| {
        url.as_ref()
            .map(|url| peers.admit(url.url().as_str()).map(String::from))
            .transpose()
    };
    let (authorization, token) = (given(&arranged.authorize_url)?, given(&arranged.token_url)?);
    let registration = given(&arranged.registration_url)?;
    let found = match (authorization, token) {
        (Some(authorization), Some(token)) => Endpoints {
            issuer: None,
            authorization,
            token,
            registration,
            resource: server.to_string(),
            scopes: Vec::new(),
            authentication: Vec::new(),
            names_itself: false,
        },
        (authorization, token) => {
            let found = search(peers, server, deadline).await?;
            Endpoints {
                authorization: authorization.unwrap_or(found.authorization),
                token: token.unwrap_or(found.token),
                registration: registration.or(found.registration),
                ..found
            }
        }
    };
    Ok(Endpoints {
        resource: arranged.resource.clone().unwrap_or(found.resource),
        ..found
    })
}

async fn search(
    peers: &OauthPeers,
    server: &ServerUrl,
    deadline: Instant,
) -> Result<Endpoints, Trouble> {
    let challenge = challenge(peers, server, deadline).await?;
    let resource = protected_resource(peers, server, &challenge, deadline).await?;
    let challenged = challenge.scope.as_deref().map(scopes_in);
    let issuer = peers.admit(&resource.issuer)?;
    let mut wells = vec![
        inserted(&issuer, "oauth-authorization-server"),
        inserted(&issuer, "openid-configuration"),
    ];
    if issuer.path() != "/" {
        let mut appended = issuer.clone();
        let path = issuer.path().trim_end_matches('/');
        appended.set_path(&format!("{path}/.well-known/openid-configuration"));
        wells.push(appended);
    }
    for well in wells {
        if let Some(metadata) = metadata(peers, well, deadline).await? {
            let endpoints = endpoints(peers, &issuer, &metadata)?;
            return Ok(Endpoints {
                resource: resource.resource,
                scopes: challenged.unwrap_or(resource.scopes),
                ..endpoints
            });
        }
    }
    Err(Trouble::NoMetadata)
}

/// Asks the server as a stranger would. What it answers besides a challenge is of no interest.
async fn challenge(
    peers: &OauthPeers,
    server: &ServerUrl,
    deadline: Instant,
) -> Result<Challenge, Trouble> {
    let url = peers.admit(server.url().as_str())?;
    let mut hello = Ask::post(url, "application/json", HELLO.as_bytes().to_vec());
    hello.headers.insert(
        http::header::ACCEPT,
        http::HeaderValue::from_static("application/json, text/event-stream"),
    );
    hello.head_only = true;
    let answer = peers
        .fetcher
        .fetch(hello, deadline)
        .await
        .map_err(trouble)?;
    Ok(match answer.status {
        StatusCode::UNAUTHORIZED => Challenge::of(&answer.headers),
        _ => Challenge::default(),
    })
}

/// What a server says of itself.
struct Protected {
    issuer: String,
    resource: String,
    scopes: Vec<String>,
}

async fn protected_resource(
    peers: &OauthPeers,
    server: &ServerUrl,
    challenge: &Challenge,
    deadline: Instant,
) -> Result<Protected, Trouble> {
    let url = server.url();
    let mut wells = Vec::new();
    match &challenge.resource_metadata {
        Some(named) => wells.push(peers.admit(named)?),
        None => {
            wells.push(inserted(url, "oauth-protected-resource"));
            if url.path() != "/" || url.query().is_some() {
                wells.push(at_root(url, "oauth-protected-resource"));
            }
        }
    }
    for well in wells {
        let Some(metadata) = metadata(peers, well, deadline).await? else {
            continue;
        };
        // Somebody else's metadata would have our token made for somebody else.
        let resource = text(&metadata, "resource").unwrap_or_default();
        if !covers(resource, url) {
            return Err(Trouble::Malformed);
        }
        let servers = texts(&metadata, "authorization_servers").unwrap_or_default();
        let Some(issuer) = servers.first() else {
            break;
        };
        let scopes = texts(&metadata, "scopes_supported").unwrap_or_default();
        return Ok(Protected {
            issuer: (*issuer).to_owned(),
            resource: resource.to_owned(),
            scopes: scopes_in(&scopes.join(" ")),
        });
    }
    // Servers from before there was such metadata are their own authorization servers.
    Ok(Protected {
        issuer: url.origin().ascii_serialization(),
        resource: url.to_string(),
        scopes: Vec::new(),
    })
}

/// The object at an address; nothing where there is none. Who does not answer at all might have had one.
async fn metadata(
    peers: &OauthPeers,
    url: Url,
    deadline: Instant,
) -> Result<Option<Map<String, Value>>, Trouble> {
    let fetched = peers
        .fetcher
        .fetch(Ask::get(url), deadline)
        .await
        .map_err(trouble)?;
    match fetched.status.as_u16() {
        200 => Ok(object(&fetched)),
        429 | 500.. => Err(Trouble::Unreachable),
        _ => Ok(None),
    }
}

fn endpoints(
    peers: &OauthPeers,
    issuer: &Url,
    metadata: &Map<String, Value>,
) -> Result<Endpoints, Trouble> {
    let named = text(metadata, "issuer").ok_or(Trouble::Malformed)?;
    // Equal as addresses: a slash that is all there is of a path makes no difference.
    if Url::parse(named).ok().as_ref() != Some(issuer) {
        return Err(Trouble::IssuerMismatch);
    }
    let methods = texts(metadata, "code_challenge_methods_supported");
    if methods.is_some_and(|methods| !methods.contains(&"S256")) {
        return Err(Trouble::NoPkce);
    }
    let place = |name| {
        text(metadata, name)
            .map(|url| peers.admit(url).map(String::from))
            .transpose()
    };
    let known = texts(metadata, "token_endpoint_auth_methods_supported");
    let names_itself = metadata.get("authorization_response_iss_parameter_supported");
    Ok(Endpoints {
        issuer: Some(named.to_owned()),
        authorization: place("authorization_endpoint")?.ok_or(Trouble::Malformed)?,
        token: place("token_endpoint")?.ok_or(Trouble::Malformed)?,
        registration: place("registration_endpoint")?,
        resource: String::new(),
        scopes: Vec::new(),
        authentication: known
            .unwrap_or_default()
            .into_iter()
            .filter_map(ClientAuthentication::of_word)
            .collect(),
        names_itself: names_itself == Some(&Value::Bool(true)),
    })
}

/// The well-known address between host and path.
fn inserted(url: &Url, name: &str) -> Url {
    let mut well = url.clone();
    let path = url.path().trim_end_matches('/');
    well.set_path(&format!("/.well-known/{name}{path}"));
    well
}

fn at_root(url: &Url, name: &str) -> Url {
    let mut well = url.clone();
    well.set_path(&format!("/.well-known/{name}"));
    well.set_query(None);
    well
}

/// Whether a token for `resource` is meant for this server too: for the same, or for what it is a part of.
fn covers(resource: &str, server: &Url) -> bool {
    let Ok(resource) = Url::parse(resource) else {
        return false;
    };
    let (whole, part) = (resource.path().trim_end_matches('/'), server.path());
    let is_part = part
        .strip_prefix(whole)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let same_query = resource.query().is_none() || resource.query() == server.query();
    resource.origin() == server.origin() && is_part && same_query && resource.fragment().is_none()
}

/// Scopes as RFC 6749 spells them; others are none.
fn scopes_in(text: &str) -> Vec<String> {
    let is_scope = |scope: &&str| {
        scope.len() <= MAX_SCOPE
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
    };
    text.split_ascii_whitespace()
        .filter(is_scope)
        .take(MAX_SCOPES)
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn well_known_places_stand_before_the_path() {
        for (of, expected) in [
            ("https://h", "https://h/.well-known/x"),
            ("https://h/", "https://h/.well-known/x"),
            ("https://h/a/b", "https://h/.well-known/x/a/b"),
            (
                "https://h:8443/a/?q=1",
                "https://h:8443/.well-known/x/a?q=1",
            ),
        ] {
            assert_eq!(inserted(&url(of), "x").as_str(), expected);
        }
        let root = at_root(&url("https://h/a?q=1"), "x");
        assert_eq!(root.as_str(), "https://h/.well-known/x");
    }

    #[test]
    fn metadata_is_the_servers_own_or_of_what_it_is_part_of() {
        let server = url("https://h/mcp/one");
        for (resource, expected) in [
            ("https://h/mcp/one", true),
            ("https://h/mcp", true),
            ("https://h", true),
            ("https://h/mcp/o", false),
            ("https://h/mcp/one/two", false),
            ("https://h/mcp/one?x", false),
            ("https://other/mcp/one", false),
            ("http://h/mcp/one", false),
            ("", false),
        ] {
            assert_eq!(covers(resource, &server), expected, "{resource}");
        }
    }

    #[test]
    fn what_cannot_be_a_scope_is_none() {
        assert_eq!(scopes_in(" a  b:c\td "), ["a", "b:c", "d"]);
        assert_eq!(scopes_in("\"x é a\\b"), Vec::<String>::new());
        assert_eq!(scopes_in(&"s ".repeat(1000)).len(), MAX_SCOPES);
    }
}
