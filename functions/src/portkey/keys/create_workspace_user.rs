//! `POST /v1/api-keys/workspace/user`: make an API key of a workspace that acts as one of its users. It is shown once.

use shared::{
    caller::KeyKind,
    right::{KeyVerb, Right},
};

use super::create;
use crate::{edge::Function, portkey::VOCABULARY};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-keys-create-workspace-user",
    &[Right::to_keys(KeyKind::WorkspaceUser, KeyVerb::Create)],
    |app, call| Box::pin(create(app, call, KeyKind::WorkspaceUser)),
);
