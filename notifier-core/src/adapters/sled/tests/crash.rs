//! `kill -9` at any moment: what was acknowledged is there, and the indexes agree with the records.
//!
//! The test runs itself as a child process that works under load and says on its standard output what was acknowledged.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{open, options};
use crate::adapters::sled::{SledStore, check};
use crate::domain::channel::Channel;
use crate::domain::id::DeliveryId;
use crate::domain::lifecycle::DeliveryState;
use crate::ports::store::{Claimed, Store};
use crate::testing::store_conformance::sample::{Sample, at, begin, claim, retry, sent};

const CHILD: &str = "NOTIFIER_CRASH_TEST_CHILD";
const ROUNDS: u32 = 10;
/// The child ends by itself, should nobody kill it.
const ACCEPTED_MAX: u32 = 50_000;

/// What was acknowledged last about a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Acknowledged {
    Accepted,
    Begun,
    Sent,
    Retried,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_a_kill() {
    if let Ok(task) = std::env::var(CHILD) {
        let (round, path) = task.split_once(' ').unwrap();
        return work(round.parse().unwrap(), Path::new(path)).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = HashMap::new();
    for round in 0..ROUNDS {
        let mut child = spawn(round, folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        // Two rounds end while the store is being opened, the others after more and more work.
        let lines_max = if round % 5 == 3 { 1 } else { 150 + 170 * usize::try_from(round).unwrap() };
        let said: Vec<_> = lines.by_ref().filter(|line| line.starts_with("ack ")).take(lines_max).collect();
        child.kill().unwrap();
        // What is still in the pipe was said before the kill.
        let rest = lines.filter(|line| line.starts_with("ack ")).collect::<Vec<_>>();
        assert!(!child.wait().unwrap().success(), "the child was killed, it did not end");
        for line in said.iter().chain(&rest) {
            note(line, &mut acknowledged);
        }
        let report = check(folder.path(), false).unwrap();
        assert!(report.is_sound() && report.quarantined == 0, "round {round}: {report:?}");
        compare(folder.path(), &acknowledged).await;
    }
    assert!(acknowledged.len() > 1_000, "{} acknowledged: too few to show anything", acknowledged.len());
}

fn spawn(round: u32, path: &Path) -> Child {
    let this = "adapters::sled::tests::crash::nothing_acknowledged_is_lost_by_a_kill";
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(CHILD, format!("{round} {}", path.display()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn note(line: &str, acknowledged: &mut HashMap<DeliveryId, Acknowledged>) {
    let mut words = line.split(' ').skip(1);
    let what = match words.next().unwrap() {
        "opening" => return,
        "accepted" => Acknowledged::Accepted,
        "begun" => Acknowledged::Begun,
        "sent" => Acknowledged::Sent,
        "retried" => Acknowledged::Retried,
        other => panic!("the child says {other}"),
    };
    let id = words.next().unwrap().parse().unwrap();
    // Several threads speak: `accepted` may be said after `begun`.
    let known = acknowledged.entry(id).or_insert(what);
    if what != Acknowledged::Accepted {
        *known = what;
    }
}

async fn compare(path: &Path, acknowledged: &HashMap<DeliveryId, Acknowledged>) {
    let store = open(path);
    for (id, what) in acknowledged {
        let status = store.status(Sample::new(0).tenant(), id.notification).await.unwrap();
        let status = status.unwrap_or_else(|| panic!("{id} was {what:?} and is gone"));
        let delivery = status.deliveries.iter().find(|delivery| delivery.id == *id).unwrap();
        let fits = match what {
            Acknowledged::Accepted => true,
            Acknowledged::Begun => delivery.attempts == 1,
            Acknowledged::Sent => delivery.state == DeliveryState::Sent,
            Acknowledged::Retried => delivery.state == DeliveryState::Pending && delivery.attempts == 1,
        };
        assert!(fits, "{id} was {what:?} and is {delivery:?}");
    }
    store.close().await.unwrap();
}

/// The life of the child.
async fn work(round: u32, path: &Path) {
    say("opening", "");
    let store: Arc<dyn Store> = Arc::new(SledStore::open(path, options()).unwrap());
    for claimed in store.reclaim(at(0), usize::MAX, at(1_000)).await.unwrap() {
        store.settle(claimed.lease, sent(&claimed.delivery, at(2))).await.unwrap();
        say("sent", claimed.delivery.id);
    }
    let next = Arc::new(AtomicU32::new(0));
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let (store, next) = (Arc::clone(&store), Arc::clone(&next));
        tasks.push(tokio::spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number > ACCEPTED_MAX {
                    return;
                }
                let created_ms = i64::from(round);
                let sample = Sample::new(number).created(created_ms).keyed(&format!("{round}-{number}"), 1);
                sample.accepted_by(&store).await;
                say("accepted", sample.delivery_id(Channel::Sms));
            }
        }));
    }
    for _ in 0..4 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move {
            loop {
                for claimed in claim(&store, 8, at(0), at(1_000)).await {
                    deliver(&store, claimed).await;
                }
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn deliver(store: &Arc<dyn Store>, claimed: Claimed) {
    let Claimed { lease, delivery, .. } = claimed;
    let begun = begin(&delivery, at(1));
    store.begin(lease, begun.clone(), at(1_000)).await.unwrap();
    say("begun", delivery.id);
    // Some well, some not, and some are left as they are.
    match delivery.id.notification.as_bytes()[15] % 8 {
        0 => {}
        1 | 2 => {
            store.settle(lease, retry(&begun.delivery, at(2))).await.unwrap();
            say("retried", delivery.id);
        }
        _ => {
            store.settle(lease, sent(&begun.delivery, at(2))).await.unwrap();
            say("sent", delivery.id);
        }
    }
}

fn say(what: &str, about: impl std::fmt::Display) {
    // One write for each line, past the buffer: what was said before a kill is in the pipe.
    let mut out = std::io::stdout().lock();
    let line = format!("ack {what} {about}\n");
    out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
}
