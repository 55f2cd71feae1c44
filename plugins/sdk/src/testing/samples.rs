//! Small messages to start from.

use crate::contract::*;

/// A text message without sender and media.
pub fn sms(recipient: &str, text: &str) -> Message {
    let sms = Sms { sender: None, recipient: recipient.into(), text: text.into(), media_urls: vec![] };
    Message { content: Content::Sms(sms), attributes: vec![] }
}

/// A mail from `sender@example.com`, with text only.
pub fn email(recipient: &str, subject: &str, text: &str) -> Email {
    let mailbox = |address: &str| Mailbox { address: address.into(), name: None };
    Email {
        sender: mailbox("sender@example.com"),
        recipients: vec![mailbox(recipient)],
        reply_to: None,
        subject: subject.into(),
        text: Some(text.into()),
        html: None,
        headers: vec![],
        attachments: vec![],
    }
}

impl From<Email> for Message {
    fn from(email: Email) -> Self {
        Self { content: Content::Email(email), attributes: vec![] }
    }
}

impl From<Sms> for Message {
    fn from(sms: Sms) -> Self {
        Self { content: Content::Sms(sms), attributes: vec![] }
    }
}

/// A push message without data.
pub fn push(token: &str, title: &str, body: &str) -> Push {
    Push { token: token.into(), title: title.into(), body: body.into(), data: vec![] }
}

/// A chat message without a layout.
pub fn chat(recipient: &str, text: &str) -> Chat {
    Chat { recipient: recipient.into(), text: text.into(), layout: None }
}

/// An event for an application's webhook; `payload` is JSON.
pub fn webhook_event(url: &str, kind: &str, payload: &str) -> WebhookEvent {
    WebhookEvent { url: url.into(), kind: kind.into(), payload: payload.into() }
}

impl From<Push> for Message {
    fn from(push: Push) -> Self {
        Self { content: Content::Push(push), attributes: vec![] }
    }
}

impl From<Chat> for Message {
    fn from(chat: Chat) -> Self {
        Self { content: Content::Chat(chat), attributes: vec![] }
    }
}

impl From<WebhookEvent> for Message {
    fn from(event: WebhookEvent) -> Self {
        Self { content: Content::Webhook(event), attributes: vec![] }
    }
}

/// The first attempt of the delivery `key-1`, which ended without an answer at 2026-01-01T00:00:00Z.
pub fn sought(channel: Channel, recipient: &str) -> Sought {
    Sought {
        idempotency_key: "key-1".into(),
        attempt: 1,
        channel,
        recipient: recipient.into(),
        called_at_ms: 1_767_225_600_000,
        attributes: vec![],
    }
}

/// The first attempt of the delivery `key-1`, without a receipt URL.
pub fn context() -> Context {
    Context {
        idempotency_key: "key-1".into(),
        attempt: 1,
        tenant: "default".into(),
        category: "rent-reminder".into(),
        receipt_url: None,
        attributes: vec![],
    }
}

/// A `POST` of the vendor.
pub fn webhook(url: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Webhook {
    Webhook {
        method: "POST".into(),
        url: url.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.into(),
    }
}
