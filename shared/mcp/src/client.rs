//! The conversation: introduce ourselves in the generation the server speaks, list its tools, take our leave.

pub(crate) mod era;
mod others;
mod schema;
mod tools;
mod wire;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use serde_json::{Value, json};
use shared::{
    capability::Capability,
    contract::Contract,
    verdict::{Era, Failure, Reason, StepName},
};
use tokio::time::Instant;

use self::{
    era::{AfterDiscover, AfterInitialize},
    tools::Listing,
    wire::Introduction,
};
use crate::{
    channel::{Ask, Channel, Reply},
    limits::Limits,
    rpc::{self, Said},
    transcript::Transcript,
};

const ACCEPT_BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");
const VERSION_HEADER: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD_HEADER: HeaderName = HeaderName::from_static("mcp-method");
const SESSION_HEADER: HeaderName = HeaderName::from_static("mcp-session-id");

/// One conversation with one server.
pub(crate) struct Client<'a> {
    channel: Channel<'a>,
    limits: &'a Limits,
    deadline: Instant,
    /// What the server speaks, as far as it is known.
    era: Option<Era>,
    session: Option<Session>,
    last_id: u64,
}

/// A session that the server opened and that we owe it to close.
struct Session {
    id: HeaderValue,
    version: &'static str,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        channel: Channel<'a>,
        limits: &'a Limits,
        deadline: Instant,
        era: Option<Era>,
    ) -> Self {
        Self {
            channel,
            limits,
            deadline,
            era,
            session: None,
            last_id: 0,
        }
    }

    pub(crate) fn era(&self) -> Option<Era> {
        self.era
    }

    /// Learns which tools the server offers and, where there is a place for it, what else.
    pub(crate) async fn learn(
        &mut self,
        others: Option<&mut Vec<Capability>>,
        transcript: &mut Transcript,
    ) -> Result<Contract, Failure> {
        let introduction = self.introduce(transcript).await?;
        let mut listing = Listing::new(self.limits, introduction.era);
        if introduction.has_tools {
            transcript.step(StepName::ListTools);
            self.list_tools(&introduction, &mut listing, transcript)
                .await?;
        }
        if let Some(others) = others {
            self.list_others(&introduction, others, transcript).await;
        }
        Ok(Contract {
            protocol_version: introduction.version.to_owned(),
            server_info: introduction.server_info,
            instructions: introduction.instructions,
            tools: listing.into_tools(),
        })
    }

    /// Closes the session, if the server opened one. The answer is of no interest: a server may refuse, and then it has its own way.
    pub(crate) async fn end_session(&mut self, transcript: &mut Transcript) {
        let Some(session) = self.session.take() else {
            return;
        };
        transcript.step(StepName::EndSession);
        let until = self.deadline.min(Instant::now() + self.limits.end_session);
        let ask = Ask {
            method: Method::DELETE,
            headers: session.headers(),
            body: Vec::new(),
        };
        let _ = self.channel.tell(&ask, until, transcript).await;
        // Whatever came of it is no reason of the check's.
        transcript.close(None);
    }

    /// First contact, by the rule of `era`.
    async fn introduce(&mut self, transcript: &mut Transcript) -> Result<Introduction, Failure> {
        let remembered = self.era;
        let mut discover_status = None;
        if remembered != Some(Era::Legacy) {
            match self.discover(transcript).await? {
                Ok(introduction) => return Ok(introduction),
                Err(status) => discover_status = Some(status),
            }
        }
        let (reason, status) = match self.initialize(transcript).await? {
            Ok(introduction) => return Ok(introduction),
            Err(not_legacy) => not_legacy,
        };
        let discover_status = match discover_status {
            Some(status) => status,
            // What we remembered is no longer so: the server may have moved on.
            None => match self.discover(transcript).await? {
                Ok(introduction) => return Ok(introduction),
                Err(status) => status,
            },
        };
        if discover_status.is_client_error() && status.is_client_error() {
            let ask = Ask {
                method: Method::GET,
                headers: HeaderMap::from_iter([(
                    header::ACCEPT,
                    HeaderValue::from_static("text/event-stream"),
                )]),
                body: Vec::new(),
            };
            if self.channel.serves_old_transport(&ask, self.until()).await {
                return Err(Reason::WrongTransport.into());
            }
        }
        Err(reason.into())
    }

    /// Asks a modern server who it is. The inner error means that it is not one, and is the status it said so with.
    async fn discover(
        &mut self,
        transcript: &mut Transcript,
    ) -> Result<Result<Introduction, http::StatusCode>, Failure> {
        transcript.step(StepName::Discover);
        let mut asked_again = false;
        loop {
            let reply = self
                .ask_modern("server/discover", json!({}), transcript)
                .await?;
            match era::after_discover(&reply, asked_again) {
                AfterDiscover::Modern(introduction) => {
                    self.era = Some(Era::Modern);
                    return Ok(Ok(introduction));
                }
                AfterDiscover::AskAgain => {
                    self.era = Some(Era::Modern);
                    asked_again = true;
                }
                AfterDiscover::Initialize => return Ok(Err(reply.status)),
                AfterDiscover::Stop(reason) => {
                    self.era = Some(Era::Modern);
                    return Err(reason.into());
                }
            }
        }
    }

    /// Shakes hands with a legacy server. The inner error means that it is not one, and why.
    async fn initialize(
        &mut self,
        transcript: &mut Transcript,
    ) -> Result<Result<Introduction, (Reason, http::StatusCode)>, Failure> {
        transcript.step(StepName::Initialize);
        let params = json!({
            "protocolVersion": era::NEWEST_LEGACY,
            "capabilities": {},
            "clientInfo": wire::client_info(),
        });
        let reply = self
            .ask("initialize", &params, HeaderMap::new(), transcript)
            .await?;
        let introduction = match era::after_initialize(&reply) {
            AfterInitialize::Legacy(introduction) => introduction,
            AfterInitialize::UnknownVersion => {
                self.era = Some(Era::Legacy);
                self.open_session(&reply, era::NEWEST_LEGACY)?;
                return Err(Reason::VersionUnsupported.into());
            }
            AfterInitialize::NotLegacy(reason) => return Ok(Err((reason, reply.status))),
        };
        self.era = Some(Era::Legacy);
        self.open_session(&reply, introduction.version)?;

        transcript.step(StepName::Initialized);
        let ask = Ask {
            method: Method::POST,
            headers: with_body(self.legacy_headers(introduction.version)),
            body: rpc::notification("notifications/initialized"),
        };
        let status = self.channel.tell(&ask, self.until(), transcript).await?;
        if !status.is_success() {
            return Err(Reason::HttpError.into());
        }
        Ok(Ok(introduction))
    }

    fn open_session(&mut self, reply: &Reply, version: &'static str) -> Result<(), Failure> {
        let mut ids = reply.headers.get_all(SESSION_HEADER).iter();
        let Some(id) = ids.next() else {
            return Ok(());
        };
        let visible =
            |id: &HeaderValue| !id.is_empty() && id.as_bytes().iter().all(u8::is_ascii_graphic);
        if !visible(id) || ids.any(|other| other != id) {
            return Err(Reason::ProtocolError.into());
        }
        self.session = Some(Session {
            id: id.clone(),
            version,
        });
        Ok(())
    }

    async fn list_tools(
        &mut self,
        introduction: &Introduction,
        listing: &mut Listing<'_>,
        transcript: &mut Transcript,
    ) -> Result<(), Failure> {
        let mut params = json!({});
        loop {
            let result = self
                .ask_for_list(introduction, "tools/list", params, transcript)
                .await?;
            match listing.take_page(result)? {
                Some(cursor) => params = json!({ "cursor": cursor }),
                None => return Ok(()),
            }
        }
    }

    /// Prompts, resources and their templates, as far as the server has them and answers in time.
    async fn list_others(
        &mut self,
        introduction: &Introduction,
        found: &mut Vec<Capability>,
        transcript: &mut Transcript,
    ) {
        for list in &others::LISTS {
            if !list.is_offered(&introduction.capabilities) {
                continue;
            }
            transcript.step(StepName::ListOthers);
            let mut params = Some(json!({}));
            for _ in 0..self.limits.pages {
                let Some(asked) = params.take() else {
                    break;
                };
                let page = self.ask_for_list(introduction, list.method, asked, transcript);
                if let Ok(result) = page.await {
                    params = list.take_page(result, found, self.limits);
                }
            }
        }
    }

    /// One page of a list.
    async fn ask_for_list(
        &mut self,
        introduction: &Introduction,
        method: &'static str,
        params: Value,
        transcript: &mut Transcript,
    ) -> Result<Value, Failure> {
        let reply = match introduction.era {
            Era::Modern => self.ask_modern(method, params, transcript).await?,
            Era::Legacy => {
                let headers = self.legacy_headers(introduction.version);
                self.ask(method, &params, headers, transcript).await?
            }
        };
        match reply.said {
            _ if reply.status.is_client_error() => Err(Reason::HttpError.into()),
            Said::Result(result) => Ok(result),
            // By now it is clear that this is MCP, so whatever else comes is MCP gone wrong.
            _ => Err(Reason::ProtocolError.into()),
        }
    }

    /// Asks as 2026-07-28 wants it: every request says who asks, in which version, and repeats the method outside the body.
    async fn ask_modern(
        &mut self,
        method: &'static str,
        mut params: Value,
        transcript: &mut Transcript,
    ) -> Result<Reply, Failure> {
        params["_meta"] = wire::request_meta();
        let headers = HeaderMap::from_iter([
            (VERSION_HEADER, HeaderValue::from_static(era::MODERN)),
            (METHOD_HEADER, HeaderValue::from_static(method)),
        ]);
        self.ask(method, &params, headers, transcript).await
    }

    async fn ask(
        &mut self,
        method: &str,
        params: &Value,
        headers: HeaderMap,
        transcript: &mut Transcript,
    ) -> Result<Reply, Failure> {
        self.last_id += 1;
        let id = self.last_id;
        let ask = Ask {
            method: Method::POST,
            headers: with_body(headers),
            body: rpc::request(id, method, params),
        };
        self.channel.ask(&ask, id, self.until(), transcript).await
    }

    fn legacy_headers(&self, version: &'static str) -> HeaderMap {
        match &self.session {
            Some(session) => session.headers(),
            None => HeaderMap::from_iter([(VERSION_HEADER, HeaderValue::from_static(version))]),
        }
    }

    /// How long a request may take: to the deadline, and a little less once there is a session that has to be closed before it.
    fn until(&self) -> Instant {
        if self.session.is_none() {
            return self.deadline;
        }
        let kept_free = (self.limits.total / 10).min(self.limits.end_session);
        self.deadline
            .checked_sub(kept_free)
            .unwrap_or(self.deadline)
    }
}

impl Session {
    fn headers(&self) -> HeaderMap {
        HeaderMap::from_iter([
            (SESSION_HEADER, self.id.clone()),
            (VERSION_HEADER, HeaderValue::from_static(self.version)),
        ])
    }
}

fn with_body(mut headers: HeaderMap) -> HeaderMap {
    headers.insert(header::ACCEPT, ACCEPT_BOTH);
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers
}
