//! The gateway over real sockets, with functions that are closures.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

const TEMPLATE: &str = r#"
Resources:
  Api:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: Key
        Authorizers:
          Key:
            FunctionArn: !GetAtt Authorize.Arn
            AuthorizerPayloadFormatVersion: "2.0"
            EnableSimpleResponses: true
            Identity: {Headers: [Authorization], ReauthorizeEvery: 60}
  Authorize: {Type: AWS::Serverless::Function, Properties: {CodeUri: authorize/}}
  Echo:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: echo/
      Events:
        Closed:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/things/{id}"}
        Open:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/open", Auth: {Authorizer: NONE}}
        Slow:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/slow", Auth: {Authorizer: NONE}}
        Failing:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/failing", Auth: {Authorizer: NONE}}
        Panicking:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/panicking", Auth: {Authorizer: NONE}}
        Large:
          Type: HttpApi
          Properties: {ApiId: !Ref Api, Method: ANY, Path: "/large", Auth: {Authorizer: NONE}}
"#;

/// `echo` returns its event; `authorize` lets everybody in but `nobody`, and fails for `broken`.
#[derive(Default)]
struct Functions {
    authorized: AtomicUsize,
    finished: AtomicUsize,
}

impl Invoke for Functions {
    fn invoke(&self, function: &str, event: Json) -> BoxFuture<'_, Result<Json, InvokeError>> {
        let authorizer = function == "authorize";
        Box::pin(async move {
            if authorizer {
                self.authorized.fetch_add(1, Ordering::SeqCst);
                return match event["identitySource"][0].as_str().unwrap() {
                    "nobody" => Ok(json!({ "isAuthorized": false })),
                    "broken" => Ok(json!({ "isAuthorized": "perhaps" })),
                    caller => Ok(json!({
                        "isAuthorized": true,
                        "context": { "caller": caller, "n": 1, "event": event },
                    })),
                };
            }
            match event["rawPath"].as_str().unwrap() {
                "/slow" => {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    self.finished.fetch_add(1, Ordering::SeqCst);
                    Ok(json!({ "statusCode": 204 }))
                }
                "/failing" => Err(InvokeError("no".to_owned())),
                "/panicking" => panic!("a function that panics"),
                "/large" => Ok(json!({ "statusCode": 200, "body": "x".repeat(MAX_PAYLOAD) })),
                _ => Ok(
                    json!({ "statusCode": 200, "body": event.to_string(), "headers": { "x-seen": "1" } }),
                ),
            }
        })
    }
}

struct Running {
    address: SocketAddr,
    functions: Arc<Functions>,
}

impl Running {
    async fn start() -> Self {
        let template = Template::parse(TEMPLATE, &BTreeMap::new()).unwrap();
        let functions = Arc::new(Functions::default());
        let mut gateway = Gateway::new(&template, Arc::clone(&functions) as Arc<dyn Invoke>);
        gateway.integration_limit = Duration::from_millis(150);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Arc::new(gateway).serve(listener, std::future::pending()));
        Self { address, functions }
    }

    /// Sends bytes on a connection of its own and takes the status and the body of the answer.
    async fn raw(&self, bytes: &[u8]) -> (u16, Json) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The gateway may have refused and closed before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        let status = answer
            .get(9..12)
            .and_then(|status| status.parse().ok())
            .unwrap_or_default();
        let body = answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body)
            .unwrap_or_default();
        (status, serde_json::from_str(body).unwrap_or(Json::Null))
    }

    async fn send(&self, line: &str, headers: &str, body: &[u8]) -> (u16, Json) {
        let head = format!(
            "{line} HTTP/1.1\r\nHost: api.example.test:8080\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.raw(&[head.as_bytes(), body].concat()).await
    }
}

