//! A component that was built for version 0.1.0 of the contract when that was released, and is never built again: this host has
//! to run it for as long as it offers that version.

use std::sync::Arc;
use std::time::Duration;

use notifier_plugin_exchanges as file;

use super::{config, engine, load, secret};
use crate::adapters::wasm::{Answer, Asked, Rehearsal, Scene, StandIn};
use crate::ports::provider::Provider as _;

const COMPONENT: &[u8] = include_bytes!("../../../../../plugins/prebuilt/fixtures/frozen-0.1.0.wasm");
const EXCHANGES: &str = include_str!("../../../../../plugins/prebuilt/fixtures/frozen-0.1.0.exchanges.json");
const SHA256: &str = "3617324d21daa2f200ba2928af7fee6eb4764ef3d6d256a3cbf941716a42d69a";

/// Gives the documented answer, to whatever is asked.
struct Documented(file::Reply);

impl StandIn for Documented {
    fn answer(&self, _: &Asked) -> Answer {
        Answer::Reply(self.0.clone())
    }
}

fn exchanges() -> file::Exchanges {
    file::Exchanges::read(EXCHANGES).unwrap()
}

fn scene(exchanges: &[file::Exchange], now_ms: u64) -> Scene {
    let file = self::exchanges();
    let silent = file::Reply::Failure(file::Failure::Unreachable);
    Scene {
        settings: file.settings,
        secrets: file.secrets,
        now_ms,
        occurred_at_ms: Some(now_ms),
        certificates: Default::default(),
        vendor: Arc::new(Documented(exchanges.first().map_or(silent, |exchange| exchange.reply.clone()))),
        timeout: Duration::from_secs(30),
    }
}

#[test]
fn it_is_the_component_of_that_day() {
    let digest = ring::digest::digest(&ring::digest::SHA256, COMPONENT);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(digest, SHA256, "it is never built again: take it back from the history");
}

#[test]
fn it_loads_and_is_configured() {
    let file = exchanges();
    let mut config = config("frozen", COMPONENT, file.settings);
    config.secrets = file.secrets.iter().map(|(name, value)| (name.clone(), secret(value))).collect();
    let provider = load(config);
    assert_eq!(provider.describe().kind, "twilio");
}

#[tokio::test]
async fn it_sends_receives_and_looks_up() {
    let rehearsal = Rehearsal::load(engine(), COMPONENT).unwrap();
    let file = exchanges();
    for case in &file.sends {
        let scene = scene(&case.exchanges, case.now_ms);
        let played = rehearsal.send(&scene, &case.message, &case.context).await.unwrap();
        assert_eq!(played.said.as_ref(), Ok(&case.outcome), "{}", case.name);
        let wanted = case.exchanges.first().and_then(|exchange| exchange.request.as_ref());
        let differences = wanted.map(|wanted| file::differences(wanted, &played.asked[0].seen()));
        assert_eq!(differences.unwrap_or_default(), Vec::<String>::new(), "{}", case.name);
    }
    for case in &file.webhooks {
        let played = rehearsal.receive(&scene(&[], case.now_ms), &case.webhook).await.unwrap();
        assert_eq!(played.said.as_ref(), Ok(&case.says), "{}", case.name);
    }
    for case in &file.look_ups {
        let played = rehearsal.look_up(&scene(&case.exchanges, case.now_ms), case).await.unwrap();
        assert_eq!(played.said.as_ref(), Ok(&case.finding), "{}", case.name);
    }
    assert_eq!((file.sends.len(), file.webhooks.len(), file.look_ups.len()), (3, 2, 1));
}
