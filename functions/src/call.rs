//! A request as a handler sees it: whose it is, and its parts read into domain types.

use std::{collections::BTreeMap, str::FromStr};

use lambda_http::{
    Request, RequestExt as _,
    http::{HeaderValue, header},
    request::RequestContext,
};
use serde_json::{Map, Value};
use shared::{
    audit::Author,
    caller::Caller,
    connection::Version,
    error::{Error, Noun, Problem, Result},
    right::Right,
    tenant::TenantId,
};

use crate::{context, fields::Fields};

/// What a request body may weigh.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A request of anybody.
pub struct Visit {
    request: Request,
}

impl Visit {
    pub(crate) const fn new(request: Request) -> Self {
        Self { request }
    }

    /// A parameter of the path, as [`Call::segment`].
    pub fn segment<T: FromStr>(&self, name: &str, noun: Noun) -> Result<T> {
        segment(&self.request, name, noun)
    }

    /// The parameters of the query, which have names of somebody else's choice.
    pub fn parameters(&self) -> Result<BTreeMap<String, String>> {
        let query = self.request.query_string_parameters();
        let mut parameters = BTreeMap::new();
        for (name, value) in query.iter() {
            if parameters
                .insert(name.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(Error::invalid(name, "must be given only once"));
            }
        }
        Ok(parameters)
    }
}

/// A request of a known caller.
pub struct Call {
    pub caller: Caller,
    /// Who asks, as the audit trail remembers it.
    pub author: Author,
    request: Request,
}

impl Call {
    /// A call exists only with a caller who has one of the rights.
    pub(crate) fn admit(
        request: Request,
        rights: &'static [Right],
        request_id: &str,
    ) -> Result<Self> {
        let (caller, address) = match request.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(http)) => (
                http.authorizer
                    .as_ref()
                    .and_then(|authorizer| context::caller(&authorizer.fields)),
                http.http.source_ip.clone(),
            ),
            _ => (None, None),
        };
        let caller = caller.ok_or(Error::Unauthenticated)?;
        if !rights.iter().any(|right| caller.may(*right)) {
            return Err(match rights {
                [right] => Error::Forbidden(*right),
                several => Error::ForbiddenAll(several),
            });
        }
        let author = Author::of(&caller, address, request_id.to_owned());
        Ok(Self {
            caller,
            author,
            request,
        })
    }

    pub const fn tenant(&self) -> TenantId {
        self.caller.tenant
    }

    /// The id in the path. What cannot be an id is as unknown as an id that does not exist, and gets the same answer.
    pub fn id<T: FromStr>(&self, noun: Noun) -> Result<T> {
        self.segment("id", noun)
    }

    /// Another parameter of the path, likewise.
    pub fn segment<T: FromStr>(&self, name: &str, noun: Noun) -> Result<T> {
        segment(&self.request, name, noun)
    }

    /// The members of the JSON object in the body.
    pub fn fields(&self) -> Result<Fields> {
        self.fields_within(MAX_BODY_BYTES)
    }

    /// The same where clients send no body when they have nothing to say.
    pub fn optional_fields(&self, max_bytes: usize) -> Result<Fields> {
        if self.body().iter().all(u8::is_ascii_whitespace) {
            return Ok(Fields::of_body(Map::new()));
        }
        self.fields_within(max_bytes)
    }

    fn fields_within(&self, max_bytes: usize) -> Result<Fields> {
        let body = self.body();
        if body.len() > max_bytes {
            return Err(Error::TooLarge(max_bytes / 1024));
        }
        let content_type = self
            .header(header::CONTENT_TYPE.as_str())?
            .unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Error::UnsupportedMediaType);
        }
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(members)) => Ok(Fields::of_body(members)),
            Ok(_) => Err(Error::invalid("", "must be a JSON object")),
            // The position, and not serde's sentence, which quotes what it found.
            Err(error) => Err(Error::invalid(
                "",
                format!(
                    "is not valid JSON (line {}, column {})",
                    error.line(),
                    error.column()
                ),
            )),
        }
    }

    /// The parameters of the query.
    pub fn query(&self) -> Result<Fields> {
        let query = self.request.query_string_parameters();
        let mut members = Map::new();
        let mut problems = Vec::new();
        for (name, value) in query.iter() {
            if members.insert(name.to_owned(), value.into()).is_some() {
                problems.push(Problem::new(name, "must be given only once"));
            }
        }
        if problems.is_empty() {
            Ok(Fields::of_query(members))
        } else {
            Err(Error::Invalid(problems))
        }
    }

    /// The version that the caller saw, from `If-Match`. `*` is any.
    pub fn if_match(&self) -> Result<Option<Version>> {
        match self.header(header::IF_MATCH.as_str())? {
            None | Some("*") => Ok(None),
            // A tag that was never ours is as stale as one that is not current any more.
            Some(tag) => {
                let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
                version
                    .and_then(|version| version.parse().ok())
                    .map(|version| Some(Version(version)))
                    .ok_or(Error::Stale)
            }
        }
    }

    /// The header `Idempotency-Key`.
    pub fn idempotency_key(&self) -> Result<Option<&str>> {
        const NAME: &str = "Idempotency-Key";
        match self.header(NAME)? {
            Some(key) if key.is_empty() || key.len() > 255 => {
                Err(Error::invalid(NAME, "must be 1 to 255 characters"))
            }
            key => Ok(key),
        }
    }

    pub fn body(&self) -> &[u8] {
        self.request.body().as_ref()
    }

    /// Scheme and host that this request was sent to.
    pub fn origin(&self) -> Option<String> {
        let uri = self.request.uri();
        Some(format!("{}://{}", uri.scheme()?, uri.authority()?))
    }

    /// This request's address with another `cursor`.
    pub fn address_at(&self, cursor: &str) -> String {
        let uri = self.request.uri();
        let kept = self.request.query_string_parameters();
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .extend_pairs(kept.iter().filter(|(name, _)| *name != "cursor"))
            .append_pair("cursor", cursor);
        let path = format!("{}?{}", uri.path(), query.finish());
        match (uri.scheme(), uri.authority()) {
            (Some(scheme), Some(authority)) => format!("{scheme}://{authority}{path}"),
            _ => path,
        }
    }

    /// The path of this request with `segment` below it.
    pub fn path_below(&self, segment: impl std::fmt::Display) -> String {
        format!(
            "{}/{segment}",
            self.request.uri().path().trim_end_matches('/')
        )
    }

    pub fn header(&self, name: &str) -> Result<Option<&str>> {
        let value = self.request.headers().get(name);
        value
            .map(HeaderValue::to_str)
            .transpose()
            .map_err(|_| Error::invalid(name, "must be visible ASCII"))
    }
}

fn segment<T: FromStr>(request: &Request, name: &str, noun: Noun) -> Result<T> {
    let parameters = request.path_parameters_ref();
    let id = parameters.and_then(|parameters| parameters.first(name));
    id.and_then(|id| id.parse().ok())
        .ok_or(Error::NotFound(noun))
}
