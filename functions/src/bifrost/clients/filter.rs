//! Which clients a list shows, by the parameters of Bifrost's second version: values of one are alternatives, and all parameters hold together.

use std::collections::BTreeSet;

use shared::{
    caller::{KeyId, KeyRecord},
    connection::{Connection, ConnectionId, Method, Transport},
    error::{Noun, Result},
    ports::{Connections as _, Grantings as _, Integrations as _, Listing, Shelf, Slice, Window},
    search,
};

use super::{item, state::State};
use crate::{app::App, edge::Call, fields::Fields};

/// The size of a page, if none is asked for, and the largest.
const PAGE: usize = 100;
/// Of so many keys it can be asked at once what they are granted.
const MOST_KEYS: usize = 50;

/// Takes a window from the query. What is larger than a page is cut to one, and the answer says so.
pub fn window(query: &mut Fields) -> Window {
    let limit = query.number::<u32>("limit").unwrap_or(0) as usize;
    let offset = query.number::<u32>("offset").unwrap_or(0);
    Window {
        offset: offset as usize,
        limit: if limit == 0 { PAGE } else { limit.min(PAGE) },
    }
}

/// What a list is to show.
#[derive(Default)]
pub struct Wanted {
    /// Part of a name, in any case.
    search: Option<String>,
    server: Option<String>,
    transports: Option<Vec<Transport>>,
    methods: Option<Vec<Method>>,
    states: Option<Vec<State>>,
    on_all_virtual_keys: Option<bool>,
    /// Of clients that are granted to one of these keys.
    virtual_keys: Option<Vec<KeyId>>,
    granted: Option<BTreeSet<ConnectionId>>,
    code_mode: Option<bool>,
    disabled: Option<bool>,
}

impl Wanted {
    pub fn read(query: &mut Fields) -> Self {
        query.drop_empty();
        Self {
            search: query.text("search"),
            server: query.text("server"),
            transports: words(query, "connection_type", &transports()),
            methods: words(query, "auth_type", &methods()),
            states: words(query, "state", &states()).map(|states| states.concat()),
            on_all_virtual_keys: query.switch("all_virtual_keys"),
            virtual_keys: virtual_keys(query),
            granted: None,
            code_mode: query.switch("code_mode"),
            disabled: query.switch("disabled"),
        }
    }

    /// A part of the clients that it wants, counted.
    pub async fn find(mut self, app: &App, call: &Call, window: Window) -> Result<Slice<Listing>> {
        let (store, tenant, reach) = (app.store()?, call.tenant(), call.caller.workspace);
        if let Some(keys) = self.virtual_keys.take() {
            // Of a key that the caller does not reach he learns nothing.
            let named = store.keys_named(tenant, &keys).await?;
            let is_reached = |key: &KeyRecord| reach.is_none() || key.workspace == reach;
            let keys: Vec<_> = named
                .iter()
                .filter(|key| is_reached(key))
                .map(|key| key.id)
                .collect();
            let pairs = store.granted_to(tenant, &keys).await?;
            let granted = pairs.into_iter().map(|(_, connection)| connection);
            self.granted = Some(granted.collect());
        }
        // Names are in a list that is kept; whatever else is asked for is in the rows alone.
        if reach.is_none() && self.is_by_name() {
            return store
                .shelf(tenant, Shelf::All, self.search.as_deref(), window)
                .await;
        }
        if let Some(server) = &self.server {
            let found = match server.parse::<ConnectionId>() {
                Ok(id) => store.connection(tenant, id).await,
                Err(_) => Err(shared::error::Error::NotFound(Noun::Connection)),
            };
            let found = match found {
                Err(shared::error::Error::NotFound(_)) => None,
                found => Some(found?),
            };
            let found: Vec<_> = found
                .into_iter()
                .filter(|found| self.keeps(call, found))
                .collect();
            return Ok(Slice {
                total: found.len(),
                items: found.into_iter().skip(window.offset).collect(),
                has_more: false,
            });
        }
        search::sift(&store, tenant, |listing| self.keeps(call, listing), window).await
    }