#[tokio::test]
async fn an_event_is_what_aws_documents() {
    let api = Running::start().await;
    let headers = "Authorization: key\r\nX-Two: a\r\nx-two: b\r\nCookie: a=1; b=2\r\nUser-Agent: test\r\n\
                   X-Forwarded-For: 1.2.3.4\r\nContent-Type: application/json; charset=utf-8\r\n";
    let (status, mut event) = api
        .send(
            "POST /things/a%20b?x=1&x=%C3%A4+2&y",
            headers,
            br#"{"a":1}"#,
        )
        .await;
    assert_eq!(status, 200);

    let context = &mut event["requestContext"];
    let time = context["time"].take();
    assert_eq!(
        time.as_str().map(str::len),
        Some("22/Nov/2026:07:16:27 +0000".len()),
        "{time}"
    );
    assert!(context["timeEpoch"].take().as_i64().unwrap() > 1_700_000_000_000);
    assert_eq!(context["requestId"].take().as_str().unwrap().len(), 32);
    assert!(
        event["headers"]["x-amzn-trace-id"]
            .take()
            .as_str()
            .unwrap()
            .starts_with("Root=1-")
    );
    let mut asked = event["requestContext"]["authorizer"]["lambda"]["event"].take();
    assert_eq!(
        event,
        json!({
            "version": "2.0",
            "routeKey": "ANY /things/{id}",
            "rawPath": "/things/a b",
            "rawQueryString": "x=1&x=%C3%A4+2&y",
            "cookies": ["a=1", "b=2"],
            "headers": {
                "authorization": "key",
                "content-length": "7",
                "content-type": "application/json; charset=utf-8",
                "host": "api.example.test:8080",
                "user-agent": "test",
                "x-amzn-trace-id": null,
                "x-forwarded-for": "1.2.3.4,127.0.0.1",
                "x-forwarded-port": api.address.port().to_string(),
                "x-forwarded-proto": "http",
                "x-two": "a,b",
            },
            "queryStringParameters": { "x": "1,\u{e4} 2", "y": "" },
            "pathParameters": { "id": "a b" },
            "requestContext": {
                "accountId": "000000000000",
                "apiId": "local",
                "authorizer": { "lambda": { "caller": "key", "n": 1, "event": null } },
                "domainName": "api.example.test",
                "domainPrefix": "api",
                "http": {
                    "method": "POST",
                    "path": "/things/a b",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "test",
                },
                "requestId": null,
                "routeKey": "ANY /things/{id}",
                "stage": "$default",
                "time": null,
                "timeEpoch": null,
            },
            "body": "{\"a\":1}",
            "isBase64Encoded": false,
        })
    );
    assert_eq!(asked["type"], "REQUEST");
    assert_eq!(asked["identitySource"], json!(["key"]));
    assert_eq!(
        asked["routeArn"],
        "arn:aws:execute-api:us-east-1:000000000000:local/$default/POST/things/a b"
    );
    assert_eq!(asked["pathParameters"], json!({ "id": "a b" }));
    assert_eq!(
        asked["body"].take(),
        Json::Null,
        "an authorizer sees no body"
    );
}

/// `lambda_http` reads the event as the request that was sent.
#[tokio::test]
async fn the_runtime_understands_the_event() {
    let api = Running::start().await;
    let (_, event) = api
        .send(
            "PUT /open?a=1&a=2",
            "Content-Type: application/octet-stream\r\n",
            &[0, 159],
        )
        .await;
    let request = lambda_http::request::from_str(&event.to_string()).unwrap();
    assert_eq!(request.method(), "PUT");
    assert_eq!(
        request.uri().to_string(),
        "http://api.example.test:8080/open?a=1&a=2"
    );
    assert_eq!(request.body().as_ref(), [0, 159]);
}

#[tokio::test]
async fn bodies_go_as_text_or_as_base64_by_their_type() {
    let api = Running::start().await;
    for (content_type, body, encoded) in [
        (
            "Content-Type: application/json\r\n",
            b"{}".as_slice(),
            false,
        ),
        ("Content-Type: TEXT/Plain; charset=x\r\n", b"a", false),
        ("Content-Type: application/json\r\n", &[0xff, 0xfe], true),
        ("Content-Type: application/problem+json\r\n", b"{}", true),
        (
            "Content-Type: application/x-www-form-urlencoded\r\n",
            b"a=1",
            true,
        ),
        ("", b"a", true),
    ] {
        let (_, event) = api.send("POST /open", content_type, body).await;
        assert_eq!(event["isBase64Encoded"], encoded, "{content_type}");
        let sent = event["body"].as_str().unwrap();
        let sent = if encoded {
            STANDARD.decode(sent).unwrap()
        } else {
            sent.as_bytes().to_vec()
        };
        assert_eq!(sent, body, "{content_type}");
    }
    let (_, event) = api.send("GET /open", "", b"").await;
    assert!(
        event.get("body").is_none() && event.get("cookies").is_none(),
        "{event}"
    );
}

