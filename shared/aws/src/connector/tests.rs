//! The connector against servers that misbehave as real ones do.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::{
    Config,
    config::{retry::RetryConfig, timeout::TimeoutConfig},
    error::SdkError,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, pki_types::PrivateKeyDer},
};

use super::*;
use crate::client::{Aws, AwsSettings};

/// What a server does with a request, given the number of its connection and its own number on that connection.
#[derive(Clone, Copy, PartialEq)]
enum Does {
    Answer,
    /// Answers, and hangs up once the answer is read.
    AnswerAndClose,
    AnswerWith(u16),
    HalfAnAnswer,
    HangUp,
    Nothing,
}

struct Server {
    url: String,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn start(does: fn(connection: usize, request: usize) -> Does) -> Self {
        Self::serve("http", does, |tcp| async move { Some(tcp) }).await
    }

    async fn serve<S, F>(
        scheme: &str,
        does: fn(usize, usize) -> Does,
        accept: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Future<Output = Option<S>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            url: format!(
                "{scheme}://localhost:{}",
                listener.local_addr().unwrap().port()
            ),
            connections: Arc::default(),
            requests: Arc::default(),
        };
        let (connections, requests) = (server.connections.clone(), server.requests.clone());
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let connection = connections.fetch_add(1, Ordering::SeqCst);
                if let Some(stream) = accept(tcp).await {
                    tokio::spawn(answer(stream, connection, requests.clone(), does));
                }
            }
        });
        server
    }

    /// The real clients, calling this server.
    fn aws(&self, ca_bundle: Option<PathBuf>) -> Aws {
        let settings = AwsSettings {
            region: "eu-central-1".to_owned(),
            credentials: Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"),
            dynamodb_endpoint: Some(self.url.clone()),
            secrets_manager_endpoint: None,
            ca_bundle,
        };
        Aws::new(settings).unwrap()
    }

    fn seen(&self) -> (usize, usize) {
        (
            self.connections.load(Ordering::SeqCst),
            self.requests.load(Ordering::SeqCst),
        )
    }
}

