//! What the host does for a component of this version.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};

use super::super::auth::Auth;
use super::super::call::{CallState, Grants};
use super::super::outgoing::Outgoing;
use super::super::{logbook, verify, web_push as push};
use super::bindings::notifier::provider::{clock, http as wit, log, model, settings, verify as wit_verify, web_push};
use crate::adapters::egress::EgressError;

impl model::Host for CallState {}

impl wit::Host for CallState {
    async fn send(&mut self, request: wit::Request) -> Result<wit::Response, wit::HttpError> {
        let timeout = request.timeout_ms.map(|timeout_ms| Duration::from_millis(timeout_ms.into()));
        let auth = auth(&request.auth);
        #[cfg(any(test, feature = "testing"))]
        let asked = self.outgoing.is_staged().then(|| super::rehearsed::asked(&request));
        let request = to_http(request).map_err(wit::HttpError::Invalid)?;
        #[cfg(any(test, feature = "testing"))]
        let sending = self.outgoing.send_or_rehearse(request, asked, &auth, timeout);
        #[cfg(not(any(test, feature = "testing")))]
        let sending = self.outgoing.send(request, &auth, timeout);
        match sending.await {
            Ok(response) => Ok(from_http(&response)),
            Err(EgressError::Denied(problem)) => Err(wit::HttpError::Denied(problem)),
            Err(EgressError::Invalid(problem)) => Err(wit::HttpError::Invalid(problem)),
            Err(EgressError::Unreachable(problem)) => Err(wit::HttpError::Unreachable(problem)),
            Err(EgressError::Interrupted(problem)) => Err(wit::HttpError::Interrupted(problem)),
            Err(EgressError::TooLarge { status }) => Err(wit::HttpError::TooLarge(status)),
        }
    }
}

