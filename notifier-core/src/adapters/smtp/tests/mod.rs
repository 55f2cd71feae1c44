//! Whole conversations with a server that says what a script says, over pipes, on a clock that is moved by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod conversations;
mod faults;
mod reuse;
mod script;
mod security;
mod settings;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::domain::id::{CategoryName, DeliveryId, NotificationId, TenantId};
use crate::domain::message::{EmailMessage, Mailbox, SmsMessage};
use crate::domain::recipient::PhoneNumber;
use crate::testing::ManualClock;
use script::Scripts;

/// What a server without encryption and login says before the first message.
const OPEN: &[&str] = &["S: 220 mail.example.com", "C: EHLO client.example.com", "S: 250 mail.example.com"];

/// A message that is taken.
const TAKEN: &[&str] = &[
    "C: MAIL FROM:<office@example.com>",
    "S: 250 2.1.0 Ok",
    "C: RCPT TO:<ada@example.net>",
    "S: 250 2.1.5 Ok",
    "C: DATA",
    "S: 354 End data with <CR><LF>.<CR><LF>",
    "C* message",
    "S: 250 2.0.0 Ok: queued as 4XyZ",
];

fn noon() -> Timestamp {
    "2030-06-01T12:00:00Z".parse().unwrap()
}

fn email() -> EmailMessage {
    EmailMessage {
        sender: Mailbox::parse("Office <office@example.com>").unwrap(),
        recipient: Mailbox::parse("ada@example.net").unwrap(),
        reply_to: None,
        subject: "Hello".into(),
        text: Some(".\nHello, Ada.\n.\n".into()),
        html: None,
        headers: Vec::new(),
        attachments: Vec::new(),
    }
}

fn message(content: MessageContent) -> Message {
    let notification = NotificationId::from_parts(1, [7; 10]);
    Message {
        delivery: DeliveryId { notification, channel: content.channel() },
        tenant: TenantId::unnamed(),
        category: CategoryName::unnamed(),
        accepted_at: Timestamp::UNIX_EPOCH,
        content,
    }
}

fn context() -> SendContext {
    SendContext::new("key-1", Duration::from_secs(30))
}

/// Without encryption, for `localhost`.
fn plain() -> SmtpOptions {
    SmtpOptions {
        security: SmtpSecurity::None,
        hello_name: Some("client.example.com".into()),
        ..SmtpOptions::new("localhost")
    }
}

/// A provider, the server that it speaks with, and the clock of both.
struct Fixture {
    provider: Arc<SmtpProvider>,
    scripts: Scripts,
    clock: Arc<ManualClock>,
}

impl Fixture {
    /// Each connection plays one of the scripts, in order; there are no others.
    fn new(options: SmtpOptions, scripts: &[&[&[&'static str]]]) -> Self {
        let scripts = Scripts::new(scripts.iter().map(|parts| parts.concat()));
        let clock = Arc::new(ManualClock::at(noon()));
        let provider = SmtpProvider::over(Box::new(scripts.clone()), options, clock.clone()).unwrap();
        Self { provider: Arc::new(provider), scripts, clock }
    }

    async fn send(&self, email: EmailMessage) -> Outcome {
        self.provider.send(&message(MessageContent::Email(email)), &context()).await
    }

    /// Sends, and moves the clock whenever the server keeps quiet.
    async fn send_patiently(&self) -> Outcome {
        let provider = Arc::clone(&self.provider);
        let message = message(MessageContent::Email(email()));
        let sending = tokio::spawn(async move { provider.send(&message, &context()).await });
        self.scripts.hangs().await;
        assert!(self.clock.advance_to_next_deadline());
        sending.await.unwrap()
    }

    /// Ends the provider, and with it every conversation: each has to have gone by its script to the end. What was sent.
    async fn finish(self) -> Vec<String> {
        drop(self.provider);
        self.scripts.finish().await
    }
}

/// The outcome in short: what kind it is, and its code.
fn short(outcome: &Outcome) -> String {
    let with_code = |kind: &str, problem: &Problem| match &problem.code {
        Some(code) => format!("{kind}: {code}"),
        None => kind.to_owned(),
    };
    match outcome {
        Outcome::Accepted { provider_message_id } => {
            format!("accepted: {}", provider_message_id.as_deref().unwrap_or(""))
        }
        Outcome::RateLimited { problem, .. } => with_code("rate limited", problem),
        Outcome::Unavailable { problem, .. } => with_code("unavailable", problem),
        Outcome::Rejected { kind, problem } => with_code(kind.name(), problem),
        Outcome::Unknown { problem } => with_code("unknown", problem),
    }
}

/// The words of an outcome that is not good.
fn words(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Accepted { .. } => panic!("accepted"),
        Outcome::RateLimited { problem, .. }
        | Outcome::Unavailable { problem, .. }
        | Outcome::Rejected { problem, .. }
        | Outcome::Unknown { problem } => &problem.message,
    }
}
