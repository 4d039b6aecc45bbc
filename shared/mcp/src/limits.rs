//! What one check may cost us: time, bytes and items. All of them bound what a hostile server can make us spend.

use std::time::Duration;

/// The limits of a check. The defaults are the product's; tests shorten the times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// From the first step to the finding. Nothing runs longer.
    pub total: Duration,
    /// Looking a name up.
    pub resolve: Duration,
    /// Connecting, including the TLS handshake.
    pub connect: Duration,
    /// Ending a session. Time is kept free for it as soon as a server opens one.
    pub end_session: Duration,
    /// Waiting for the first event of the deprecated HTTP+SSE transport.
    pub old_transport: Duration,
    /// How long a stream may stay open after the answer before its connection is given up rather than used again.
    pub linger: Duration,
    pub header_bytes: usize,
    pub response_bytes: usize,
    /// All bodies of a check together.
    pub check_bytes: usize,
    pub pages: usize,
    pub tools: usize,
    /// What the schemas kept from a check may take in memory, by a rough count. It can be a hundred times what they take on the
    /// wire, so bounding the wire is not enough.
    pub kept_bytes: usize,
    /// What a check may take in memory without waiting for one of the places for large ones.
    pub light_bytes: usize,
    /// How many checks may be large at the same time.
    pub large_checks: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            total: Duration::from_secs(10),
            resolve: Duration::from_secs(3),
            connect: Duration::from_secs(3),
            end_session: Duration::from_secs(2),
            old_transport: Duration::from_secs(2),
            linger: Duration::from_millis(100),
            header_bytes: 32 * 1024,
            response_bytes: 1024 * 1024,
            check_bytes: 4 * 1024 * 1024,
            pages: 20,
            tools: 1000,
            kept_bytes: 8 * 1024 * 1024,
            light_bytes: 512 * 1024,
            large_checks: 24,
        }
    }
}
