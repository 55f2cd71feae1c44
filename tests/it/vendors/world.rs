//! A sandbox in this process, in which the category of a notification chooses its provider.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use notifier_server::config::Config;
use notifier_server::sandbox::{Counters, Fault, Message, Sandbox, Service};
use notifier_server::{SandboxMode, SandboxSettings};
use notifier_tests::client::Client;
use serde_json::{Value, json};

/// Ends a test that would wait forever.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What goes wrong easily: letters of several bytes, emoji that several characters make, text from right to left, marks that
/// belong to the letter before, and what means something in JSON, forms, HTML and MIME.
pub(super) const WORDS: &str =
    "Größe 5 m² 🏠 👨‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇵🇹 שלום עולם مرحبا بالعالم é e\u{301} नमस्ते ไทย 한국어 𝒳 \u{200f}&=+%\"\\'?#,;:<b>";

/// A provider of the sandbox.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vendor {
    pub(super) provider: &'static str,
    pub(super) service: Service,
    pub(super) channel: &'static str,
}

const fn vendor(provider: &'static str, service: Service, channel: &'static str) -> Vendor {
    Vendor { provider, service, channel }
}

pub(super) const SENDGRID: Vendor = vendor("sendgrid", Service::SendGrid, "email");
pub(super) const SES: Vendor = vendor("ses", Service::Ses, "email");
pub(super) const RESEND: Vendor = vendor("resend", Service::Resend, "email");
pub(super) const MAILGUN: Vendor = vendor("mailgun", Service::Mailgun, "email");
pub(super) const POSTMARK: Vendor = vendor("postmark", Service::Postmark, "email");
pub(super) const TWILIO: Vendor = vendor("twilio", Service::Twilio, "sms");
pub(super) const VONAGE: Vendor = vendor("vonage", Service::Vonage, "sms");
pub(super) const SNS: Vendor = vendor("sns", Service::Sns, "sms");
pub(super) const FCM: Vendor = vendor("fcm", Service::Fcm, "push");
pub(super) const WEBPUSH: Vendor = vendor("webpush", Service::WebPush, "push");
pub(super) const SLACK: Vendor = vendor("slack", Service::Slack, "chat");
pub(super) const SLACK_WEBHOOK: Vendor = vendor("slack-webhook", Service::Slack, "chat");
pub(super) const WEBHOOK: Vendor = vendor("webhook", Service::Webhook, "webhook");

pub(super) const ALL: [Vendor; 13] =
    [SENDGRID, SES, RESEND, MAILGUN, POSTMARK, TWILIO, VONAGE, SNS, FCM, WEBPUSH, SLACK, SLACK_WEBHOOK, WEBHOOK];

/// Those that say later what became of a message.
pub(super) const REPORTING: [Vendor; 7] = [SENDGRID, SES, RESEND, MAILGUN, POSTMARK, TWILIO, VONAGE];

/// Where it listens, and where compiled components are kept: they are compiled once for all runs.
const BASICS: &str = concat!(
    "[server]\nlisten = \"127.0.0.1:0\"\n[plugins]\ncache_path = \"",
    env!("CARGO_TARGET_TMPDIR"),
    "/plugins\"\n"
);

/// A configuration with a category and a route for each provider, and `more` tables at the end.
fn config_text(more: &str) -> String {
    let senders = "[senders]\nemail = \"Büro 🏠 שלום <office@example.com>\"\nsms = \"+15005550006\"\n";
    let mut text = [BASICS, senders].concat();
    for Vendor { provider, channel, .. } in ALL {
        let retry = "attempts_max = 4, delay_min_ms = 1, delay_base_ms = 10, delay_max_ms = 50";
        writeln!(text, "[categories.{provider}]\nretry = {{ {retry} }}").unwrap();
        writeln!(text, "[[route]]\nchannel = {channel:?}\ncategory = {provider:?}\nproviders = [{provider:?}]")
            .unwrap();
    }
    text + more
}

