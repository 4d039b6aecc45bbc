//! `POST /v1/api-keys/organisation/service`: make an API key of the organisation, which reaches every workspace. It is shown once.

use shared::{
    caller::KeyKind,
    right::{KeyVerb, Right},
};

use super::create;
use crate::{edge::Function, portkey::VOCABULARY};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-keys-create-organisation-service",
    &[Right::to_keys(
        KeyKind::OrganisationService,
        KeyVerb::Create,
    )],
    |app, call| Box::pin(create(app, call, KeyKind::OrganisationService)),
);
