//! From the contract's types to the domain's and back. What a plugin says is bounded and freed of secrets here, so that
//! nothing else has to.

use super::super::error::SettingProblem;
use super::super::keyring::Keyring;
use super::super::words::tidy;
use super::bindings::notifier::provider::model as wit;
use crate::domain::channel::Channel;
use crate::domain::health::Called;
use crate::domain::message::{
    Attachment, ChatMessage, EmailMessage, Mailbox, Message, MessageContent, PushMessage, SmsMessage, WebhookMessage,
};
use crate::domain::outcome::{LookUp, Outcome, Problem, RejectionKind};
use crate::domain::receipt::{ReceiptEvent, ReceiptStatus};
use crate::domain::recipient::PushToken;
use crate::ports::provider::{ReceiveError, SendContext, Sought, Webhook};

/// Characters of a problem's sentence.
const MESSAGE_CHARS_MAX: usize = 500;
/// Characters of identifiers that vendors give.
const ID_CHARS_MAX: usize = 255;
/// Characters of an address in a report: a shorter one would be another.
const ADDRESS_CHARS_MAX: usize = PushToken::CHARS_MAX;
/// Characters of a vendor's error code.
const CODE_CHARS_MAX: usize = 64;
/// Attributes of one event.
const ATTRIBUTES_MAX: usize = 32;

/// What a plugin says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Described {
    pub(in super::super) kind: String,
    pub(in super::super) version: String,
    pub(in super::super) summary: String,
    /// Channels that it serves.
    pub(in super::super) channels: Vec<Channel>,
    pub(in super::super) settings_schema: String,
    pub(in super::super) hosts: Vec<String>,
    pub(in super::super) secrets: Vec<SecretNeed>,
    /// Whose servers it calls.
    pub(in super::super) called: Called,
}

/// A secret that a plugin uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct SecretNeed {
    pub(in super::super) name: String,
    pub(in super::super) is_required: bool,
    pub(in super::super) description: String,
}

pub(super) fn description(said: wit::Description) -> Described {
    let channel = |channel: wit::Channel| match channel {
        wit::Channel::Email => Channel::Email,
        wit::Channel::Sms => Channel::Sms,
        wit::Channel::Push => Channel::Push,
        wit::Channel::Chat => Channel::Chat,
        wit::Channel::Webhook => Channel::Webhook,
    };
    let need = |need: wit::SecretNeed| SecretNeed {
        name: tidy(&need.name, ID_CHARS_MAX),
        is_required: need.required,
        description: tidy(&need.description, MESSAGE_CHARS_MAX),
    };
    Described {
        kind: tidy(&said.name, CODE_CHARS_MAX),
        version: tidy(&said.version, CODE_CHARS_MAX),
        summary: tidy(&said.summary, MESSAGE_CHARS_MAX),
        channels: said.channels.into_iter().map(channel).collect(),
        settings_schema: said.settings_schema,
        hosts: said.hosts.iter().map(|host| tidy(host, ID_CHARS_MAX)).collect(),
        secrets: said.secrets.into_iter().map(need).collect(),
        called: called(&said.attributes),
    }
}

/// What a later version of the contract may add is not refused: an unknown value is as none.
fn called(attributes: &[(String, String)]) -> Called {
    match attributes.iter().find(|(name, _)| name == "calls") {
        Some((_, whose)) if whose == "recipient" => Called::Recipient,
        _ => Called::Vendor,
    }
}

fn channel(channel: Channel) -> wit::Channel {
    match channel {
        Channel::Email => wit::Channel::Email,
        Channel::Sms => wit::Channel::Sms,
        Channel::Push => wit::Channel::Push,
        Channel::Chat => wit::Channel::Chat,
        Channel::Webhook => wit::Channel::Webhook,
    }
}

pub(super) fn setting_problem(said: wit::SettingProblem) -> SettingProblem {
    SettingProblem { setting: tidy(&said.setting, ID_CHARS_MAX), problem: tidy(&said.problem, MESSAGE_CHARS_MAX) }
}

pub(super) fn context(message: &Message, context: &SendContext) -> wit::Context {
    wit::Context {
        idempotency_key: context.idempotency_key.clone(),
        attempt: context.attempt,
        tenant: message.tenant.to_string(),
        category: message.category.to_string(),
        receipt_url: context.receipt_url.clone(),
        attributes: Vec::new(),
    }
}

pub(super) fn message(message: &Message) -> wit::Message {
    let content = match &message.content {
        MessageContent::Email(message) => wit::Content::Email(email(message)),
        MessageContent::Sms(message) => wit::Content::Sms(sms(message)),
        MessageContent::Push(message) => wit::Content::Push(push(message)),
        MessageContent::Chat(message) => wit::Content::Chat(chat(message)),
        MessageContent::Webhook(message) => wit::Content::Webhook(event(message)),
    };
    let occurred_at_ms = message.accepted_at.as_millisecond().to_string();
    wit::Message { content, attributes: vec![("occurred_at_ms".into(), occurred_at_ms)] }
}

