//! The HTTP API of the template and its authorizers.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_norway::Value;

use super::intrinsics::Resolver;
use super::{Authorizer, Document, IdentitySource, Result, TemplateError, typed};

/// What an `AWS::Serverless::HttpApi` says about its routes' authorizers.
pub struct Api {
    pub id: String,
    pub authorizers: Vec<Authorizer>,
    pub default: Option<String>,
}

impl Document {
    pub(super) fn api(&self, resolver: &Resolver<'_>) -> Result<Option<Api>> {
        if self.globals.contains_key("HttpApi") {
            return Err(TemplateError::new(
                "Globals.HttpApi",
                "is not understood here; say it at the API",
            ));
        }
        let mut apis = self
            .resources(resolver)?
            .into_iter()
            .filter(|(_, resource)| {
                resource.get("Type").and_then(Value::as_str) == Some("AWS::Serverless::HttpApi")
            });
        let Some((id, resource)) = apis.next() else {
            return Ok(None);
        };
        if let Some((second, _)) = apis.next() {
            return Err(TemplateError::new(
                &format!("Resources.{second}"),
                "only one HTTP API can be served",
            ));
        }
        let place = format!("Resources.{id}.Properties");
        let properties = resource.get("Properties");
        let property = |name: &str| properties.and_then(|properties| properties.get(name));
        for unknown in [
            "DefinitionBody",
            "DefinitionUri",
            "CorsConfiguration",
            "StageName",
        ] {
            if property(unknown).is_some() {
                return Err(TemplateError::new(
                    &format!("{place}.{unknown}"),
                    "is not understood here",
                ));
            }
        }
        let mut api = Api {
            id: id.to_owned(),
            authorizers: Vec::new(),
            default: None,
        };
        let Some(auth) = property("Auth") else {
            return Ok(Some(api));
        };
        if let Some(name) = auth.get("DefaultAuthorizer") {
            api.default = Some(resolver.text(&format!("{place}.Auth.DefaultAuthorizer"), name)?);
        }
        let declared = auth.get("Authorizers").and_then(Value::as_mapping);
        for (name, declaration) in declared.into_iter().flatten() {
            let name = name.as_str().unwrap_or_default();
            api.authorizers.push(authorizer(
                resolver,
                &format!("{place}.Auth.Authorizers.{name}"),
                name,
                declaration,
            )?);
        }
        Ok(Some(api))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AuthorizerProperties {
    authorizer_payload_format_version: String,
    #[serde(default)]
    enable_simple_responses: bool,
    #[serde(default)]
    identity: IdentityProperties,
    // Rights of API Gateway itself, which nothing checks here.
    #[serde(rename = "EnableFunctionDefaultPermissions")]
    _permissions: Option<bool>,
    #[serde(rename = "FunctionInvokeRole")]
    _role: Option<String>,
    // Read before references are answered, since the logical id is wanted.
    #[serde(rename = "FunctionArn")]
    _function: Json,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
struct IdentityProperties {
    headers: Vec<String>,
    query_strings: Vec<String>,
    reauthorize_every: u64,
}

fn authorizer(
    resolver: &Resolver<'_>,
    place: &str,
    name: &str,
    declaration: &Value,
) -> Result<Authorizer> {
    let function = declaration
        .get("FunctionArn")
        .and_then(attribute_owner)
        .ok_or_else(|| {
            TemplateError::new(
                &format!("{place}.FunctionArn"),
                "must be !GetAtt of a function's Arn",
            )
        })?;
    let properties: AuthorizerProperties = typed(resolver, place, declaration)?;
    if properties.authorizer_payload_format_version != "2.0" || !properties.enable_simple_responses
    {
        return Err(TemplateError::new(
            place,
            "only payload format 2.0 with simple responses can be served",
        ));
    }
    let identity = properties.identity;
    let headers = identity
        .headers
        .into_iter()
        .map(|header| IdentitySource::Header(header.to_lowercase()));
    let queries = identity
        .query_strings
        .into_iter()
        .map(IdentitySource::QueryString);
    Ok(Authorizer {
        name: name.to_owned(),
        function,
        identity: headers.chain(queries).collect(),
        ttl: Duration::from_secs(identity.reauthorize_every),
    })
}

/// The resource in `!GetAtt Resource.Arn`, in any of its spellings.
fn attribute_owner(value: &Value) -> Option<String> {
    let path = match value {
        Value::Tagged(tagged) if tagged.tag == "GetAtt" => &tagged.value,
        Value::Mapping(mapping) => mapping.get("Fn::GetAtt")?,
        _ => return None,
    };
    match path {
        Value::String(path) => path.strip_suffix(".Arn").map(str::to_owned),
        Value::Sequence(path) if path.len() == 2 && path[1] == "Arn" => {
            path[0].as_str().map(str::to_owned)
        }
        _ => None,
    }
}
