//! One function of the template: its settings, what calls it, and what it may do.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_norway::{Mapping, Value};

use super::api::Api;
use super::intrinsics::Resolver;
use super::{Function, Result, Route, Schedule, Statement, TemplateError, typed};

pub fn read(
    resolver: &Resolver<'_>,
    globals: &Mapping,
    id: &str,
    resource: &Value,
    api: Option<&Api>,
) -> Result<Function> {
    let place = format!("Resources.{id}.Properties");
    let global = globals.get("Function");
    let own = |name: &str| {
        resource
            .get("Properties")
            .and_then(|properties| properties.get(name))
    };
    let property = |name: &str| own(name).or_else(|| global.and_then(|global| global.get(name)));
    let number = |name: &str, default: u32| match property(name) {
        Some(value) => typed(resolver, &format!("{place}.{name}"), value),
        None => Ok(default),
    };

    let code = own("CodeUri").ok_or_else(|| TemplateError::new(&place, "has no CodeUri"))?;
    let code = resolver.text(&format!("{place}.CodeUri"), code)?;
    let binary = code
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    if binary.is_empty() {
        return Err(TemplateError::new(
            &format!("{place}.CodeUri"),
            "names no binary",
        ));
    }

    let mut function = Function {
        id: id.to_owned(),
        binary: binary.to_owned(),
        // What Lambda takes when nothing is said.
        memory_mb: number("MemorySize", 128)?,
        timeout: Duration::from_secs(number("Timeout", 3)?.into()),
        environment: BTreeMap::new(),
        routes: Vec::new(),
        schedules: Vec::new(),
        statements: statements(resolver, &format!("{place}.Policies"), property("Policies"))?,
    };
    // A function's own variables are merged over the global ones, name by name.
    for environment in [
        global.and_then(|global| global.get("Environment")),
        own("Environment"),
    ] {
        let variables = environment.and_then(|environment| environment.get("Variables"));
        for (name, value) in variables.and_then(Value::as_mapping).into_iter().flatten() {
            let name = name.as_str().unwrap_or_default().to_owned();
            let value = resolver.text(&format!("{place}.Environment.Variables.{name}"), value)?;
            function.environment.insert(name, value);
        }
    }
    for (name, event) in own("Events")
        .and_then(Value::as_mapping)
        .into_iter()
        .flatten()
    {
        let place = format!("{place}.Events.{}", name.as_str().unwrap_or_default());
        let properties = event.get("Properties").unwrap_or(&Value::Null);
        match event.get("Type").and_then(Value::as_str) {
            Some("HttpApi") => function
                .routes
                .push(route(resolver, &place, properties, api)?),
            Some("Schedule") => function
                .schedules
                .extend(schedule(resolver, &place, properties)?),
            _ => {
                return Err(TemplateError::new(
                    &place,
                    "this type of event is not understood here",
                ));
            }
        }
    }
    Ok(function)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteProperties {
    method: String,
    path: String,
    api_id: Option<String>,
    auth: Option<RouteAuth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RouteAuth {
    authorizer: Option<String>,
}

fn route(
    resolver: &Resolver<'_>,
    place: &str,
    properties: &Value,
    api: Option<&Api>,
) -> Result<Route> {
    let route: RouteProperties = typed(resolver, place, properties)?;
    let api = api.filter(|api| route.api_id == Some(api.id.to_lowercase()));
    let api = api
        .ok_or_else(|| TemplateError::new(place, "ApiId must name the HTTP API of the template"))?;
    if route.path != "$default" && !route.path.starts_with('/') {
        return Err(TemplateError::new(
            place,
            "the path must start with a slash",
        ));
    }
    let authorizer = match route.auth.and_then(|auth| auth.authorizer) {
        Some(name) if name == "NONE" => None,
        Some(name) => Some(name),
        None => api.default.clone(),
    };
    Ok(Route {
        method: route.method.to_uppercase(),
        path: route.path,
        authorizer,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ScheduleProperties {
    schedule: String,
    input: Option<String>,
    enabled: Option<bool>,
    // They name the rule and say what happens to an event that cannot be delivered; here it can.
    #[serde(rename = "Name")]
    _name: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(rename = "RetryPolicy")]
    _retries: Option<Json>,
    #[serde(rename = "DeadLetterConfig")]
    _dead_letters: Option<Json>,
}

fn schedule(resolver: &Resolver<'_>, place: &str, properties: &Value) -> Result<Option<Schedule>> {
    let schedule: ScheduleProperties = typed(resolver, place, properties)?;
    let every = rate(&schedule.schedule).ok_or_else(|| {
        TemplateError::new(place, format!("{} is no rate(..)", schedule.schedule))
    })?;
    let input = schedule
        .input
        .map(|input| serde_json::from_str(&input))
        .transpose();
    let input = input.map_err(|error| TemplateError::new(place, format!("Input: {error}")))?;
    Ok((schedule.enabled != Some(false)).then_some(Schedule { every, input }))
}

/// `rate(5 minutes)`: `EventBridge` wants the singular for one and the plural for more.
fn rate(expression: &str) -> Option<Duration> {
    let (number, unit) = expression
        .strip_prefix("rate(")?
        .strip_suffix(')')?
        .split_once(' ')?;
    let number: u64 = number.parse().ok()?;
    let seconds = match (number, unit) {
        (1, "minute") | (2.., "minutes") => 60,
        (1, "hour") | (2.., "hours") => 3_600,
        (1, "day") | (2.., "days") => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(number * seconds))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policy {
    #[serde(rename = "Version")]
    _version: Option<String>,
    statement: Vec<PolicyStatement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PolicyStatement {
    #[serde(rename = "Sid")]
    _sid: Option<String>,
    effect: String,
    action: OneOrMany,
    resource: OneOrMany,
    condition: Option<Json>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl From<OneOrMany> for Vec<String> {
    fn from(value: OneOrMany) -> Self {
        match value {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

fn statements(
    resolver: &Resolver<'_>,
    place: &str,
    policies: Option<&Value>,
) -> Result<Vec<Statement>> {
    let Some(policies) = policies else {
        return Ok(Vec::new());
    };
    let policies: Vec<Policy> = typed(resolver, place, policies)?;
    policies
        .into_iter()
        .flat_map(|policy| policy.statement)
        .map(|statement| {
            if statement.effect != "Allow" {
                return Err(TemplateError::new(place, "only Allow is understood here"));
            }
            Ok(Statement {
                actions: statement.action.into(),
                resources: statement.resource.into(),
                condition: statement.condition,
            })
        })
        .collect()
}
