//! Reads what a client is to be, new or changed. What Bifrost ignores, because it cannot be changed or is not known, is refused by name.

use serde_json::{Map, Value, json};
use shared::{
    Document, ParseError,
    configuration::{HEADERS, STDIO},
    connection::{Connection, ConnectionName, HeaderName, Method, ServerUrl, Transport},
    credential::Secret,
    error::{Error, Problem, Result},
    gateway::{ForwardedHeaders, GatewaySettings, SyncMinutes, ToolTimeout},
    oauth::held::Held,
    reconfiguration::{Draft, Edit},
    registry::Wanted,
    tool_rules::{ToolList, ToolRules},
    trust::Trust,
};

use super::{granted, item, oauth, values};
use crate::{bifrost::tls, fields::Fields};

/// Members that clients send along empty where they have nothing to say.
const OFTEN_EMPTY: [&str; 11] = [
    "client_id",
    "connection_string",
    "stdio_config",
    "auth_type",
    "oauth_config",
    "oauth_config_id",
    "token_exchange",
    "openapi_config",
    "endpoint_slug",
    "user_headers",
    "vk_configs",
];

/// Reads a new client.
pub fn create(mut fields: Fields) -> Result<Wanted> {
    tidy(&mut fields);
    fields.require(&["name", "connection_type"]);
    for (name, problem) in [
        (
            "client_id",
            "cannot be chosen: the answer has the one that was made",
        ),
        (
            "vk_configs",
            "can be given once the client is there: PUT /api/mcp/client/{id}",
        ),
    ] {
        if fields.value(name).is_some() {
            fields.problem(name, problem);
        }
    }
    let name = fields.text::<ClientName>("name");
    let transport = fields
        .text::<ConnectionType>("connection_type")
        .map(|kind| kind.0);
    let headers = values::headers(&mut fields, "headers").unwrap_or_default();
    let method = match fields.text::<AuthType>("auth_type") {
        Some(method) => method.0,
        None if headers.is_empty() => Method::None,
        None => Method::Headers,
    };
    let (address, process) = reached(&mut fields, transport);
    let arranged = oauth::arranged(&mut fields, method, transport, address.as_ref());
    if transport.is_some_and(Transport::is_local) {
        if !headers.is_empty() {
            fields.problem("headers", "go with the connection_types http and sse only");
        }
        if method == Method::PerUserHeaders {
            fields.problem(
                "auth_type",
                "goes with the connection_types http and sse only",
            );
        }
    }
    let settings = Settings::read(&mut fields, None);
    if transport.is_some_and(Transport::is_local) && settings.trusts_others() {
        fields.problem(
            "tls_config",
            "goes with the connection_types http and sse only",
        );
    }
    if method == Method::PerUserHeaders && settings.user_keys.as_ref().is_none_or(Vec::is_empty) {
        fields.problem(
            "per_user_header_keys",
            "is required for auth_type per_user_headers",
        );
    }

    let read = name.zip(transport).zip(address);
    let ((name, transport), url) = fields.finish(read)?;
    let mut configuration = Map::new();
    if !headers.is_empty() {
        configuration.insert(HEADERS.to_owned(), headers.into());
    }
    configuration.extend(process.map(|process| (STDIO.to_owned(), process)));
    let draft = Draft {
        name: name.0,
        url,
        method,
        transport,
        description: None,
        configuration: Some(configuration),
        secret_mappings: None,
    };
    let held = arranged.map(Held::arranged);
    let mut wanted = draft.holding(held.as_ref()).map_err(in_our_words)?;
    settings.lay_over(&mut wanted);
    Ok(wanted)
}

