//! The server under measurement: a process of its own, with its data in a temporary directory, and a fake vendor here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::{Clock, SystemClock};
use notifier_server::sandbox::{Sandbox, SandboxOptions};
use notifier_tests::client::Client;
use notifier_tests::emailing;
use notifier_tests::process::Server;
use tempfile::TempDir;

use super::Failure;
use super::load::Load;
use super::stopwatch::{Durations, Stopwatch};

const MORE: &str = r#"
[log]
level = "warn"
[categories.emergency]
lane = "urgent"
[categories.newsletter]
lane = "bulk"
"#;

/// Calls at the same time that bring a burst, and items of each.
const BURST_CONNECTIONS: usize = 4;
const BURST_BATCH: usize = 2_500;

/// What a burst did.
pub(crate) struct Burst {
    /// How late those were that have a time.
    pub(crate) lateness: Durations,
    /// How many of them were due before the last of the burst had arrived.
    pub(crate) during: usize,
    /// How fast the burst went out.
    pub(crate) per_s: f64,
}

pub(crate) struct Bench {
    server: Server,
    vendors: Sandbox,
    config: PathBuf,
    directory: TempDir,
}

impl Bench {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let mut options = SandboxOptions::new(Arc::new(|| SystemClock.now()));
        options.inbox_capacity = 200_000;
        let vendors = Sandbox::start(options).await?;
        let config = emailing::configure(directory.path(), &vendors, MORE)?;
        let server = emailing::start(&config, &vendors);
        Ok(Self { server, vendors, config, directory })
    }

    pub(crate) fn client(&self) -> Client {
        self.server.client.clone()
    }

    /// Kills it and starts it again on the same data; how long until it answers.
    pub(crate) async fn restart(mut self) -> Result<(Self, f64), Failure> {
        self.server.terminate()?;
        let watch = Stopwatch::start();
        self.server = emailing::start(&self.config, &self.vendors);
        let answer = self.server.client.get("/v1/ready").await?;
        let elapsed_ms = watch.elapsed().as_secs_f64() * 1_000.0;
        if answer.status != 200 {
            return Err(format!("not ready: {}", answer.json).into());
        }
        Ok((self, elapsed_ms))
    }

    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        self.server.terminate()?;
        Ok(self.directory.close()?)
    }

    /// From the first request to the last arrival at the vendor.
    pub(crate) async fn end_to_end_per_s(&self, connections: usize, messages: usize) -> Result<f64, Failure> {
        let watch = Stopwatch::start();
        Load::at_once().run(&self.client(), connections, messages).await?;
        self.vendors.inbox().wait_for(messages as u64).await;
        Ok(messages as f64 / watch.elapsed().as_secs_f64())
    }

    /// How much later than due each of them arrived at the vendor: 20 ms apart, the first after two seconds.
    pub(crate) async fn lateness(&self, messages: usize) -> Result<Durations, Failure> {
        let first = SystemClock.now() + SignedDuration::from_secs(2);
        let client = self.client();
        let mut due: Vec<Timestamp> = Vec::with_capacity(messages);
        for number in 0..messages {
            let ms = SignedDuration::from_millis(i64::try_from(number)? * 20);
            let due_at = Timestamp::from_millisecond((first + ms).as_millisecond())?;
            due.push(due_at);
            Load::of(Some(due_at)).submit(&client).await?;
        }
        self.vendors.inbox().wait_for(messages as u64).await;
        let mut received: Vec<Timestamp> = self.vendors.inbox().messages().iter().map(|m| m.received_at).collect();
        received.sort_unstable();
        let late = due.iter().zip(received).map(|(due, received)| {
            let late = due.duration_until(received);
            Duration::try_from(late).map_err(|_| format!("early: due {due}, received {received}"))
        });
        Ok(Durations::new(late.collect::<Result<_, _>>()?, Duration::ZERO))
    }

    /// How much later than due scheduled messages of that category arrived: 20 ms apart, while others of another one are
    /// submitted many at a time and sent. The burst begins with the first of them.
    pub(crate) async fn lateness_in_a_burst(
        &self,
        messages: usize,
        category: &str,
        (others, their_category): (usize, &str),
    ) -> Result<Burst, Failure> {
        let first = SystemClock.now() + SignedDuration::from_secs(5);
        let client = self.client();
        let due_of = |number: usize| {
            let ms = SignedDuration::from_millis(i64::try_from(number)? * 20);
            Ok::<_, Failure>(Timestamp::from_millisecond((first + ms).as_millisecond())?)
        };
        for number in 0..messages {
            Load::about(&format!("Scheduled {number}"), category, Some(due_of(number)?)).submit(&client).await?;
        }
        if SystemClock.now() > first {
            return Err("submitting took longer than the time until the first is due".into());
        }
        SystemClock.sleep_until(first).await;
        let began = SystemClock.now();
        let burst = Load::in_category(their_category, None);
        burst.run_in_bulk(&client, BURST_CONNECTIONS, others / BURST_BATCH, BURST_BATCH).await?;
        self.vendors.inbox().wait_for((messages + others) as u64).await;
        let mut late = Vec::with_capacity(messages);
        let mut ended = began;
        for message in self.vendors.inbox().messages() {
            let subject = message.subject.as_deref().unwrap_or_default();
            let Some(number) = subject.strip_prefix("Scheduled ") else {
                ended = ended.max(message.received_at);
                continue;
            };
            let due_at = due_of(number.parse()?)?;
            let lateness = due_at.duration_until(message.received_at);
            late.push(Duration::try_from(lateness).map_err(|_| format!("early: due {due_at}, {subject}"))?);
        }
        let mut during = 0;
        for number in 0..messages {
            during += usize::from(due_of(number)? < ended);
        }
        let per_s = others as f64 / began.duration_until(ended).as_secs_f64();
        Ok(Burst { lateness: Durations::new(late, Duration::ZERO), during, per_s })
    }

    /// How long urgent messages take from the request to the arrival, one after the other, 20 ms apart.
    pub(crate) async fn urgent(&self, messages: usize) -> Result<Durations, Failure> {
        let (client, load) = (self.client(), Load::in_category("emergency", None));
        let mut durations = Vec::with_capacity(messages);
        for number in 0..messages {
            let watch = Stopwatch::start();
            let id = load.submit_marked(&client, &format!("urgent-{number}")).await?;
            let path = format!("/v1/notifications/{id}?wait_ms=20000");
            let answer = client.get(&path).await?;
            if answer.json["deliveries"][0]["state"] != "sent" {
                return Err(format!("not sent: {}", answer.json).into());
            }
            durations.push(watch.elapsed());
            SystemClock.sleep(Duration::from_millis(20)).await;
        }
        Ok(Durations::new(durations, Duration::ZERO))
    }

    pub(crate) fn rss_mb(&self) -> Result<f64, Failure> {
        self.status_mb("VmRSS:")
    }

    pub(crate) fn peak_rss_mb(&self) -> Result<f64, Failure> {
        self.status_mb("VmHWM:")
    }

    /// Time that the server computed so far, on all cores: fields 14 and 15 of `/proc/PID/stat`, in ticks of 10 ms.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.server.id()))?;
        let after_name = stat.rsplit_once(") ").ok_or("no name")?.1;
        let ticks = after_name.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(ticks * 10))
    }

    /// A line of `/proc/PID/status`, which counts in KiB.
    fn status_mb(&self, name: &str) -> Result<f64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1_024.0 / 1_000_000.0)
    }
}
