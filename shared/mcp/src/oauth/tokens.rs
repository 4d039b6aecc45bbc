//! Registering a client (RFC 7591), and fetching tokens (RFC 6749) for one resource (RFC 8707).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use shared::{
    credential::Secret,
    oauth::{ClientAuthentication, Endpoints, Issued, OauthClient, TokenEndpoint, Trouble},
};
use url::form_urlencoded;
use zeroize::Zeroizing;

use super::{OauthPeers, object, text, trouble};
use crate::fetch::{Ask, Fetched};

/// What a scope may have in characters, all of it together.
const MAX_SCOPE: usize = 4096;

pub(super) async fn register(
    peers: &OauthPeers,
    at: &Endpoints,
    redirect_uri: &str,
    scopes: &[String],
) -> Result<OauthClient, Trouble> {
    let url = at
        .registration
        .as_deref()
        .ok_or(Trouble::NoRegistration)
        .and_then(|url| peers.admit(url))?;
    let wants_none = at.authentication == [ClientAuthentication::None];
    let wanted = ClientAuthentication::chosen(!wants_none, &at.authentication);
    let mut request = json!({
        "client_name": "mcp-steward",
        "redirect_uris": [redirect_uri],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "token_endpoint_auth_method": wanted.word(),
    });
    if !scopes.is_empty() {
        request["scope"] = scopes.join(" ").into();
    }
    let ask = Ask::post(url, "application/json", request.to_string().into_bytes());
    let fetched = peers
        .fetcher
        .fetch(ask, peers.soon())
        .await
        .map_err(trouble)?;
    match fetched.status.as_u16() {
        200 | 201 => {}
        429 | 500.. => return Err(Trouble::Unreachable),
        300..=399 => return Err(Trouble::Malformed),
        _ => return Err(Trouble::Refused),
    }
    let members = object(&fetched).ok_or(Trouble::Malformed)?;
    let id = text(&members, "client_id").and_then(value);
    let id = id.ok_or(Trouble::Malformed)?;
    let secret = match text(&members, "client_secret") {
        Some(secret) => Some(value(secret).ok_or(Trouble::Malformed)?),
        None => None,
    };
    let authentication = match text(&members, "token_endpoint_auth_method") {
        Some(word) => ClientAuthentication::of_word(word).ok_or(Trouble::Malformed)?,
        None => wanted,
    };
    let authentication = match (&secret, authentication) {
        (None, _) => ClientAuthentication::None,
        (Some(_), ClientAuthentication::None) => ClientAuthentication::ClientSecretBasic,
        (Some(_), said) => said,
    };
    Ok(OauthClient {
        id: id.expose().to_owned(),
        secret,
        authentication,
    })
}

pub(super) async fn fetch(
    peers: &OauthPeers,
    at: &TokenEndpoint,
    grant: &[(&str, &str)],
) -> Result<Issued, Trouble> {
    let ask = asking(peers, at, grant)?;
    let fetched = peers
        .fetcher
        .fetch(ask, peers.soon())
        .await
        .map_err(trouble)?;
    if fetched.status != StatusCode::OK {
        return Err(refusal(&fetched));
    }
    let members = object(&fetched).ok_or(Trouble::Malformed)?;
    issued(&members).ok_or(Trouble::Malformed)
}

fn asking(peers: &OauthPeers, at: &TokenEndpoint, grant: &[(&str, &str)]) -> Result<Ask, Trouble> {
    let url = peers.admit(&at.url)?;
    let TokenEndpoint {
        client, resource, ..
    } = at;
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(grant).append_pair("resource", resource);
    let mut basic = None;
    match (client.authentication, &client.secret) {
        (ClientAuthentication::ClientSecretBasic, Some(secret)) => {
            basic = Some(basic_header(&client.id, secret)?);
        }
        (ClientAuthentication::ClientSecretPost, Some(secret)) => {
            form.append_pair("client_id", &client.id)
                .append_pair("client_secret", secret.expose());
        }
        _ => {
            form.append_pair("client_id", &client.id);
        }
    }
    let body = form.finish().into_bytes();
    let mut ask = Ask::post(url, "application/x-www-form-urlencoded", body);
    ask.headers
        .extend(basic.map(|value| (header::AUTHORIZATION, value)));
    Ok(ask)
}

/// What an answer means that is no success. For good is only what says so.
fn refusal(fetched: &Fetched) -> Trouble {
    let members = object(fetched).unwrap_or_default();
    match (fetched.status.as_u16(), text(&members, "error")) {
        (400 | 401, Some("invalid_grant" | "unauthorized_client" | "invalid_client")) => {
            Trouble::Refused
        }
        // A proxy in between says 401 too.
        (401 | 408 | 429 | 500.., _) => Trouble::Unreachable,
        _ => Trouble::Malformed,
    }
}

