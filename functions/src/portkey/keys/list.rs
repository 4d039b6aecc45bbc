//! `GET /v1/api-keys`: the API keys of the kinds that the caller may list, of one workspace or of all that it reaches.

use shared::{
    error::Result,
    right::{KeyVerb, Right},
};

use super::{ApiKey, any_kind};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{Pages, VOCABULARY, own_organisation, page, workspace_id},
};

const RIGHTS: [Right; 3] = any_kind(KeyVerb::List);
const PAGES: Pages = Pages::from_zero(100, 500);

pub const FUNCTION: Function = VOCABULARY.endpoint("portkey-keys-list", &RIGHTS, |app, call| {
    Box::pin(handle(app, call))
});

async fn handle(app: App, call: Call) -> Result<Reply> {
    let mut query = call.query()?;
    query.drop_empty();
    own_organisation(&mut query, &call);
    let named = workspace_id(&mut query);
    let window = PAGES.read(&mut query);
    query.accept(Some(()))?;

    let found = app
        .directory()?
        .keys(&call.caller, named.as_ref(), window)
        .await?;

    let now = app.clock().now();
    Reply::ok(&page(&found.map(|record| ApiKey::new(record, now))))
}
