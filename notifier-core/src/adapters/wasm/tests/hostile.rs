//! Components that attack their host: each makes its own message fail, with a reason, in bounded time, and nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::super::call::{Purpose, new_store};
use super::super::fault::Fault;
use super::super::outgoing::Outgoing;
use super::super::provider::judge;
use super::friendly::twilio;
use super::vendor::{Answer, Vendor, response};
use super::{StoppedClock, config, context, engine, load, new_engine, secret, sms};
use crate::adapters::system::SystemEntropy;
use crate::adapters::wasm::{WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig};
use crate::domain::outcome::{Outcome, Problem, RejectionKind};
use crate::ports::provider::Provider;

const TIMEOUT_MS: u64 = 3_000;
/// What a busy machine may add to a deadline.
const PATIENCE: Duration = Duration::from_secs(2);

fn hostile(attack: &str, url: &str) -> WasmProviderConfig {
    let settings = json!({ "attack": attack, "url": url });
    config("hostile", notifier_plugins::HOSTILE.component, settings)
}

fn attacker(attack: &str) -> WasmProvider {
    load(hostile(attack, "http://127.0.0.1:9/"))
}

/// The outcome, which must come within the attempt's time.
async fn attempt(provider: &WasmProvider) -> Outcome {
    let started = Instant::now();
    let outcome = provider.send(&sms(), &context(TIMEOUT_MS)).await;
    let took = started.elapsed();
    assert!(took < Duration::from_millis(TIMEOUT_MS) + PATIENCE, "{took:?}: {outcome:?}");
    outcome
}

/// What the plugin is blamed for, by code.
fn fault(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected { kind: RejectionKind::Plugin, problem: Problem { code: Some(code), .. } } => code,
        other => panic!("{other:?}"),
    }
}

/// What the plugin itself says about the message.
fn said(outcome: Outcome) -> String {
    match outcome {
        Outcome::Rejected { kind: RejectionKind::Message, problem } => problem.message,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn without_an_attack_it_is_good() {
    let outcome = attempt(&attacker("none")).await;
    assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("hostile-key-1".into()) });
}

