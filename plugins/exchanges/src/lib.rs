//! Documented exchanges with a vendor, as data: what a plugin is handed, what it has to send, what the vendor answers, and what
//! that means.
//!
//! A plugin keeps them in `exchanges.json` beside its source. They are replayed twice: natively, by the tests of the plugin
//! against the scripted host of the SDK, and on the built component, by `notifier plugin test`. So what a vendor's page says is
//! written down once, and a third party can check a component of which it has no source.

mod compare;
mod message;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use compare::{SeenRequest, differences};
pub use message::{Attachment, Chat, Email, Mailbox, Message, Push, Sms, WebhookEvent};

/// The version of the format that this crate reads.
pub const FORMAT: u32 = 1;

/// A file of exchanges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchanges {
    /// [`FORMAT`].
    pub format: u32,
    /// The operator's settings, unless a case has its own.
    pub settings: Value,
    /// Secrets by name. Not real ones.
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    /// Messages that are handed over.
    #[serde(default)]
    pub sends: Vec<Send>,
    /// What the vendor posts to us.
    #[serde(default)]
    pub webhooks: Vec<WebhookCase>,
    /// Questions about attempts without a clear answer.
    #[serde(default)]
    pub look_ups: Vec<LookUpCase>,
}

/// One message, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Send {
    /// A sentence; no two cases have the same.
    pub name: String,
    /// The vendor's page that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In place of the file's, key by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// What is handed over.
    pub message: Message,
    /// Facts about the attempt.
    #[serde(default)]
    pub context: Context,
    /// The time, in milliseconds since 1970-01-01T00:00:00Z. 2026-01-01T00:00:00Z unless it says otherwise.
    #[serde(default = "new_year")]
    pub now_ms: u64,
    /// Requests and answers, in order; none where the plugin has to refuse by itself.
    pub exchanges: Vec<Exchange>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// Facts about an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// `key-1` unless it says otherwise.
    pub idempotency_key: String,
    /// 1 unless it says otherwise.
    pub attempt: u32,
    /// `default` unless it says otherwise.
    pub tenant: String,
    /// `rent-reminder` unless it says otherwise.
    pub category: String,
    /// Where receipts should be posted.
    pub receipt_url: Option<String>,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            idempotency_key: "key-1".into(),
            attempt: 1,
            tenant: "default".into(),
            category: "rent-reminder".into(),
            receipt_url: None,
        }
    }
}

/// One request, and one answer or the lack of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// What has to be sent; any request will do where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Request>,
    /// What comes back.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The vendor's answer.
    Response(Response),
    /// None.
    Failure(Failure),
}

/// Why no answer came: the `http-error` of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The host is not granted.
    Denied,
    /// No connection.
    Unreachable,
    /// The connection ended before the answer.
    Interrupted,
    /// The answer was larger than allowed; its status.
    TooLarge(u16),
}

/// A request that the plugin has to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// As `POST`.
    pub method: String,
    /// As the plugin gives it to the host, before secrets are filled in.
    pub url: String,
    /// All of them, whatever the order and the case of their names; one that is missing here must not be there. Those that
    /// the host adds are not among them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How the host authenticates it; secrets by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// None where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// How the host authenticates a request: the `auth` of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Basic authentication.
    Basic {
        /// As it is.
        username: String,
        /// Name of a secret.
        password: String,
    },
    /// Name of a secret.
    Bearer(String),
    /// A header that is a secret.
    Header {
        /// Its name.
        header: String,
        /// Name of the secret.
        secret: String,
    },
    /// Signature Version 4.
    AwsSigv4 {
        /// As `ses`.
        service: String,
        /// As `eu-west-1`.
        region: String,
        /// Name of a secret, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        session_token: Option<String>,
    },
    /// An exchanged token (RFC 7523).
    JwtBearer {
        /// Name of a secret.
        account: String,
        /// Where it is exchanged.
        token_url: String,
        /// For what.
        scope: String,
    },
    /// RFC 8292.
    Vapid {
        /// Name of a secret.
        private_key: String,
        /// Who sends.
        subject: String,
    },
    /// Names of secrets.
    StandardWebhook(Vec<String>),
    /// Name of the secret that stands for `{secret}` in the path.
    Path(String),
    /// A field of a form.
    FormField {
        /// Its name.
        field: String,
        /// Name of the secret.
        secret: String,
    },
}

/// A body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// JSON, compared by its meaning.
    Json(Value),
    /// The pairs of a form, in order.
    Form(Vec<(String, String)>),
    /// Text, byte for byte.
    Text(String),
    /// Bytes.
    Base64(String),
}

/// A vendor's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// HTTP.
    pub status: u16,
    /// Names in any case.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Empty where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<Body>,
}

