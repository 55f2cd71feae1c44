//! Measures the server from outside, each figure beside what this machine can do at all, measured in the same run.
//!
//! `make bench` prints a table and writes `target/bench.json`, one flat object of named figures. The load generator, the
//! fake vendor and the server share the machine. Nothing here decides whether a test passes. Names of parts as arguments
//! (`accepts`, `bulk`, `end-to-end`, `lanes`, `lateness`, `burst`, `brownout`, `million`, `plugins`,
//! `hostile`) measure those alone, and write nothing;
//! after `brownout`, names of troubles (`5xx`, `hang`, `429`, `reset`, `no_answer`, `5xx_alone`) play those alone.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

mod brownout;
mod hostile;
mod limits;
mod load;
mod memory;
mod observer;
mod plugins;
mod pour;
mod server;
mod stopwatch;

use std::collections::BTreeMap;
use std::path::PathBuf;

use load::Load;
use server::Bench;

/// What can be asked for.
const PARTS: [&str; 10] =
    ["accepts", "bulk", "end-to-end", "lateness", "lanes", "burst", "brownout", "million", "plugins", "hostile"];
/// Connections of the load generator.
const CONNECTIONS: usize = 64;
const ACCEPTS: usize = 30_000;
const END_TO_END: usize = 20_000;
const PENDING: usize = 100_000;
const SCHEDULED: usize = 500;
/// Items of one call with many.
const BATCH: usize = 5_000;
const BULK_CONNECTIONS: usize = 4;
const BULK_CALLS: usize = 40;
const BACKLOG: usize = 100_000;
const URGENT: usize = 200;
const BURST: usize = 30_000;
const MILLION: usize = 1_000_000;