#[tokio::test]
async fn what_breaks_the_rules_is_stopped_and_named() {
    let table = [
        ("loop", "plugin.cpu_budget", "budget of 200 ms"),
        ("memory", "plugin.memory", "67108864 bytes"),
        ("recursion", "plugin.stack", "nested too deeply"),
        ("trap", "plugin.trap", "unreachable"),
        ("log_huge", "plugin.handover", "10485760 bytes"),
        ("huge_reply", "plugin.handover", "10485760 bytes"),
    ];
    let mut wrong = Vec::new();
    for (attack, code, reason) in table {
        match attempt(&attacker(attack)).await {
            Outcome::Rejected { kind: RejectionKind::Plugin, problem }
                if problem.code.as_deref() == Some(code) && problem.message.contains(reason) => {}
            other => wrong.push(format!("{attack}: {other:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A loop that outlives the attempt is ended by its deadline, whatever its budget.
#[tokio::test]
async fn a_loop_ends_with_the_attempt() {
    let mut config = hostile("loop", "");
    config.limits.cpu_budget_ms = 60_000;
    let started = Instant::now();
    let outcome = load(config).send(&sms(), &context(300)).await;
    assert_eq!(fault(&outcome), "plugin.deadline");
    assert!(started.elapsed() < Duration::from_millis(300) + PATIENCE, "{:?}", started.elapsed());
}

/// The guest stops when it is refused, and is content: what matters is that it was refused in time.
#[tokio::test]
async fn tables_grow_to_their_limit() {
    let mut config = hostile("table", "");
    config.limits.table_elements_max = 5_000;
    let provider = load(config);
    let outcome = attempt(&provider).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    let mut store = new_store(engine(), &provider.grants, Purpose::Load);
    provider.plugin.send(&mut store, &sms(), &context(TIMEOUT_MS)).await.unwrap();
    let limiter = &store.data().limiter;
    assert!(limiter.table_refused);
    assert!((4_000..=5_000).contains(&limiter.table_elements()), "{}", limiter.table_elements());
}

#[tokio::test]
async fn forbidden_hosts_are_denied() {
    let denied = said(attempt(&attacker("forbidden_host")).await);
    assert_eq!(denied, "denied: `example.org` is not a granted host");
}

#[tokio::test]
async fn private_addresses_are_denied() {
    for address in ["10.0.0.1", "169.254.169.254", "[fd00::1]", "[::ffff:10.0.0.1]", "192.168.0.1"] {
        let mut config = hostile("get", &format!("https://{address}/"));
        // Even where the operator granted it by mistake.
        config.hosts = Some(vec![address.to_owned()]);
        let denied = said(attempt(&load(config)).await);
        assert!(denied.starts_with("denied: ") && denied.contains("leads"), "{denied}");
    }
}

#[tokio::test]
async fn loopback_is_not_granted_because_a_plugin_asks() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let provider = load(hostile("get", &vendor.url("/")));
    assert_eq!(provider.hosts_not_granted(), ["localhost", "127.0.0.1"]);
    assert!(said(attempt(&provider).await).starts_with("denied: "));
    assert!(vendor.arrived().is_empty());
}

/// A provider that may call the vendor.
fn caller(attack: &str, vendor: &Vendor) -> WasmProviderConfig {
    let mut config = hostile(attack, &vendor.url("/"));
    config.hosts = Some(vec![vendor.host()]);
    config.secrets.insert("canary".into(), secret(CANARY));
    config
}

const CANARY: &str = "canary/Value+42";

#[tokio::test]
async fn redirects_to_private_addresses_are_not_followed() {
    let vendor = Vendor::start(|_| response("307 Moved", "location: http://169.254.169.254/latest/\r\n", "")).await;
    let outcome = attempt(&load(caller("get", &vendor))).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(vendor.arrived().len(), 1);
}

#[tokio::test]
async fn a_reply_of_50_mb_is_cut_off() {
    let vendor = Vendor::start(|_| response("200 OK", "", &"x".repeat(50_000_000))).await;
    assert_eq!(said(attempt(&load(caller("get", &vendor))).await), "too-large: 200");
}

#[tokio::test]
async fn requests_are_counted() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let mut config = caller("many_requests", &vendor);
    // Ten thousand refusals take a while on a busy machine.
    config.limits.cpu_budget_ms = 60_000;
    let outcome = attempt(&load(config)).await;
    assert!(matches!(outcome, Outcome::Accepted { .. }), "{outcome:?}");
    assert_eq!(vendor.arrived().len(), 8);
}

#[tokio::test]
async fn secrets_that_are_not_granted_are_denied() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let denied = said(attempt(&load(caller("bad_secret", &vendor))).await);
    assert_eq!(denied, "denied: the secret `not-granted` is not granted");
    assert!(vendor.arrived().is_empty());
}

/// The server repeats the secret in every disguise that it can think of; the plugin tells all that it got to see.
#[tokio::test]
async fn a_secret_that_comes_back_does_not_reach_the_plugin() {
    let disguises = [CANARY, "Y2FuYXJ5L1ZhbHVlKzQy", "canary%2FValue%2B42", "canary%2fValue%2b42", "canary\\/Value+42"];
    let body = format!("{} and c2VjcmV0OmNhbmFyeS9WYWx1ZSs0Mg== end", disguises.join(" "));
    let headers = format!("x-echo: Bearer {CANARY}\r\n");
    let vendor = Vendor::start(move |_| response("200 OK", &headers, &body)).await;
    let told = said(attempt(&load(caller("echo_secret", &vendor))).await);
    assert_eq!(vendor.arrived()[0].header("authorization"), Some("Bearer canary/Value+42"));
    assert!(told.contains("x-echo: Bearer [secret]"), "{told}");
    assert!(told.contains("[secret] [secret] [secret] [secret] [secret] and "), "{told}");
    // The base64 form of a longer text that ends in the secret: what is certain of it is gone.
    assert!(!told.contains("Y2FuYXJ5L1ZhbHVl") && !told.contains("NhbmFyeS9WYWx1ZSs0"), "{told}");
}

/// Whatever a plugin says after a request broke off, the vendor may have the message.
#[tokio::test]
async fn an_interrupted_request_makes_the_outcome_unknown() {
    let hang_up = Vendor::start(|_| Answer::HangUp).await;
    let silence = Vendor::start(|_| Answer::Silence).await;
    for vendor in [hang_up, silence] {
        let outcome = attempt(&load(caller("get", &vendor))).await;
        let Outcome::Unknown { problem } = outcome else { panic!("{outcome:?}") };
        assert_eq!(problem.code.as_deref(), Some("plugin.interrupted"));
        assert!(problem.message.contains("the plugin says: interrupted: "), "{problem}");
        assert_eq!(vendor.arrived().len(), 1);
    }
}

/// A fault after a request was answered: what the plugin would have said is not known.
#[tokio::test]
async fn a_fault_after_a_request_makes_the_outcome_unknown() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let mut config = caller("many_requests", &vendor);
    config.limits.requests_max = u32::MAX;
    config.limits.cpu_budget_ms = 10;
    let outcome = attempt(&load(config)).await;
    let Outcome::Unknown { problem } = outcome else { panic!("{outcome:?}") };
    assert_eq!(problem.code.as_deref(), Some("plugin.cpu_budget"));
    assert!(!vendor.arrived().is_empty());
}

/// When all places are taken, the message was not touched, and can be tried again.
#[tokio::test]
async fn without_a_place_it_is_unavailable() {
    let vendor = Vendor::start(|_| Answer::Silence).await;
    let mut config = caller("get", &vendor);
    config.limits.concurrent_calls_max = 1;
    let provider = Arc::new(load(config));
    let first = Arc::clone(&provider);
    let first = tokio::spawn(async move { first.send(&sms(), &context(1_000)).await });
    while vendor.arrived().is_empty() {
        tokio::task::yield_now().await;
    }
    let outcome = provider.send(&sms(), &context(100)).await;
    let Outcome::Unavailable { problem, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(problem.code.as_deref(), Some("plugin.busy"));
    assert!(matches!(first.await.unwrap(), Outcome::Unknown { .. }));
    assert_eq!(vendor.arrived().len(), 1);
}

/// An attempt whose time ended before the plugin could do anything is tried again; a plugin that used the time is blamed.
#[tokio::test]
async fn a_deadline_is_blamed_on_who_used_the_time() {
    let provider = attacker("none");
    let outgoing = Outgoing::new(Arc::clone(&provider.grants), None);
    let late = || Err(Fault::Deadline { timeout_ms: 100 });
    let Outcome::Unavailable { problem, .. } = judge(late(), &outgoing, false) else { panic!("it did nothing") };
    assert_eq!(problem.code.as_deref(), Some("plugin.deadline"));
    assert_eq!(fault(&judge(late(), &outgoing, true)), "plugin.deadline");
    let over_budget = Err(Fault::CpuBudget { budget_ms: 200 });
    assert_eq!(fault(&judge(over_budget, &outgoing, false)), "plugin.cpu_budget");
}

/// Two calls that wait use up what one provider may have; another provider has its own half.
#[tokio::test]
async fn memory_of_all_calls_is_bounded() {
    let vendor = Vendor::start(|_| Answer::Silence).await;
    let options = WasmEngineOptions { memory_total_bytes_max: 5 * 1024 * 1024, ..WasmEngineOptions::default() };
    let engine = WasmEngine::new(options, Arc::new(StoppedClock), Arc::new(SystemEntropy::new())).unwrap();
    let waiting = Arc::new(WasmProvider::load(&engine, caller("get", &vendor)).unwrap());
    let send = |provider: &Arc<WasmProvider>| {
        let provider = Arc::clone(provider);
        tokio::spawn(async move { provider.send(&sms(), &context(60_000)).await })
    };
    let calls = [send(&waiting), send(&waiting)];
    while vendor.arrived().len() < 2 {
        tokio::task::yield_now().await;
    }
    let Outcome::Unavailable { problem, .. } = attempt(&waiting).await else { panic!("there is no memory for it") };
    assert_eq!(problem.code.as_deref(), Some("plugin.busy"));
    assert!(problem.message.contains("together use at most 2621440 bytes"), "{problem}");
    let other = WasmProvider::load(&engine, hostile("none", "")).unwrap();
    assert!(matches!(attempt(&other).await, Outcome::Accepted { .. }));
    for call in calls {
        call.abort();
        assert!(call.await.unwrap_err().is_cancelled());
    }
    // What was taken is given back.
    let calls = [send(&waiting), send(&waiting)];
    while vendor.arrived().len() < 4 {
        tokio::task::yield_now().await;
    }
    calls.iter().for_each(tokio::task::JoinHandle::abort);
}

/// More endless loops than processors, none of them near its end: good calls that start later end first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_calls_do_not_wait_for_hostile_ones() {
    let vendor = Vendor::start(|_| response("201 Created", "", r#"{"sid":"SM1"}"#)).await;
    let engine = new_engine();
    let good = WasmProvider::load(&engine, twilio(&vendor)).unwrap();
    let places = engine.instances.available_permits();
    let attackers: Vec<_> = (0..8)
        .map(|_| {
            let mut config = hostile("loop", "");
            config.limits.cpu_budget_ms = 3_600_000;
            let provider = WasmProvider::load(&engine, config).unwrap();
            tokio::spawn(async move { provider.send(&sms(), &context(3_600_000)).await })
        })
        .collect();
    while engine.instances.available_permits() > places - attackers.len() {
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let outcome = good.send(&sms(), &context(60_000)).await;
        assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("SM1".into()) });
    }
    for attacker in attackers {
        assert!(!attacker.is_finished());
        attacker.abort();
    }
}

/// Twenty attackers of every kind beside one good provider: all its messages go out, whatever the attackers get through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn good_neighbours_keep_working() {
    let vendor = Vendor::start(|_| response("201 Created", "", r#"{"sid":"SM1"}"#)).await;
    let engine = new_engine();
    let good = Arc::new(WasmProvider::load(&engine, twilio(&vendor)).unwrap());
    let alone = timings(&good, 50).await;
    let stop = Arc::new(AtomicBool::new(false));
    let attacks =
        ["loop", "memory", "recursion", "table", "log_flood", "log_huge", "trap", "huge_reply", "loop", "loop"];
    let attackers: Vec<_> = (0..20)
        .map(|n| {
            let config = hostile(attacks[n % attacks.len()], "");
            let (provider, stop) = (WasmProvider::load(&engine, config).unwrap(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut attempts = 0_u32;
                while !stop.load(SeqCst) {
                    provider.send(&sms(), &context(TIMEOUT_MS)).await;
                    // As a dispatcher would, between two messages.
                    tokio::task::yield_now().await;
                    attempts += 1;
                }
                attempts
            })
        })
        .collect();
    let beside = timings(&good, 50).await;
    stop.store(true, SeqCst);
    let mut attempts = 0;
    for attacker in attackers {
        attempts += attacker.await.unwrap();
    }
    assert_eq!(vendor.arrived().len(), 100);
    assert!(attempts >= 20, "{attempts} attacks: each attacker was at work meanwhile");
    eprintln!("50 good calls alone: {alone:?}; beside {attempts} attacks: {beside:?}");
}

/// Median and longest of that many calls, all of which must succeed.
async fn timings(provider: &WasmProvider, calls: usize) -> (Duration, Duration) {
    let mut times = Vec::with_capacity(calls);
    for _ in 0..calls {
        let started = Instant::now();
        let outcome = provider.send(&sms(), &context(20_000)).await;
        assert_eq!(outcome, Outcome::Accepted { provider_message_id: Some("SM1".into()) });
        times.push(started.elapsed());
    }
    times.sort();
    (times[calls / 2], times[calls - 1])
}
