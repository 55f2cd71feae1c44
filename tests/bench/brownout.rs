//! What trouble at one vendor does to everything else: email at a steady pace to two vendors, of which the first falls ill and
//! gets well again, while text messages go their own way.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::{Fate, Fault, Refusal, Sandbox, SandboxOptions, Service};
use notifier_tests::client::Client;
use notifier_tests::process::Server;
use notifier_tests::sending;
use tempfile::TempDir;

use super::observer::{Observed, Observer};
use super::pour::{Poured, Stream, pour};
use super::stopwatch::Durations;
use super::{Failure, Figures};

const EMAILS_PER_S: u32 = 500;
const TEXTS_PER_S: u32 = 100;
/// How long everything is well first, and how long the trouble lasts.
const GOOD: SignedDuration = SignedDuration::from_secs(10);
const BAD: SignedDuration = SignedDuration::from_secs(10);
/// Of the good time, so much is not counted.
const WARM_UP: SignedDuration = SignedDuration::from_secs(1);
/// After that it is given up: the vendor never got its whole share back, or messages are stuck.
const PATIENCE: SignedDuration = SignedDuration::from_secs(90);
const INBOX: usize = 400_000;

/// `resend` is the default; it is written here because the figures depend on it.
const MORE: &str = r#"
[log]
level = "error"
[flow]
attempt_timeout_ms = 8000
[categories.default]
unknown_policy = "resend"
"#;

/// What the first vendor suffers from, in turn.
pub(crate) const TROUBLES: [&str; 6] = ["5xx", "hang", "429", "reset", "no_answer", "5xx_alone"];

struct Trouble {
    name: &'static str,
    fault: Fault,
    /// Whether there is another vendor.
    is_alone: bool,
}

fn troubles() -> Vec<Trouble> {
    let limited = Fault::Refuse(Refusal::RateLimited { retry_after_s: Some(2) });
    let suffered = [
        (Fault::Refuse(Refusal::Unavailable), false),
        (Fault::Hang, false),
        (limited, false),
        (Fault::Reset, false),
        (Fault::AcceptThenHang, false),
        (Fault::Refuse(Refusal::Unavailable), true),
    ];
    let named = TROUBLES.into_iter().zip(suffered);
    named.map(|(name, (fault, is_alone))| Trouble { name, fault, is_alone }).collect()
}

/// Each trouble in turn, or those that are named.
pub(crate) async fn brownout(figures: &mut Figures, named: &[String]) -> Result<(), Failure> {
    println!(
        "brown-out: {EMAILS_PER_S} emails and {TEXTS_PER_S} text messages a second; the first vendor of email falls ill for {BAD:#}"
    );
    let directory = tempfile::tempdir()?;
    let troubles = troubles();
    let is_any_named = troubles.iter().any(|trouble| named.iter().any(|name| name == trouble.name));
    for trouble in troubles {
        if !is_any_named || named.iter().any(|name| name == trouble.name) {
            let bench = Bench::start(&directory, trouble.is_alone).await?;
            bench.suffer(&trouble, figures).await?;
            bench.stop()?;
        }
    }
    Ok(())
}

struct Bench {
    server: Server,
    /// One or two; the text messages go to the first.
    vendors: Vec<Sandbox>,
    data: PathBuf,
}

impl Bench {
    async fn start(directory: &TempDir, is_alone: bool) -> Result<Self, Failure> {
        let mut vendors = Vec::new();
        for _ in 0..if is_alone { 1 } else { 2 } {
            let mut options = SandboxOptions::new(Arc::new(|| SystemClock.now()));
            options.inbox_capacity = INBOX;
            let sandbox = Sandbox::start(options).await?;
            sandbox.receipts().choose(Service::Twilio, Fate::None);
            vendors.push(sandbox);
        }
        let all: Vec<&Sandbox> = vendors.iter().collect();
        let config = sending::configure(directory.path(), &all, MORE)?;
        let first = all.first().ok_or("no vendor")?;
        let server = sending::start(&config, first);
        Ok(Self { server, vendors, data: directory.path().join("data") })
    }

    /// The data goes; the compiled plugins stay for the next.
    fn stop(mut self) -> Result<(), Failure> {
        self.server.terminate()?;
        Ok(std::fs::remove_dir_all(&self.data)?)
    }

