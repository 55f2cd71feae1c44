//! Requests from many sides at once, one notification each or many, until the server is killed.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::Inbox;
use notifier_tests::client::Client;
use notifier_tests::process::Server;
use serde_json::{Value, json};

use super::ledger::Ledger;
use super::plan::{End, Round};

/// Every so many requests, one carries many notifications.
const BATCH_EVERY: usize = 4;
const BATCH_ITEMS: usize = 10;

/// One call, which can be repeated as it was.
#[derive(Debug, Clone)]
pub(super) struct Request {
    /// The marks of its notifications: recipient, key and words of each.
    pub(super) marks: Vec<String>,
    is_batch: bool,
}

/// What became of one notification of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Accepted { id: String, repeated: bool },
    Refused { status: u64 },
}

impl Request {
    /// What became of each notification, in order; `None` when there was no answer.
    pub(super) async fn submit(&self, client: &Client) -> Option<Vec<Told>> {
        let items: Vec<Value> = self.marks.iter().map(|mark| notification(mark)).collect();
        if !self.is_batch {
            let answer = client.post("/v1/notifications", &items[0]).await.ok()?;
            return Some(vec![told(answer.status.as_u16().into(), &answer.json)]);
        }
        let answer = client.post("/v1/notifications/batch", &Value::Array(items)).await.ok()?;
        if answer.status != 200 {
            return Some(vec![told(answer.status.as_u16().into(), &answer.json); self.marks.len()]);
        }
        let results = answer.json.as_array().unwrap();
        assert_eq!(results.len(), self.marks.len(), "a result for each item");
        Some(results.iter().map(|result| told(result["status"].as_u64().unwrap(), result)).collect())
    }
}

fn notification(mark: &str) -> Value {
    json!({
        "recipient": {"id": mark, "email": "ada@example.com", "phone": "+14155550101"},
        "content": {"email": {"subject": mark, "text": "Hello"}, "sms": {"text": mark}},
        "idempotency_key": mark,
    })
}

fn told(status: u64, body: &Value) -> Told {
    match status {
        202 => Told::Accepted {
            id: body["id"].as_str().unwrap().to_owned(),
            repeated: body["repeated"].as_bool().unwrap(),
        },
        // It stops.
        503 => Told::Refused { status },
        _ => panic!("{status} {body}"),
    }
}

/// Longer than any answer takes. A request whose connection is killed while it is being made may wait in the client's pool for
/// ever.
const PATIENCE: Duration = Duration::from_secs(20);

/// When nothing at all has arrived for so long, nothing will.
const STUCK: Duration = Duration::from_secs(120);

/// How much is submitted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// Requests at the same time.
    pub(super) clients: usize,
    /// Requests in all.
    pub(super) requests_max: usize,
}

/// The requests of a round.
pub(super) struct Load {
    round: u64,
    sent: usize,
}

impl Load {
    pub(super) fn of(round: &Round) -> Self {
        Self { round: round.number, sent: 0 }
    }

    fn next(&mut self) -> Request {
        let number = self.sent;
        self.sent += 1;
        let is_batch = number % BATCH_EVERY == BATCH_EVERY - 1;
        let items = if is_batch { BATCH_ITEMS } else { 1 };
        let marks = (0..items).map(|item| format!("mark-{}-{number}-{item}", self.round)).collect();
        Request { marks, is_batch }
    }

    /// Submits until it is time, going by how many are acknowledged and by what arrives; then ends the server, and writes down
    /// what was answered until then. Whether the server had ended by itself when it was to be killed.
    pub(super) async fn run(
        &mut self,
        server: &mut Server,
        extent: Extent,
        end: End,
        inbox: &Inbox,
        is_time: impl Fn(usize) -> bool,
        ledger: &mut Ledger,
    ) -> bool {
        let mut arrivals = inbox.changes();
        let sent_max = self.sent + extent.requests_max;
        let mut waiting: FuturesUnordered<_> =
            (0..extent.clients).map(|_| submit(&server.client, self.next())).collect();
        while !is_time(ledger.acknowledged_this_round()) {
            tokio::select! {
                Some((request, told)) = waiting.next(), if !waiting.is_empty() => {
                    assert!(told.is_some(), "the server went away by itself");
                    ledger.write(request, told);
                    if self.sent < sent_max {
                        waiting.push(submit(&server.client, self.next()));
                    }
                }
                changed = tokio::time::timeout(STUCK, arrivals.changed()) => {
                    changed.expect("the server sends what it has").expect("the inbox is there");
                }
            }
        }
        let mut has_ended = false;
        if let End::KillWhileStopping { after_ms } = end {
            server.ask_to_stop().unwrap();
            let mut is_over = pin!(SystemClock.sleep(Duration::from_millis(after_ms)));
            let mut is_answering = true;
            loop {
                let (request, told) = tokio::select! {
                    () = &mut is_over => break,
                    Some(answered) = waiting.next(), if !waiting.is_empty() => answered,
                };
                is_answering &= told.is_some();
                ledger.write(request, told);
                if is_answering {
                    waiting.push(submit(&server.client, self.next()));
                }
            }
            has_ended = server.has_ended();
        }
        server.kill();
        while let Some((request, told)) = waiting.next().await {
            ledger.write(request, told);
        }
        has_ended
    }
}

fn submit(client: &Client, request: Request) -> impl Future<Output = (Request, Option<Vec<Told>>)> + use<> {
    let client = client.clone();
    async move {
        let told = tokio::time::timeout(PATIENCE, request.submit(&client)).await.ok().flatten();
        (request, told)
    }
}
