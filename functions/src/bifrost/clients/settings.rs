//! What can be said of a client at any time, besides its name and its headers.

use serde_json::Value;
use shared::{
    Document, ParseError,
    connection::{Connection, HeaderName, Method},
    gateway::{ForwardedHeaders, GatewaySettings, SyncMinutes, ToolTimeout},
    registry::Wanted,
    tool_rules::{ToolList, ToolRules},
    trust::Trust,
};

use crate::{bifrost::tls, fields::Fields};

/// What can be said of a client at any time.
pub struct Settings {
    disabled: Option<bool>,
    on_all_virtual_keys: Option<bool>,
    rules: Option<ToolRules>,
    sync: Option<SyncMinutes>,
    pub user_keys: Option<Vec<HeaderName>>,
    gateway: GatewaySettings,
    pub trust: Option<Trust>,
}

impl Settings {
    pub fn read(fields: &mut Fields, row: Option<&Connection>) -> Self {
        let before = row
            .map(|row| row.details.gateway.clone())
            .unwrap_or_default();
        let rules = rules(fields, row);
        let sync = sync(fields, before.tool_sync_minutes);
        let user_keys = user_keys(fields, row);
        let stickiness = fields.flag("needs_session_stickiness");
        let gateway = GatewaySettings {
            code_mode: fields.flag("is_code_mode_client").or(before.code_mode),
            ping: fields.flag("is_ping_available").or(before.ping),
            tool_sync_minutes: sync.or(before.tool_sync_minutes),
            tool_timeout_seconds: timeout(fields).or(before.tool_timeout_seconds),
            session_stickiness: stickiness.or(before.session_stickiness),
            allowed_extra_headers: list(fields, "allowed_extra_headers", ForwardedHeaders::parse)
                .unwrap_or(before.allowed_extra_headers),
            tool_pricing: pricing(fields).unwrap_or(before.tool_pricing),
            per_user_header_keys: user_keys.clone().unwrap_or(before.per_user_header_keys),
        };
        Self {
            disabled: fields.flag("disabled"),
            on_all_virtual_keys: fields.flag("allow_on_all_virtual_keys"),
            rules,
            sync,
            user_keys,
            gateway,
            trust: tls::read(fields),
        }
    }

    /// Whether it says whom to believe.
    pub fn trusts_others(&self) -> bool {
        self.trust.as_ref().is_some_and(|trust| !trust.is_public())
    }

    pub fn lay_over(self, wanted: &mut Wanted) {
        if let Some(disabled) = self.disabled {
            wanted.enabled = !disabled;
        }
        if let Some(on_all) = self.on_all_virtual_keys {
            wanted.details.allow_on_all_virtual_keys = on_all;
        }
        if let Some(rules) = self.rules {
            wanted.details.tools = Some(rules);
        }
        if let Some(sync) = self.sync {
            wanted.check_interval = sync.check_interval();
        }
        wanted.details.gateway = self.gateway;
        if let Some(trust) = self.trust {
            wanted.details.trust = trust;
        }
    }
}

/// Without rules, a new client may call nothing; an old one keeps what it has.
fn rules(fields: &mut Fields, row: Option<&Connection>) -> Option<ToolRules> {
    let execute = list(fields, "tools_to_execute", ToolList::parse);
    let auto = list(fields, "tools_to_auto_execute", ToolList::parse);
    if row.is_some() && execute.is_none() && auto.is_none() {
        return None;
    }
    let before = row.map_or(ToolRules::none(), Connection::tool_rules);
    match before.amended(execute.as_ref(), auto.as_ref()) {
        Ok(rules) => Some(rules),
        Err(problem) => {
            fields.problem("tools_to_auto_execute", problem.0);
            None
        }
    }
}

/// Takes an interval, which is written in minutes and read in nanoseconds. Who sends back what he has read, in either, changes nothing; nor does who leaves
/// it to us as it was left to us: another vocabulary may have said how often the server is checked.
fn sync(fields: &mut Fields, before: Option<SyncMinutes>) -> Option<SyncMinutes> {
    const NAME: &str = "tool_sync_interval";
    let given = fields.value(NAME)?;
    let number = whole(&given);
    let shown = before.map_or(0, SyncMinutes::nanoseconds);
    let minutes = before.map(SyncMinutes::minutes).map(u64::from);
    if number.is_some_and(|number| number == shown || Some(number) == minutes) {
        return None;
    }
    // Nanoseconds are no minutes, however many: the number is what is wrong with them.
    let minutes = number.map(|number| u32::try_from(number).unwrap_or(u32::MAX));
    fields.put(NAME, minutes.map_or(given, Value::from));
    fields.number(NAME)
}

/// A whole number, written with a point or without.
fn whole(value: &Value) -> Option<u64> {
    const EXACT: f64 = 9e15;
    let written = value.as_f64()?;
    let is_whole = written.fract() == 0.0 && (0.0..=EXACT).contains(&written);
    value
        .as_u64()
        .or_else(|| is_whole.then_some(written as u64))
}

/// Takes a time in seconds, which is read as a text such as `30s`.
fn timeout(fields: &mut Fields) -> Option<ToolTimeout> {
    const NAME: &str = "tool_execution_timeout";
    let given = fields.value(NAME)?;
    let seconds = given.as_str().and_then(|text| {
        let digits = text.strip_suffix('s')?;
        // A sign would be read as well.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse::<u32>().ok()).flatten()
    });
    fields.put(NAME, seconds.map_or(given, Value::from));
    fields.number(NAME)
}

fn pricing(fields: &mut Fields) -> Option<Option<Document>> {
    let prices = fields.object("tool_pricing")?;
    for (tool, price) in &prices {
        if !price
            .as_f64()
            .is_some_and(|price| price >= 0.0 && price.is_finite())
        {
            fields.problem(
                &format!("tool_pricing/{tool}"),
                "must be a number that is not negative",
            );
        }
    }
    Some((!prices.is_empty()).then(|| Document(prices.into())))
}

fn user_keys(fields: &mut Fields, row: Option<&Connection>) -> Option<Vec<HeaderName>> {
    const NAME: &str = "per_user_header_keys";
    let keys = fields.texts::<String>(NAME)?;
    let mut read: Vec<HeaderName> = Vec::new();
    for key in keys {
        match HeaderName::try_from(key.trim().to_owned()) {
            Ok(key) if read.contains(&key) => {
                fields.problem(NAME, "must not name a header twice, in whatever case")
            }
            Ok(key) => read.push(key),
            Err(problem) => fields.problem(NAME, format!("has a name that {}", problem.0)),
        }
    }
    let is_needed = row.is_some_and(|row| row.auth.method() == Method::PerUserHeaders);
    if is_needed && read.is_empty() {
        fields.problem(NAME, "must have at least one name");
    }
    Some(read)
}

/// Takes a list of names that has rules of its own.
fn list<T>(
    fields: &mut Fields,
    name: &str,
    parse: impl Fn(Vec<String>) -> Result<T, ParseError>,
) -> Option<T> {
    match parse(fields.texts::<String>(name)?) {
        Ok(list) => Some(list),
        Err(problem) => {
            fields.problem(name, problem.0);
            None
        }
    }
}
