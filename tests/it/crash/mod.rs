//! `kill -9` with hundreds pending and sends in flight, while the server stops, while it comes up again, and while it works
//! off what was left: whatever was acknowledged reaches a final state, nothing is there by half, and only what was in flight is
//! sent again, under the same key.
//!
//! What is drawn by chance follows from a seed, which is printed; `NOTIFIER_CRASH_SEED` draws the same again. Where exactly a
//! kill strikes is up to the machine.
#![expect(clippy::print_stdout, reason = "twenty rounds take a minute: they say how far they are")]

mod examine;
mod ledger;
mod load;
mod plan;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use notifier_core::{Clock, Entropy, SystemClock, SystemEntropy};
use notifier_server::sandbox::{Fate, Fault, Sandbox, SandboxOptions, Service};
use notifier_tests::process::{Server, binary};
use notifier_tests::sending;
use serde_json::Value;

use ledger::Ledger;
use load::{Extent, Load};
use plan::{Chance, End, Moment, Round};

/// Deliveries that are pending when the server is killed, in every round with a backlog.
const PENDING: usize = 500;
/// Deliveries that the server may have in flight, on each of the two channels.
const IN_FLIGHT_MAX: usize = 64;
/// Under load. A machine that sends as fast as it accepts will never need so many requests.
const FULL_LOAD: Extent = Extent { clients: 32, requests_max: 20_000 };
/// While a server that was killed works off what was left.
const SOME_LOAD: Extent = Extent { clients: 4, requests_max: 40 };
/// Messages that arrive in one round at most.
const ARRIVALS_MAX: usize = 200_000;

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_there_by_half_and_only_what_was_in_flight_repeats() {
    let seed = number_of("NOTIFIER_CRASH_SEED").unwrap_or_else(|| SystemEntropy::new().number());
    let rounds = number_of("NOTIFIER_CRASH_ROUNDS").unwrap_or(20);
    println!("NOTIFIER_CRASH_SEED={seed}");
    let chance = Chance::new(seed);
    let mut story = Story::begin().await;
    for number in 0..rounds {
        story.play(&Round::draw(number, &chance)).await;
    }
    story.end();
}

/// The vendors, the server between two kills, and what was promised.
struct Story {
    directory: tempfile::TempDir,
    vendors: Sandbox,
    config: PathBuf,
    server: Server,
    /// How long it last took from the start to the first request.
    start_up: Duration,
    ledger: Ledger,
}

