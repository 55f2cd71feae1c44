//! One GET, its answer classified, and the answers of the last moments.

use std::sync::Arc;

use bytes::Bytes;
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

/// What was answered, and when.
type Answer = (Timestamp, Option<Arc<Value>>);

pub(super) struct Fetch {
    lookup: HttpLookup,
    header: Option<(HeaderName, HeaderValue)>,
    client: EgressClient,
    answers: Cache<(String, String), Answer>,
    keep: SignedDuration,
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
        Ok(Self { header, client, answers: Cache::new(lookup.cache_entries_max), keep, lookup })
    }

    /// The answer for that id; `None` when the service says that there is none.
    pub(super) async fn get(&self, tenant: &str, id: &str) -> Result<Option<Arc<Value>>, LookupError> {
        let key = (tenant.to_owned(), id.to_owned());
        let now = self.lookup.clock.now();
        if let Some((asked_at, answer)) = self.answers.get(&key)
            && now.duration_since(asked_at) < self.keep
            && now >= asked_at
        {
            return Ok(answer);
        }
        let answer = self.ask(tenant, id).await?.map(Arc::new);
        self.answers.insert(key, (now, answer.clone()));
        Ok(answer)
    }

    async fn ask(&self, tenant: &str, id: &str) -> Result<Option<Value>, LookupError> {
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
                Ok(answer @ Value::Object(_)) => Ok(Some(answer)),
                _ => Err(outage("it answered with something that is not a JSON object".into())),
            },
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(outage(format!("it answered {status}"))),
        }
    }
}