async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    connection: usize,
    requests: Arc<AtomicUsize>,
    does: fn(usize, usize) -> Does,
) {
    for request in 0.. {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        assert!(head.starts_with("post / http/1.1\r\n"), "{head}");
        assert!(head.contains("\r\nuser-agent: mcp-steward/"), "{head}");
        let (_, length) = head.split_once("content-length: ").unwrap();
        let length: usize = length.split("\r\n").next().unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        requests.fetch_add(1, Ordering::SeqCst);

        let body = r#"{"TableNames":["mcp-steward"]}"#;
        let answer = |status, length| {
            format!("HTTP/1.1 {status} OK\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let does = does(connection, request);
        let bytes = match does {
            Does::Answer | Does::AnswerAndClose => answer(200, body.len()),
            Does::AnswerWith(status) => answer(status, body.len()),
            Does::HalfAnAnswer => answer(200, body.len() + 1),
            Does::HangUp => String::new(),
            Does::Nothing => return std::future::pending().await,
        };
        stream.write_all(bytes.as_bytes()).await.unwrap();
        if matches!(
            does,
            Does::AnswerAndClose | Does::HalfAnAnswer | Does::HangUp
        ) {
            let _ = stream.shutdown().await;
            return;
        }
    }
}

async fn ask(aws: &Aws) -> Result<usize, String> {
    match aws.dynamodb().list_tables().send().await {
        Ok(output) => Ok(output.table_names().len()),
        Err(SdkError::DispatchFailure(failure)) if failure.is_io() => Err("io".to_owned()),
        Err(other) => Err(format!("{other:?}")),
    }
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let server = Server::start(|_, _| Does::Answer).await;
    let aws = server.aws(None);
    for _ in 0..5 {
        assert_eq!(ask(&aws).await, Ok(1));
    }
    assert_eq!(server.seen(), (1, 5));
}

#[tokio::test]
async fn a_primed_connection_serves_the_first_request() {
    let server = Server::start(|_, _| Does::Answer).await;
    let aws = server.aws(None);
    aws.prime_dynamodb().await;
    assert_eq!(ask(&aws).await, Ok(1));
    assert_eq!(server.seen(), (1, 1));
}

#[tokio::test]
async fn requests_at_the_same_time_have_a_connection_each() {
    let server = Server::start(|_, _| Does::Answer).await;
    let aws = server.aws(None);
    let answers = tokio::join!(ask(&aws), ask(&aws), ask(&aws));
    assert_eq!(answers, (Ok(1), Ok(1), Ok(1)));
    assert_eq!(server.seen(), (3, 3));
}

/// What a Lambda meets when it wakes up: the server has hung up while it was frozen. No attempt is spent on it.
#[tokio::test]
async fn a_connection_that_died_while_idle_is_replaced_unnoticed() {
    let server = Server::start(|_, _| Does::AnswerAndClose).await;
    let aws = server.aws(None);
    for _ in 0..4 {
        let once = Config::builder().retry_config(RetryConfig::disabled());
        let request = aws
            .dynamodb()
            .list_tables()
            .customize()
            .config_override(once);
        request.send().await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(server.seen(), (4, 4));
}

/// The hang-up may also come in the very moment of the next request.
#[tokio::test]
async fn a_connection_that_dies_under_a_request_costs_one_attempt() {
    let server = Server::start(|connection, request| match (connection, request) {
        (0, 1) => Does::HangUp,
        _ => Does::Answer,
    })
    .await;
    let aws = server.aws(None);
    assert_eq!(ask(&aws).await, Ok(1));
    assert_eq!(ask(&aws).await, Ok(1));
    assert_eq!(server.seen(), (2, 3));
}

#[tokio::test]
async fn half_an_answer_is_asked_for_again() {
    let server = Server::start(|connection, _| match connection {
        0 => Does::HalfAnAnswer,
        _ => Does::Answer,
    })
    .await;
    assert_eq!(ask(&server.aws(None)).await, Ok(1));
    assert_eq!(server.seen(), (2, 2));
}

#[tokio::test]
async fn a_server_that_fails_is_asked_again_on_another_connection() {
    let server = Server::start(|connection, _| match connection {
        0 => Does::AnswerWith(503),
        _ => Does::Answer,
    })
    .await;
    assert_eq!(ask(&server.aws(None)).await, Ok(1));
    assert_eq!(server.seen(), (2, 2));
}

#[tokio::test]
async fn a_server_that_always_hangs_up_is_an_io_failure_after_three_attempts() {
    let server = Server::start(|_, _| Does::HangUp).await;
    assert_eq!(ask(&server.aws(None)).await, Err("io".to_owned()));
    assert_eq!(server.seen(), (3, 3));
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_an_io_failure() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Server {
        url,
        connections: Arc::default(),
        requests: Arc::default(),
    };
    let aws = server.aws(None);
    aws.prime_dynamodb().await;
    assert_eq!(ask(&aws).await, Err("io".to_owned()));
}

#[tokio::test]
async fn silence_is_a_timeout_and_its_connection_is_given_up() {
    let server = Server::start(|connection, _| match connection {
        0..3 => Does::Nothing,
        _ => Does::Answer,
    })
    .await;
    let aws = server.aws(None);
    let impatient = TimeoutConfig::builder()
        .read_timeout(Duration::from_millis(50))
        .build();
    let impatient = Config::builder().timeout_config(impatient);
    let request = aws
        .dynamodb()
        .list_tables()
        .customize()
        .config_override(impatient);
    let error = request.send().await.unwrap_err();
    assert!(matches!(error, SdkError::DispatchFailure(failure) if failure.is_timeout()));
    assert_eq!(server.seen(), (3, 3));
    assert_eq!(ask(&aws).await, Ok(1));
    assert_eq!(server.seen(), (4, 4));
}

/// The port is open, but nobody answers the TLS handshake.
#[tokio::test]
async fn a_connection_that_does_not_open_is_a_timeout() {
    let held = |tcp: TcpStream| async move {
        std::future::pending::<()>().await;
        Some(tcp)
    };
    let silent = Server::serve("https", |_, _| Does::Nothing, held).await;
    let connector = Connector::new(&[]).unwrap();
    let began = Instant::now();
    let uri = silent.url.parse().unwrap();
    let priming = connector.prime(&uri, Duration::from_millis(50));
    let error = priming.await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn a_given_up_request_takes_its_connection_with_it() {
    let server = Server::start(|connection, request| match (connection, request) {
        (0, 1) => Does::Nothing,
        _ => Does::Answer,
    })
    .await;
    let aws = server.aws(None);
    assert_eq!(ask(&aws).await, Ok(1));
    timeout(Duration::from_millis(50), ask(&aws))
        .await
        .unwrap_err();
    assert_eq!(ask(&aws).await, Ok(1));
    assert_eq!(server.seen(), (2, 3));
}

#[tokio::test]
async fn a_root_of_the_bundle_is_trusted_and_no_other() {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let leaf = leaf.signed_by(&key, &ca).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![leaf.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        )
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = Server::serve(
        "https",
        |_, _| Does::Answer,
        move |tcp| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(tcp).await.ok() }
        },
    )
    .await;

    let bundle = std::env::temp_dir().join(format!("mcp-steward-ca-{}.pem", std::process::id()));
    std::fs::write(&bundle, ca.pem()).unwrap();
    let trusting = server.aws(Some(bundle.clone()));
    std::fs::remove_file(&bundle).unwrap();

    assert_eq!(ask(&trusting).await, Ok(1));
    assert_eq!(ask(&trusting).await, Ok(1));
    assert_eq!(server.seen(), (1, 2));
    assert_eq!(ask(&server.aws(None)).await, Err("io".to_owned()));
}
