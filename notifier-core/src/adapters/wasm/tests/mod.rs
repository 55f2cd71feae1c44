//! Real guests, friendly and hostile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod canary;
mod certificates;
mod friendly;
mod frozen;
mod hostile;
mod kinds;
mod loading;
mod look_up;
mod outgoing;
mod receipts;
mod rehearsals;
mod secrets;
mod signatures;
mod sigv4;
mod tokens;
mod vendor;
mod wasi;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;

use super::{WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig};
use crate::adapters::system::SystemEntropy;
use crate::domain::id::{CategoryName, DeliveryId, NotificationId, ProviderName, TenantId};
use crate::domain::message::{EmailMessage, Mailbox, Message, MessageContent, SmsMessage};
use crate::domain::recipient::PhoneNumber;
use crate::ports::clock::Clock;
use crate::ports::provider::SendContext;

/// 2026-03-04T05:06:07Z, for ever.
pub(super) struct StoppedClock;

#[async_trait]
impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        "2026-03-04T05:06:07Z".parse().unwrap()
    }

    async fn sleep_until(&self, _: Timestamp) {
        std::future::pending().await
    }
}

/// One engine for most tests of the process, as in a real one.
pub(super) fn engine() -> &'static Arc<WasmEngine> {
    static ENGINE: LazyLock<Arc<WasmEngine>> = LazyLock::new(new_engine);
    &ENGINE
}

/// An engine for a test that takes more than its share.
pub(super) fn new_engine() -> Arc<WasmEngine> {
    WasmEngine::new(WasmEngineOptions::default(), Arc::new(StoppedClock), Arc::new(SystemEntropy::new())).unwrap()
}

pub(super) fn config(name: &str, component: &'static [u8], settings: Value) -> WasmProviderConfig {
    WasmProviderConfig { settings, ..WasmProviderConfig::new(ProviderName::new(name).unwrap(), component) }
}

pub(super) fn load(config: WasmProviderConfig) -> WasmProvider {
    WasmProvider::load(engine(), config).unwrap()
}

pub(super) fn secret(value: &str) -> SecretString {
    SecretString::from(value.to_owned())
}

pub(super) fn sms() -> Message {
    message(MessageContent::Sms(SmsMessage {
        sender: Some("+14155550199".into()),
        recipient: PhoneNumber::parse("+14155550100").unwrap(),
        text: "Rent is due on Friday. 🏠".into(),
        media_urls: Vec::new(),
    }))
}

pub(super) fn email() -> Message {
    message(MessageContent::Email(EmailMessage {
        sender: Mailbox::parse("Homes <homes@example.com>").unwrap(),
        recipient: Mailbox::parse("Ada <ada@example.com>").unwrap(),
        reply_to: None,
        subject: "Rent".into(),
        text: Some("Rent is due on Friday.".into()),
        html: Some("<p>Rent is due on Friday.</p>".into()),
        headers: Vec::new(),
        attachments: Vec::new(),
    }))
}

fn message(content: MessageContent) -> Message {
    let notification = NotificationId::from_parts(1, [7; 10]);
    Message {
        delivery: DeliveryId { notification, channel: content.channel() },
        tenant: TenantId::new("default").unwrap(),
        category: CategoryName::new("rent-reminder").unwrap(),
        accepted_at: Timestamp::UNIX_EPOCH,
        content,
    }
}

pub(super) fn context(timeout_ms: u64) -> SendContext {
    SendContext::new("key-1", Duration::from_millis(timeout_ms))
}