#[tokio::test]
async fn an_authorizer_is_asked_once_for_each_key() {
    let api = Running::start().await;
    let count = || api.functions.authorized.load(Ordering::SeqCst);
    let message = |text: &str| json!({ "message": text });

    assert_eq!(
        api.send("GET /things/1", "", b"").await,
        (401, message("Unauthorized"))
    );
    assert_eq!(
        api.send("GET /things/1", "Authorization:\r\n", b"").await,
        (401, message("Unauthorized"))
    );
    assert_eq!(
        count(),
        0,
        "without its identity source an authorizer is not called"
    );

    for path in ["/things/1", "/things/2"] {
        let (status, event) = api
            .send(&format!("GET {path}"), "Authorization: me\r\n", b"")
            .await;
        assert_eq!(
            (
                status,
                &event["requestContext"]["authorizer"]["lambda"]["caller"]
            ),
            (200, &json!("me"))
        );
    }
    assert_eq!(count(), 1, "the answer for one route holds for the others");

    for _ in 0..2 {
        assert_eq!(
            api.send("GET /things/1", "Authorization: nobody\r\n", b"")
                .await,
            (403, message("Forbidden"))
        );
    }
    assert_eq!(count(), 2, "a refusal is remembered too");

    for _ in 0..2 {
        let answer = api
            .send("GET /things/1", "Authorization: broken\r\n", b"")
            .await;
        assert_eq!(answer, (500, message("Internal Server Error")));
    }
    assert_eq!(count(), 4, "a failure is not");

    let (status, event) = api.send("GET /open", "", b"").await;
    assert_eq!(
        (status, event["requestContext"].get("authorizer")),
        (200, None)
    );
    assert_eq!(count(), 4);
}

#[tokio::test]
async fn api_gateway_answers_by_itself_what_no_function_can() {
    let api = Running::start().await;
    let refused = |status: u16, text: &str| (status, json!({ "message": text }));
    let large = vec![b'x'; MAX_BODY + 1];
    let long = format!("X-Long: {}\r\n", "x".repeat(MAX_HEADERS));
    assert_eq!(
        api.send("GET /nowhere", "", b"").await,
        refused(404, "Not Found")
    );
    assert_eq!(
        api.send("GET /things/a%2Fb", "Authorization: me\r\n", b"")
            .await,
        refused(404, "Not Found")
    );
    assert_eq!(
        api.send("GET /open%", "", b"").await,
        refused(400, "Bad Request")
    );
    assert_eq!(
        api.send("POST /open", "", &large).await,
        refused(413, "Request Entity Too Large")
    );
    assert_eq!(
        api.send("GET /open", &long, b"").await,
        refused(431, "Request Header Fields Too Large")
    );
    assert_eq!(
        api.send("GET /failing", "", b"").await,
        refused(500, "Internal Server Error")
    );
    assert_eq!(
        api.send("GET /panicking", "", b"").await,
        refused(500, "Internal Server Error")
    );
    assert_eq!(
        api.send("GET /large", "", b"").await,
        refused(500, "Internal Server Error")
    );
    assert_eq!(
        api.send("GET /slow", "", b"").await,
        refused(503, "Service Unavailable")
    );
}

/// A body that fits API Gateway may still not fit Lambda, once it is base64.
#[tokio::test]
async fn an_event_that_lambda_would_not_take_is_refused() {
    let api = Running::start().await;
    let (status, _) = api
        .send("POST /open", "", &vec![b'x'; 5 * 1024 * 1024])
        .await;
    assert_eq!(status, 413);
    let (status, _) = api
        .send(
            "POST /open",
            "Content-Type: text/plain\r\n",
            &vec![b'x'; 2 * 1024 * 1024],
        )
        .await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn a_function_runs_to_its_end_when_the_client_has_gone() {
    let api = Running::start().await;
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    drop(stream);
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(api.functions.finished.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn no_bytes_bring_the_gateway_down() {
    let api = Running::start().await;
    for bytes in [
        b"GET /open HTTP/1.1\r\n\r\n".as_slice(),
        b"GET /open HTTP/1.0\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: [\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: \xff\xff\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: {\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a@b\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n",
    ] {
        let (status, _) = api.raw(bytes).await;
        assert_eq!(status, 400, "{}", String::from_utf8_lossy(bytes));
    }
    for bytes in [
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".as_slice(),
        b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"BREW /tea HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let (status, _) = api.raw(bytes).await;
        assert_eq!(status, 404, "{}", String::from_utf8_lossy(bytes));
    }
    let (status, event) = api
        .send("GET /open", "X-Odd: \u{e4}\r\nX-Empty:\r\n", b"")
        .await;
    assert_eq!(
        (status, &event["headers"]["x-odd"]),
        (200, &json!("\u{e4}"))
    );
    assert!(lambda_http::request::from_str(&event.to_string()).is_ok());
}