fn issued(members: &Map<String, Value>) -> Option<Issued> {
    // A token of another kind would be of no use in the header that we send it in.
    let kind = text(members, "token_type").unwrap_or("bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let refresh_token = match members.get("refresh_token") {
        None | Some(Value::Null) => None,
        Some(given) => Some(value(given.as_str()?)?),
    };
    // Some say it as text.
    let expires_in = match members.get("expires_in") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(given) => given
            .as_f64()
            .map(|seconds| seconds.clamp(0.0, f64::from(u32::MAX)) as u32),
        None => None,
    };
    let scope = text(members, "scope").filter(|scope| {
        scope.len() <= MAX_SCOPE
            && scope
                .bytes()
                .all(|byte| byte == b' ' || byte.is_ascii_graphic())
    });
    Some(Issued {
        access_token: value(text(members, "access_token")?)?,
        refresh_token,
        expires_in,
        scope: scope.map(str::to_owned),
    })
}

/// A value that a header can carry.
fn value(text: &str) -> Option<Secret> {
    Secret::parse(text.to_owned()).ok()
}

/// RFC 6749, 2.3.1: both parts are encoded as in a form before they are joined.
fn basic_header(id: &str, secret: &Secret) -> Result<HeaderValue, Trouble> {
    let encoded = |text: &str| -> Zeroizing<String> {
        Zeroizing::new(form_urlencoded::byte_serialize(text.as_bytes()).collect())
    };
    let pair = Zeroizing::new(format!("{}:{}", *encoded(id), *encoded(secret.expose())));
    let value = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&value).map_err(|_| Trouble::Malformed)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use http::HeaderMap;

    use super::*;

    /// Access token, refresh token, seconds and scope.
    type Parsed = (String, Option<String>, Option<u32>, Option<String>);

    fn parsed(value: Value) -> Option<Parsed> {
        let issued = issued(value.as_object().unwrap())?;
        let exposed = |secret: &Secret| secret.expose().to_owned();
        Some((
            exposed(&issued.access_token),
            issued.refresh_token.as_ref().map(exposed),
            issued.expires_in,
            issued.scope,
        ))
    }

    #[test]
    fn tokens_are_read_as_servers_write_them() {
        let plain = |access: &str| Some((access.to_owned(), None, None, None));
        assert_eq!(parsed(json!({ "access_token": "a" })), plain("a"));
        assert_eq!(
            parsed(
                json!({ "access_token": "a", "token_type": "BEARER", "expires_in": "60", "refresh_token": null, "scope": "x\ny" })
            ),
            Some(("a".to_owned(), None, Some(60), None))
        );
        assert_eq!(
            parsed(
                json!({ "access_token": "a", "token_type": "Bearer", "expires_in": 3600.0, "refresh_token": "r", "scope": "x y" })
            ),
            Some((
                "a".to_owned(),
                Some("r".to_owned()),
                Some(3600),
                Some("x y".to_owned())
            ))
        );
        for bad in [
            json!({}),
            json!({ "access_token": "" }),
            json!({ "access_token": "a\r\nX: y" }),
            json!({ "access_token": 7 }),
            json!({ "access_token": "a", "token_type": "DPoP" }),
            json!({ "access_token": "a", "refresh_token": "r r" }),
        ] {
            assert_eq!(parsed(bad.clone()), None, "{bad}");
        }
    }

    #[test]
    fn only_what_says_so_is_for_good() {
        for (status, body, expected) in [
            (400, r#"{"error":"invalid_grant"}"#, Trouble::Refused),
            (400, r#"{"error":"unauthorized_client"}"#, Trouble::Refused),
            (401, r#"{"error":"invalid_client"}"#, Trouble::Refused),
            (401, "", Trouble::Unreachable),
            (401, "<html>Unauthorized</html>", Trouble::Unreachable),
            (401, r#"{"error":"Unauthorized"}"#, Trouble::Unreachable),
            (400, r#"{"error":"invalid_request"}"#, Trouble::Malformed),
            (400, "nonsense", Trouble::Malformed),
            (302, "", Trouble::Malformed),
            (429, r#"{"error":"invalid_grant"}"#, Trouble::Unreachable),
            (500, "", Trouble::Unreachable),
            (503, r#"{"error":"invalid_grant"}"#, Trouble::Unreachable),
        ] {
            let fetched = Fetched {
                status: StatusCode::from_u16(status).unwrap(),
                headers: HeaderMap::new(),
                body: body.as_bytes().to_vec(),
            };
            assert_eq!(refusal(&fetched), expected, "{status} {body}");
        }
    }

    #[test]
    fn both_parts_are_encoded_before_they_are_joined() {
        let secret = Secret::parse("p:w/+".to_owned()).unwrap();
        let value = basic_header("id:1", &secret).unwrap();
        let encoded = value.to_str().unwrap().strip_prefix("Basic ").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), b"id%3A1:p%3Aw%2F%2B");
    }
}
