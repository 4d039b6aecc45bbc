//! What the documentation of DynamoDB and Secrets Manager promises, held against the emulators that stand in for them.
//! Every other test is only as good as these two are. Where one is known to differ, the difference is asserted, so that
//! an emulator that learns the rule is noticed.
//!
//! Most checks speak the wire format; those whose point is what the SDK makes of an answer use the SDK.

mod dynamodb;
mod secrets_manager;

use aws_credential_types::Credentials;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use shared_aws::client::{Aws, AwsSettings};
use tokio::net::{TcpListener, TcpStream};

/// An emulator that answers on a port of its own.
struct Service {
    address: String,
    target: &'static str,
    content_type: &'static str,
}

/// A refusal: the exception's name and all that came with it.
#[derive(Debug)]
struct Refused {
    code: String,
    body: Value,
}

impl Service {
    /// Calls one operation on a connection of its own, with a signature that nobody checks.
    async fn call(&self, operation: &str, body: Value) -> Result<Value, Refused> {
        self.call_as(self.target, operation, body).await
    }

    async fn call_as(&self, target: &str, operation: &str, body: Value) -> Result<Value, Refused> {
        let stream = TcpStream::connect(&self.address).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = http::Request::post("/")
            .header("host", &self.address)
            .header("content-type", self.content_type)
            .header("x-amz-target", format!("{target}.{operation}"))
            .header("x-amz-date", "20261122T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=id/20261122/us-east-1/any/aws4_request, SignedHeaders=host, Signature=0",
            )
            .body(Full::new(Bytes::from(body.to_string())))
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status.is_success() {
            return Ok(body);
        }
        let code = body["__type"].as_str().unwrap_or_default();
        Err(Refused {
            code: code.rsplit('#').next().unwrap().to_owned(),
            body,
        })
    }

    /// Calls an operation that must be refused, and tells how.
    async fn refusal(&self, operation: &str, body: Value) -> String {
        match self.call(operation, body).await {
            Ok(answer) => format!("accepted: {answer}"),
            Err(refused) => refused.code,
        }
    }
}

/// The SDK's clients for an emulator, as the product builds them.
fn sdk(address: &str) -> Aws {
    let url = Some(format!("http://{address}"));
    Aws::new(AwsSettings {
        region: "us-east-1".to_owned(),
        credentials: Credentials::new("id", "secret", None, None, "tests"),
        dynamodb_endpoint: url.clone(),
        secrets_manager_endpoint: url,
        ca_bundle: None,
    })
    .unwrap()
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}
