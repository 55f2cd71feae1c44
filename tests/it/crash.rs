//! `kill -9` with a thousand pending and sends in flight, again and again: every request that was acknowledged reaches a
//! final state, and only what was in flight is sent again, under the same key.
#![expect(clippy::print_stdout, reason = "twenty rounds take a minute: they say how far they are")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use notifier_server::sandbox::{Fault, Sandbox, SandboxOptions, Service};
use notifier_tests::client::Client;
use notifier_tests::emailing;
use notifier_tests::process::Server;
use serde_json::{Value, json};

/// Deliveries that are pending when the server is killed, in every second round.
const PENDING: usize = 1_000;
/// Requests of one round at most: more than a machine that sends as fast as it accepts will ever need.
const REQUESTS_MAX: usize = 20_000;
/// Clients that submit at the same time.
const CLIENTS: usize = 64;
/// Deliveries that the server may have in flight.
const IN_FLIGHT_MAX: usize = 64;

fn rounds() -> usize {
    std::env::var("NOTIFIER_CRASH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_and_only_what_was_in_flight_repeats() {
    let directory = tempfile::tempdir().unwrap();
    let clock: notifier_server::sandbox::Clock = Arc::new(|| notifier_core::Clock::now(&notifier_core::SystemClock));
    let mut options = SandboxOptions::new(clock);
    options.inbox_capacity = 2 * REQUESTS_MAX * rounds();
    let vendors = Sandbox::start(options).await.unwrap();
    let config = write_config(directory.path(), &vendors);
    let mut accepted = BTreeMap::new();
    let mut server = emailing::start(&config, &vendors);
    for round in 0..rounds() {
        let arrived_before = vendors.inbox().seq_last();
        let arrived = || usize::try_from(vendors.inbox().seq_last() - arrived_before).unwrap();
        let kill_after = (round * 7_919 + 13) % PENDING + 1;
        // Calls that take a moment, so that some are in flight whenever the end comes: or so long that a backlog grows.
        let has_backlog = round % 2 == 1;
        let delay_ms = if has_backlog { 1_000 } else { 20 };
        vendors.faults().set(Service::SendGrid, Fault::Slow { delay_ms }, None).unwrap();
        let is_time = |acknowledged: usize| match has_backlog {
            true => acknowledged >= PENDING + IN_FLIGHT_MAX + arrived() + kill_after % CLIENTS,
            false => acknowledged >= kill_after,
        };
        let acknowledged = submit_until_killed(&mut server, round, is_time).await;
        let pending = acknowledged.len().saturating_sub(arrived());
        accepted.extend(acknowledged);
        vendors.faults().clear_all();
        server = emailing::start(&config, &vendors);
        settle(&server.client, &accepted, round).await;
        println!("round {round}: killed with {pending} pending or in flight; {} acknowledged so far", accepted.len());
    }
    compare(&server.client, &vendors, &accepted).await;
    assert!(server.terminate().unwrap().success());
}

fn write_config(directory: &Path, vendors: &Sandbox) -> std::path::PathBuf {
    let more = format!(
        r#"
        [log]
        level = "error"
        [flow]
        in_flight_max = {IN_FLIGHT_MAX}
        [categories.default]
        retry = {{ delay_min_ms = 10, delay_base_ms = 50 }}
        "#
    );
    emailing::configure(directory, vendors, &more).unwrap()
}

/// Submits from many sides at once, kills the server when it is time, going by how many are acknowledged, and returns all
/// that were: the mark in each message by the id under which it was accepted.
async fn submit_until_killed(
    server: &mut Server,
    round: usize,
    is_time: impl Fn(usize) -> bool,
) -> BTreeMap<String, String> {
    let client = server.client.clone();
    let submit = |number: usize| {
        let client = client.clone();
        async move {
            let mark = format!("mark-{round}-{number}");
            let request = json!({
                "recipient": {"id": "1", "email": "ada@example.com"},
                "content": {"email": {"subject": mark, "text": "Hello"}},
            });
            let answer = client.post("/v1/notifications", &request).await.ok()?;
            assert_eq!(answer.status, 202, "{:?}", answer.json);
            Some((answer.json["id"].as_str()?.to_owned(), mark))
        }
    };
    let mut waiting: FuturesUnordered<_> = (0..CLIENTS).map(submit).collect();
    let mut next = CLIENTS;
    let mut acknowledged = BTreeMap::new();
    let mut is_alive = true;
    while let Some(answer) = waiting.next().await {
        acknowledged.extend(answer);
        if !is_alive {
            continue;
        }
        if is_time(acknowledged.len()) {
            server.kill();
            is_alive = false;
        } else if next < REQUESTS_MAX {
            waiting.push(submit(next));
            next += 1;
        }
    }
    assert!(!is_alive, "round {round}: it was never time, with {} acknowledged", acknowledged.len());
    acknowledged
}

/// Waits until every accepted notification is in a final state.
async fn settle(client: &Client, accepted: &BTreeMap<String, String>, round: usize) {
    for (id, mark) in accepted.iter().filter(|(_, mark)| mark.starts_with(&format!("mark-{round}-"))) {
        let answer = client.get(&format!("/v1/notifications/{id}?wait_ms=20000")).await.unwrap();
        assert_eq!(answer.status, 200, "{mark} was acknowledged and is gone: {}", answer.json);
        assert_eq!(states(&answer.json), ["sent"], "{mark}: {}", answer.json);
    }
}

fn states(notification: &Value) -> Vec<&str> {
    notification["deliveries"].as_array().unwrap().iter().map(|d| d["state"].as_str().unwrap()).collect()
}

/// Compares what arrived with what was acknowledged, and explains every repeat by an interrupted attempt.
async fn compare(client: &Client, vendors: &Sandbox, accepted: &BTreeMap<String, String>) {
    let mut arrived: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in vendors.inbox().messages() {
        let mark = message.subject.clone().unwrap();
        arrived.entry(mark).or_default().push(message.idempotency_key.clone().expect("each call carries its key"));
    }
    let mut repeats = 0;
    for (id, mark) in accepted {
        let keys = arrived.get(mark).unwrap_or_else(|| panic!("{mark} was acknowledged and never arrived"));
        let distinct: BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), 1, "{mark} was sent under several keys: {keys:?}");
        if keys.len() > 1 {
            repeats += keys.len() - 1;
            let timeline = client.get(&format!("/v1/notifications/{id}/timeline")).await.unwrap().json;
            let facts = timeline["facts"].as_array().unwrap();
            let unknown = facts.iter().filter(|fact| fact["kind"] == "unknown").count();
            assert!(unknown >= keys.len() - 1, "{mark} was repeated without having been in flight: {timeline}");
        }
    }
    println!("{} acknowledged, {} arrived, {repeats} repeats of what was in flight", accepted.len(), arrived.len());
    assert!(repeats <= rounds() * IN_FLIGHT_MAX, "{repeats} repeats");
}