impl Story {
    async fn begin() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = SandboxOptions::new(Arc::new(|| SystemClock.now()));
        options.inbox_capacity = ARRIVALS_MAX;
        let vendors = Sandbox::start(options).await.unwrap();
        vendors.receipts().choose(Service::Twilio, Fate::None);
        let config = write_config(directory.path(), &vendors);
        // The first start compiles the plugins: it is not how long a start takes.
        sending::start(&config, &vendors).terminate().unwrap();
        let began = SystemClock.now();
        let server = sending::start(&config, &vendors);
        let start_up = since(began);
        Self { directory, vendors, config, server, start_up, ledger: Ledger::default() }
    }

    async fn play(&mut self, round: &Round) {
        let began = SystemClock.now();
        self.vendors.inbox().clear();
        self.ledger.turn_page(round.number);
        let mut load = Load::of(round);
        let mut did = vec![self.work_until_killed(round, &mut load).await];
        for moment in &round.in_recovery {
            did.push(self.kill_in_recovery(*moment, &mut load).await);
        }
        self.vendors.faults().clear_all();
        self.server = sending::start(&self.config, &self.vendors);
        examine::examine(&self.server.client, &self.vendors, &mut self.ledger).await;
        println!("round {}: {}; {} [{} ms]", round.number, did.join("; "), self.ledger, since(began).as_millis());
    }

    /// Load, until the round's end strikes. Says what happened.
    async fn work_until_killed(&mut self, round: &Round, load: &mut Load) -> String {
        self.slow_down(round.call_ms);
        let inbox = self.vendors.inbox();
        let is_time = |acknowledged: usize| match round.has_backlog {
            true => 2 * acknowledged >= PENDING + round.kill_after + arrived(inbox),
            false => acknowledged >= round.kill_after,
        };
        let ended = load.run(&mut self.server, FULL_LOAD, round.end, inbox, is_time, &mut self.ledger).await;
        let pending = self.pending();
        match round.end {
            End::Kill => format!("killed with {pending} deliveries pending or in flight"),
            End::KillWhileStopping { after_ms } if ended => {
                format!("stopped within {after_ms} ms and left {pending}")
            }
            End::KillWhileStopping { after_ms } => {
                format!("killed {after_ms} ms after SIGTERM with {pending} pending or in flight")
            }
        }
    }

    /// Starts it and kills it again. Says what happened.
    async fn kill_in_recovery(&mut self, moment: Moment, load: &mut Load) -> String {
        self.slow_down(plan::CALL_MS);
        match moment {
            Moment::InTime { percent } => {
                let starting = sending::spawn(&self.config, &self.vendors);
                let wait = self.start_up * percent / 100;
                // The moment itself is what is drawn: there is nothing else to wait for.
                SystemClock.sleep(wait).await;
                let served = if starting.kill() { "serving" } else { "not yet serving" };
                format!("killed {} ms into the start, {served}", wait.as_millis())
            }
            Moment::WhileItWorksOff { percent } => {
                let before = self.pending();
                self.server = sending::start(&self.config, &self.vendors);
                let target = arrived(self.vendors.inbox()) + before * percent / 100;
                let inbox = self.vendors.inbox();
                let is_time = |_| arrived(inbox) >= target;
                load.run(&mut self.server, SOME_LOAD, End::Kill, inbox, is_time, &mut self.ledger).await;
                format!("killed at {percent} % of {before} left")
            }
        }
    }

    /// Calls that take a moment, so that some are in flight whenever the end comes: or so long that a backlog grows.
    fn slow_down(&self, call_ms: u64) {
        for service in [Service::SendGrid, Service::Twilio] {
            self.vendors.faults().set(service, Fault::Slow { delay_ms: call_ms }, None).unwrap();
        }
    }

    /// Deliveries of this round that were acknowledged and did not arrive yet; at least, as repeats count as arrivals.
    fn pending(&self) -> usize {
        (2 * self.ledger.acknowledged_this_round()).saturating_sub(arrived(self.vendors.inbox()))
    }

    fn end(mut self) {
        assert!(self.server.terminate().unwrap().success());
        let data = self.directory.path().join("data");
        let check = Command::new(binary()).args(["store", "check", "--json"]).arg(data).output().unwrap();
        let report: Value = serde_json::from_slice(&check.stdout).unwrap();
        println!("{}", self.ledger.summary());
        println!("store check: {report}");
        self.ledger.assert_clean();
        assert!(check.status.success() && report["sound"] == true, "{report}");
        for finding in ["damaged", "missing_entries", "stale_entries", "quarantined"] {
            assert_eq!(report[finding], 0, "{finding}: {report}");
        }
    }
}

fn since(began: jiff::Timestamp) -> Duration {
    Duration::try_from(began.duration_until(SystemClock.now())).unwrap_or_default()
}

fn arrived(inbox: &notifier_server::sandbox::Inbox) -> usize {
    let of = |service| inbox.counters(service).accepted;
    usize::try_from(of(Service::SendGrid) + of(Service::Twilio)).unwrap()
}

fn write_config(directory: &Path, vendors: &Sandbox) -> PathBuf {
    // Nobody listens there: it is what makes text messages carry the delivery, in the address for receipts.
    let more = format!(
        r#"
        [server]
        public_url = "http://127.0.0.1:9"
        [log]
        level = "error"
        [flow]
        in_flight_max = {IN_FLIGHT_MAX}
        [categories.default]
        channels = ["email", "sms"]
        retry = {{ delay_min_ms = 10, delay_base_ms = 50 }}
        "#
    );
    sending::configure(directory, &[vendors], &more).unwrap()
}