    fn ill(&self) -> Result<&Sandbox, Failure> {
        Ok(self.vendors.first().ok_or("no vendor")?)
    }

    async fn suffer(&self, trouble: &Trouble, figures: &mut Figures) -> Result<(), Failure> {
        let client = self.server.client.clone();
        let is_over = Arc::new(AtomicBool::new(false));
        let observer = Observer::start(&client, sending::EMAIL[0], self.ill()?.inbox());
        let emails = tokio::spawn(pour(client.clone(), "email", EMAILS_PER_S, Arc::clone(&is_over)));
        let texts = tokio::spawn(pour(client.clone(), "sms", TEXTS_PER_S, Arc::clone(&is_over)));
        let began = SystemClock.now();
        SystemClock.sleep_until(began + GOOD).await;
        let ill_at = SystemClock.now();
        self.ill()?.faults().set(Service::SendGrid, trouble.fault.clone(), None)?;
        SystemClock.sleep_until(ill_at + BAD).await;
        let well_at = SystemClock.now();
        self.ill()?.faults().clear(Service::SendGrid);
        observer.until_back(well_at, well_at + PATIENCE).await;
        is_over.store(true, Ordering::Relaxed);
        let (emails, texts) = (emails.await??, texts.await??);
        let is_drained = drained(&client).await?;
        let observed = observer.stop().await?;
        let phases = Phases { began, ill_at, well_at };
        let arrivals = self.arrivals();
        println!(" {}", trouble.name);
        if !is_drained {
            println!("  after {PATIENCE:#} messages still wait");
        }
        let mut report = Report { name: trouble.name, phases, figures };
        report.emails(&emails, &arrivals, self.endings(&client).await?);
        report.breaker(&observed);
        report.texts(&texts, &arrivals);
        report.recovery(&observed);
        Ok(())
    }

    /// When each mark arrived anywhere.
    fn arrivals(&self) -> BTreeMap<String, Vec<Timestamp>> {
        let mut arrivals: BTreeMap<String, Vec<Timestamp>> = BTreeMap::new();
        for message in self.vendors.iter().flat_map(|vendor| vendor.inbox().messages()) {
            let mark = message.subject.as_ref().or(message.text.as_ref()).cloned().unwrap_or_default();
            arrivals.entry(mark).or_default().push(message.received_at);
        }
        arrivals
    }

    /// Deliveries that failed, and that were given up without knowing.
    async fn endings(&self, client: &Client) -> Result<(f64, f64), Failure> {
        let since_start = client.get("/v1/stats").await?.json["since_start"].take();
        let of = |name: &str| since_start[name].as_f64().ok_or_else(|| format!("no {name}: {since_start}"));
        Ok((of("failed")?, of("unknown")?))
    }
}

/// Whether nothing waits any more.
async fn drained(client: &Client) -> Result<bool, Failure> {
    let deadline = SystemClock.now() + PATIENCE;
    while SystemClock.now() < deadline {
        let now = client.get("/v1/stats").await?.json["now"].take();
        if now["pending"]["normal"] == 0 && now["sending"] == 0 {
            return Ok(true);
        }
        SystemClock.sleep(Duration::from_millis(100)).await;
    }
    Ok(false)
}

/// When the trouble began and ended.
#[derive(Clone, Copy)]
struct Phases {
    began: Timestamp,
    ill_at: Timestamp,
    well_at: Timestamp,
}

/// Turns what was seen into figures.
struct Report<'f> {
    name: &'static str,
    phases: Phases,
    figures: &'f mut Figures,
}

