//! What the host does for a component of this version.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};

use super::super::auth::Auth;
use super::super::call::CallState;
use super::super::{logbook, verify};
use super::bindings::notifier::provider::{clock, http as wit, log, model, settings, verify as wit_verify};
use crate::adapters::egress::EgressError;

impl model::Host for CallState {}

impl wit::Host for CallState {
    async fn send(&mut self, request: wit::Request) -> Result<wit::Response, wit::HttpError> {
        let timeout = request.timeout_ms.map(|timeout_ms| Duration::from_millis(timeout_ms.into()));
        let auth = auth(&request.auth);
        let request = to_http(request).map_err(wit::HttpError::Invalid)?;
        match self.outgoing.send(request, &auth, timeout).await {
            Ok(response) => Ok(from_http(&response)),
            Err(EgressError::Denied(problem)) => Err(wit::HttpError::Denied(problem)),
            Err(EgressError::Invalid(problem)) => Err(wit::HttpError::Invalid(problem)),
            Err(EgressError::Unreachable(problem)) => Err(wit::HttpError::Unreachable(problem)),
            Err(EgressError::Interrupted(problem)) => Err(wit::HttpError::Interrupted(problem)),
            Err(EgressError::TooLarge { status }) => Err(wit::HttpError::TooLarge(status)),
        }
    }
}

fn auth(auth: &wit::Auth) -> Auth {
    match auth.clone() {
        wit::Auth::None => Auth::None,
        wit::Auth::Basic(basic) => Auth::Basic { username: basic.username, password: basic.password },
        wit::Auth::Bearer(secret) => Auth::Bearer(secret),
        wit::Auth::Header(header) => Auth::Header { header: header.header, secret: header.secret },
        wit::Auth::AwsSigv4(aws) => Auth::AwsSigV4 {
            service: aws.service,
            region: aws.region,
            access_key_id: aws.access_key_id,
            secret_access_key: aws.secret_access_key,
            session_token: aws.session_token,
        },
    }
}

fn to_http(request: wit::Request) -> Result<Request<Bytes>, String> {
    let method = match request.method {
        wit::Method::Get => Method::GET,
        wit::Method::Post => Method::POST,
        wit::Method::Put => Method::PUT,
        wit::Method::Patch => Method::PATCH,
        wit::Method::Delete => Method::DELETE,
    };
    let uri = Uri::try_from(request.url.as_str())
        .map_err(|error| format!("`{}` is not a URL: {error}", request.url.escape_debug()))?;
    let mut built = Request::new(Bytes::from(request.body));
    *built.method_mut() = method;
    *built.uri_mut() = uri;
    for (name, value) in &request.headers {
        let header = HeaderName::try_from(name.as_str())
            .map_err(|_| format!("`{}` is not a header name", name.escape_debug()))?;
        let value = HeaderValue::try_from(value.as_str())
            .map_err(|_| format!("the value of the header `{header}` has characters that no header can hold"))?;
        built.headers_mut().append(header, value);
    }
    Ok(built)
}

fn from_http(response: &Response<Bytes>) -> wit::Response {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    wit::Response {
        status: response.status().as_u16(),
        headers: response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect(),
        body: response.body().to_vec(),
    }
}

impl wit_verify::Host for CallState {
    fn verify(
        &mut self,
        algorithm: wit_verify::Algorithm,
        key: wit_verify::Key,
        payload: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool, wit_verify::VerifyError> {
        let algorithm = match algorithm {
            wit_verify::Algorithm::HmacSha1 => verify::Algorithm::HmacSha1,
            wit_verify::Algorithm::HmacSha256 => verify::Algorithm::HmacSha256,
            wit_verify::Algorithm::EcdsaP256Sha256 => verify::Algorithm::EcdsaP256Sha256,
            wit_verify::Algorithm::RsaPkcs1Sha1 => verify::Algorithm::RsaPkcs1Sha1,
            wit_verify::Algorithm::RsaPkcs1Sha256 => verify::Algorithm::RsaPkcs1Sha256,
            wit_verify::Algorithm::Ed25519 => verify::Algorithm::Ed25519,
        };
        let key = match &key {
            wit_verify::Key::Secret(name) => verify::Key::Secret(name),
            wit_verify::Key::Public(der) => verify::Key::Public(der),
        };
        let verified =
            self.on_its_budget(|call| verify::verify(&call.grants.keyring, algorithm, &key, &payload, &signature));
        if let Some(called_at) = self.called_at.as_mut().filter(|_| verified == Ok(true)) {
            called_at.is_signed |= verify::begins_with_url(&payload, &called_at.url);
        }
        verified.map_err(|error| match error {
            verify::VerifyError::UnknownSecret(name) => wit_verify::VerifyError::UnknownSecret(name),
            verify::VerifyError::UnusableKey(problem) => wit_verify::VerifyError::UnusableKey(problem),
        })
    }
}

impl settings::Host for CallState {
    fn read(&mut self) -> String {
        self.grants.settings.clone()
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) {
        let level = match level {
            log::Level::Debug => logbook::Level::Debug,
            log::Level::Info => logbook::Level::Info,
            log::Level::Warn => logbook::Level::Warn,
            log::Level::Error => logbook::Level::Error,
        };
        self.logbook.write(level, &message, &self.grants.keyring);
    }
}

impl clock::Host for CallState {
    fn now_ms(&mut self) -> u64 {
        u64::try_from(self.grants.clock.now().as_millisecond()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::super::call::{Purpose, new_store};
    use super::super::super::share::{Appetite, Share};
    use super::super::super::tests::{config, engine, load, secret};
    use super::*;

    /// No tick comes while the host computes: what it took is counted all the same.
    #[test]
    fn verifying_is_on_the_budget_of_the_plugin() {
        let mut config = config("hostile", notifier_plugins::HOSTILE.component, serde_json::json!({}));
        config.secrets.insert("canary".into(), secret("canary-value"));
        let provider = load(config);
        let (engine, tick) = (engine(), engine().options.tick);
        let share = Share::new(&engine.share, &Appetite::default(), tick);
        let mut store = new_store(engine, &Arc::clone(&provider.grants), share, Purpose::Load);
        let call = store.data_mut();
        let (key, payload) = (wit_verify::Key::Secret("canary".into()), vec![0; 10 * 1024 * 1024]);
        let verified = wit_verify::Host::verify(call, wit_verify::Algorithm::HmacSha256, key, payload, vec![0; 32]);
        assert!(matches!(verified, Ok(false)));
        // The fastest hardware needs more than this for ten megabytes.
        assert!(call.share.computed(tick) > Duration::from_micros(500), "{:?}", call.share.computed(tick));
    }
}
