//! The user database and the catalog over HTTP: one GET for one id, answered with a JSON object.
//!
//! 200 is an answer, 404 means that there is no such id, and everything else (no connection, no time, another status,
//! something that is not a JSON object) is an outage: the caller waits and asks again. Answers are kept for a short
//! time, so that a thousand reminders to one building do not ask a thousand times; that there is no such id is not kept.

mod fetch;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::domain::channel::Channel;
use crate::domain::id::{RecipientId, SubjectId, TenantId};
use crate::domain::recipient::{
    ChatId, EmailAddress, InvalidAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName,
};
use crate::domain::subject::Subject;
use crate::ports::catalog::Catalog;
use crate::ports::clock::Clock;
use crate::ports::directory::{Directory, LookupError};
use fetch::Fetch;

/// Where and how to look something up.
#[derive(Clone)]
pub struct HttpLookup {
    /// Where the service is, as `https://users.example.com/api`.
    pub base_url: String,
    /// The path below it; `{id}` and `{tenant}` are filled in, percent-encoded.
    pub path: String,
    /// The header that carries the API key, and the key.
    pub api_key_header: Option<(String, SecretString)>,
    /// How long one look-up may take.
    pub timeout: Duration,
    /// How long an answer is kept; zero keeps nothing.
    pub cache_ttl: Duration,
    /// Memory for the answers that are kept, in bytes, by estimate.
    pub cache_bytes_max: u64,
    /// Where things stand in the answer, as JSON pointers (RFC 6901). Of a recipient: `email`, `phone`, `push_token`, `chat_id`,
    /// `webhook_url`, `locale`, `time_zone`, and `attributes` (an object for templates); of a subject: `fields` (an object for templates).
    pub fields: BTreeMap<String, String>,
    /// Tells how old an answer is.
    pub clock: Arc<dyn Clock>,
}

impl HttpLookup {
    fn pointer(&self, field: &str, default: &str) -> String {
        self.fields.get(field).cloned().unwrap_or_else(|| default.to_owned())
    }

    fn check_fields(&self, known: &[&str]) -> Result<(), InvalidLookup> {
        for (field, pointer) in &self.fields {
            if !known.contains(&field.as_str()) {
                let problem = format!("there is no field `{field}`; there are `{}`", known.join("`, `"));
                return Err(InvalidLookup { setting: format!("fields.{field}"), problem });
            }
            if !pointer.is_empty() && !pointer.starts_with('/') {
                let problem = "must be a JSON pointer (RFC 6901): empty, or starting with `/`".to_owned();
                return Err(InvalidLookup { setting: format!("fields.{field}"), problem });
            }
        }
        Ok(())
    }
}

/// The look-up is not configured usefully.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct InvalidLookup {
    /// Which setting, as `base_url`.
    pub setting: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A user database behind HTTP.
pub struct HttpDirectory {
    fetch: Fetch,
    pointers: RecipientPointers,
}

struct RecipientPointers {
    email: String,
    phone: String,
    push_token: String,
    chat_id: String,
    webhook_url: String,
    locale: String,
    time_zone: String,
    attributes: String,
}

/// What may be said to stand elsewhere in an answer about a recipient.
const RECIPIENT_FIELDS: [&str; 8] =
    ["email", "phone", "push_token", "chat_id", "webhook_url", "locale", "time_zone", "attributes"];

impl HttpDirectory {
    /// Prepares to ask.
    ///
    /// # Errors
    /// When the URL, the path, the header or a field mapping is malformed.
    pub fn new(lookup: HttpLookup) -> Result<Self, InvalidLookup> {
        lookup.check_fields(&RECIPIENT_FIELDS)?;
        let pointers = RecipientPointers {
            email: lookup.pointer("email", "/email"),
            phone: lookup.pointer("phone", "/phone_number"),
            push_token: lookup.pointer("push_token", "/push_token"),
            chat_id: lookup.pointer("chat_id", "/chat_id"),
            webhook_url: lookup.pointer("webhook_url", "/webhook_url"),
            locale: lookup.pointer("locale", "/locale"),
            time_zone: lookup.pointer("time_zone", "/time_zone"),
            attributes: lookup.pointer("attributes", ""),
        };
        Ok(Self { fetch: Fetch::new(lookup)?, pointers })
    }

    fn read(&self, id: &RecipientId, answer: &Value) -> Recipient {
        let mut recipient = Recipient::with_id(id.clone());
        let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
        let pointers = &self.pointers;
        let unusable = &mut recipient.unusable;
        let email = usable(Channel::Email, text(&pointers.email).map(EmailAddress::parse), unusable);
        let phone = usable(Channel::Sms, text(&pointers.phone).map(PhoneNumber::parse), unusable);
        let push_token = usable(Channel::Push, text(&pointers.push_token).map(PushToken::parse), unusable);
        let chat_id = usable(Channel::Chat, text(&pointers.chat_id).map(ChatId::parse), unusable);
        let webhook_url = usable(Channel::Webhook, text(&pointers.webhook_url).map(WebhookUrl::parse), unusable);
        // A language or zone that nobody knows is no reason not to tell somebody something.
        let locale = text(&pointers.locale).and_then(|tag| Locale::parse(tag).ok());
        let time_zone = text(&pointers.time_zone).and_then(|name| ZoneName::parse(name).ok());
        let attributes = object_at(answer, &pointers.attributes);
        Recipient { email, phone, push_token, chat_id, webhook_url, locale, time_zone, attributes, ..recipient }
    }
}

/// The address, or a note of what is wrong with it.
fn usable<T>(
    channel: Channel,
    read: Option<Result<T, InvalidAddress>>,
    unusable: &mut BTreeMap<Channel, String>,
) -> Option<T> {
    match read? {
        Ok(address) => Some(address),
        Err(error) => {
            unusable.insert(channel, error.problem);
            None
        }
    }
}

#[async_trait]
impl Directory for HttpDirectory {
    async fn recipient(&self, tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError> {
        let answer = self.fetch.get(tenant.as_str(), id.as_str()).await?;
        Ok(answer.map(|answer| self.read(id, &answer)))
    }
}

/// A catalog behind HTTP.
pub struct HttpCatalog {
    fetch: Fetch,
    fields: String,
}

impl HttpCatalog {
    /// Prepares to ask.
    ///
    /// # Errors
    /// When the URL, the path, the header or a field mapping is malformed.
    pub fn new(lookup: HttpLookup) -> Result<Self, InvalidLookup> {
        lookup.check_fields(&["fields"])?;
        let fields = lookup.pointer("fields", "");
        Ok(Self { fetch: Fetch::new(lookup)?, fields })
    }
}

#[async_trait]
impl Catalog for HttpCatalog {
    async fn subject(&self, tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, LookupError> {
        let answer = self.fetch.get(tenant.as_str(), id.as_str()).await?;
        Ok(answer.map(|answer| Subject { id: id.clone(), fields: object_at(&answer, &self.fields) }))
    }
}

fn object_at(answer: &Value, pointer: &str) -> Map<String, Value> {
    answer.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}