impl Report<'_> {
    fn add(&mut self, figure: &str, value: f64, unit: &'static str) {
        self.figures.add(format!("brownout_{}_{figure}", self.name), value, unit);
    }

    fn emails(
        &mut self,
        Stream { accepted: emails, refused }: &Stream,
        arrivals: &BTreeMap<String, Vec<Timestamp>>,
        (failed, unknown): (f64, f64),
    ) {
        let arrived = emails.iter().filter(|email| arrivals.contains_key(&email.mark)).count();
        let twice = emails.iter().filter_map(|email| arrivals.get(&email.mark)).filter(|at| at.len() > 1).count();
        self.add("emails", emails.len() as f64, "accepted");
        if *refused > 0 {
            println!("  {refused} requests were refused or not answered: this machine is too busy for the pace");
        }
        self.add("delivered_percent", arrived as f64 * 100.0 / emails.len() as f64, "% (goal: 99.9 at least)");
        self.add("ended_failed", failed, "deliveries");
        self.add("ended_unknown", unknown, "deliveries");
        self.add("arrived_twice", twice as f64, "emails, of the policy `resend`");
        // Where this is long already, the machine does not keep the pace, and the rest says little.
        let before = durations(emails, arrivals, self.phases.began + WARM_UP, self.phases.ill_at);
        self.add("email_before_p99_ms", before.percentile_ms(99), "ms from request to vendor");
        let held_up = durations(emails, arrivals, self.phases.ill_at, self.phases.well_at);
        self.add("email_during_p50_ms", held_up.percentile_ms(50), "ms");
        self.add("email_during_p99_ms", held_up.percentile_ms(99), "ms");
        self.add("email_during_max_ms", held_up.percentile_ms(100), "ms");
    }

    fn breaker(&mut self, observed: &Observed) {
        let Phases { ill_at, well_at, .. } = self.phases;
        match observed.opened_at(ill_at) {
            Some(at) => {
                self.add("opened_after_ms", ms(ill_at.duration_until(at)), "ms (goal: 5000, or 20 failures)");
                self.add("failures_until_opened", observed.failed_by(at), "calls");
            }
            None => println!("  the breaker did not open"),
        }
        if let Some(at) = observed.left_alone_at(ill_at).filter(|at| *at < well_at) {
            self.add("left_alone_after_ms", ms(ill_at.duration_until(at)), "ms, by breaker or wish");
        }
        self.add("failures_in_all", observed.failed_by(Timestamp::MAX), "calls");
    }

    fn texts(&mut self, texts: &Stream, arrivals: &BTreeMap<String, Vec<Timestamp>>) {
        let Phases { began, ill_at, well_at } = self.phases;
        let before = durations(&texts.accepted, arrivals, began + WARM_UP, ill_at).percentile_ms(99);
        let during = durations(&texts.accepted, arrivals, ill_at, well_at).percentile_ms(99);
        let lost = texts.accepted.iter().filter(|text| !arrivals.contains_key(&text.mark)).count();
        self.add("texts_before_p99_ms", before, "ms from request to vendor");
        self.add("texts_during_p99_ms", during, "ms");
        self.add("texts_during_to_before", during / before, "(goal: 1.1 at most)");
        if lost > 0 {
            self.add("texts_lost", lost as f64, "text messages");
        }
    }

    fn recovery(&mut self, observed: &Observed) {
        let Phases { began, ill_at, well_at } = self.phases;
        let good = observed.most_in_a_window(began + WARM_UP, ill_at);
        let back_at = observed.back_at(well_at);
        let end = back_at.unwrap_or(Timestamp::MAX);
        let back = observed.most_in_a_window(well_at, end);
        self.add("good_window_max", good, "calls in 100 ms");
        self.add("back_window_max", back, "calls in 100 ms");
        self.add("back_to_good_window", back / good, "(goal: 1 at most)");
        match back_at {
            Some(at) => self.add("back_after_s", ms(well_at.duration_until(at)) / 1_000.0, "s until its whole share"),
            None => println!("  it never got its whole share back"),
        }
        println!("  calls in each second since it is well: {:?}", observed.by_second(well_at));
        println!("  breaker since it fell ill: {}", observed.story(ill_at));
    }
}

/// From the request to the first arrival, of those that were submitted in that time.
fn durations(
    poured: &[Poured],
    arrivals: &BTreeMap<String, Vec<Timestamp>>,
    from: Timestamp,
    until: Timestamp,
) -> Durations {
    let of_time = poured.iter().filter(|message| (from..until).contains(&message.at));
    let took = of_time.filter_map(|message| {
        let first = arrivals.get(&message.mark)?.iter().min()?;
        Some(Duration::try_from(message.at.duration_until(*first)).unwrap_or_default())
    });
    Durations::new(took.collect(), Duration::ZERO)
}

fn ms(duration: SignedDuration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}
