//! An HTTP client with a key. Every answer is held against the API's description, so every test is a contract test.

use std::{collections::BTreeMap, sync::Arc};

use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper_util::{client::legacy, rt::TokioExecutor};
use serde_json::Value;

use crate::contract::Contract;

pub struct Client {
    base: String,
    authorization: Option<String>,
    /// Further headers of every request.
    headers: Vec<(&'static str, String)>,
    contract: Arc<Contract>,
    http: legacy::Client<legacy::connect::HttpConnector, Full<Bytes>>,
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn new(base: &str, authorization: Option<String>, contract: Arc<Contract>) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self {
            base: base.to_owned(),
            authorization,
            headers: Vec::new(),
            contract,
            http,
        }
    }

    /// The same with a header in every request.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, &[], Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, &[], None).await
    }

    /// Sends a request with further headers, and a JSON body where there is one.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut all = headers.to_vec();
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        self.send_raw(method, path, &all, body.into_bytes()).await
    }

    /// Sends exactly these bytes.
    pub async fn send_raw(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("{}{path}", self.base));
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .expect("a well-formed request");
        let response = self.http.request(request).await.expect("the stack answers");
        let (head, body) = response.into_parts();
        let body = body
            .collect()
            .await
            .expect("the answer is complete")
            .to_bytes()
            .to_vec();
        let answer = Answer {
            status: head.status.as_u16(),
            headers: plain(&head.headers),
            body,
        };
        self.contract.check(
            method.as_str(),
            path,
            answer.status,
            &head.headers,
            &answer.body,
        );
        answer
    }

    /// Follows `Link: rel="next"` to the end; gives every item, page by page.
    pub async fn pages(&self, path: &str) -> Vec<Vec<Value>> {
        let mut pages = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let answer = self.get(&path).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            next = answer.next(&self.base);
            pages.push(answer.json().as_array().expect("a bare array").clone());
        }
        pages
    }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The class of an error in Portkey's words.
    pub fn class(&self) -> String {
        let class = self.json()["data"]["errorCode"].clone();
        class.as_str().unwrap_or_default().to_owned()
    }

    /// The machine's word of an error.
    pub fn code(&self) -> String {
        let told = self.json();
        // Bifrost's errors have it one level down.
        let code = told["code"].as_str().or(told["error"]["code"].as_str());
        code.unwrap_or_default().to_owned()
    }

    /// The next page's path, from the header `Link`.
    pub fn next(&self, base: &str) -> Option<String> {
        let link = self.header("link")?;
        let address = link.strip_prefix('<')?.strip_suffix(">; rel=\"next\"")?;
        Some(
            address
                .strip_prefix(base)
                .expect("the next page is on the same API")
                .to_owned(),
        )
    }

    /// The answer without what names this one request.
    pub fn anonymous(&self) -> (u16, BTreeMap<String, String>, String) {
        let ids = ["x-request-id", "x-portkey-request-id"];
        let id = ids.into_iter().find_map(|name| self.header(name));
        let id = id.unwrap_or_default().to_owned();
        let mut headers = self.headers.clone();
        for name in ids.into_iter().chain(["apigw-requestid", "date"]) {
            headers.remove(name);
        }
        (
            self.status,
            headers,
            if id.is_empty() {
                self.text()
            } else {
                self.text().replace(&id, "ID")
            },
        )
    }
}

fn plain(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect()
}