pub(super) fn auth(auth: &wit::Auth) -> Auth {
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
        wit::Auth::JwtBearer(jwt) => {
            Auth::JwtBearer { account: jwt.account, token_url: jwt.token_url, scope: jwt.scope }
        }
        wit::Auth::Vapid(vapid) => Auth::Vapid { private_key: vapid.private_key, subject: vapid.subject },
        wit::Auth::StandardWebhook(secrets) => Auth::StandardWebhook(secrets),
        wit::Auth::Path(secret) => Auth::Path(secret),
        wit::Auth::FormField(form) => Auth::FormField { field: form.field, secret: form.secret },
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
    async fn verify(
        &mut self,
        algorithm: wit_verify::Algorithm,
        key: wit_verify::Key,
        payload: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool, wit_verify::VerifyError> {
        let certified;
        let is_certified = matches!(key, wit_verify::Key::Certificate(_));
        let key = match &key {
            wit_verify::Key::Secret(name) => verify::Key::Secret(name),
            wit_verify::Key::SecretBase64(name) => verify::Key::SecretBase64(name),
            wit_verify::Key::Public(der) => verify::Key::Public(der),
            wit_verify::Key::Certificate(url) => {
                let (outgoing, grants) = (Arc::clone(&self.outgoing), Arc::clone(&self.grants));
                certified = certified_key(url, &outgoing, &grants).await.map_err(to_wit)?;
                verify::Key::Public(&certified)
            }
        };
        let algorithm = from_wit(algorithm);
        let verified =
            self.on_its_budget(|call| verify::verify(&call.grants.keyring, algorithm, &key, &payload, &signature));
        if verified == Ok(true) {
            if !is_certified && self.is_of_another_body(&payload) {
                return Ok(false);
            }
            self.outgoing.release();
            if let Some(called_at) = &mut self.called_at {
                called_at.is_signed |= verify::begins_with_url(&payload, &called_at.url);
            }
        }
        verified.map_err(to_wit)
    }

    /// A password says who posts, but covers nothing else.
    fn matches(&mut self, secret: String, value: Vec<u8>) -> Result<bool, wit_verify::VerifyError> {
        let matches = self.on_its_budget(|call| verify::matches(&call.grants.keyring, &secret, &value));
        if matches == Ok(true) {
            self.outgoing.release();
        }
        matches.map_err(to_wit)
    }
}

/// The key in the certificate at that address. It is fetched although nobody was verified yet: for that it is needed.
async fn certified_key(url: &str, outgoing: &Outgoing, grants: &Grants) -> Result<Vec<u8>, verify::VerifyError> {
    #[cfg(any(test, feature = "testing"))]
    if let Some(stage) = grants.stage.as_ref().filter(|stage| !stage.is_watching()) {
        return stage.certified_key(url);
    }
    match outgoing.left() {
        Some(left) => grants.certificates.public_key(url, grants, left).await,
        None => Err(verify::VerifyError::Unreachable("nothing can be fetched while the plugin is loaded".into())),
    }
}

fn from_wit(algorithm: wit_verify::Algorithm) -> verify::Algorithm {
    match algorithm {
        wit_verify::Algorithm::HmacSha1 => verify::Algorithm::HmacSha1,
        wit_verify::Algorithm::HmacSha256 => verify::Algorithm::HmacSha256,
        wit_verify::Algorithm::EcdsaP256Sha256 => verify::Algorithm::EcdsaP256Sha256,
        wit_verify::Algorithm::RsaPkcs1Sha1 => verify::Algorithm::RsaPkcs1Sha1,
        wit_verify::Algorithm::RsaPkcs1Sha256 => verify::Algorithm::RsaPkcs1Sha256,
        wit_verify::Algorithm::Ed25519 => verify::Algorithm::Ed25519,
    }
}

impl CallState {
    /// Whether what was signed came with another body before. What was signed with a certificate is left out: it is the
    /// document in a form of its own.
    fn is_of_another_body(&mut self, payload: &[u8]) -> bool {
        let is_taken = self.on_its_budget(|call| {
            let called_at = call.called_at.as_ref()?;
            let is_covered = verify::begins_with_url(payload, &called_at.url);
            (!is_covered).then(|| call.grants.bindings.bind(payload, &called_at.body))
        });
        let is_of_another = is_taken == Some(false);
        if is_of_another {
            let provider = self.grants.provider.as_str();
            tracing::warn!(target: "notifier::plugin", provider, "the signature of one webhook came with another: refused");
        }
        is_of_another
    }
}

fn to_wit(error: verify::VerifyError) -> wit_verify::VerifyError {
    match error {
        verify::VerifyError::UnknownSecret(name) => wit_verify::VerifyError::UnknownSecret(name),
        verify::VerifyError::UnusableKey(problem) => wit_verify::VerifyError::UnusableKey(problem),
        verify::VerifyError::Unreachable(problem) => wit_verify::VerifyError::Unreachable(problem),
    }
}

impl web_push::Host for CallState {
    fn encrypt(&mut self, p256dh: Vec<u8>, auth: Vec<u8>, plaintext: Vec<u8>) -> Result<Vec<u8>, String> {
        #[cfg(any(test, feature = "testing"))]
        if self.grants.stage.as_ref().is_some_and(|stage| !stage.is_watching()) {
            return super::super::rehearsal::encrypt(&p256dh, &auth, &plaintext);
        }
        self.on_its_budget(|call| push::encrypt(&p256dh, &auth, &plaintext, &*call.grants.entropy))
    }
}

impl settings::Host for CallState {
    fn read(&mut self) -> String {
        self.grants.settings.clone()
    }
}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) {
        #[cfg(any(test, feature = "testing"))]
        if let Some(stage) = &self.grants.stage {
            return stage.note_line(message);
        }
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

    use futures_util::FutureExt as _;

    use super::super::super::call::{Purpose, new_store};
    use super::super::super::tests::{config, engine, load, secret};
    use super::*;

    /// No tick comes while the host computes: what it took is counted all the same.
    #[test]
    fn verifying_is_on_the_budget_of_the_plugin() {
        let mut config = config("hostile", notifier_plugins::HOSTILE.component, serde_json::json!({}));
        config.secrets.insert("canary".into(), secret("canary-value"));
        let provider = load(config);
        let (engine, tick) = (engine(), engine().options.tick);
        let mut store = new_store(engine, &Arc::clone(&provider.grants), Purpose::Load);
        let call = store.data_mut();
        let (key, payload) = (wit_verify::Key::Secret("canary".into()), vec![0; 10 * 1024 * 1024]);
        let verified = wit_verify::Host::verify(call, wit_verify::Algorithm::HmacSha256, key, payload, vec![0; 32]);
        assert!(matches!(verified.now_or_never(), Some(Ok(false))));
        // The fastest hardware needs more than this for ten megabytes.
        assert!(call.computed.time(tick) > Duration::from_micros(500), "{:?}", call.computed.time(tick));
    }
}
