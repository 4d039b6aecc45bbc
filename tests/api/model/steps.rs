//! The steps that are drawn: what callers ask for, what servers do, and how time passes.

use proptest::{option, prelude::*, sample::select};
use serde_json::{Value, json};

/// How a server is.
#[derive(Clone, Debug, PartialEq)]
pub enum Mood {
    Open,
    Wants(String),
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IfMatch {
    Absent,
    Current,
    Stale,
}

/// The members of a body, present or not, right or wrong.
#[derive(Clone, Debug)]
pub struct Body {
    pub name: Option<String>,
    /// The server, and the path on it.
    pub place: Option<(usize, String)>,
    pub auth_type: Option<&'static str>,
    pub token: Option<String>,
    pub header: Option<String>,
    pub key: Option<String>,
    pub enabled: Option<bool>,
    pub interval: Option<u64>,
}

impl Body {
    pub fn json(&self, urls: &[String]) -> Value {
        let mut body = json!({});
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                body[name] = value;
            }
        };
        put("name", self.name.as_ref().map(|name| json!(name)));
        put(
            "serverUrl",
            self.place
                .as_ref()
                .map(|(server, path)| json!(format!("{}{path}", urls[*server]))),
        );
        put("authType", self.auth_type.map(|auth| json!(auth)));
        put("bearerToken", self.token.as_ref().map(|token| json!(token)));
        put(
            "headerName",
            self.header.as_ref().map(|header| json!(header)),
        );
        put("apiKey", self.key.as_ref().map(|key| json!(key)));
        put("enabled", self.enabled.map(|enabled| json!(enabled)));
        put(
            "checkIntervalSeconds",
            self.interval.map(|interval| json!(interval)),
        );
        body
    }
}

/// `which` is a connection among all that were ever made, by any tenant, counted round; the last one of each round never was.
#[derive(Clone, Debug)]
pub enum Step {
    Create {
        tenant: usize,
        body: Body,
        key: Option<u8>,
    },
    /// The last request with an idempotency key, once more.
    Repeat,
    Patch {
        tenant: usize,
        which: usize,
        body: Body,
        seen: IfMatch,
    },
    Rotate {
        tenant: usize,
        which: usize,
        /// What the new value is called.
        member: &'static str,
        token: String,
    },
    Test {
        tenant: usize,
        which: usize,
    },
    Delete {
        tenant: usize,
        which: usize,
    },
    Read {
        tenant: usize,
        which: usize,
    },
    List {
        tenant: usize,
        status: Option<&'static str>,
        search: Option<&'static str>,
        limit: usize,
    },
    /// A server changes.
    Change {
        server: usize,
        mood: Mood,
    },
    /// The next minute comes, and its tick.
    Tick,
    /// Time passes without a tick.
    Wait {
        seconds: i64,
    },
}

/// As many servers as there are.
pub const SERVERS: usize = 3;

fn token() -> impl Strategy<Value = String> {
    select(vec!["red", "green", "blue"]).prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    let names = vec!["Alpha", "alpha", "Beta", "Gamma", "Alphabet", "délta", ""];
    select(names).prop_map(str::to_owned)
}

fn place() -> impl Strategy<Value = (usize, String)> {
    (0..SERVERS, select(vec!["/mcp", "/other"]))
        .prop_map(|(server, path)| (server, path.to_owned()))
}

fn interval() -> impl Strategy<Value = u64> {
    select(vec![60, 60, 61, 120, 300, 3600, 59])
}

/// The members about authentication: mostly as they belong together, sometimes any.
#[derive(Clone, Debug)]
struct AuthMembers(
    Option<&'static str>,
    Option<String>,
    Option<String>,
    Option<String>,
);

fn auth() -> impl Strategy<Value = AuthMembers> {
    let header = || select(vec!["x-api-key", "x-token"]).prop_map(str::to_owned);
    let kinds = vec!["none", "bearer", "api_key"];
    prop_oneof![
        2 => Just(AuthMembers(Some("none"), None, None, None)),
        4 => token().prop_map(|token| AuthMembers(Some("bearer"), Some(token), None, None)),
        2 => (header(), token())
            .prop_map(|(header, key)| AuthMembers(Some("api_key"), None, Some(header), Some(key))),
        1 => (option::of(select(kinds)), option::of(token()), option::of(header()), option::of(token()))
            .prop_map(|(kind, token, header, key)| AuthMembers(kind, token, header, key)),
    ]
}

fn new() -> impl Strategy<Value = Body> {
    let rest = (
        option::weighted(0.2, any::<bool>()),
        option::weighted(0.7, interval()),
    );
    (name(), place(), auth(), rest).prop_map(|(name, place, auth, (enabled, interval))| {
        let AuthMembers(auth_type, token, header, key) = auth;
        let (name, place) = (Some(name), Some(place));
        Body {
            name,
            place,
            auth_type,
            token,
            header,
            key,
            enabled,
            interval,
        }
    })
}

fn edit() -> impl Strategy<Value = Body> {
    let auth = prop_oneof![
        3 => Just(AuthMembers(None, None, None, None)),
        1 => token().prop_map(|token| AuthMembers(None, Some(token), None, None)),
        2 => auth(),
    ];
    let rest = (
        option::weighted(0.25, any::<bool>()),
        option::weighted(0.25, interval()),
    );
    (
        option::weighted(0.3, name()),
        option::weighted(0.4, place()),
        auth,
        rest,
    )
        .prop_map(|(name, place, auth, (enabled, interval))| {
            let AuthMembers(auth_type, token, header, key) = auth;
            Body {
                name,
                place,
                auth_type,
                token,
                header,
                key,
                enabled,
                interval,
            }
        })
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        Just(Mood::Open),
        Just(Mood::Down),
        token().prop_map(Mood::Wants)
    ]
}

pub fn step() -> BoxedStrategy<Step> {
    // Mostly the first tenant asks, so that its connections are many.
    let tenant = || prop_oneof![4 => Just(0_usize), 1 => Just(1_usize)];
    let which = || any::<usize>();
    let seen = select(vec![
        IfMatch::Absent,
        IfMatch::Absent,
        IfMatch::Current,
        IfMatch::Stale,
    ]);
    let filter = (
        option::of(select(vec!["active", "error", "unknown"])),
        option::of(select(vec!["ALPHA", "bet", "É", "nobody"])),
        1..4_usize,
    );
    prop_oneof![
        5 => (tenant(), new(), option::weighted(0.3, 0..2_u8))
            .prop_map(|(tenant, body, key)| Step::Create { tenant, body, key }),
        1 => Just(Step::Repeat),
        5 => (tenant(), which(), edit(), seen)
            .prop_map(|(tenant, which, body, seen)| Step::Patch { tenant, which, body, seen }),
        3 => (tenant(), which(), select(vec!["bearerToken", "bearerToken", "apiKey"]), token())
            .prop_map(|(tenant, which, member, token)| Step::Rotate { tenant, which, member, token }),
        3 => (tenant(), which()).prop_map(|(tenant, which)| Step::Test { tenant, which }),
        1 => (tenant(), which()).prop_map(|(tenant, which)| Step::Delete { tenant, which }),
        1 => (tenant(), which()).prop_map(|(tenant, which)| Step::Read { tenant, which }),
        1 => (tenant(), filter)
            .prop_map(|(tenant, (status, search, limit))| Step::List { tenant, status, search, limit }),
        3 => (0..SERVERS, mood()).prop_map(|(server, mood)| Step::Change { server, mood }),
        4 => Just(Step::Tick),
        1 => (1..200_i64).prop_map(|seconds| Step::Wait { seconds }),
    ]
    .boxed()
}
