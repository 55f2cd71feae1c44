//! Looks at a vendor and its breaker all the time: how many calls came when, and when it was left alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::{Inbox, Service};
use notifier_tests::client::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Failure;

/// How often the vendor's counters are read: its calls are told apart by time no finer than this.
const COUNT_EVERY: Duration = Duration::from_millis(5);
/// How often the server is asked about the breaker.
const ASK_EVERY: Duration = Duration::from_millis(25);
/// Calls are counted in windows of this length.
const WINDOW: SignedDuration = SignedDuration::from_millis(100);

/// What is known of the vendor at a time. Calls that a fault hit count as failed; those that it took as well count as both.
#[derive(Debug, Clone, Copy)]
struct Count {
    at: Timestamp,
    accepted: u64,
    failed: u64,
}

/// How the server sees it.
#[derive(Debug, Clone, PartialEq)]
struct Look {
    at: Timestamp,
    state: String,
    since: Timestamp,
    percent: u64,
    takes: bool,
}

/// Observes until it is stopped.
pub(crate) struct Observer {
    counts: JoinHandle<Vec<Count>>,
    looks: JoinHandle<Result<Vec<Look>, Failure>>,
    latest: watch::Receiver<Option<Look>>,
    is_done: Arc<AtomicBool>,
}

/// What was observed, in order of time.
pub(crate) struct Observed {
    counts: Vec<Count>,
    looks: Vec<Look>,
}

impl Observer {
    pub(crate) fn start(client: &Client, provider: &'static str, inbox: &Inbox) -> Self {
        let is_done = Arc::new(AtomicBool::new(false));
        let (inbox, counting, looking) = (inbox.clone(), Arc::clone(&is_done), Arc::clone(&is_done));
        let counts = tokio::spawn(async move {
            let mut counts = Vec::new();
            while !counting.load(Ordering::Relaxed) {
                let counters = inbox.counters(Service::SendGrid);
                let (accepted, failed) = (counters.accepted, counters.faulted);
                counts.push(Count { at: SystemClock.now(), accepted, failed });
                SystemClock.sleep(COUNT_EVERY).await;
            }
            counts
        });
        let (found, latest) = watch::channel(None);
        let client = client.clone();
        let looks = tokio::spawn(async move {
            let mut looks = Vec::new();
            while !looking.load(Ordering::Relaxed) {
                let look = look(&client, provider).await?;
                found.send_replace(Some(look.clone()));
                looks.push(look);
                SystemClock.sleep(ASK_EVERY).await;
            }
            Ok(looks)
        });
        Self { counts, looks, latest, is_done }
    }

    /// Waits until the provider has its whole share again, and then a second longer; at most until the deadline.
    pub(crate) async fn until_back(&self, since: Timestamp, deadline: Timestamp) {
        let mut latest = self.latest.clone();
        // What it finds is let go of at once: it is held against whoever writes the next look.
        let is_back = async {
            let found = latest.wait_for(|look| look.as_ref().is_some_and(|look| look.is_back(since)));
            found.await.is_ok()
        };
        tokio::select! {
            _ = is_back => SystemClock.sleep(Duration::from_secs(1)).await,
            () = SystemClock.sleep_until(deadline) => {}
        }
    }

    pub(crate) async fn stop(self) -> Result<Observed, Failure> {
        self.is_done.store(true, Ordering::Relaxed);
        Ok(Observed { counts: self.counts.await?, looks: self.looks.await?? })
    }
}

async fn look(client: &Client, provider: &str) -> Result<Look, Failure> {
    let answer = client.get("/v1/providers").await?.json;
    let items = answer["items"].as_array().ok_or("no providers")?;
    let status = items.iter().find(|item| item["name"] == provider).ok_or("no such provider")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| format!("not a text: {value}"));
    Ok(Look {
        at: SystemClock.now(),
        state: text(&status["breaker"]["state"])?,
        since: text(&status["breaker"]["since"])?.parse()?,
        percent: status["breaker"]["percent"].as_u64().ok_or("no percent")?,
        takes: status["standing"] == "takes",
    })
}

impl Look {
    /// Whether it takes all of its share, some time after that: what was so before may not have been noticed yet.
    fn is_back(&self, since: Timestamp) -> bool {
        self.takes && self.percent == 100 && self.at > since + SignedDuration::from_millis(500)
    }
}

impl Observed {
    /// When the breaker first opened after that.
    pub(crate) fn opened_at(&self, from: Timestamp) -> Option<Timestamp> {
        self.looks.iter().find(|look| look.state == "open" && look.since >= from).map(|look| look.since)
    }

    /// When it was first seen to take no calls after that.
    pub(crate) fn left_alone_at(&self, from: Timestamp) -> Option<Timestamp> {
        self.looks.iter().find(|look| look.at >= from && !look.takes).map(|look| look.at)
    }

    /// When it had its whole share again.
    pub(crate) fn back_at(&self, from: Timestamp) -> Option<Timestamp> {
        self.looks.iter().find(|look| look.is_back(from)).map(|look| look.at)
    }

    /// Calls that the fault had hit by then.
    pub(crate) fn failed_by(&self, at: Timestamp) -> f64 {
        let by_then = self.counts.iter().find(|count| count.at >= at).or(self.counts.last());
        by_then.map_or(f64::NAN, |count| count.failed as f64)
    }

    /// The most calls that it took within any window of that time.
    pub(crate) fn most_in_a_window(&self, from: Timestamp, until: Timestamp) -> f64 {
        let counts: Vec<_> = self.counts.iter().filter(|count| (from..until).contains(&count.at)).collect();
        let mut first = 0;
        let mut most = 0;
        for count in &counts {
            while counts[first].at.duration_until(count.at) > WINDOW {
                first += 1;
            }
            most = most.max(count.accepted - counts[first].accepted);
        }
        most as f64
    }

    /// Calls that it took, second by second.
    pub(crate) fn by_second(&self, from: Timestamp) -> Vec<u64> {
        let mut seconds = Vec::new();
        let mut end = from;
        let mut before = None;
        for count in self.counts.iter().filter(|count| count.at >= from) {
            let start = *before.get_or_insert(count.accepted);
            if count.at >= end + SignedDuration::from_secs(1) {
                seconds.push(count.accepted - start);
                (before, end) = (Some(count.accepted), count.at);
            }
        }
        seconds
    }

    /// How the breaker changed, with seconds since that time.
    pub(crate) fn story(&self, from: Timestamp) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut before = "";
        for look in self.looks.iter().filter(|look| look.at >= from) {
            let now = if look.takes || look.state != "closed" { look.state.as_str() } else { "rests" };
            if now != before {
                parts.push(format!("{now} at {:.1} s", from.duration_until(look.at).as_secs_f64()));
                before = now;
            }
        }
        parts.join(", ")
    }
}
