//! Ten thousand hostile calls of every kind beside good ones: what the good ones notice, and what becomes of the memory.
//!
//! The good provider is Twilio's component, which calls a fake vendor that takes as long as real ones do; so do the hostile
//! ones' neighbours in a server. Good calls start at a fixed pace, whatever is going on, so that waiting counts.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::wasm::{WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig};
use notifier_core::{
    CategoryName, Clock, DeliveryId, Message, MessageContent, NotificationId, Outcome, PhoneNumber, Provider,
    ProviderName, SendContext, SmsMessage, SystemClock, SystemEntropy, TenantId,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::memory::resident_mb;
use super::stopwatch::{Durations, Stopwatch};
use super::{Failure, Figures};

const ATTACKS: [&str; 14] = [
    "loop",
    "memory",
    "recursion",
    "table",
    "log_flood",
    "log_huge",
    "forbidden_host",
    "get",
    "many_requests",
    "trap",
    "bad_secret",
    "echo_secret",
    "huge_reply",
    "none",
];
const HOSTILE_CALLS: usize = 10_000;
/// After so many, memory is looked at. Everything that is kept for the next call has been taken after the first of them.
const SECTION: usize = 1_000;
/// At the same time.
const ATTACKERS: usize = 4;
/// What makes one request after the other ends with its time only.
const ATTACK_TAKES_MAX: Duration = Duration::from_secs(1);
const GOOD_EVERY: SignedDuration = SignedDuration::from_millis(10);
const GOOD_ALONE: usize = 3_000;
/// As long as an answer of Twilio takes.
const VENDOR_TAKES: SignedDuration = SignedDuration::from_millis(80);
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";

/// Prints what the good ones notice.
pub(crate) async fn hostile(figures: &mut Figures) -> Result<(), Failure> {
    println!("{HOSTILE_CALLS} hostile calls of {} kinds beside good ones", ATTACKS.len() - 1);
    let vendor = vendor().await?;
    let engine = WasmEngine::new(WasmEngineOptions::default(), Arc::new(SystemClock), Arc::new(SystemEntropy::new()))?;
    let good = Arc::new(good(&engine, &vendor)?);
    let attackers = attackers(&engine, &vendor)?;
    pace(&good, 200, None).await?;

    // As much as one round of all kinds needs is taken before it is looked at.
    attack(&attackers, ATTACKS.len() * ATTACKERS).await?;
    let alone = pace(&good, GOOD_ALONE, None).await?;
    figures.add("hostile_good_alone_p50_ms", alone.percentile_ms(50), "ms");
    figures.add("hostile_good_alone_p99_ms", alone.percentile_ms(99), "ms");
    let before = resident_mb()?;
    let done = Arc::new(AtomicUsize::new(0));
    let attacking = tokio::spawn(storm(attackers, Arc::clone(&done)));
    let beside = pace(&good, usize::MAX, Some(&done)).await?;
    let storm = attacking.await??;
    figures.add("hostile_calls", HOSTILE_CALLS as f64, "calls");
    figures.add("hostile_calls_stopped_or_refused", storm.stopped as f64, "calls");
    figures.add("hostile_good_calls_beside", beside.count() as f64, "calls");
    figures.add("hostile_good_beside_p50_ms", beside.percentile_ms(50), "ms");
    figures.add("hostile_good_beside_p99_ms", beside.percentile_ms(99), "ms");
    let p99 = figures.value("hostile_good_beside_p99_ms") / figures.value("hostile_good_alone_p99_ms");
    figures.add("hostile_good_p99_beside_to_alone", p99, "of it");
    figures.add("hostile_rss_before_mb", before, "MB");
    for (section, resident_mb) in storm.resident_mb.iter().enumerate() {
        figures.add(format!("hostile_rss_after_{}_mb", (section + 1) * SECTION), *resident_mb, "MB");
    }
    if let [first, .., last] = storm.resident_mb[..] {
        figures.add("hostile_rss_last_to_first", last / first, "of it");
    }
    Ok(())
}

/// Good calls at a fixed pace: that many, or until all hostile ones are done. All must be accepted. How long each took, from
/// when it was to start.
async fn pace(good: &Arc<WasmProvider>, calls: usize, until: Option<&AtomicUsize>) -> Result<Durations, Failure> {
    let (mut calling, mut due, watch) = (JoinSet::new(), SystemClock.now(), Stopwatch::start());
    let mut durations = Vec::new();
    for _ in 0..calls {
        due += GOOD_EVERY;
        SystemClock.sleep_until(due).await;
        if until.is_some_and(|done| done.load(Relaxed) >= HOSTILE_CALLS) {
            break;
        }
        let good = Arc::clone(good);
        calling.spawn(async move {
            let outcome = good.send(&message(), &SendContext::new("key-1", Duration::from_secs(20))).await;
            (outcome, SystemClock.now().duration_since(due).unsigned_abs())
        });
        // A task that has ended and was not asked for its result keeps its memory.
        while let Some(called) = calling.try_join_next() {
            durations.push(accepted(called?)?);
        }
    }
    for called in calling.join_all().await {
        durations.push(accepted(called)?);
    }
    Ok(Durations::new(durations, watch.elapsed()))
}

fn accepted((outcome, took): (Outcome, Duration)) -> Result<Duration, Failure> {
    match outcome {
        Outcome::Accepted { .. } => Ok(took),
        other => Err(format!("a good call came to {other:?}").into()),
    }
}

/// What came of all hostile calls.
#[derive(Default)]
struct Storm {
    /// How many came to anything but `Accepted`.
    stopped: usize,
    /// What this process has in memory after each section, when no hostile call runs.
    resident_mb: Vec<f64>,
}

/// All of them, a few at a time.
async fn storm(attackers: Vec<Arc<WasmProvider>>, done: Arc<AtomicUsize>) -> Result<Storm, Failure> {
    let mut came_to = Storm::default();
    for section in 0..HOSTILE_CALLS / SECTION {
        let mut storm = JoinSet::new();
        for first in 0..ATTACKERS {
            let (attackers, done) = (attackers.clone(), Arc::clone(&done));
            storm.spawn(async move {
                let mut stopped = 0;
                for number in (section * SECTION + first..(section + 1) * SECTION).step_by(ATTACKERS) {
                    // The last is no attack: it shows that who is let alone behaves.
                    let attacker = &attackers[number % (ATTACKS.len() - 1)];
                    stopped += usize::from(!matches!(call(attacker).await, Outcome::Accepted { .. }));
                    done.fetch_add(1, Relaxed);
                }
                stopped
            });
        }
        came_to.stopped += storm.join_all().await.into_iter().sum::<usize>();
        came_to.resident_mb.push(resident_mb()?);
    }
    Ok(came_to)
}

async fn attack(attackers: &[Arc<WasmProvider>], calls: usize) -> Result<(), Failure> {
    for number in 0..calls {
        let outcome = call(&attackers[number % attackers.len()]).await;
        let is_good = matches!(outcome, Outcome::Accepted { .. });
        if number % attackers.len() == ATTACKS.len() - 1 && !is_good {
            return Err(format!("without an attack it came to {outcome:?}").into());
        }
    }
    Ok(())
}

async fn call(attacker: &WasmProvider) -> Outcome {
    attacker.send(&message(), &SendContext::new("key-1", ATTACK_TAKES_MAX)).await
}

fn message() -> Message {
    #[expect(clippy::expect_used, reason = "constants that are right")]
    let (number, category) =
        (PhoneNumber::parse("+14155550100").expect("a number"), CategoryName::new("rent-reminder").expect("a name"));
    let content = MessageContent::Sms(SmsMessage {
        sender: Some("+14155550199".into()),
        recipient: number,
        text: "Rent is due on Friday.".into(),
        media_urls: Vec::new(),
    });
    Message {
        delivery: DeliveryId { notification: NotificationId::from_parts(1, [7; 10]), channel: content.channel() },
        tenant: TenantId::unnamed(),
        category,
        accepted_at: Timestamp::UNIX_EPOCH,
        content,
    }
}

fn good(engine: &Arc<WasmEngine>, vendor: &str) -> Result<WasmProvider, Failure> {
    let mut config = WasmProviderConfig::new(ProviderName::new("good")?, notifier_plugins::TWILIO.component);
    config.settings = json!({ "base_url": format!("http://{vendor}"), "account_sid": ACCOUNT });
    config.secrets.insert("auth_token".into(), "twilio-token-value".to_owned().into());
    config.hosts = Some(vec![vendor.to_owned()]);
    Ok(WasmProvider::load(engine, config)?)
}

fn attackers(engine: &Arc<WasmEngine>, vendor: &str) -> Result<Vec<Arc<WasmProvider>>, Failure> {
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/prebuilt/fixtures/hostile.wasm");
    let component = fs::read(component)?;
    let mut attackers = Vec::new();
    for attack in ATTACKS {
        let mut config = WasmProviderConfig::new(ProviderName::new(attack.replace('_', "-"))?, component.clone());
        config.settings = json!({ "attack": attack, "url": format!("http://{vendor}/") });
        config.secrets.insert("canary".into(), "canary-secret-value".to_owned().into());
        config.hosts = Some(vec![vendor.to_owned()]);
        attackers.push(Arc::new(WasmProvider::load(engine, config)?));
    }
    Ok(attackers)
}

/// Answers every request after a while, as Twilio would. One request a connection keeps it simple; says where it is.
async fn vendor() -> Result<String, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let due = SystemClock.now() + VENDOR_TAKES;
                let mut buffer = vec![0; 16 * 1024];
                // The request of one small message is one segment.
                let _ = stream.read(&mut buffer).await;
                SystemClock.sleep_until(due).await;
                let body = r#"{"sid":"SM1","status":"queued"}"#;
                let head = "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    Ok(address)
}
