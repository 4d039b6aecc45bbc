//! Accepts connections and hands them to whatever the peer is at that moment.

use std::sync::Arc;

use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{Nature, Shared, behaviour::Behaviour, real, script};

/// Serves until it is dropped, and its connections with it.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Shared) {
    let sessions = Arc::new(LocalSessionManager::default());
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        // Take away those that are done, so that a long-lived peer does not collect them.
        while connections.try_join_next().is_some() {}
        let _ = stream.set_nodelay(true);
        let nature = {
            let mut state = shared.lock();
            state.connections += 1;
            state.nature.clone()
        };
        let (shared, sessions, tls) = (shared.clone(), sessions.clone(), tls.clone());
        connections.spawn(async move {
            match (tls, &nature) {
                (_, Nature::Hostile(Behaviour::HangAtOnce)) => {
                    let _open = stream;
                    std::future::pending::<()>().await;
                }
                (_, Nature::Hostile(Behaviour::CloseAtOnce)) => {}
                (Some(_), Nature::Hostile(Behaviour::NoTls)) => {
                    // What a web server says to a first line that it cannot read.
                    let mut stream = stream;
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
                }
                (None, _) => serve_stream(stream, nature, shared, sessions).await,
                (Some(tls), _) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve_stream(stream, nature, shared, sessions).await;
                    }
                }
            }
        });
    }
}

async fn serve_stream<S>(
    stream: S,
    nature: Nature,
    shared: Shared,
    sessions: Arc<LocalSessionManager>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    match nature {
        Nature::Real(kind) => real::serve(stream, kind, shared, sessions).await,
        Nature::Hostile(behaviour) => script::serve(stream, &behaviour, &shared).await,
    }
}
