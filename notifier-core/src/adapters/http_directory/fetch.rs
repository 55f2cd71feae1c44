//! One GET, its answer classified, and the answers of the last moments.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use http::header::{ACCEPT, HeaderName, HeaderValue};
use http::{Request, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use moka::sync::Cache;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{HttpLookup, InvalidLookup};
use crate::adapters::egress::{EgressClient, EgressLimits, EgressPolicy};
use crate::ports::directory::LookupError;

type Id = (String, String);
type Found = Result<Option<Answer>, LookupError>;
/// A request under way, for all who want its answer.
type Asking = Shared<BoxFuture<'static, Found>>;

/// What was answered, and when.
#[derive(Clone)]
struct Answer {
    asked_at: Timestamp,
    bytes: usize,
    value: Arc<Value>,
}

impl Answer {
    /// Memory that it takes, roughly: a parsed answer is a few times as large as its text.
    fn weight(id: &Id, answer: &Self) -> u32 {
        u32::try_from(256 + id.0.len() + id.1.len() + 4 * answer.bytes).unwrap_or(u32::MAX)
    }
}

pub(super) struct Fetch {
    service: Arc<Service>,
    answers: Cache<Id, Answer>,
    /// What is held here is dropped by the last who waits for it.
    asking: Mutex<HashMap<Id, WeakShared<BoxFuture<'static, Found>>>>,
    keep: SignedDuration,
}

/// Whom to ask.
struct Service {
    lookup: HttpLookup,
    header: Option<(HeaderName, HeaderValue)>,
    client: EgressClient,
}

impl Fetch {
    pub(super) fn new(lookup: HttpLookup) -> Result<Self, InvalidLookup> {
        let invalid = |setting: &str, problem: &str| InvalidLookup { setting: setting.into(), problem: problem.into() };
        let base: Uri = lookup.base_url.parse().map_err(|_| invalid("base_url", "is not a URL"))?;
        let authority =
            base.authority().ok_or_else(|| invalid("base_url", "must be an http or https URL with a host"))?;
        if !matches!(base.scheme_str(), Some("http" | "https")) || base.query().is_some() {
            return Err(invalid("base_url", "must be an http or https URL without a query"));
        }
        if !lookup.path.starts_with('/') || !lookup.path.contains("{id}") {
            return Err(invalid("path", "must start with `/` and contain `{id}`"));
        }
        let header = match &lookup.api_key_header {
            None => None,
            Some((name, key)) => {
                let name: HeaderName = name.parse().map_err(|_| invalid("api_key_header", "is not a header name"))?;
                let value = HeaderValue::from_str(key.expose_secret());
                let mut value = value.map_err(|_| invalid("api_key", "the key cannot stand in a header"))?;
                value.set_sensitive(true);
                Some((name, value))
            }
        };
        // The operator named this host: it may be a private one, and the only one.
        let policy = EgressPolicy::new([authority.as_str()]).map_err(|error| invalid("base_url", &error.problem))?;
        let policy = policy.allow_private_network(true).allow_plain_http(true);
        let client = EgressClient::new(policy, EgressLimits::default(), Arc::clone(&lookup.clock));
        let keep = SignedDuration::try_from(lookup.cache_ttl).unwrap_or(SignedDuration::MAX);
        let answers = Cache::builder().max_capacity(lookup.cache_bytes_max).weigher(Answer::weight).build();
        let service = Arc::new(Service { lookup, header, client });
        Ok(Self { service, answers, asking: Mutex::default(), keep })
    }

    /// The answer for that id; `None` when the service says that there is none. That is not kept: somebody who signs up
    /// now may be written to in the next moment.
    pub(super) async fn get(&self, tenant: &str, id: &str) -> Result<Option<Arc<Value>>, LookupError> {
        let id = (tenant.to_owned(), id.to_owned());
        let now = self.service.lookup.clock.now();
        let kept = self.answers.get(&id);
        let is_fresh = |answer: &Answer| now >= answer.asked_at && now.duration_since(answer.asked_at) < self.keep;
        if let Some(answer) = kept.filter(is_fresh) {
            return Ok(Some(answer.value));
        }
        let found = self.join(&id).await?;
        if let Some(answer) = &found {
            self.answers.insert(id, answer.clone());
        }
        Ok(found.map(|answer| answer.value))
    }

    /// Asks, or waits with those who asked already: a thousand reminders to one building are one question.
    fn join(&self, id: &Id) -> Asking {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody waits any more for what is gone or has its answer.
        asking.retain(|_, waiting| waiting.upgrade().is_some_and(|waiting| waiting.peek().is_none()));
        if let Some(waiting) = asking.get(id).and_then(WeakShared::upgrade) {
            return waiting;
        }
        let (service, (tenant, name)) = (Arc::clone(&self.service), id.clone());
        let started = async move { service.ask(&tenant, &name).await }.boxed().shared();
        asking.extend(started.downgrade().map(|waiting| (id.clone(), waiting)));
        started
    }
}

impl Service {
    async fn ask(&self, tenant: &str, id: &str) -> Found {
        let asked_at = self.lookup.clock.now();
        let outage = |message: String| LookupError { message };
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let path = self.lookup.path.replace("{tenant}", &encoded(tenant)).replace("{id}", &encoded(id));
        let uri = format!("{}{path}", self.lookup.base_url.trim_end_matches('/'));
        let mut request = Request::get(uri).header(ACCEPT, "application/json");
        if let Some((name, value)) = &self.header {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::new()).map_err(|_| outage("there is no usable URL for this id".into()))?;
        let response = self.client.send(request, self.lookup.timeout).await;
        let response = response.map_err(|error| outage(error.to_string()))?;
        match response.status() {
            StatusCode::OK => match serde_json::from_slice(response.body()) {
                Ok(value @ Value::Object(_)) => {
                    Ok(Some(Answer { asked_at, bytes: response.body().len(), value: Arc::new(value) }))
                }
                _ => Err(outage("it answered with something that is not a JSON object".into())),
            },
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(outage(format!("it answered {status}"))),
        }
    }
}
