//! Reads template.yaml: which functions there are, what calls them, what they may do, and which tables they need.
//! The template is the one list of these things, so whatever it says in a way that is not understood here is an
//! error that names the place, never something left out.

mod api;
mod function;
mod intrinsics;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use serde_norway::{Mapping, Value};

use self::intrinsics::Resolver;
pub use self::intrinsics::{ACCOUNT, REGION};

type Result<T> = std::result::Result<T, TemplateError>;

/// What the local stack needs to know of the template.
#[derive(Debug)]
pub struct Template {
    /// The values in force: the defaults, and what was given over them.
    pub parameters: BTreeMap<String, String>,
    pub functions: Vec<Function>,
    pub authorizers: Vec<Authorizer>,
    pub tables: Vec<Table>,
}

#[derive(Debug)]
pub struct Function {
    /// The logical id.
    pub id: String,
    /// The last part of `CodeUri`, which is the binary's name.
    pub binary: String,
    pub memory_mb: u32,
    pub timeout: Duration,
    /// Dynamic references, `{{resolve:secretsmanager:..}}`, stand here as they are in the template.
    pub environment: BTreeMap<String, String>,
    pub routes: Vec<Route>,
    pub schedules: Vec<Schedule>,
    pub statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// In capitals, or `ANY`.
    pub method: String,
    /// With its parameters in braces, or `$default`.
    pub path: String,
    /// The name of the authorizer that stands before it.
    pub authorizer: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    pub every: Duration,
    /// What the function gets instead of `EventBridge`'s own event.
    pub input: Option<Json>,
}

/// One statement of a function's own policy. Only what is allowed can be said.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub condition: Option<Json>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorizer {
    pub name: String,
    /// The logical id of the function that answers.
    pub function: String,
    pub identity: Vec<IdentitySource>,
    /// How long an answer holds; zero asks every time.
    pub ttl: Duration,
}

/// A part of the request that must be there and that an authorizer's answers are cached by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// In small letters.
    Header(String),
    QueryString(String),
}

/// A table with its properties as `CloudFormation` names them, references answered.
#[derive(Debug)]
pub struct Table {
    pub id: String,
    pub name: String,
    pub properties: serde_json::Map<String, Json>,
}

/// Something in the template that is wrong or not understood, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateError {
    pub place: String,
    pub problem: String,
}

impl Template {
    /// Reads a template's text, with `parameters` over the defaults that it declares.
    pub fn parse(text: &str, parameters: &BTreeMap<String, String>) -> Result<Self> {
        let document: Document = serde_norway::from_str(text)
            .map_err(|error| TemplateError::new("the document", error.to_string()))?;
        let parameters = document.parameters_in_force(parameters)?;
        let resolver = Resolver {
            parameters: &parameters,
            conditions: document.conditions.as_ref(),
            resources: &document.resources,
            depth: Cell::new(0),
        };

        let mut template = Self {
            parameters: BTreeMap::new(),
            functions: Vec::new(),
            authorizers: Vec::new(),
            tables: Vec::new(),
        };
        let api = document.api(&resolver)?;
        for (id, resource) in document.resources(&resolver)? {
            let place = format!("Resources.{id}");
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::Serverless::Function") => {
                    let function =
                        function::read(&resolver, &document.globals, id, resource, api.as_ref())?;
                    template.functions.push(function);
                }
                Some("AWS::DynamoDB::Table") => {
                    template.tables.push(table(&resolver, id, resource)?)
                }
                Some(
                    "AWS::Serverless::SimpleTable"
                    | "AWS::DynamoDB::GlobalTable"
                    | "AWS::Lambda::Function",
                ) => {
                    return Err(TemplateError::new(
                        &place,
                        "this kind of resource is not understood here",
                    ));
                }
                Some(
                    "AWS::Serverless::Api" | "AWS::ApiGateway::RestApi" | "AWS::ApiGatewayV2::Api",
                ) => {
                    return Err(TemplateError::new(
                        &place,
                        "only AWS::Serverless::HttpApi can be served",
                    ));
                }
                Some(_) => {}
                None => return Err(TemplateError::new(&place, "has no Type")),
            }
        }
        template.authorizers = api.map(|api| api.authorizers).unwrap_or_default();
        template.parameters = parameters;
        template.check()?;
        Ok(template)
    }

    /// The function with this logical id.
    pub fn function(&self, id: &str) -> Option<&Function> {
        self.functions.iter().find(|function| function.id == id)
    }

    /// What can only be seen with everything read: that names lead somewhere and nothing is there twice.
    fn check(&self) -> Result<()> {
        for authorizer in &self.authorizers {
            if self.function(&authorizer.function).is_none() {
                let problem = format!("{} is no function", authorizer.function);
                return Err(TemplateError::new(
                    &format!("authorizer {}", authorizer.name),
                    problem,
                ));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for function in &self.functions {
            for route in &function.routes {
                let place = format!("Resources.{}: {} {}", function.id, route.method, route.path);
                if !seen.insert((&route.method, &route.path)) {
                    return Err(TemplateError::new(&place, "the route is there twice"));
                }
                if let Some(name) = &route.authorizer
                    && !self
                        .authorizers
                        .iter()
                        .any(|authorizer| authorizer.name == *name)
                {
                    return Err(TemplateError::new(
                        &place,
                        format!("there is no authorizer {name}"),
                    ));
                }
            }
        }
        Ok(())
    }
}

/// The sections of a template that matter here.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(default)]
    parameters: BTreeMap<String, Parameter>,
    #[serde(default)]
    conditions: Option<Mapping>,
    #[serde(default)]
    globals: Mapping,
    resources: Mapping,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    default: Option<Value>,
}

