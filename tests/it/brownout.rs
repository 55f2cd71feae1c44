//! Trouble at one of two vendors, with the real binary and plugins: what is sent meanwhile goes to the other, the other channel
//! goes on, the vendor is left alone, and gets its calls again when it is well.
//!
//! How long all that takes is measured by `notifier-bench brownout`; nothing here depends on it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::{Fate, Fault, Refusal, Sandbox, SandboxOptions, Service};
use notifier_tests::client::Client;
use notifier_tests::process::Server;
use notifier_tests::sending;
use serde_json::{Value, json};

/// More than open the breaker.
const EMAILS: usize = 60;
const TEXTS: usize = 20;
/// Nothing here takes so long, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Short times, so that the vendor is asked again within the test, and calls that hang end within it. It stays closed off for
/// longer than a call takes: what ended in doubt would else be what finds out whether it is well.
const MORE: &str = r#"
[server]
public_url = "http://127.0.0.1:9"
[log]
level = "error"
[flow]
attempt_timeout_ms = 1000
[categories.default]
unknown_policy = "resend"
retry = { delay_min_ms = 10, delay_base_ms = 50 }
[providers.first.health]
slow_ms = 400
open_min_ms = 2500
open_max_ms = 2500
"#;

struct Story {
    first: Sandbox,
    second: Sandbox,
    server: Server,
    _directory: tempfile::TempDir,
}

impl Story {
    async fn begin() -> Self {
        let (first, second) = (vendor().await, vendor().await);
        let directory = tempfile::tempdir().unwrap();
        let config = sending::configure(directory.path(), &[&first, &second], MORE).unwrap();
        let server = sending::start(&config, &first);
        Self { first, second, server, _directory: directory }
    }

    fn client(&self) -> &Client {
        &self.server.client
    }

    fn fall_ill(&self, fault: Fault) {
        self.first.faults().set(Service::SendGrid, fault, None).unwrap();
    }

    /// Submits so many at once, with marks of that kind; their ids by mark.
    async fn submit(&self, kind: &str, channel: &str, count: usize) -> BTreeMap<String, String> {
        let mut ids = BTreeMap::new();
        for number in 0..count {
            let mark = format!("{kind}-{number}");
            let content = match channel {
                "email" => json!({"email": {"subject": mark, "text": "Hello"}}),
                _ => json!({"sms": {"text": mark}}),
            };
            let recipient = json!({"id": "1", "email": "ada@example.com", "phone": "+14155550101"});
            let request = json!({"recipient": recipient, "channels": [channel], "content": content});
            let answer = self.client().post("/v1/notifications", &request).await.unwrap();
            assert_eq!(answer.status, 202, "{}", answer.json);
            ids.insert(mark, answer.json["id"].as_str().unwrap().to_owned());
        }
        ids
    }

    /// Waits until all of them are sent.
    async fn are_sent(&self, ids: &BTreeMap<String, String>) {
        for (mark, id) in ids {
            let answer = self.client().get(&format!("/v1/notifications/{id}?wait_ms=20000")).await.unwrap().json;
            assert_eq!(answer["deliveries"][0]["state"], "sent", "{mark}: {answer}");
        }
    }

