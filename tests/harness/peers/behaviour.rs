//! The ways in which a peer can misbehave. Where nothing else is said, everything before the misbehaviour is as it should be.

use std::time::Duration;

/// One way. In texts, `$ID` stands for the id of the request, `$AUTH` for the `Authorization` header it came with.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// A good modern server.
    Modern,
    /// A good legacy server, with sessions; says 400 to what it does not know.
    Legacy,
    /// A good modern server that takes its time with every answer.
    Slow(Duration),

    // Silence
    /// Accepts and says nothing, not even TLS.
    HangAtOnce,
    /// A legacy server that says nothing to this method. `DELETE` is a method here.
    HangAt(&'static str),
    /// Stops in the status line.
    HangInHead,
    /// Stops in the middle of the body.
    HangInBody,
    /// A byte a second, from the status line on.
    DripHead,
    /// A byte a second, from the body on.
    DripBody,
    /// Events that say nothing, for ever.
    Comments,
    /// The same, as fast as it can.
    CommentFlood,

    // Hanging up
    CloseAtOnce,
    /// A legacy server that hangs up at this method.
    CloseAt(&'static str),
    CloseInHead,
    CloseInBody,
    /// Ends a stream of events without an answer in it.
    CloseInEvents,
    /// Serves one request per connection and hangs up without having said so.
    CloseAfterEach,

    // HTTP
    /// Sends clients to another place.
    Redirect(u16, String),
    /// An empty response with this status.
    Status(u16),
    /// A legacy server that answers this method with a status.
    StatusAt(&'static str, u16),
    /// 429 or 503, with `Retry-After`.
    RetryAfter(u16, String),
    /// A page.
    Html(u16),
    /// These bytes to every request, then the end.
    Raw(&'static [u8]),
    /// A good modern server of 1996.
    Http10,
    /// A good modern server that says 103 first.
    EarlyHints,
    /// A header line without end.
    HugeHeader,
    /// Headers without number.
    ManyHeaders,
    /// Announces 100 MB and begins to send them.
    HugeBody,
    /// Never stops sending JSON.
    EndlessBody,
    /// Never stops sending one event.
    EndlessEvent,
    /// A compressed body that would be 100 MB.
    GzipBomb,
    /// Says JSON and HTML at once.
    TwoContentTypes,
    /// Says two lengths at once.
    TwoContentLengths,
    /// Says a length and chunks at once.
    LengthAndChunks,
    /// A legacy server that names two sessions at once.
    TwoSessions,
    /// A legacy server whose session id no header can carry.
    BadSession,
    /// Speaks plain HTTP on the port of its TLS.
    NoTls,

    // JSON-RPC
    /// This JSON to every POST.
    Says(&'static str),
    /// This JSON with this status to every POST.
    SaysWith(u16, &'static str),
    /// These events to every POST.
    SaysEvents(&'static str),
    /// A legacy server that answers an empty result to whatever it does not know.
    EmptyResults,
    /// Nesting without end.
    DeepJson,

    // Versions
    /// A modern server that refuses our version once, naming it as supported.
    RefusesOnce,
    /// A modern server that speaks only 2099-01-01.
    FutureOnly,
    /// A legacy server that answers with this version.
    Handshakes(&'static str),

    // Tools
    /// A modern server whose `tools/list` has this result.
    Lists(&'static str),
    /// Every page leads to the same next one.
    CursorLoop,
    /// Every page leads to a new one.
    EndlessCursors,
    /// This many tools on one page.
    ManyTools(usize),
    /// A server that has no tools and does not say it had.
    NoTools,
    /// A tool whose schema is 300,000 values.
    HugeSchema,
    /// A result of 100,000 objects, each of which takes a hundred times more memory than text.
    Swarm,

    // Events
    /// Good answers on streams that are never closed.
    NeverCloses,
    /// A legacy server that primes, comments, notifies and asks before it answers, in tiny pieces.
    Chatty,

    // Sessions
    /// A legacy server that does not let sessions be deleted.
    KeepsSessions,

    // Credentials
    /// A good server, of either generation, that repeats the credential wherever it can.
    Echo,
    /// Refuses with the credential in body and headers.
    EchoRefusal(u16),
    /// Fails with the credential in the message of the error.
    EchoError,

    // Other transports
    /// The deprecated HTTP+SSE transport.
    OldTransport,
    /// Nothing there, and a GET that is never answered.
    OldTransportSilent,
}
