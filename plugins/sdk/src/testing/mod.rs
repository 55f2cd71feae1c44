//! The host of native tests: it checks every byte that a plugin sends, and answers what the test scripted.
//!
//! ```
//! # use notifier_plugin_sdk::{*, testing::*};
//! # struct Gateway;
//! # impl Provider for Gateway {
//! #     type Settings = serde_json::Value;
//! #     fn describe() -> Description { unreachable!() }
//! #     fn send(_: &Self::Settings, _: Message, _: Context) -> Result<Receipt, SendError> {
//! #         Request::post("https://gateway.example/").bearer("token").body("text/plain", "Hello").send()?;
//! #         Ok(Receipt { provider_message_id: None, attributes: vec![] })
//! #     }
//! # }
//! let outcome = Script::new()
//!     .secret("token", "s3cr3t")
//!     .exchange(
//!         Exchange::post("https://gateway.example/")
//!             .bearer("token")
//!             .header("content-type", "text/plain")
//!             .body("Hello")
//!             .reply(202, ""),
//!     )
//!     .send::<Gateway>(sms("+14155550100", "Hello"), context());
//! assert!(outcome.is_ok());
//! ```
#![expect(clippy::panic, reason = "a scripted host fails the test that runs it")]

mod exchange;
mod replay;
mod samples;
mod schema;
mod signing;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};

use serde_json::Value;

use crate::bindings::exports::notifier::provider::provider::Guest;
use crate::contract::*;
use crate::provider::{Exported, Provider};

pub use exchange::Exchange;
pub use replay::{codes, replay};
pub use samples::{chat, context, email, push, sms, sought, webhook, webhook_event};
pub use schema::{check_object_schema, check_schema};
pub use signing::{EcdsaP256, hmac_sha1, hmac_sha256, standard_webhook};

thread_local! {
    /// One test runs on one thread, so that tests run beside each other.
    static SCRIPT: RefCell<Option<Script>> = const { RefCell::new(None) };
}

/// What the host knows and will be asked, in order.
#[derive(Debug)]
pub struct Script {
    settings: Value,
    secrets: BTreeMap<String, String>,
    now_ms: u64,
    certificates: BTreeMap<String, Vec<u8>>,
    exchanges: VecDeque<Exchange>,
    log: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// No settings, no secrets, no exchange, and the time 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self {
            settings: Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            now_ms: 1_767_225_600_000,
            certificates: BTreeMap::new(),
            exchanges: VecDeque::new(),
            log: Vec::new(),
        }
    }

    /// The operator's settings.
    #[must_use]
    pub fn settings(mut self, settings: Value) -> Self {
        self.settings = settings;
        self
    }

    /// Grants a secret. A request that names another is denied, as the host does.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.insert(name.into(), value.into());
        self
    }

    /// The time, in milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn now_ms(mut self, now_ms: u64) -> Self {
        self.now_ms = now_ms;
        self
    }

    /// The public key (SubjectPublicKeyInfo in DER) of the certificate at that URL. Others cannot be reached.
    #[must_use]
    pub fn certificate(mut self, url: &str, public_key_der: Vec<u8>) -> Self {
        self.certificates.insert(url.into(), public_key_der);
        self
    }

    /// The next request, and its answer.
    #[must_use]
    pub fn exchange(mut self, exchange: Exchange) -> Self {
        self.exchanges.push_back(exchange);
        self
    }

    /// Runs `check-settings` as the host does.
    ///
    /// # Errors
    /// What the plugin found wrong.
    pub fn check_settings<P: Provider>(self) -> Result<(), Vec<SettingProblem>> {
        self.run(Exported::<P>::check_settings).0
    }

    /// What `check-settings` finds wrong, as `setting: problem`.
    pub fn problems<P: Provider>(self) -> Vec<String> {
        let problems = self.check_settings::<P>().err().unwrap_or_default();
        problems.into_iter().map(|problem| format!("{}: {}", problem.setting, problem.problem)).collect()
    }

    /// Runs `send` as the host does.
    ///
    /// # Errors
    /// What the plugin made of it.
    pub fn send<P: Provider>(self, message: Message, context: Context) -> Result<Receipt, SendError> {
        self.run(|| Exported::<P>::send(message, context)).0
    }

    /// Runs `look-up` as the host does.
    pub fn look_up<P: Provider>(self, sought: Sought) -> Finding {
        self.run(|| Exported::<P>::look_up(sought)).0
    }

    /// Runs `receive` as the host does, except that requests are possible before a signature was found right.
    ///
    /// # Errors
    /// Why the plugin refused the webhook.
    pub fn receive<P: Provider>(self, webhook: Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
        self.run(|| Exported::<P>::receive(webhook)).0
    }

    /// Runs anything with this host behind it, and gives its result and the log lines, as `warn: text`.
    ///
    /// # Panics
    /// When a request differs from the script, or fewer requests came than were scripted.
    pub fn run<T>(self, plugin: impl FnOnce() -> T) -> (T, Vec<String>) {
        SCRIPT.with_borrow_mut(|script| *script = Some(self));
        let result = plugin();
        let Some(script) = SCRIPT.take() else { panic!("a script ran inside a script") };
        assert!(script.exchanges.is_empty(), "requests that were never made: {:#?}", script.exchanges);
        (result, script.log)
    }
}

