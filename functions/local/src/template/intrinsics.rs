//! `CloudFormation`'s functions, as far as they can be answered without `CloudFormation`. What is not understood is an
//! error that names its place; a guess would only come out as a wrong route or a missing right.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value as Json;
use serde_norway::{Mapping, Value};

use super::TemplateError;

type Result<T> = std::result::Result<T, TemplateError>;

pub const REGION: &str = "us-east-1";
pub const ACCOUNT: &str = "000000000000";
const STACK: &str = "local";

/// No sound template nests its references deeper; a circle does.
const MAX_DEPTH: u32 = 64;

/// Knows the values that references lead to.
pub struct Resolver<'a> {
    pub parameters: &'a BTreeMap<String, String>,
    pub conditions: Option<&'a Mapping>,
    pub resources: &'a Mapping,
    pub depth: Cell<u32>,
}

impl Resolver<'_> {
    /// The value with every function in it answered; `None` where it comes to `AWS::NoValue`.
    pub fn resolve(&self, place: &str, value: &Value) -> Result<Option<Json>> {
        self.deeper(place, || self.resolve_at(place, value))
    }

    fn deeper<T>(&self, place: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        if self.depth.get() >= MAX_DEPTH {
            return Err(TemplateError::new(place, "refers to itself"));
        }
        self.depth.set(self.depth.get() + 1);
        let answer = step();
        self.depth.set(self.depth.get() - 1);
        answer
    }

    /// The same for what must be a single text, number or boolean.
    pub fn text(&self, place: &str, value: &Value) -> Result<String> {
        match self.resolve(place, value)? {
            Some(Json::String(text)) => Ok(text),
            Some(number @ (Json::Number(_) | Json::Bool(_))) => Ok(number.to_string()),
            _ => Err(TemplateError::new(place, "must be a text")),
        }
    }

    fn resolve_at(&self, place: &str, value: &Value) -> Result<Option<Json>> {
        match value {
            Value::Null => Ok(Some(Json::Null)),
            Value::Bool(value) => Ok(Some(Json::Bool(*value))),
            Value::String(text) => Ok(Some(Json::String(text.clone()))),
            Value::Number(number) => serde_json::to_value(number)
                .map(Some)
                .map_err(|error| TemplateError::new(place, error.to_string())),
            Value::Sequence(items) => {
                let mut list = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    list.extend(self.resolve(&format!("{place}[{index}]"), item)?);
                }
                Ok(Some(Json::Array(list)))
            }
            Value::Mapping(mapping) => self.mapping(place, mapping),
            Value::Tagged(tagged) => {
                let tag = tagged.tag.to_string();
                self.function(place, tag.trim_start_matches('!'), &tagged.value)
            }
        }
    }

    /// A mapping is data, unless it is the long form of a function: `{"Fn::Sub": ..}`, `{"Ref": ..}`.
    fn mapping(&self, place: &str, mapping: &Mapping) -> Result<Option<Json>> {
        if let (1, Some((Value::String(key), argument))) = (mapping.len(), mapping.iter().next()) {
            if let Some(function) = key.strip_prefix("Fn::") {
                return self.function(place, function, argument);
            }
            if key == "Ref" {
                return self.function(place, key, argument);
            }
        }
        let mut object = serde_json::Map::new();
        for (key, value) in mapping {
            let key = key
                .as_str()
                .ok_or_else(|| TemplateError::new(place, "has a key that is not a text"))?;
            if let Some(value) = self.resolve(&format!("{place}.{key}"), value)? {
                object.insert(key.to_owned(), value);
            }
        }
        Ok(Some(Json::Object(object)))
    }

    fn function(&self, place: &str, function: &str, argument: &Value) -> Result<Option<Json>> {
        let place = &format!("{place} !{function}");
        match function {
            "Ref" => match self.text(place, argument)?.as_str() {
                "AWS::NoValue" => Ok(None),
                name => self.reference(place, name).map(Json::String).map(Some),
            },
            "GetAtt" => self.attribute(place, argument).map(Json::String).map(Some),
            "Sub" => self.substitute(place, argument).map(Json::String).map(Some),
            "Join" => self.join(place, argument).map(Json::String).map(Some),
            "If" => {
                let [condition, then, otherwise] = arguments(place, argument)?;
                let chosen = if self.condition(&self.text(place, condition)?, place)? {
                    then
                } else {
                    otherwise
                };
                self.resolve(place, chosen)
            }
            _ => Err(TemplateError::new(
                place,
                "is a function that is not understood here",
            )),
        }
    }

    fn substitute(&self, place: &str, argument: &Value) -> Result<String> {
        let (text, own) = match argument {
            Value::Sequence(_) => {
                let [text, own] = arguments(place, argument)?;
                let own = own
                    .as_mapping()
                    .ok_or_else(|| TemplateError::new(place, "needs a mapping of its variables"))?;
                (self.text(place, text)?, Some(own))
            }
            _ => (self.text(place, argument)?, None),
        };
        let mut done = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(start) = rest.find("${") {
            done.push_str(&rest[..start]);
            let end = rest[start..]
                .find('}')
                .ok_or_else(|| TemplateError::new(place, "has a ${ without its }"))?;
            let name = rest[start + 2..start + end].trim();
            rest = &rest[start + end + 1..];
            if let Some(literal) = name.strip_prefix('!') {
                done.push_str(&format!("${{{literal}}}"));
            } else if let Some(value) = own.and_then(|own| own.get(name)) {
                done.push_str(&self.text(place, value)?);
            } else if let Some((resource, attribute)) = name.split_once('.') {
                done.push_str(&self.attribute_of(place, resource, attribute)?);
            } else {
                done.push_str(&self.reference(place, name)?);
            }
        }
        done.push_str(rest);
        Ok(done)
    }

    fn join(&self, place: &str, argument: &Value) -> Result<String> {
        let [separator, parts] = arguments(place, argument)?;
        let Some(Json::Array(parts)) = self.resolve(place, parts)? else {
            return Err(TemplateError::new(place, "needs a list to join"));
        };
        let parts: Option<Vec<String>> = parts.iter().map(scalar).collect();
        let parts = parts.ok_or_else(|| TemplateError::new(place, "can join texts only"))?;
        Ok(parts.join(&self.text(place, separator)?))
    }

    fn attribute(&self, place: &str, argument: &Value) -> Result<String> {
        let path = match argument {
            Value::Sequence(_) => {
                let [resource, attribute] = arguments(place, argument)?;
                format!(
                    "{}.{}",
                    self.text(place, resource)?,
                    self.text(place, attribute)?
                )
            }
            _ => self.text(place, argument)?,
        };
        let (resource, attribute) = path
            .split_once('.')
            .ok_or_else(|| TemplateError::new(place, "must name a resource and its attribute"))?;
        self.attribute_of(place, resource, attribute)
    }

    fn reference(&self, place: &str, name: &str) -> Result<String> {
        let pseudo = match name {
            "AWS::Region" => Some(REGION),
            "AWS::AccountId" => Some(ACCOUNT),
            "AWS::Partition" => Some("aws"),
            "AWS::URLSuffix" => Some("amazonaws.com"),
            "AWS::StackName" => Some(STACK),
            _ => None,
        };
        if let Some(value) = pseudo {
            return Ok(value.to_owned());
        }
        if let Some(value) = self.parameters.get(name) {
            return Ok(value.clone());
        }
        match self.kind(place, name)? {
            "AWS::DynamoDB::Table" => self.physical_name(name, "TableName"),
            "AWS::Serverless::Function" => self.physical_name(name, "FunctionName"),
            "AWS::Logs::LogGroup" => self.physical_name(name, "LogGroupName"),
            "AWS::SecretsManager::Secret" => self.secret_arn(name),
            "AWS::Serverless::HttpApi" => Ok(name.to_lowercase()),
            kind => Err(TemplateError::new(
                place,
                format!("{name}: no reference to a {kind} is known here"),
            )),
        }
    }

    fn attribute_of(&self, place: &str, resource: &str, attribute: &str) -> Result<String> {
        let arn = |service: &str, rest: String| {
            Ok(format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"))
        };
        match (self.kind(place, resource)?, attribute) {
            ("AWS::DynamoDB::Table", "Arn") => arn(
                "dynamodb",
                format!("table/{}", self.physical_name(resource, "TableName")?),
            ),
            ("AWS::Serverless::Function", "Arn") => arn(
                "lambda",
                format!("function:{}", self.physical_name(resource, "FunctionName")?),
            ),
            ("AWS::Logs::LogGroup", "Arn") => arn(
                "logs",
                format!(
                    "log-group:{}:*",
                    self.physical_name(resource, "LogGroupName")?
                ),
            ),
            ("AWS::SQS::Queue", "Arn") => arn("sqs", self.physical_name(resource, "QueueName")?),
            ("AWS::SecretsManager::Secret", "Id") => self.secret_arn(resource),
            (kind, _) => Err(TemplateError::new(
                place,
                format!("{resource}.{attribute}: no such attribute of a {kind} is known here"),
            )),
        }
    }

    /// Without the random suffix, under which Secrets Manager finds the secret all the same.
    fn secret_arn(&self, resource: &str) -> Result<String> {
        let name = self.physical_name(resource, "Name")?;
        Ok(format!(
            "arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{name}"
        ))
    }

    /// The name that the template gives, else one made of the logical id as `CloudFormation` would.
    pub fn physical_name(&self, resource: &str, property: &str) -> Result<String> {
        let properties = self
            .resources
            .get(resource)
            .and_then(|resource| resource.get("Properties"));
        match properties.and_then(|properties| properties.get(property)) {
            Some(name) => self.text(&format!("Resources.{resource}.Properties.{property}"), name),
            None => Ok(format!("{STACK}-{resource}")),
        }
    }

    fn kind(&self, place: &str, resource: &str) -> Result<&str> {
        self.resources
            .get(resource)
            .and_then(|resource| resource.get("Type"))
            .and_then(Value::as_str)
            .ok_or_else(|| {
                TemplateError::new(
                    place,
                    format!("{resource} is neither a parameter nor a resource"),
                )
            })
    }

    pub fn condition(&self, name: &str, place: &str) -> Result<bool> {
        let value = self.conditions.and_then(|conditions| conditions.get(name));
        let value = value
            .ok_or_else(|| TemplateError::new(place, format!("there is no condition {name}")))?;
        let place = format!("Conditions.{name}");
        self.deeper(&place, || self.holds(&place, value))
    }

    fn holds(&self, place: &str, value: &Value) -> Result<bool> {
        let (function, argument) = match value {
            Value::Tagged(tagged) => (tagged.tag.to_string(), &tagged.value),
            Value::Mapping(mapping) if mapping.len() == 1 => {
                let entry = mapping
                    .iter()
                    .next()
                    .and_then(|(key, value)| Some((key.as_str()?, value)));
                let (key, argument) =
                    entry.ok_or_else(|| TemplateError::new(place, "is no condition"))?;
                (key.trim_start_matches("Fn::").to_owned(), argument)
            }
            _ => return Err(TemplateError::new(place, "is no condition")),
        };
        let all = || -> Result<Vec<bool>> {
            let list = argument.as_sequence();
            let list =
                list.ok_or_else(|| TemplateError::new(place, "needs a list of conditions"))?;
            list.iter()
                .map(|condition| self.holds(place, condition))
                .collect()
        };
        match function.trim_start_matches('!') {
            "Equals" => {
                let [left, right] = arguments(place, argument)?;
                Ok(self.text(place, left)? == self.text(place, right)?)
            }
            "Not" => {
                let [condition] = arguments(place, argument)?;
                Ok(!self.holds(place, condition)?)
            }
            "And" => Ok(all()?.into_iter().all(|holds| holds)),
            "Or" => Ok(all()?.into_iter().any(|holds| holds)),
            "Condition" => self.condition(&self.text(place, argument)?, place),
            _ => Err(TemplateError::new(
                place,
                "is a condition that is not understood here",
            )),
        }
    }
}

fn arguments<'a, const N: usize>(place: &str, argument: &'a Value) -> Result<[&'a Value; N]> {
    argument
        .as_sequence()
        .and_then(|list| list.iter().collect::<Vec<_>>().try_into().ok())
        .ok_or_else(|| TemplateError::new(place, format!("needs a list of {N}")))
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
