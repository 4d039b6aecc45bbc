//! `/api/mcp/clients` and `/api/mcp/client/{id}`: what Bifrost calls an MCP client.

mod array;
mod body;
pub mod create;
pub mod delete;
pub(super) mod filter;
pub mod filterdata;
pub(super) mod granted;
mod item;
pub mod list;
mod oauth;
mod process;
pub mod read;
pub mod reconnect;
pub mod refresh_tools;
mod settings;
mod state;
pub mod update;
pub(super) mod values;
pub mod verify_headers;

use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use shared::{
    checkup::Report,
    error::{Error, Noun, Result},
    grants::{self, Grantee},
    ports::{Connections as _, Listing},
    timestamp::Timestamp,
    verdict::{Class, Reason},
};

use crate::{
    app::{App, Store},
    edge::{Call, Reply},
};

/// Clients whose tools are read at once.
const READ_AT_ONCE: usize = 16;
/// What the clients of one answer may weigh: Lambda takes six megabytes of it, in which every quotation mark is two.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Clients with their tools, as many as fit into one answer; at least one.
async fn shown(app: &App, call: &Call, listings: &[Listing]) -> Result<Vec<Value>> {
    let (store, now) = (app.store()?, app.clock().now());
    let ids: Vec<_> = listings
        .iter()
        .map(|listing| listing.connection.id)
        .collect();
    let (tenant, reach) = (call.tenant(), call.caller.workspace);
    let grantees = grants::grantees(&store, tenant, &ids, reach).await?;
    let reads: Vec<_> = listings
        .iter()
        .map(|listing| {
            let grantees = grantees.get(&listing.connection.id);
            let grantees = grantees.map_or(&[][..], Vec::as_slice);
            with_tools(&store, listing, grantees, now).boxed()
        })
        .collect();
    let mut reads = stream::iter(reads).buffered(READ_AT_ONCE);
    let (mut shown, mut bytes) = (Vec::new(), 0);
    while let Some(client) = reads.try_next().await? {
        bytes += client.to_string().len();
        if bytes > MAX_BYTES && !shown.is_empty() {
            break;
        }
        shown.push(client);
    }
    Ok(shown)
}

async fn with_tools(
    store: &Store,
    listing: &Listing,
    grantees: &[Grantee],
    now: Timestamp,
) -> Result<Value> {
    let row = &listing.connection;
    let tools = match listing.offered().filter(|contract| contract.tool_count > 0) {
        Some(contract) => store.tools(row.tenant, row.id, &contract.digest).await?,
        None => Vec::new(),
    };
    Ok(item::client(listing, &tools, grantees, now))
}

/// The client in the path. What belongs to another tenant is not there.
async fn named(app: &App, call: &Call) -> Result<Listing> {
    let id = call.id(Noun::Connection)?;
    app.connections()?.connection(call.tenant(), id).await
}

/// Checks the client in the path now. What is switched off, or runs elsewhere, cannot be.
async fn checked(app: &App, call: &Call) -> Result<Report> {
    let listing = named(app, call).await?;
    let row = &listing.connection;
    if row.server_url.is_local() {
        return Err(Error::CheckFailed(Reason::NotRunnableHere));
    }
    if !row.enabled {
        return Err(Error::invalid(
            "/disabled",
            "is true: enable the client first",
        ));
    }
    let report = app.checkup()?.test(call.tenant(), row.id).await?;
    match report.reason {
        // Nobody's headers were there to be asked with, so nothing was listed.
        Some(reason @ Reason::UserAuthRequired) if report.listing.offered().is_none() => {
            Err(Error::CheckFailed(reason))
        }
        Some(reason) => match reason.class() {
            Class::Remark => Ok(report),
            Class::Ours => Err(Error::Unavailable("the check could not be done".into())),
            _ => Err(Error::CheckFailed(reason)),
        },
        None => Ok(report),
    }
}

/// That something went well, in the documented words.
fn success(message: &str) -> Result<Reply> {
    Reply::ok(&serde_json::json!({ "status": "success", "message": message }))
}
