//! `GET /api/mcp-connections/{id}/tools`: the tools a connection offered at its last good check.

use shared::{
    error::{Noun, Result},
    ports::Connections as _,
    right::Right,
};

use crate::{
    app::App,
    edge::{Call, Function, Reply},
    native::VOCABULARY,
};

pub const FUNCTION: Function = VOCABULARY.endpoint(
    "native-connections-tools",
    &[Right::READ_CONNECTIONS],
    |app, call| Box::pin(handle(app, call)),
);

async fn handle(app: App, call: Call) -> Result<Reply> {
    let id = call.id(Noun::Connection)?;

    let connections = app.connections()?;
    let listing = connections.connection(call.tenant(), id).await?;
    let tools = match listing.offered() {
        Some(contract) => {
            connections
                .tools(call.tenant(), id, &contract.digest)
                .await?
        }
        None => Vec::new(),
    };

    Reply::ok(&tools)
}
