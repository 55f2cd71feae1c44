//! The file of documented exchanges, case by case, on the built component.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifier_core::wasm::PluginError;
use notifier_core::wasm::rehearsal::{Asked, Played, Rehearsal, Scene};
use notifier_plugin_exchanges::{Exchange, Exchanges, Says, WebhookCase};
use serde_json::Value;

use super::report::Group;
use super::stage::TIMEOUT;
use super::vendor::Documented;

/// What the component did while the file was replayed.
#[derive(Default)]
pub(super) struct Noticed {
    pub(super) asked: Vec<Asked>,
    pub(super) statuses: BTreeSet<String>,
}

/// Plays every case.
pub(super) async fn replay(rehearsal: &Rehearsal, file: &Exchanges) -> ([Group; 3], Noticed) {
    let mut sends = Group::new("messages go as documented");
    let mut webhooks = Group::new("webhooks are read as documented");
    let mut look_ups = Group::new("look-ups go as documented");
    let mut noticed = Noticed::default();
    for case in &file.sends {
        let (scene, vendor) = scene(file, case.settings.as_ref(), case.now_ms, &case.exchanges);
        let played = rehearsal.send(&scene, &case.message, &case.context).await;
        sends.case(&case.name, judge(played, &case.outcome, &vendor, &mut noticed));
    }
    for case in &file.webhooks {
        webhooks.case(&case.name, webhook(rehearsal, file, case, &mut noticed).await);
    }
    for case in &file.look_ups {
        let (scene, vendor) = scene(file, case.settings.as_ref(), case.now_ms, &case.exchanges);
        let played = rehearsal.look_up(&scene, case).await;
        look_ups.case(&case.name, judge(played, &case.finding, &vendor, &mut noticed));
    }
    ([sends, webhooks, look_ups], noticed)
}

async fn webhook(
    rehearsal: &Rehearsal,
    file: &Exchanges,
    case: &WebhookCase,
    noticed: &mut Noticed,
) -> Result<(), String> {
    let (mut scene, vendor) = scene(file, case.settings.as_ref(), case.now_ms, &case.exchanges);
    for (url, key) in &case.certificates {
        let der = STANDARD.decode(key).map_err(|_| format!("the key of the certificate at {url} is not base64"))?;
        scene.certificates.insert(url.clone(), der);
    }
    let played = rehearsal.receive(&scene, &case.webhook).await;
    if let Ok(Played { said: Ok(Says::Events(events)), .. }) = &played {
        noticed.statuses.extend(events.iter().map(|event| event.status.clone()));
    }
    judge(played, &case.says, &vendor, noticed)
}

fn scene(file: &Exchanges, settings: Option<&Value>, now_ms: u64, exchanges: &[Exchange]) -> (Scene, Arc<Documented>) {
    let vendor = Arc::new(Documented::new(exchanges));
    let scene = Scene {
        settings: file.settings_of(settings),
        secrets: file.secrets.clone(),
        now_ms,
        occurred_at_ms: None,
        certificates: BTreeMap::new(),
        vendor: Arc::clone(&vendor) as _,
        timeout: TIMEOUT,
    };
    (scene, vendor)
}

fn judge<T: PartialEq + Debug>(
    played: Result<Played<T>, PluginError>,
    wanted: &T,
    vendor: &Documented,
    noticed: &mut Noticed,
) -> Result<(), String> {
    let played = played.map_err(|error| error.to_string())?;
    noticed.asked.extend(played.asked);
    let mut problems = vendor.differences();
    match played.said {
        Ok(got) if got != *wanted => problems.push(format!("outcome: want {wanted:?}\n         got  {got:?}")),
        Ok(_) if played.words.iter().any(String::is_empty) => problems.push("a problem says nothing".into()),
        Ok(_) => {}
        Err(fault) => problems.push(fault.to_string()),
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}