fn email(email: &EmailMessage) -> wit::Email {
    wit::Email {
        sender: mailbox(&email.sender),
        recipients: vec![mailbox(&email.recipient)],
        reply_to: email.reply_to.as_ref().map(mailbox),
        subject: email.subject.clone(),
        text: email.text.clone(),
        html: email.html.clone(),
        headers: email.headers.clone(),
        attachments: email.attachments.iter().map(attachment).collect(),
    }
}

fn mailbox(mailbox: &Mailbox) -> wit::Mailbox {
    wit::Mailbox { address: mailbox.address.as_str().to_owned(), name: mailbox.name.clone() }
}

fn attachment(attachment: &Attachment) -> wit::Attachment {
    wit::Attachment {
        filename: attachment.filename.clone(),
        content_type: attachment.content_type.clone(),
        content_id: attachment.content_id.clone(),
        data: attachment.data.clone(),
    }
}

fn sms(sms: &SmsMessage) -> wit::Sms {
    wit::Sms {
        sender: sms.sender.clone(),
        recipient: sms.recipient.as_str().to_owned(),
        text: sms.text.clone(),
        media_urls: sms.media_urls.clone(),
    }
}

fn push(push: &PushMessage) -> wit::Push {
    wit::Push {
        token: push.recipient.as_str().to_owned(),
        title: push.title.clone(),
        body: push.body.clone(),
        data: push.data.clone(),
    }
}

fn chat(chat: &ChatMessage) -> wit::Chat {
    wit::Chat { recipient: chat.recipient.as_str().to_owned(), text: chat.text.clone(), layout: chat.layout.clone() }
}

fn event(event: &WebhookMessage) -> wit::WebhookEvent {
    wit::WebhookEvent {
        url: event.recipient.as_str().to_owned(),
        kind: event.kind.clone(),
        payload: event.payload.clone(),
    }
}

pub(super) fn webhook(webhook: &Webhook) -> wit::Webhook {
    wit::Webhook {
        method: webhook.method.clone(),
        url: webhook.url.clone(),
        headers: webhook.headers.clone(),
        body: webhook.body.clone(),
    }
}

pub(super) fn outcome(said: Result<wit::Receipt, wit::SendError>, keyring: &Keyring) -> Outcome {
    let problem = |said| problem(said, keyring);
    match said {
        Ok(receipt) => {
            let provider_message_id = receipt.provider_message_id.map(|id| clean(id, ID_CHARS_MAX, keyring));
            Outcome::Accepted { provider_message_id: provider_message_id.filter(|id| !id.is_empty()) }
        }
        Err(wit::SendError::RateLimited(wait)) => {
            Outcome::RateLimited { retry_after_ms: wait.retry_after_ms, problem: problem(wait.problem) }
        }
        Err(wit::SendError::Unavailable(wait)) => {
            Outcome::Unavailable { retry_after_ms: wait.retry_after_ms, problem: problem(wait.problem) }
        }
        Err(wit::SendError::Rejected(rejection)) => {
            Outcome::Rejected { kind: rejection_kind(rejection.kind), problem: problem(rejection.problem) }
        }
        Err(wit::SendError::Unknown(said)) => Outcome::Unknown { problem: problem(said) },
    }
}

fn rejection_kind(kind: wit::RejectionKind) -> RejectionKind {
    match kind {
        wit::RejectionKind::Message => RejectionKind::Message,
        wit::RejectionKind::Recipient => RejectionKind::Recipient,
        wit::RejectionKind::Suppressed => RejectionKind::Suppressed,
        wit::RejectionKind::Provider => RejectionKind::Provider,
    }
}

pub(super) fn sought(sought: &Sought) -> wit::Sought {
    wit::Sought {
        idempotency_key: sought.idempotency_key.clone(),
        attempt: sought.attempt,
        channel: channel(sought.channel),
        recipient: sought.address.clone(),
        called_at_ms: u64::try_from(sought.called_at.as_millisecond()).unwrap_or(0),
        attributes: Vec::new(),
    }
}

pub(super) fn finding(said: wit::Finding, keyring: &Keyring) -> LookUp {
    match said {
        wit::Finding::Impossible => LookUp::Impossible,
        wit::Finding::Found(id) => {
            let message_id = id.map(|id| clean(id, ID_CHARS_MAX, keyring)).filter(|id| !id.is_empty());
            LookUp::Found { message_id }
        }
        wit::Finding::NotFound => LookUp::NotFound,
        wit::Finding::Unclear(said) => LookUp::Unclear(problem(said, keyring)),
    }
}

