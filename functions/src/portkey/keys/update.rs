//! `PUT /v1/api-keys/{id}`: change what is given, keep the rest. Its kind and its user stay as they are.

use shared::{
    directory::keys::KeyEdit,
    error::Result,
    right::{KeyVerb, Right},
};

use super::{any_kind, named};
use crate::{
    app::App,
    edge::{Call, Function, Reply},
    portkey::{VOCABULARY, done, own_organisation, settings},
};

const RIGHTS: [Right; 3] = any_kind(KeyVerb::Update);

pub const FUNCTION: Function = VOCABULARY.endpoint("portkey-keys-update", &RIGHTS, |app, call| {
    Box::pin(handle(app, call))
});

async fn handle(app: App, call: Call) -> Result<Reply> {
    let edit = parse(&call)?;

    let record = named(&app, &call, KeyVerb::Update).await?;
    app.directory()?
        .edit_key(&call.caller, &call.author, &record, edit)
        .await?;

    done()
}

fn parse(call: &Call) -> Result<KeyEdit> {
    let mut fields = call.fields()?;
    // What can be cleared is cleared by null.
    let settings = settings::of_key(&mut fields);
    fields.drop_nulls(&["description", "expires_at"]);
    own_organisation(&mut fields, call);
    let edit = KeyEdit {
        kind: fields.text("type"),
        user: fields.text("user_id"),
        name: fields.text("name"),
        description: fields.nullable_text("description"),
        scopes: fields.texts("scopes"),
        expires_at: fields.nullable_text("expires_at"),
        settings,
    };
    fields.accept(Some(edit))
}
