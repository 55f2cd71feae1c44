//! What a plugin finds out about an attempt, and what the host makes of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::super::config::LOOK_UP_PLACES;
use super::vendor::{Answer, Vendor, response};
use super::{StoppedClock, config, load, sms};
use crate::adapters::wasm::{WasmProvider, WasmProviderConfig};
use crate::domain::channel::Channel;
use crate::domain::outcome::{LookUp, Problem};
use crate::ports::clock::Clock;
use crate::ports::provider::{Provider, Sought};

fn hostile(attack: &str, vendor: &Vendor) -> WasmProviderConfig {
    let settings = json!({ "attack": attack, "url": vendor.url("/") });
    let mut config = config("hostile", notifier_plugins::HOSTILE.component, settings);
    config.hosts = Some(vec![vendor.host()]);
    config
}

pub(super) async fn look_up(provider: &WasmProvider, timeout_ms: u64) -> LookUp {
    let called_at: Timestamp = StoppedClock.now();
    let delivery = sms().delivery;
    let sought = Sought {
        delivery,
        idempotency_key: "key-1".into(),
        attempt: 2,
        channel: Channel::Sms,
        address: "+14155550100".into(),
        called_at,
    };
    provider.look_up(&sought, Duration::from_millis(timeout_ms)).await
}

fn code(found: LookUp) -> String {
    match found {
        LookUp::Unclear(Problem { code: Some(code), .. }) => code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_was_found_is_told() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    let found = look_up(&load(hostile("none", &vendor)), 5_000).await;
    assert_eq!(found, LookUp::Found { message_id: Some("hostile-key-1".into()) });
    assert!(vendor.arrived().is_empty());
    // Requests can be made.
    assert_eq!(look_up(&load(hostile("get", &vendor)), 5_000).await, LookUp::NotFound);
    assert_eq!(vendor.arrived().len(), 1);
    let plain = load(super::friendly::twilio(&vendor));
    assert_eq!(look_up(&plain, 5_000).await, LookUp::Impossible);
}

/// The plugin says that nothing was sent; after a question that broke off it is not believed.
#[tokio::test]
async fn a_question_that_broke_off_finds_nothing_out() {
    for answer in [|| Answer::HangUp, || Answer::Silence] {
        let vendor = Vendor::start(move |_| answer()).await;
        assert_eq!(code(look_up(&load(hostile("get", &vendor)), 1_000).await), "plugin.interrupted");
        assert_eq!(vendor.arrived().len(), 1);
    }
}

#[tokio::test]
async fn a_plugin_that_breaks_down_finds_nothing_out() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;
    for (attack, expected) in [("loop", "plugin.cpu_budget"), ("trap", "plugin.trap")] {
        assert_eq!(code(look_up(&load(hostile(attack, &vendor)), 5_000).await), expected);
    }
    let mut slow = hostile("loop", &vendor);
    slow.limits.cpu_budget_ms = 60_000;
    assert_eq!(code(look_up(&load(slow), 200).await), "plugin.deadline");
    let busy = load(hostile("get", &vendor));
    let _places = busy.look_up_places.acquire_many(LOOK_UP_PLACES as u32).await.unwrap();
    assert_eq!(code(look_up(&busy, 50).await), "plugin.busy");
    assert!(vendor.arrived().is_empty());
}