/// What a message comes to. What the vendor said in words is not compared; it must not be empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    /// The vendor has it.
    Accepted {
        /// By which receipts are matched.
        #[serde(default)]
        provider_message_id: Option<String>,
    },
    /// Not processed, ask again later.
    RateLimited {
        /// How long it asks for.
        #[serde(default)]
        retry_after_ms: Option<u64>,
        /// The vendor's.
        #[serde(default)]
        code: Option<String>,
    },
    /// Certainly not processed, likely to work later.
    Unavailable {
        /// How long it asks for.
        #[serde(default)]
        retry_after_ms: Option<u64>,
        /// The vendor's.
        #[serde(default)]
        code: Option<String>,
    },
    /// Not processed, and never will be like that.
    Rejected {
        /// Whose fault it is.
        kind: RejectionKind,
        /// The vendor's.
        #[serde(default)]
        code: Option<String>,
    },
    /// May have been processed.
    Unknown {
        /// The vendor's.
        #[serde(default)]
        code: Option<String>,
    },
}

/// Whose fault a rejection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectionKind {
    /// The message's.
    Message,
    /// The address's.
    Recipient,
    /// Opted out, bounced or complained before.
    Suppressed,
    /// Credentials, account, sender or balance.
    Provider,
}

/// A post of the vendor, and what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookCase {
    /// A sentence; no two cases have the same.
    pub name: String,
    /// The vendor's page that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In place of the file's, key by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// The time, as in [`Send::now_ms`].
    #[serde(default = "new_year")]
    pub now_ms: u64,
    /// As it arrives, signature included. The method is `POST`.
    pub webhook: Webhook,
    /// Public keys that are to be found at URLs of certificates: SubjectPublicKeyInfo in base64 of DER.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub certificates: BTreeMap<String, String>,
    /// Requests that the plugin makes once the signature was found right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exchanges: Vec<Exchange>,
    /// What it says.
    #[serde(flatten)]
    pub says: Says,
}

/// What a post says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Events, in order.
    Events(Vec<Event>),
    /// Nothing that may be believed.
    Refused(Refusal),
}

/// Why a post is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The vendor did not send this.
    Unverified,
    /// It cannot be read.
    Malformed,
    /// It cannot be verified now.
    Unavailable,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// As the vendor calls it.
    pub url: String,
    /// As they arrive.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// As it arrives, byte for byte.
    pub body: String,
}

/// One event of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Unique where the vendor has such an id.
    #[serde(default)]
    pub event_id: Option<String>,
    /// Whose.
    pub provider_message_id: String,
    /// As in the contract: `delivered`, `bounced` and so on.
    pub status: String,
    /// The address.
    #[serde(default)]
    pub recipient: Option<String>,
    /// When.
    #[serde(default)]
    pub occurred_at_ms: Option<u64>,
    /// The vendor's, of what went wrong.
    #[serde(default)]
    pub code: Option<String>,
}

/// A question about an attempt without a clear answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LookUpCase {
    /// A sentence; no two cases have the same.
    pub name: String,
    /// The vendor's page that says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In place of the file's, key by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// The time, as in [`Send::now_ms`].
    #[serde(default = "new_year")]
    pub now_ms: u64,
    /// `email`, `sms`, `push`, `chat` or `webhook`.
    pub channel: String,
    /// The address.
    pub recipient: String,
    /// `key-1` unless it says otherwise.
    #[serde(default = "first_key")]
    pub idempotency_key: String,
    /// When the vendor was called; milliseconds since 1970-01-01T00:00:00Z.
    pub called_at_ms: u64,
    /// Requests and answers, in order.
    pub exchanges: Vec<Exchange>,
    /// What it comes to.
    pub finding: Finding,
}

/// What the vendor knows of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// It cannot be asked.
    Impossible,
    /// It has it; with its id, where it tells one.
    Found(Option<String>),
    /// It never took it.
    NotFound,
    /// It cannot say.
    Unclear,
}

fn new_year() -> u64 {
    1_767_225_600_000
}

fn first_key() -> String {
    "key-1".into()
}

impl Exchanges {
    /// Reads a file.
    ///
    /// # Errors
    /// What is wrong with it, and where: not JSON, an unknown field, another format, a name used twice.
    pub fn read(json: &str) -> Result<Self, String> {
        let file: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if file.format != FORMAT {
            return Err(format!("its format is {}: this can read format {FORMAT}", file.format));
        }
        let names = file.sends.iter().map(|case| &case.name);
        let names = names.chain(file.webhooks.iter().map(|case| &case.name));
        let mut names: Vec<_> = names.chain(file.look_ups.iter().map(|case| &case.name)).collect();
        names.sort();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(format!("two cases have the name \"{}\"", pair[0])),
            None => Ok(file),
        }
    }

    /// The settings of a case: the file's, with those of the case over them, key by key. `null` takes a key away.
    #[must_use]
    pub fn settings_of(&self, case: Option<&Value>) -> Value {
        let mut settings = self.settings.clone();
        if let (Value::Object(settings), Some(Value::Object(own))) = (&mut settings, case) {
            for (key, value) in own {
                match value {
                    Value::Null => settings.remove(key),
                    value => settings.insert(key.clone(), value.clone()),
                };
            }
        }
        settings
    }
}

impl Body {
    /// The bytes that stand for it. `None` where its base64 cannot be read.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        use base64::Engine as _;
        Some(match self {
            Self::Json(json) => json.to_string().into_bytes(),
            Self::Form(pairs) => {
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
            }
            Self::Text(text) => text.clone().into_bytes(),
            Self::Base64(text) => base64::engine::general_purpose::STANDARD.decode(text).ok()?,
        })
    }
}
