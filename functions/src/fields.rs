//! Reads the members of a body or the parameters of a query into domain types, and collects every problem on the way: a
//! caller is told all that is wrong, not the first of it.

use std::str::FromStr;

use serde_json::{Map, Value};
use shared::{
    credential::Secret,
    error::{Error, Problem, Result},
};

pub struct Fields {
    members: Map<String, Value>,
    /// What stands before a name in an answer: `/` makes it a JSON pointer.
    prefix: &'static str,
    problems: Vec<Problem>,
}

impl Fields {
    pub const fn of_body(members: Map<String, Value>) -> Self {
        Self {
            members,
            prefix: "/",
            problems: Vec::new(),
        }
    }

    pub const fn of_query(members: Map<String, Value>) -> Self {
        Self {
            members,
            prefix: "",
            problems: Vec::new(),
        }
    }

    /// Notes each of these that is absent.
    pub fn require(&mut self, names: &[&str]) {
        for name in names {
            if !self.has(name) {
                self.problem(name, "is required");
            }
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub fn problem(&mut self, name: &str, problem: impl Into<String>) {
        self.problems
            .push(Problem::new(format!("{}{name}", self.prefix), problem));
    }

    /// Takes a member that is a string.
    pub fn text<T: TryFrom<String, Error: ToString>>(&mut self, name: &str) -> Option<T> {
        let text = match self.members.remove(name)? {
            Value::String(text) => text,
            _ => return self.wrong(name, "must be a string"),
        };
        match T::try_from(text) {
            Ok(value) => Some(value),
            Err(error) => self.wrong(name, error.to_string()),
        }
    }

    /// Takes a member that is a list of strings.
    pub fn texts<T: FromStr<Err: ToString>>(&mut self, name: &str) -> Option<Vec<T>> {
        let Value::Array(items) = self.members.remove(name)? else {
            return self.wrong(name, "must be a list of strings");
        };
        let parsed = items
            .iter()
            .map(|item| match item.as_str().map(str::parse) {
                Some(Ok(value)) => Ok(value),
                Some(Err(error)) => Err(ToString::to_string(&error)),
                None => Err("must be a list of strings".to_owned()),
            });
        match parsed.collect() {
            Ok(values) => Some(values),
            Err(problem) => self.wrong(name, problem),
        }
    }

    /// Takes a member that is a secret.
    pub fn secret(&mut self, name: &str) -> Option<Secret> {
        let Value::String(text) = self.members.remove(name)? else {
            return self.wrong(name, "must be a string");
        };
        match Secret::parse(text) {
            Ok(secret) => Some(secret),
            Err(problem) => self.wrong(name, problem),
        }
    }

    /// Takes a member that is true or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name)? {
            Value::Bool(flag) => Some(flag),
            _ => self.wrong(name, "must be true or false"),
        }
    }

    /// Takes a member that is a whole number, in a query also one that is written as text.
    pub fn number<T: TryFrom<u32, Error: ToString>>(&mut self, name: &str) -> Option<T> {
        let number = match self.members.remove(name)? {
            Value::String(text) if self.prefix.is_empty() => text.parse().ok(),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| u32::try_from(number).ok()),
            _ => None,
        };
        let Some(number) = number else {
            return self.wrong(name, "must be a whole number");
        };
        match T::try_from(number) {
            Ok(value) => Some(value),
            Err(error) => self.wrong(name, error.to_string()),
        }
    }

    /// The value made of all that was taken, if nothing was wrong and nothing is left over.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.problem(&name, "is not known");
        }
        if !self.problems.is_empty() {
            return Err(Error::Invalid(self.problems));
        }
        value.ok_or_else(|| Error::internal("a field is missing and was not reported"))
    }

    fn wrong<T>(&mut self, name: &str, problem: impl Into<String>) -> Option<T> {
        self.problem(name, problem);
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use shared::connection::{CheckInterval, ConnectionName};

    use super::*;

    fn fields(body: Value) -> Fields {
        match body {
            Value::Object(members) => Fields::of_body(members),
            _ => Fields::of_body(Map::new()),
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let mut fields =
            fields(json!({"name": "", "checkIntervalSeconds": 5, "enabled": "yes", "nmae": "x"}));
        fields.require(&["name", "serverUrl"]);
        let name = fields.text::<ConnectionName>("name");
        let interval = fields.number::<CheckInterval>("checkIntervalSeconds");
        let enabled = fields.flag("enabled");
        let outcome = fields.finish(name.zip(interval).zip(enabled));
        let Err(Error::Invalid(problems)) = outcome else {
            panic!("accepted")
        };
        let told: Vec<String> = problems
            .iter()
            .map(|problem| format!("{} {}", problem.field, problem.problem))
            .collect();
        assert_eq!(
            told,
            [
                "/serverUrl is required",
                "/name must not be empty",
                "/checkIntervalSeconds must be between 60 and 3600",
                "/enabled must be true or false",
                "/nmae is not known",
            ]
        );
    }

    #[test]
    fn null_is_a_value_of_the_wrong_type() {
        let mut fields = fields(json!({"name": null}));
        assert!(fields.text::<ConnectionName>("name").is_none());
        assert!(fields.finish(Some(())).is_err());
    }
}