/// A running sandbox.
pub(super) struct World {
    pub(super) sandbox: SandboxMode,
    pub(super) client: Client,
}

impl World {
    pub(super) async fn start() -> Self {
        Self::with("").await
    }

    /// One whose configuration has more in it.
    pub(super) async fn with(more: &str) -> Self {
        Self::set(&config_text(more), |_| {}).await
    }

    /// One that vendors report to at another address.
    pub(super) async fn reporting_to(origin: &str) -> Self {
        Self::set(&config_text(""), |config| config.server.public_url = Some(origin.to_owned())).await
    }

    /// One with the sandbox's own routes but for what is said here.
    pub(super) async fn routed(more: &str) -> Self {
        Self::set(&[BASICS, more].concat(), |_| {}).await
    }

    async fn set(text: &str, set: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("notifier.toml");
        std::fs::write(&file, text).unwrap();
        let mut settings = SandboxSettings::load(Some(&file)).unwrap();
        set(&mut settings.config);
        let sandbox = SandboxMode::start(settings).await.unwrap();
        let client = Client::new(format!("http://{}", sandbox.running().address()));
        Self { sandbox, client }
    }

    pub(super) fn fakes(&self) -> &Sandbox {
        self.sandbox.sandbox()
    }

    pub(super) fn counters(&self, vendor: Vendor) -> Counters {
        self.fakes().inbox().counters(vendor.service)
    }

    pub(super) fn fault(&self, vendor: Vendor, fault: Fault, times: Option<u32>) {
        self.fakes().faults().set(vendor.service, fault, times).unwrap();
    }

    /// What the vendor took, oldest first.
    pub(super) fn arrived(&self, vendor: Vendor) -> Vec<Arc<Message>> {
        let messages = self.fakes().inbox().messages().into_iter();
        messages.filter(|message| message.provider == vendor.service).collect()
    }

    /// The only message that the vendor took.
    #[track_caller]
    pub(super) fn only(&self, vendor: Vendor) -> Arc<Message> {
        let arrived = self.arrived(vendor);
        assert_eq!(arrived.len(), 1, "{vendor:?} {:?}", self.counters(vendor));
        Arc::clone(&arrived[0])
    }

    /// A request for one plain message through that vendor, to somebody of that number.
    pub(super) fn plain(&self, vendor: Vendor, number: usize) -> Value {
        plain(self.fakes(), vendor, number)
    }

    /// A request through that vendor with `more` in it.
    pub(super) fn request(&self, vendor: Vendor, number: usize, more: &Value) -> Value {
        request(self.fakes(), vendor, number, more)
    }

    /// Submits it, and returns its id.
    pub(super) async fn submit(&self, request: &Value) -> String {
        submit(&self.client, request).await
    }

    /// The only delivery of the notification.
    pub(super) async fn delivery(&self, id: &str) -> Value {
        self.client.get(&format!("/v1/notifications/{id}")).await.unwrap().json["deliveries"][0].clone()
    }

    /// The only delivery, once the vendor has taken it or it has failed.
    pub(super) async fn sent(&self, id: &str) -> Value {
        let path = format!("/v1/notifications/{id}?wait_ms=20000");
        let waited = self.client.get(&path);
        tokio::time::timeout(PATIENCE, waited).await.unwrap().unwrap().json["deliveries"][0].clone()
    }

