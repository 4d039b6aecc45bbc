//! Who calls, as the authorizers find out, and his way from them to a function: the context that API Gateway carries, a map of strings.

use std::collections::HashMap;

use serde_json::{Map, Value, json};
use shared::{
    caller::{self, ApiKey, Caller, Refusal},
    error::Result,
    ports::Keys as _,
    right::Scope,
};

use crate::app::App;

/// Whose key it is.
pub async fn identify(app: &App, key: Option<ApiKey>) -> Result<Result<Caller, Refusal>> {
    let Some(key) = key else {
        return Ok(Err(Refusal::UnknownKey));
    };
    let record = app.keys()?.key(key.tenant, key.id).await?;
    let (pepper, now) = (app.key_pepper()?, app.clock().now());
    Ok(caller::admit(&key, record, &pepper, now))
}

/// What an authorizer says: always yes, and to whom or why not.
pub fn answer(admitted: Result<Caller, Refusal>) -> Value {
    let context = admitted.map_or_else(of_refusal, |caller| of_caller(&caller));
    json!({ "isAuthorized": true, "context": context })
}

/// What the authorizer hands on of a good key.
pub fn of_caller(caller: &Caller) -> Map<String, Value> {
    let mut context = Map::new();
    let mut put = |name: &str, value: String| context.insert(name.to_owned(), value.into());
    put("tenantId", caller.tenant.to_string());
    put("keyId", caller.key.to_string());
    put("kind", caller.kind.word().to_owned());
    put(
        "scopes",
        caller
            .scopes
            .iter()
            .map(Scope::as_str)
            .collect::<Vec<_>>()
            .join(" "),
    );
    if let Some(workspace) = caller.workspace {
        put("workspaceId", workspace.to_string());
    }
    if let Some(user) = caller.user {
        put("userId", user.to_string());
    }
    if let Some(gateway) = caller.gateway {
        put("gatewayKeyId", gateway.to_string());
    }
    context
}

/// What it hands on of a bad one. The function answers for it, because an HTTP API gives an authorizer no way to shape a 401.
pub fn of_refusal(refusal: Refusal) -> Map<String, Value> {
    Map::from_iter([("refusal".to_owned(), refusal.word().into())])
}

/// The caller of a request; nothing where the key was refused or the context is not one of ours.
pub fn caller(context: &HashMap<String, Value>) -> Option<Caller> {
    let get = |name: &str| context.get(name).and_then(Value::as_str);
    let scopes = get("scopes")?.split_ascii_whitespace();
    Some(Caller {
        tenant: get("tenantId")?.parse().ok()?,
        key: get("keyId")?.parse().ok()?,
        kind: get("kind")?.parse().ok()?,
        workspace: get("workspaceId").map(str::parse).transpose().ok()?,
        user: get("userId").map(str::parse).transpose().ok()?,
        gateway: get("gatewayKeyId").map(str::parse).transpose().ok()?,
        scopes: scopes
            .map(|scope| Scope::try_from(scope.to_owned()))
            .collect::<Result<_, _>>()
            .ok()?,
    })
}

#[cfg(test)]
mod tests {
    use shared::{
        caller::{KeyId, KeyKind},
        right::Right,
        tenant::{TenantId, UserId, WorkspaceId},
    };
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_caller_arrives_as_he_left() {
        let id = Uuid::from_u128;
        let caller_sent = Caller {
            tenant: TenantId::new(id(1)),
            key: KeyId::new(id(2)),
            kind: KeyKind::WorkspaceUser,
            workspace: Some(WorkspaceId::new(id(3))),
            user: Some(UserId::new(id(4))),
            scopes: Right::CONNECTIONS.map(Scope::from).to_vec(),
            gateway: Some(KeyId::new(id(5))),
        };
        let context = of_caller(&caller_sent).into_iter().collect();
        assert_eq!(caller(&context), Some(caller_sent));
    }

    #[test]
    fn a_refused_key_is_nobody() {
        assert_eq!(
            caller(&of_refusal(Refusal::ExpiredKey).into_iter().collect()),
            None
        );
        assert_eq!(caller(&HashMap::new()), None);
    }
}