pub(super) fn receipts(
    said: Result<Vec<wit::ReceiptEvent>, wit::ReceiveError>,
    keyring: &Keyring,
) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    match said {
        Ok(events) => Ok(events.into_iter().map(|event| receipt_event(event, keyring)).collect()),
        Err(wit::ReceiveError::Unverified(why)) => {
            Err(ReceiveError::Unverified(clean(why, MESSAGE_CHARS_MAX, keyring)))
        }
        Err(wit::ReceiveError::Malformed(why)) => Err(ReceiveError::Malformed(clean(why, MESSAGE_CHARS_MAX, keyring))),
        // Nobody is to blame, and the vendor should post it again.
        Err(wit::ReceiveError::Unavailable(why)) => {
            Err(ReceiveError::Fault(Problem::coded("plugin.unavailable", clean(why, MESSAGE_CHARS_MAX, keyring))))
        }
    }
}

fn receipt_event(said: wit::ReceiptEvent, keyring: &Keyring) -> ReceiptEvent {
    let id = |text: String| clean(text, ID_CHARS_MAX, keyring);
    let attributes = said.attributes.into_iter().take(ATTRIBUTES_MAX);
    ReceiptEvent {
        event_id: said.event_id.map(id),
        provider_message_id: id(said.provider_message_id),
        status: receipt_status(said.status),
        recipient: said.recipient.map(|address| clean(address, ADDRESS_CHARS_MAX, keyring)),
        occurred_at_ms: said.occurred_at_ms,
        problem: said.problem.map(|said| problem(said, keyring)),
        attributes: attributes.map(|(name, value)| (id(name), clean(value, MESSAGE_CHARS_MAX, keyring))).collect(),
    }
}

fn receipt_status(status: wit::ReceiptStatus) -> ReceiptStatus {
    match status {
        wit::ReceiptStatus::Accepted => ReceiptStatus::Accepted,
        wit::ReceiptStatus::Delivered => ReceiptStatus::Delivered,
        wit::ReceiptStatus::Failed => ReceiptStatus::Failed,
        wit::ReceiptStatus::Bounced => ReceiptStatus::Bounced,
        wit::ReceiptStatus::Complained => ReceiptStatus::Complained,
        wit::ReceiptStatus::Unsubscribed => ReceiptStatus::Unsubscribed,
        wit::ReceiptStatus::Opened => ReceiptStatus::Opened,
        wit::ReceiptStatus::Clicked => ReceiptStatus::Clicked,
        wit::ReceiptStatus::Other => ReceiptStatus::Other,
    }
}

fn problem(said: wit::Problem, keyring: &Keyring) -> Problem {
    Problem {
        code: said.code.map(|code| clean(code, CODE_CHARS_MAX, keyring)).filter(|code| !code.is_empty()),
        message: clean(said.message, MESSAGE_CHARS_MAX, keyring),
    }
}

/// Secrets go first: a secret that is cut in two is not recognised any more.
fn clean(text: String, chars_max: usize, keyring: &Keyring) -> String {
    tidy(&keyring.scrub_text(text), chars_max)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::id::{CategoryName, DeliveryId, NotificationId, TenantId};
    use crate::domain::recipient::{ChatId, WebhookUrl};

    fn to(content: MessageContent) -> Message {
        let delivery = DeliveryId { notification: NotificationId::from_bytes([7; 16]), channel: content.channel() };
        let category = CategoryName::new("rent-reminder").unwrap();
        let accepted_at = Timestamp::from_millisecond(1_735_689_600_000).unwrap();
        Message { delivery, tenant: TenantId::new("north").unwrap(), category, accepted_at, content }
    }

    #[test]
    fn each_channel_has_its_record() {
        let sent = to(MessageContent::Push(PushMessage {
            recipient: PushToken::parse("device-7").unwrap(),
            title: "Rent".into(),
            body: "Due".into(),
            data: vec![("unit".into(), "4b".into())],
        }));
        let wit::Content::Push(push) = message(&sent).content else { panic!("a push message") };
        assert_eq!((push.token.as_str(), push.title.as_str(), push.body.as_str()), ("device-7", "Rent", "Due"));
        assert_eq!(push.data, [("unit".to_owned(), "4b".to_owned())]);
        let recipient = ChatId::parse("C0123ADA").unwrap();
        let sent = to(MessageContent::Chat(ChatMessage { recipient, text: "Due".into(), layout: Some("[]".into()) }));
        let wit::Content::Chat(chat) = message(&sent).content else { panic!("a chat message") };
        assert_eq!(
            (chat.recipient.as_str(), chat.text.as_str(), chat.layout.as_deref()),
            ("C0123ADA", "Due", Some("[]"))
        );
        let sent = to(MessageContent::Webhook(WebhookMessage {
            recipient: WebhookUrl::parse("https://example.com/hooks/7").unwrap(),
            kind: "rent.due".into(),
            payload: "{}".into(),
        }));
        let wit::Content::Webhook(event) = message(&sent).content else { panic!("an event") };
        let said = (event.url.as_str(), event.kind.as_str(), event.payload.as_str());
        assert_eq!(said, ("https://example.com/hooks/7", "rent.due", "{}"));
        let context = context(&sent, &SendContext::new("key-1", std::time::Duration::from_secs(1)));
        assert_eq!((context.tenant.as_str(), context.category.as_str()), ("north", "rent-reminder"));
    }
}