    /// The only delivery, once it is in that state.
    pub(super) async fn reaches(&self, id: &str, state: &str) -> Value {
        let reached = async {
            loop {
                let delivery = self.sent(id).await;
                if delivery["state"] == state {
                    return delivery;
                }
                // Reports come at any time.
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE / 4, reached).await {
            Ok(delivery) => delivery,
            Err(_) => panic!("not {state}: {:#}\n{:#?}", self.delivery(id).await, self.timeline(id).await),
        }
    }

    pub(super) async fn timeline(&self, id: &str) -> Vec<Value> {
        let answer = self.client.get(&format!("/v1/notifications/{id}/timeline")).await.unwrap();
        answer.json["facts"].as_array().unwrap().clone()
    }

    /// The codes of the reasons in the timeline.
    pub(super) async fn codes(&self, id: &str) -> Vec<String> {
        let facts = self.timeline(id).await;
        facts.iter().map(|fact| fact["reason"]["code"].as_str().unwrap().to_owned()).collect()
    }

    /// The first fact with that code, once it is told.
    pub(super) async fn told(&self, id: &str, code: &str) -> Value {
        let told = async {
            loop {
                let facts = self.timeline(id).await;
                if let Some(fact) = facts.iter().find(|fact| fact["reason"]["code"] == code) {
                    return fact.clone();
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(PATIENCE / 4, told).await {
            Ok(fact) => fact,
            Err(_) => panic!("no {code}: {:#?}", self.timeline(id).await),
        }
    }
}

/// A request for one plain message through that vendor, to somebody of that number.
pub(super) fn plain(fakes: &Sandbox, vendor: Vendor, number: usize) -> Value {
    let content = match vendor.channel {
        "email" => json!({"email": {"subject": "Rent", "text": "Rent is due."}}),
        "sms" => json!({"sms": {"text": "Rent is due."}}),
        "push" => json!({"push": {"title": "Rent", "body": "Rent is due."}}),
        "chat" => json!({"chat": {"text": "Rent is due."}}),
        _ => json!({"webhook": {"kind": "rent.due", "payload": "{}"}}),
    };
    request(fakes, vendor, number, &json!({"content": content}))
}

/// A request through that vendor with `more` in it.
fn request(fakes: &Sandbox, vendor: Vendor, number: usize, more: &Value) -> Value {
    let push_token = match vendor.service {
        Service::WebPush => fakes.webpush_subscription(&format!("browser-{number}")),
        _ => format!("device:{number}"),
    };
    let chat_id = if vendor.provider == "slack" { format!("C{number:010}") } else { "C0000000001".to_owned() };
    let mut request = json!({
        "recipient": {
            "id": format!("{}-{number}", vendor.provider),
            // Of the vendor's own: one that says that an address does not exist says it of this channel's every vendor.
            "email": format!("tenant.{number}@{}.example.com", vendor.provider),
            "phone": phone(vendor, number),
            "push_token": push_token,
            "chat_id": chat_id,
            "webhook_url": format!("{}/hooks/{number}", fakes.url(Service::Webhook)),
        },
        "category": vendor.provider,
        "channels": [vendor.channel],
    });
    request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    request
}

/// A number of the vendor's own.
pub(super) fn phone(vendor: Vendor, number: usize) -> String {
    let place = ALL.iter().position(|other| other.provider == vendor.provider).unwrap();
    format!("+141555{:05}", 1_000 * place + number)
}

/// Submits it, and returns its id.
pub(super) async fn submit(client: &Client, request: &Value) -> String {
    let answer = client.post("/v1/notifications", request).await.unwrap();
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.json);
    answer.json["id"].as_str().unwrap().to_owned()
}

/// Whether a fact tells what an attempt came to.
pub(super) fn is_outcome(fact: &Value) -> bool {
    let code = fact["reason"]["code"].as_str().unwrap();
    code.starts_with("attempt.") && code != "attempt.begin"
}

/// That configuration, for a server without the sandbox's own arrangements.
pub(super) fn config(
    providers: std::collections::BTreeMap<String, notifier_server::config::ProviderSettings>,
) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notifier.toml");
    let sections: String =
        ALL.iter().map(|Vendor { provider, .. }| format!("[providers.{provider}]\nplugin = \"twilio\"\n")).collect();
    std::fs::write(&file, config_text(&sections)).unwrap();
    let mut config = Config::load_over(None, Some(&file), Some([].into())).unwrap().config;
    config.store.path = None;
    config.providers = providers;
    config
}