/// The load generator and the fake vendor share the machine with the server: the less they take, the better.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The figures, in the order in which they are shown.
#[derive(Default)]
struct Figures(Vec<(String, f64, &'static str)>);

impl Figures {
    fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        let name = name.into();
        println!("  {name:<40} {value:>12.2} {unit}");
        self.0.push((name, value, unit));
    }

    fn value(&self, name: &str) -> f64 {
        self.0.iter().find(|(known, ..)| known == name).map_or(f64::NAN, |(_, value, _)| *value)
    }

    fn ratio(&mut self, name: &str, of: &str, to: &str) {
        self.add(name, self.value(of) / self.value(to), "of the limit");
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let is_known = |name: &&String| PARTS.contains(&name.as_str()) || brownout::TROUBLES.contains(&name.as_str());
    if let Some(unknown) = asked.iter().find(|name| !is_known(name)) {
        return Err(
            format!("there is no part `{unknown}`: {}, {}", PARTS.join(", "), brownout::TROUBLES.join(", ")).into()
        );
    }
    let is_asked = |part: &str| asked.is_empty() || asked.iter().any(|name| name == part);
    let mut figures = Figures::default();
    limits(&mut figures).await?;
    if is_asked("accepts") {
        accepts(&mut figures).await?;
    }
    if is_asked("bulk") {
        bulk(&mut figures).await?;
    }
    if is_asked("end-to-end") {
        end_to_end(&mut figures).await?;
    }
    if is_asked("lateness") {
        lateness(&mut figures).await?;
    }
    if is_asked("lanes") {
        lanes(&mut figures).await?;
    }
    if is_asked("burst") {
        burst(&mut figures).await?;
    }
    if is_asked("brownout") {
        brownout::brownout(&mut figures, &asked).await?;
    }
    if is_asked("million") {
        million(&mut figures).await?;
    }
    if is_asked("plugins") {
        plugins::plugins(&mut figures).await?;
    }
    if is_asked("hostile") {
        hostile::hostile(&mut figures).await?;
    }
    if asked.is_empty() { write(&figures) } else { Ok(()) }
}

async fn limits(figures: &mut Figures) -> Result<(), Failure> {
    println!("limits of this machine");
    figures.add("bare_hyper_per_s", limits::bare_hyper(CONNECTIONS, ACCEPTS).await?, "requests/s");
    figures.add("grouped_fdatasync_per_s", limits::grouped_fdatasync()?, "records/s");
    Ok(())
}

async fn accepts(figures: &mut Figures) -> Result<(), Failure> {
    println!("accepting, durably ({CONNECTIONS} connections)");
    let bench = Bench::start().await?;
    let accepts = Load::scheduled_far().run(&bench.client(), CONNECTIONS, ACCEPTS).await?;
    figures.add("accepts_per_s", accepts.per_s(), "accepts/s");
    figures.add("accept_p50_ms", accepts.percentile_ms(50), "ms");
    figures.add("accept_p99_ms", accepts.percentile_ms(99), "ms");
    figures.ratio("accepts_to_bare_hyper", "accepts_per_s", "bare_hyper_per_s");
    figures.ratio("accepts_to_grouped_fdatasync", "accepts_per_s", "grouped_fdatasync_per_s");

    println!("{PENDING} pending");
    Load::scheduled_far().run(&bench.client(), CONNECTIONS, PENDING - ACCEPTS).await?;
    figures.add("rss_at_100k_pending_mb", bench.rss_mb()?, "MB");
    figures.add("peak_rss_mb", bench.peak_rss_mb()?, "MB");
    let (bench, start_up_ms) = bench.restart().await?;
    figures.add("start_up_at_100k_pending_ms", start_up_ms, "ms");
    bench.stop()
}

async fn bulk(figures: &mut Figures) -> Result<(), Failure> {
    println!("accepting in bulk, durably ({BATCH} items a call, {BULK_CONNECTIONS} connections)");
    let bench = Bench::start().await?;
    let load = Load::scheduled_far();
    let elapsed = load.run_in_bulk(&bench.client(), BULK_CONNECTIONS, BULK_CALLS, BATCH).await?;
    figures.add("bulk_items_per_s", (BULK_CALLS * BATCH) as f64 / elapsed.as_secs_f64(), "items/s");
    figures.add("bulk_peak_rss_mb", bench.peak_rss_mb()?, "MB");
    bench.stop()
}

/// What a backlog does to those who cannot wait, and to those who have a time.
async fn lanes(figures: &mut Figures) -> Result<(), Failure> {
    println!("{URGENT} urgent messages, first idle, then with {BACKLOG} newsletters due");
    let bench = Bench::start().await?;
    figures.add("urgent_idle_p99_ms", bench.urgent(URGENT).await?.percentile_ms(99), "ms");
    let newsletters = Load::in_category("newsletter", None);
    newsletters.run_in_bulk(&bench.client(), BULK_CONNECTIONS, BACKLOG / BATCH, BATCH).await?;
    let urgent = bench.urgent(URGENT).await?;
    figures.add("urgent_in_backlog_p50_ms", urgent.percentile_ms(50), "ms");
    figures.add("urgent_in_backlog_p99_ms", urgent.percentile_ms(99), "ms");
    bench.stop()
}

async fn million(figures: &mut Figures) -> Result<(), Failure> {
    println!("{MILLION} pending");
    let bench = Bench::start().await?;
    let load = Load::scheduled_far();
    load.run_in_bulk(&bench.client(), BULK_CONNECTIONS, 10_000 / BATCH, BATCH).await?;
    figures.add("lateness_at_10k_pending_p99_ms", bench.lateness(SCHEDULED).await?.percentile_ms(99), "ms");
    load.run_in_bulk(&bench.client(), BULK_CONNECTIONS, (MILLION - 10_000) / BATCH, BATCH).await?;
    figures.add("rss_at_1m_pending_mb", bench.rss_mb()?, "MB");
    figures.add("peak_rss_at_1m_pending_mb", bench.peak_rss_mb()?, "MB");
    let (bench, start_up_ms) = bench.restart().await?;
    figures.add("start_up_at_1m_pending_ms", start_up_ms, "ms");
    figures.add("rss_at_1m_pending_restarted_mb", bench.rss_mb()?, "MB");
    figures.add("urgent_at_1m_pending_p99_ms", bench.urgent(URGENT).await?.percentile_ms(99), "ms");
    bench.stop()
}

async fn end_to_end(figures: &mut Figures) -> Result<(), Failure> {
    println!("end to end, one email each");
    let bench = Bench::start().await?;
    let per_s = bench.end_to_end_per_s(CONNECTIONS, END_TO_END).await?;
    figures.add("end_to_end_per_s", per_s, "messages/s");
    let cpu_us = bench.cpu()?.as_secs_f64() * 1e6 / END_TO_END as f64;
    figures.add("end_to_end_cpu_us", cpu_us, "us of the server's computing for each");
    figures.add("end_to_end_peak_rss_mb", bench.peak_rss_mb()?, "MB");
    bench.stop()
}

async fn lateness(figures: &mut Figures) -> Result<(), Failure> {
    println!("lateness of {SCHEDULED} scheduled messages, otherwise idle");
    let bench = Bench::start().await?;
    let lateness = bench.lateness(SCHEDULED).await?;
    figures.add("lateness_p50_ms", lateness.percentile_ms(50), "ms");
    figures.add("lateness_p99_ms", lateness.percentile_ms(99), "ms");
    figures.add("lateness_min_ms", lateness.percentile_ms(0), "ms");
    let (bench, start_up_ms) = bench.restart().await?;
    figures.add("start_up_ms", start_up_ms, "ms");
    bench.stop()
}

/// What a burst of others does to messages that have a time, as one of them and ahead of them.
async fn burst(figures: &mut Figures) -> Result<(), Failure> {
    println!("lateness of {SCHEDULED} scheduled messages over 10 s, while {BURST} others are due at once");
    // Those that have a time, and the burst: of its own lane, as any campaign should be; of theirs; of the one behind them.
    let cases = [
        ("of_bulk", "default", "newsletter"),
        ("of_same_lane", "default", "default"),
        ("before_urgent", "emergency", "default"),
    ];
    for (lane, category, burst_category) in cases {
        let bench = Bench::start().await?;
        let burst = bench.lateness_in_a_burst(SCHEDULED, category, (BURST, burst_category)).await?;
        figures.add(format!("burst_{lane}_lateness_p50_ms"), burst.lateness.percentile_ms(50), "ms");
        figures.add(format!("burst_{lane}_lateness_p99_ms"), burst.lateness.percentile_ms(99), "ms (goal: 50 at most)");
        figures.add(format!("burst_{lane}_lateness_max_ms"), burst.lateness.percentile_ms(100), "ms");
        figures.add(format!("burst_{lane}_during"), burst.during as f64, "of them were due before the burst was over");
        figures.add(
            format!("burst_{lane}_per_s"),
            burst.per_s,
            "messages/s of the burst, from the first call to the last arrival",
        );
        bench.stop()?;
    }
    Ok(())
}

fn write(figures: &Figures) -> Result<(), Failure> {
    let flat: BTreeMap<&str, f64> = figures.0.iter().map(|(name, value, _)| (&**name, *value)).collect();
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench.json");
    std::fs::write(&path, serde_json::to_string_pretty(&flat)?)?;
    println!("written to target/bench.json");
    Ok(())
}