    async fn breaker(&self) -> Value {
        let providers = self.client().get("/v1/providers").await.unwrap().json;
        let items = providers["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == sending::EMAIL[0]).unwrap()["breaker"].clone()
    }

    /// How often each mark arrived at that vendor, and its keys.
    fn arrived(vendor: &Sandbox) -> BTreeMap<String, Vec<String>> {
        let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for message in vendor.inbox().messages() {
            let mark = message.subject.clone().or(message.text.clone()).unwrap();
            arrived.entry(mark).or_default().push(message.idempotency_key.clone().unwrap_or_default());
        }
        arrived
    }

    /// Calls that ended without anybody knowing how, as the timeline of that one has it.
    async fn doubts(&self, id: &str) -> usize {
        let timeline = self.client().get(&format!("/v1/notifications/{id}/timeline")).await.unwrap().json;
        timeline["facts"].as_array().unwrap().iter().filter(|fact| fact["kind"] == "unknown").count()
    }

    /// Sends one after the other until the breaker is closed again.
    async fn recovers(&self) {
        let closes = async {
            for round in 0.. {
                let ids = self.submit(&format!("after-{round}"), "email", 1).await;
                self.are_sent(&ids).await;
                if self.breaker().await["state"] == "closed" {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, closes).await.expect("it is asked again, and well");
    }
}

async fn vendor() -> Sandbox {
    let sandbox = Sandbox::start(SandboxOptions::new(Arc::new(|| SystemClock.now()))).await.unwrap();
    sandbox.receipts().choose(Service::Twilio, Fate::None);
    sandbox
}

/// Everything is sent, the breaker opens and closes again. How often each email arrived, at both vendors together, and its id.
async fn get_over(fault: Fault) -> (Story, BTreeMap<String, (usize, String)>) {
    let story = Story::begin().await;
    let before = story.submit("before", "email", 5).await;
    story.are_sent(&before).await;
    assert_eq!((Story::arrived(&story.first).len(), Story::arrived(&story.second).len()), (5, 0));
    story.fall_ill(fault);
    let emails = story.submit("during", "email", EMAILS).await;
    let texts = story.submit("text", "sms", TEXTS).await;
    // They do not wait for the emails: the vendor of those answers nobody until all of the texts are sent.
    story.are_sent(&texts).await;
    story.are_sent(&emails).await;
    let opened = story.breaker().await;
    assert_ne!(opened["state"], "closed", "{opened}");
    story.first.faults().clear(Service::SendGrid);
    story.recovers().await;
    let (first, second) = (Story::arrived(&story.first), Story::arrived(&story.second));
    for mark in texts.keys() {
        assert_eq!(first[mark].len(), 1, "{mark}");
    }
    let mut counts = BTreeMap::new();
    for (mark, id) in emails {
        let keys: Vec<_> = [&first, &second].into_iter().filter_map(|there| there.get(&mark)).flatten().collect();
        assert!(!keys.is_empty(), "{mark} never arrived");
        assert!(keys.iter().all(|key| **key == format!("{id}.email")), "{mark}: {keys:?}");
        assert!(second.contains_key(&mark), "{mark} did not go to the other");
        counts.insert(mark, (keys.len(), id));
    }
    (story, counts)
}

/// Nobody doubts that these were not sent.
async fn goes_to_the_other_once(refusal: Refusal) {
    let (story, counts) = get_over(Fault::Refuse(refusal)).await;
    for (mark, (count, id)) in counts {
        // A call that was good can end in doubt on a machine that is too busy.
        assert_eq!(count.saturating_sub(story.doubts(&id).await), 1, "{mark}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_vendor_is_too_ill_for_goes_to_the_other_exactly_once() {
    goes_to_the_other_once(Refusal::Unavailable).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_for_a_vendor_goes_to_the_other_exactly_once() {
    goes_to_the_other_once(Refusal::RateLimited { retry_after_s: None }).await;
}

/// Whether the vendor took it or not: it arrives, and twice only where a call ended in doubt.
async fn goes_to_the_other_in_doubt(fault: Fault, is_taken: bool) {
    let (story, counts) = get_over(fault).await;
    for (mark, (count, id)) in counts {
        let doubts = story.doubts(&id).await;
        assert!(count <= 1 + doubts, "{mark} arrived {count} times, with {doubts} doubts");
    }
    let at_the_ill = Story::arrived(&story.first).keys().filter(|mark| mark.starts_with("during")).count();
    assert_eq!(at_the_ill > 0, is_taken, "{at_the_ill} arrived at the one that was ill");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_vendor_never_answers_goes_to_the_other() {
    goes_to_the_other_in_doubt(Fault::Hang, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_vendor_breaks_off_goes_to_the_other() {
    goes_to_the_other_in_doubt(Fault::Reset, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_vendor_takes_without_ever_answering_goes_to_the_other_as_well() {
    goes_to_the_other_in_doubt(Fault::AcceptThenHang, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_vendor_takes_and_breaks_off_goes_to_the_other_as_well() {
    goes_to_the_other_in_doubt(Fault::AcceptThenDrop, true).await;
}

/// The vendor names a time and is not called before it, whether its breaker opens or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vendor_that_asks_for_time_gets_it() {
    let story = Story::begin().await;
    story.fall_ill(Fault::Refuse(Refusal::RateLimited { retry_after_s: Some(30) }));
    let first = story.submit("first", "email", 1).await;
    story.are_sent(&first).await;
    let called = story.first.inbox().counters(Service::SendGrid).faulted;
    assert_eq!(called, 1);
    story.first.faults().clear(Service::SendGrid);
    let others = story.submit("other", "email", EMAILS).await;
    story.are_sent(&others).await;
    assert_eq!((Story::arrived(&story.first).len(), Story::arrived(&story.second).len()), (0, 1 + EMAILS));
    assert_eq!(story.breaker().await["state"], "closed");
}
