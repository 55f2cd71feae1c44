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