    /// Whether it wants this one by who may use it: all keys, or one of those that are named.
    fn is_for_keys(&self, row: &Connection) -> bool {
        let on_all = self
            .on_all_virtual_keys
            .map(|wanted| wanted == row.details.allow_on_all_virtual_keys);
        let granted = self
            .granted
            .as_ref()
            .map(|granted| granted.contains(&row.id));
        match (on_all, granted) {
            (None, None) => true,
            (on_all, granted) => on_all == Some(true) || granted == Some(true),
        }
    }

    const fn is_by_name(&self) -> bool {
        matches!(
            self,
            Self {
                search: _,
                server: None,
                transports: None,
                methods: None,
                states: None,
                on_all_virtual_keys: None,
                virtual_keys: None,
                granted: None,
                code_mode: None,
                disabled: None,
            }
        )
    }

    /// Whether it wants this one, and the caller reaches it.
    pub fn keeps(&self, call: &Call, listing: &Listing) -> bool {
        let row = &listing.connection;
        let (details, reach) = (&row.details, call.caller.workspace);
        let is = |wanted: Option<bool>, is: bool| wanted.is_none_or(|wanted| wanted == is);
        let is_reached = reach.is_none() || row.workspace.is_none() || row.workspace == reach;
        is_reached
            && self
                .search
                .as_ref()
                .is_none_or(|part| row.name.contains(part))
            && among(self.transports.as_ref(), details.transport)
            && among(self.methods.as_ref(), row.auth.method())
            && among(self.states.as_ref(), State::of(listing))
            && self.is_for_keys(row)
            && is(self.code_mode, details.gateway.code_mode.unwrap_or(false))
            && is(self.disabled, !row.enabled)
    }
}

fn among<T: PartialEq>(wanted: Option<&Vec<T>>, found: T) -> bool {
    wanted.is_none_or(|wanted| wanted.contains(&found))
}

fn transports() -> [(&'static str, Transport); 4] {
    Transport::ALL.map(|transport| (transport.word(), transport))
}

fn methods() -> [(&'static str, Method); 6] {
    [
        Method::None,
        Method::Headers,
        Method::Oauth,
        Method::OauthClientCredentials,
        Method::OauthAuto,
        Method::PerUserHeaders,
    ]
    .map(|method| (item::auth_type(method), method))
}

/// The five states, and the two that the second version filters by: `unstable` is there what is not `healthy`.
fn states() -> Vec<(&'static str, Vec<State>)> {
    let (healthy, unstable) = State::ALL
        .into_iter()
        .partition(|state| *state == State::Connected);
    let mut words: Vec<_> = State::ALL.map(|state| (state.word(), vec![state])).into();
    words.extend([("healthy", healthy), ("unstable", unstable)]);
    words
}

/// Takes ids of keys divided by commas.
fn virtual_keys(query: &mut Fields) -> Option<Vec<KeyId>> {
    const NAME: &str = "virtual_keys";
    let given = query.text::<String>(NAME)?;
    let ids: Vec<_> = given.split(',').map(str::trim).map(str::parse).collect();
    if ids.len() > MOST_KEYS || ids.iter().any(Result::is_err) {
        query.problem(NAME, "must have at most 50 UUIDs with commas between them");
        return None;
    }
    Some(ids.into_iter().flatten().collect())
}

/// Takes a list of words divided by commas; what a word stands for, which can be several things.
pub fn words<T: Clone>(query: &mut Fields, name: &str, known: &[(&str, T)]) -> Option<Vec<T>> {
    let given = query.text::<String>(name)?;
    let mut wanted = Vec::new();
    for word in given.split(',').map(str::trim) {
        let found = known.iter().filter(|(other, _)| *other == word);
        let before = wanted.len();
        wanted.extend(found.map(|(_, value)| value.clone()));
        if wanted.len() == before {
            let mut words: Vec<_> = known.iter().map(|(word, _)| *word).collect();
            words.dedup();
            query.problem(name, format!("must have nothing but {}", words.join(", ")));
            return None;
        }
    }
    Some(wanted)
}