/// Reads a change of a client: what is absent stays. `stored` is its credential, where the headers are to change.
pub fn update(mut fields: Fields, row: &Connection, stored: Option<&Secret>) -> Result<Wanted> {
    // They are no part of the client's row, and read for themselves.
    fields.value(granted::NAME);
    tidy(&mut fields);
    check_unchanged(&mut fields, row);
    let name = match fields.value("name") {
        // A name from another vocabulary may stay what it is.
        Some(given) if given == row.name.as_str() => None,
        Some(given) => {
            fields.put("name", given);
            fields.text::<ClientName>("name")
        }
        None => None,
    };
    let headers = values::headers(&mut fields, "headers");
    if row.server_url.is_local() && headers.as_ref().is_some_and(|headers| !headers.is_empty()) {
        fields.problem("headers", "go with the connection_types http and sse only");
    }
    let settings = Settings::read(&mut fields, Some(row));
    if row.server_url.is_local() && settings.trusts_others() {
        fields.problem(
            "tls_config",
            "goes with the connection_types http and sse only",
        );
    }
    fields.finish(Some(()))?;
    let edit = Edit {
        name: name.map(|name| name.0),
        configuration: headers.map(|headers| {
            // Without any, the member goes.
            let headers = if headers.is_empty() {
                Value::Null
            } else {
                headers.into()
            };
            Map::from_iter([(HEADERS.to_owned(), headers)])
        }),
        // Known before the headers are judged: none that is stored goes to somebody new.
        trust: settings.trust.clone(),
        ..Edit::default()
    };
    let mut wanted = edit.apply(row, stored).map_err(in_our_words)?;
    settings.lay_over(&mut wanted);
    Ok(wanted)
}

/// What runs beside a gateway has no address, and a process is told how it is started.
fn reached(
    fields: &mut Fields,
    transport: Option<Transport>,
) -> (Option<ServerUrl>, Option<Value>) {
    // What is there and cannot be read is told of once.
    let [has_address, has_process] =
        ["connection_string", "stdio_config"].map(|name| fields.has(name));
    let address = values::text(fields, "connection_string");
    let process = fields.object("stdio_config");
    let is_local = transport.is_some_and(Transport::is_local);
    if is_local && address.is_some() {
        fields.problem(
            "connection_string",
            "goes with the connection_types http and sse only",
        );
    }
    if transport != Some(Transport::Stdio) && process.is_some() {
        fields.problem("stdio_config", "goes with connection_type stdio only");
    }
    match (transport, address) {
        (Some(Transport::Stdio), _) => {
            if !has_process {
                fields.problem("stdio_config", "is required for this connection_type");
            }
            let process = process.and_then(|process| started_by(fields, process));
            (ServerUrl::local().ok(), process)
        }
        (Some(Transport::Inprocess), _) => (ServerUrl::local().ok(), None),
        (Some(_), None) => {
            if !has_address {
                fields.problem("connection_string", "is required for this connection_type");
            }
            (None, None)
        }
        (_, Some(address)) => match ServerUrl::try_from(address) {
            Ok(url) => (Some(url), None),
            Err(problem) => {
                fields.problem("connection_string", problem.0);
                (None, None)
            }
        },
        (None, None) => (None, None),
    }
}

/// How a process is started: kept, and never done.
fn started_by(fields: &mut Fields, process: Map<String, Value>) -> Option<Value> {
    let mut inner = Fields::of_body(process);
    inner.drop_nulls(&[]);
    inner.require(&["command"]);
    let command = inner.text::<Word>("command");
    let [args, envs] = ["args", "envs"].map(|name| inner.texts::<Word>(name).unwrap_or_default());
    let read = inner.finish(command);
    match read {
        Ok(command) => {
            let words = |words: Vec<Word>| words.into_iter().map(|word| word.0).collect::<Vec<_>>();
            Some(json!({ "command": command.0, "args": words(args), "envs": words(envs) }))
        }
        Err(Error::Invalid(problems)) => {
            for Problem { field, problem } in problems {
                fields.problem(&format!("stdio_config{field}"), problem);
            }
            None
        }
        Err(_) => None,
    }
}