impl Document {
    fn parameters_in_force(
        &self,
        given: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>> {
        if let Some(unknown) = given
            .keys()
            .find(|name| !self.parameters.contains_key(*name))
        {
            return Err(TemplateError::new(
                "Parameters",
                format!("there is no parameter {unknown}"),
            ));
        }
        let value = |(name, declared): (&String, &Parameter)| {
            let place = format!("Parameters.{name}");
            let value = match (given.get(name), &declared.default) {
                (Some(given), _) => given.clone(),
                (None, Some(Value::String(text))) => text.clone(),
                (None, Some(Value::Number(number))) => number.to_string(),
                (None, Some(Value::Bool(value))) => value.to_string(),
                (None, Some(_)) => {
                    return Err(TemplateError::new(
                        &place,
                        "the default must be a text or a number",
                    ));
                }
                (None, None) => {
                    return Err(TemplateError::new(
                        &place,
                        "has no default and none was given",
                    ));
                }
            };
            Ok((name.clone(), value))
        };
        self.parameters.iter().map(value).collect()
    }

    /// The resources whose condition holds.
    fn resources(&self, resolver: &Resolver<'_>) -> Result<Vec<(&str, &Value)>> {
        let mut present = Vec::new();
        for (id, resource) in &self.resources {
            let id = id
                .as_str()
                .ok_or_else(|| TemplateError::new("Resources", "an id is not a text"))?;
            let holds = match resource.get("Condition").and_then(Value::as_str) {
                Some(condition) => {
                    resolver.condition(condition, &format!("Resources.{id}.Condition"))?
                }
                None => true,
            };
            if holds {
                present.push((id, resource));
            }
        }
        Ok(present)
    }
}

fn table(resolver: &Resolver<'_>, id: &str, resource: &Value) -> Result<Table> {
    let place = format!("Resources.{id}.Properties");
    let properties = resource
        .get("Properties")
        .ok_or_else(|| TemplateError::new(&place, "a table needs properties"))?;
    match resolver.resolve(&place, properties)? {
        Some(Json::Object(properties)) => Ok(Table {
            id: id.to_owned(),
            name: resolver.physical_name(id, "TableName")?,
            properties,
        }),
        _ => Err(TemplateError::new(&place, "must be a mapping")),
    }
}

/// Answers the references in a value and reads it as `T`.
fn typed<T: serde::de::DeserializeOwned>(
    resolver: &Resolver<'_>,
    place: &str,
    value: &Value,
) -> Result<T> {
    let resolved = resolver.resolve(place, value)?.unwrap_or_default();
    serde_json::from_value(resolved).map_err(|error| TemplateError::new(place, error.to_string()))
}

impl TemplateError {
    fn new(place: &str, problem: impl Into<String>) -> Self {
        Self {
            place: place.to_owned(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template.yaml, {}: {}", self.place, self.problem)
    }
}

impl std::error::Error for TemplateError {}

#[cfg(test)]
mod tests;
