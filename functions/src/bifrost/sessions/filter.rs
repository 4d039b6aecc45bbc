//! Which sessions a list shows, by Bifrost's parameters, and how many of them.

use shared::{ParseError, ports::Window, sessions::Filter, user_connection::SessionStatus};

use crate::{bifrost::clients::filter::words, fields::Fields};

/// What a row can be. Tokens and sessions of virtual keys there are none of here, so a list of nothing else is empty.
#[derive(Clone, PartialEq)]
enum Kind {
    Token,
    Header,
    Flow,
}

/// Takes what is wanted from the query; nothing where there can be no such session.
pub fn filter(query: &mut Fields) -> Option<Filter> {
    let statuses = SessionStatus::ALL.map(|status| (status.word(), Some(status)));
    let elsewhere = [("needs_reauth", None)];
    let statuses = words(query, "status", &[&statuses[..], &elsewhere[..]].concat());
    let modes = [("user", true), ("vk", false), ("session", false)];
    let modes = words(query, "auth_mode", &modes);
    let kinds = [
        ("token", Kind::Token),
        ("header", Kind::Header),
        ("flow", Kind::Flow),
    ];
    let kinds = words(query, "kind", &kinds);
    let connections = query.text::<String>("mcp_client_id").map(|given| {
        // What cannot be an id is nobody's.
        let ids = given.split(',').filter_map(|id| id.trim().parse().ok());
        ids.collect::<Vec<_>>()
    });
    let search = query.text("q");
    let among = |kind| kinds.as_ref().is_none_or(|kinds| kinds.contains(&kind));
    let is_kept = match (among(Kind::Header), among(Kind::Flow)) {
        // With headers go those that users were asked for, as in Bifrost's lists.
        (true, _) => None,
        (false, true) => Some(false),
        (false, false) => return None,
    };
    if modes.is_some_and(|modes| !modes.contains(&true)) {
        return None;
    }
    Some(Filter {
        search,
        statuses: statuses.map(|statuses| statuses.into_iter().flatten().collect()),
        connections,
        is_kept,
    })
}

/// How many rows a page may have: not none, and not more than 500.
struct Limit(usize);

impl TryFrom<u32> for Limit {
    type Error = ParseError;

    fn try_from(number: u32) -> Result<Self, ParseError> {
        match number {
            0 => Err(ParseError("must be greater than zero")),
            number => Ok(Self((number as usize).min(500))),
        }
    }
}

pub fn window(query: &mut Fields) -> Window {
    Window {
        limit: query.number::<Limit>("limit").map_or(50, |limit| limit.0),
        offset: query.number::<u32>("offset").unwrap_or(0) as usize,
    }
}
