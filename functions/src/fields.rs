//! Reads the members of a body or the parameters of a query into domain types, and collects every problem on the way: a
//! caller is told all that is wrong, not the first of it.

use std::str::FromStr;

use serde_json::{Map, Number, Value};
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

    /// Takes a parameter of a query that is `true` or `false`.
    pub fn switch(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name)?.as_str() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => self.wrong(name, "must be true or false"),
        }
    }

    /// Takes a member that is a whole number, in a query also one that is written as text.
    pub fn number<T: TryFrom<u32, Error: ToString>>(&mut self, name: &str) -> Option<T> {
        let number = match self.members.remove(name)? {
            Value::String(text) if self.prefix.is_empty() => text.parse().ok(),
            Value::Number(number) => whole(&number),
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

    /// Takes a member that may be null, which is not the same as absent.
    pub fn nullable_text<T: TryFrom<String, Error: ToString>>(
        &mut self,
        name: &str,
    ) -> Option<Option<T>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(None);
        }
        self.text(name).map(Some)
    }

    /// Takes a member that is an object.
    pub fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.members.remove(name)? {
            Value::Object(members) => Some(members),
            _ => self.wrong(name, "must be an object"),
        }
    }

    /// Takes a member that is a list of objects, each read by `read`, whose problems name their place.
    pub fn objects<T>(
        &mut self,
        name: &str,
        read: impl Fn(&mut Fields) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.members.remove(name)? else {
            return self.wrong(name, "must be a list of objects");
        };
        let mut all = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let place = format!("{name}/{index}");
            let Value::Object(members) = item else {
                self.problem(&place, "must be an object");
                continue;
            };
            let mut fields = Self::of_body(members);
            all.extend(read(&mut fields));
            for Problem { field, problem } in fields.problems {
                self.problem(&format!("{place}{field}"), problem);
            }
        }
        self.problems.is_empty().then_some(all)
    }

    /// Takes a member that is an object, read by `read`, whose problems name their place. What that leaves over is not known.
    pub fn nested<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Fields) -> Option<T>,
    ) -> Option<T> {
        let mut fields = Self::of_body(self.object(name)?);
        let value = read(&mut fields);
        match fields.finish(value) {
            Ok(value) => Some(value),
            Err(Error::Invalid(problems)) => {
                for Problem { field, problem } in problems {
                    self.problem(&format!("{name}{field}"), problem);
                }
                None
            }
            Err(_) => None,
        }
    }

    /// Makes an object with this one member of each text in a list, where a list may hold either.
    pub fn wrap_texts(&mut self, name: &str, member: &str) {
        let items = self.members.get_mut(name).and_then(Value::as_array_mut);
        for item in items.into_iter().flatten().filter(|item| item.is_string()) {
            *item = Value::Object(Map::from_iter([(member.to_owned(), item.take())]));
        }
    }

    /// Takes a member as it is.
    pub fn value(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name)
    }

    pub fn is_list(&self, name: &str) -> bool {
        self.members.get(name).is_some_and(Value::is_array)
    }

    /// Puts a member back, or another in its place.
    pub fn put(&mut self, name: &str, value: Value) {
        self.members.insert(name.to_owned(), value);
    }

    /// Forgets those of these members that are empty texts, lists or objects, for clients who send along all that they know of.
    pub fn drop_blank(&mut self, names: &[&str]) {
        self.members.retain(|name, value| {
            let may_be_blank = names.contains(&name.as_str()) && !value.is_boolean();
            !may_be_blank || !is_blank(value)
        });
    }

    /// Forgets members that are null, for clients who say so where they say nothing; except these, which can be cleared.
    pub fn drop_nulls(&mut self, except: &[&str]) {
        self.members
            .retain(|name, value| !value.is_null() || except.contains(&name.as_str()));
    }

    /// Forgets members that are empty texts, for clients who send a parameter where they have none.
    pub fn drop_empty(&mut self) {
        self.members
            .retain(|_, value| value.as_str().is_none_or(|text| !text.is_empty()));
    }

    /// Takes all that is left.
    pub fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.members)
    }

    /// Whether nothing is left to take.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value made of all that was taken, if nothing was wrong. What is left over is nothing to us: some clients send more than they have to.
    pub fn accept<T>(self, value: Option<T>) -> Result<T> {
        if !self.problems.is_empty() {
            return Err(Error::Invalid(self.problems));
        }
        value.ok_or_else(|| Error::internal("a field is missing and was not reported"))
    }

    /// The value made of all that was taken, if nothing was wrong and nothing is left over.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T> {
        let unknown: Vec<String> = self.members.keys().cloned().collect();
        for name in unknown {
            self.problem(&name, "is not known");
        }
        self.accept(value)
    }

    fn wrong<T>(&mut self, name: &str, problem: impl Into<String>) -> Option<T> {
        self.problem(name, problem);
        None
    }
}

/// Whether a value says nothing, with all that is in it. That a text which is empty would be a plain one says nothing either.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members
            .iter()
            .all(|(name, value)| is_blank(value) || (name == "type" && value == "plain_text")),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// JSON knows only one kind of number: 300.0 is as whole as 300.
fn whole(number: &Number) -> Option<u32> {
    let number = number.as_f64()?;
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    is_whole.then_some(number as u32)
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
    fn a_whole_number_may_be_written_with_a_point() {
        for (number, whole) in [
            (json!(60), true),
            (json!(60.0), true),
            (json!(6e1), true),
            (json!(60.5), false),
            (json!(-60), false),
            (json!(1e300), false),
        ] {
            let mut fields = fields(json!({"checkIntervalSeconds": number}));
            assert_eq!(
                fields
                    .number::<CheckInterval>("checkIntervalSeconds")
                    .map(CheckInterval::seconds),
                whole.then_some(60),
                "{number}"
            );
        }
    }

    #[test]
    fn null_is_a_value_of_the_wrong_type() {
        let mut fields = fields(json!({"name": null}));
        assert!(fields.text::<ConnectionName>("name").is_none());
        assert!(fields.finish(Some(())).is_err());
    }
}