fn with_script<T>(answer: impl FnOnce(&mut Script) -> T) -> T {
    SCRIPT.with_borrow_mut(|script| match script {
        Some(script) => answer(script),
        None => panic!("the host was called outside of Script::run"),
    })
}

/// What the host answers. The same names and types as the component's imports.
pub(crate) mod imports {
    use super::{signing, with_script};
    use crate::bindings::notifier::provider::http;
    use crate::bindings::notifier::provider::log::Level;
    use crate::contract::{Algorithm, Auth, HttpError, Key, Response, VerifyError};
    use crate::web_push::PLAINTEXT_BYTES_MAX;

    pub(crate) fn read() -> String {
        with_script(|script| script.settings.to_string())
    }

    pub(crate) fn now_ms() -> u64 {
        with_script(|script| script.now_ms)
    }

    pub(crate) fn write(level: Level, message: &str) {
        let level = match level {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        };
        with_script(|script| script.log.push(format!("{level}: {message}")));
    }

    pub(crate) fn send(request: &http::Request) -> Result<Response, HttpError> {
        with_script(|script| {
            let Some(exchange) = script.exchanges.pop_front() else {
                panic!("a request that the script does not expect: {request:#?}");
            };
            let reply = exchange.answer(request);
            match secrets_of(&request.auth).into_iter().find(|name| !script.secrets.contains_key(*name)) {
                Some(name) => Err(HttpError::Denied(format!("the secret `{name}` is not granted"))),
                None => reply,
            }
        })
    }

    fn secrets_of(auth: &Auth) -> Vec<&str> {
        match auth {
            Auth::None => vec![],
            Auth::Basic(basic) => vec![&basic.password],
            Auth::Bearer(secret) => vec![secret],
            Auth::Header(header) => vec![&header.secret],
            Auth::AwsSigv4(sigv4) => {
                let token = sigv4.session_token.as_deref();
                [&*sigv4.access_key_id, &*sigv4.secret_access_key].into_iter().chain(token).collect()
            }
            Auth::JwtBearer(jwt) => vec![&jwt.account],
            Auth::Vapid(vapid) => vec![&vapid.private_key],
            Auth::StandardWebhook(secrets) => secrets.iter().map(String::as_str).collect(),
            Auth::Path(secret) => vec![secret],
            Auth::FormField(form_field) => vec![&form_field.secret],
        }
    }

    pub(crate) fn verify(
        algorithm: Algorithm,
        key: &Key,
        payload: &[u8],
        signature: &[u8],
    ) -> Result<bool, VerifyError> {
        let key = match key {
            Key::Public(der) => signing::KeyBytes::Der(der.clone()),
            Key::Secret(name) => match with_script(|script| script.secrets.get(name).cloned()) {
                Some(value) => signing::KeyBytes::Text(value),
                None => return Err(VerifyError::UnknownSecret(name.clone())),
            },
            Key::SecretBase64(name) => match with_script(|script| script.secrets.get(name).cloned()) {
                Some(value) => signing::hmac_key_of_base64(&value).map_err(VerifyError::UnusableKey)?,
                None => return Err(VerifyError::UnknownSecret(name.clone())),
            },
            Key::Certificate(url) => match with_script(|script| script.certificates.get(url).cloned()) {
                Some(der) => signing::KeyBytes::Der(der),
                None => return Err(VerifyError::Unreachable(format!("nothing is at {url}"))),
            },
        };
        signing::verify(algorithm, &key, payload, signature).map_err(VerifyError::UnusableKey)
    }

    pub(crate) fn matches(secret: &str, value: &[u8]) -> Result<bool, VerifyError> {
        with_script(|script| match script.secrets.get(secret) {
            Some(known) => Ok(!known.is_empty() && known.as_bytes() == value),
            None => Err(VerifyError::UnknownSecret(secret.to_owned())),
        })
    }

    /// Not encrypted, so that a test can compare it: the keys in hexadecimal, and the message.
    pub(crate) fn encrypt(p256dh: &[u8], auth: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, String> {
        if p256dh.len() != 65 || auth.len() != 16 {
            return Err(format!("p256dh has {} bytes and auth {}: want 65 and 16", p256dh.len(), auth.len()));
        }
        if plaintext.len() > PLAINTEXT_BYTES_MAX {
            return Err(format!("the message has {} bytes, at most {PLAINTEXT_BYTES_MAX} fit", plaintext.len()));
        }
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok([format!("encrypted for {} with {}: ", hex(p256dh), hex(auth)).as_bytes(), plaintext].concat())
    }
}