/// What cannot be changed may be sent back as it is shown.
fn check_unchanged(fields: &mut Fields, row: &Connection) {
    let shown = item::config(row);
    for name in [
        "client_id",
        "connection_type",
        "auth_type",
        "connection_string",
        "stdio_config",
        "oauth_config_id",
    ] {
        let Some(given) = fields.value(name) else {
            continue;
        };
        // Newer clients wrap a text into an object.
        let is_shown = given == shown[name] || given.get("value") == Some(&shown[name]);
        if !is_shown {
            fields.problem(name, "cannot be changed");
        }
    }
}

/// Forgets what says nothing.
fn tidy(fields: &mut Fields) {
    fields.drop_nulls(&[]);
    fields.drop_blank(&OFTEN_EMPTY);
}

/// What can be said of a client at any time.
struct Settings {
    disabled: Option<bool>,
    on_all_virtual_keys: Option<bool>,
    rules: Option<ToolRules>,
    sync: Option<SyncMinutes>,
    user_keys: Option<Vec<HeaderName>>,
    gateway: GatewaySettings,
    trust: Option<Trust>,
}

impl Settings {
    fn read(fields: &mut Fields, row: Option<&Connection>) -> Self {
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
    fn trusts_others(&self) -> bool {
        self.trust.as_ref().is_some_and(|trust| !trust.is_public())
    }

    fn lay_over(self, wanted: &mut Wanted) {
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

/// Takes an interval, which is written in minutes and read in nanoseconds: who sends back what he read changes nothing.
fn sync(fields: &mut Fields, before: Option<SyncMinutes>) -> Option<SyncMinutes> {
    const NAME: &str = "tool_sync_interval";
    let given = fields.value(NAME)?;
    let number = whole(&given);
    let shown = before.map_or(0, SyncMinutes::nanoseconds);
    if shown > 0 && number == Some(shown) {
        return before;
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

/// The domain names headers by where they are kept.
fn in_our_words(error: Error) -> Error {
    match error {
        Error::Invalid(problems) => Error::Invalid(
            problems
                .into_iter()
                .map(|Problem { field, problem }| {
                    let kept = format!("/configurations/{HEADERS}");
                    let field = field.replacen(&kept, "/headers", 1);
                    Problem::new(field.replacen("/configurations", "/headers", 1), problem)
                })
                .collect(),
        ),
        other => other,
    }
}

/// A name that a gateway can put in front of a tool's: ASCII without spaces and hyphens, and no digit first.
struct ClientName(ConnectionName);

impl TryFrom<String> for ClientName {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(ParseError("must not begin with a digit"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ParseError("must be visible ASCII without spaces"));
        }
        if text.contains('-') {
            return Err(ParseError(
                "must not contain a hyphen, which divides it from the name of a tool",
            ));
        }
        ConnectionName::try_from(text).map(Self)
    }
}

struct ConnectionType(Transport);

impl TryFrom<String> for ConnectionType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        [
            Transport::Http,
            Transport::Sse,
            Transport::Stdio,
            Transport::Inprocess,
        ]
        .into_iter()
        .find(|transport| transport.word() == text)
        .map(Self)
        .ok_or(ParseError("must be http, sse, stdio or inprocess"))
    }
}

struct AuthType(Method);

impl TryFrom<String> for AuthType {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        [
            Method::None,
            Method::Headers,
            Method::Oauth,
            Method::PerUserHeaders,
        ]
        .into_iter()
        .find(|method| item::auth_type(*method) == text)
        .map(Self)
        .ok_or(ParseError(
            "must be none, headers, oauth or per_user_headers",
        ))
    }
}

/// A word of a command line. What a process cannot be given is a slip.
struct Word(String);

impl std::str::FromStr for Word {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > 8192 || text.contains('\0') {
            return Err(ParseError("must be at most 8192 bytes, without NUL"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Word {
    type Error = ParseError;

    fn try_from(text: String) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError("must not be empty"));
        }
        text.parse()
    }
}
