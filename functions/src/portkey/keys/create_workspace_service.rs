//! `POST /v1/api-keys/workspace/service`: make an API key of a workspace, for a machine. It is shown once.

use shared::{
    caller::KeyKind,
    right::{KeyVerb, Right},
};

use super::create;
use crate::{edge::Function, portkey::VOCABULARY};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "portkey-keys-create-workspace-service",
    &[Right::to_keys(KeyKind::WorkspaceService, KeyVerb::Create)],
    |app, call| Box::pin(create(app, call, KeyKind::WorkspaceService)),
);
