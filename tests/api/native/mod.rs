//! The nine endpoints of `/api/mcp-connections`, each with all that its contract says.

mod create;
mod credentials;
mod edit;
mod list;
mod observe;
