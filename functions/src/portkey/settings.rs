//! Limits, defaults and the like: the gateway's affair, and only kept here. They are given back as they came, so no more than their shape
//! is looked at.

use serde_json::{Map, Value};

use crate::fields::Fields;

/// What a setting has to be.
#[derive(Clone, Copy)]
enum Shape {
    Object,
    Objects,
    ObjectOrObjects,
    Texts,
}

/// Reads the settings of a key. Null is kept: it takes a setting away.
pub fn of_key(fields: &mut Fields) -> Map<String, Value> {
    read(
        fields,
        &[
            ("rate_limits", Shape::Objects),
            ("usage_limits", Shape::ObjectOrObjects),
            ("defaults", Shape::Object),
            ("alert_emails", Shape::Texts),
            ("rotation_policy", Shape::Object),
        ],
    )
}

/// Reads the settings of a workspace, likewise.
pub fn of_workspace(fields: &mut Fields) -> Map<String, Value> {
    read(
        fields,
        &[
            ("defaults", Shape::Object),
            ("usage_limits", Shape::Objects),
            ("rate_limits", Shape::Objects),
        ],
    )
}

fn read(fields: &mut Fields, known: &[(&str, Shape)]) -> Map<String, Value> {
    let mut settings = Map::new();
    for (name, shape) in known {
        let Some(value) = fields.value(name) else {
            continue;
        };
        if value.is_null() || shape.fits(&value) {
            settings.insert((*name).to_owned(), value);
        } else {
            fields.problem(name, shape.demand());
        }
    }
    settings
}

impl Shape {
    fn fits(self, value: &Value) -> bool {
        let are_all =
            |is: fn(&Value) -> bool| value.as_array().is_some_and(|items| items.iter().all(is));
        match self {
            Self::Object => value.is_object(),
            Self::Objects => are_all(Value::is_object),
            Self::ObjectOrObjects => value.is_object() || are_all(Value::is_object),
            Self::Texts => are_all(Value::is_string),
        }
    }

    const fn demand(self) -> &'static str {
        match self {
            Self::Object => "must be an object",
            Self::Objects => "must be a list of objects",
            Self::ObjectOrObjects => "must be an object or a list of objects",
            Self::Texts => "must be a list of strings",
        }
    }
}
