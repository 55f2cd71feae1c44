//! Plays a scenario: asks for what was planned when it is time, has the providers report, and waits until everything has ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use jiff::SignedDuration;
use notifier_core::testing::{ManualClock, SeededEntropy, VirtualEngine, VirtualProvider};
use notifier_core::{Clock, Notifier, Preferences, ProviderName, RecipientId, StoreError, SubmitError, TenantId};

use super::SimulateError;
use super::plan::{plan, recipient_id, request};
use super::record::Record;
use super::scenario::Scenario;

/// How often it is told how far it is.
const TOLD_TIMES: usize = 20;
/// Shorter ones are over before anybody wonders.
const TOLD_FROM: usize = 5_000;
/// How long after the end something may still be under way.
const AFTERWARDS: SignedDuration = SignedDuration::from_hours(24 * 400);
/// How often it is looked whether everything has ended.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A scenario that was played, with everything that can be asked about it.
pub(super) struct Played {
    pub(super) engine: VirtualEngine,
    pub(super) record: Arc<Record>,
    pub(super) asked: Asked,
}

/// What became of the asking.
#[derive(Default)]
pub(super) struct Asked {
    /// Accepted notifications, by schedule.
    pub(super) accepted: BTreeMap<usize, u64>,
    /// Refused requests: by schedule and reason.
    pub(super) refused: BTreeMap<(usize, String), u64>,
}

/// Plays the scenario to its end.
pub(super) fn play(scenario: &Scenario, tell: &dyn Fn(&str)) -> Result<Played, SimulateError> {
    let clock = Arc::new(ManualClock::at(scenario.start));
    let record = Arc::new(Record::new(scenario.seed));
    let mut builder = crate::engine::rules(&scenario.config).entropy(Arc::new(SeededEntropy::new(scenario.seed)));
    for name in scenario.config.providers.keys() {
        let Ok(parsed) = ProviderName::new(name.as_str()) else { continue };
        builder = builder.provider(name, Arc::new(stand_in(scenario, &parsed, &clock, &record)));
    }
    let engine = VirtualEngine::start(Arc::clone(&clock), builder)?;
    prepare(&engine, scenario, &record)?;
    let asked = engine.block_on(async {
        let notifier = engine.notifier();
        let asking = async {
            let asked = ask(notifier, &clock, scenario, tell).await?;
            until_over(notifier, &clock, scenario, &record).await?;
            Ok::<_, SimulateError>(asked)
        };
        // The reports never end by themselves.
        let reporting = report(notifier, &clock, &record);
        match select(Box::pin(asking), Box::pin(reporting)).await {
            Either::Left((asked, _)) => asked,
            Either::Right((never, _)) => match never {},
        }
    })?;
    Ok(Played { engine, record, asked })
}

fn stand_in(
    scenario: &Scenario,
    name: &ProviderName,
    clock: &Arc<ManualClock>,
    record: &Arc<Record>,
) -> VirtualProvider {
    let behaviour = scenario.behaviours.get(name.as_str()).cloned().unwrap_or_default();
    let (record, own_name) = (Arc::clone(record), name.clone());
    let provider =
        VirtualProvider::new(Arc::clone(clock)).telling(move |call| record.note(&own_name, call, behaviour.reports));
    provider.set_latency(behaviour.latency);
    for episode in scenario.troubles.iter().filter(|episode| episode.provider == name.as_str()) {
        provider.trouble_of_some_between(episode.from, episode.to, episode.trouble, episode.percent);
    }
    provider
}

/// Stores the templates, and what the recipients want.
fn prepare(engine: &VirtualEngine, scenario: &Scenario, record: &Record) -> Result<(), SimulateError> {
    let tenant = TenantId::unnamed();
    for template in &scenario.templates {
        let what = || format!("templates.{}", template.name);
        let put = engine.block_on(engine.notifier().put_template(&tenant, template.clone()));
        put.map_err(|source| SimulateError::Put { what: what(), source })?;
    }
    let opted_out = &scenario.recipients.opted_out;
    let recipients = scenario.schedules.iter().map(|schedule| schedule.recipients).max().unwrap_or(0);
    for recipient in 0..if opted_out.is_empty() { 0 } else { recipients } {
        let off = opted_out.iter().filter(|(_, percent)| record.comes_to_pass(**percent));
        let channels: BTreeMap<_, _> = off.map(|(channel, _)| (*channel, false)).collect();
        let Ok(id) = RecipientId::new(recipient_id(recipient)) else { continue };
        if !channels.is_empty() {
            let preferences = Preferences { channels, ..Preferences::default() };
            let put = engine.block_on(engine.notifier().put_preferences(&tenant, &id, preferences));
            put.map_err(|source| SimulateError::Put { what: format!("the preferences of {id}"), source })?;
        }
    }
    Ok(())
}

async fn ask(
    notifier: &Notifier,
    clock: &ManualClock,
    scenario: &Scenario,
    tell: &dyn Fn(&str),
) -> Result<Asked, SimulateError> {
    let planned = plan(scenario)?;
    let mut asked = Asked::default();
    for (number, one) in planned.iter().enumerate() {
        clock.sleep_until(one.asked_at).await;
        match notifier.submit(request(scenario, one)).await {
            Ok(_) => *asked.accepted.entry(one.schedule).or_default() += 1,
            Err(SubmitError::Store(error)) => return Err(error.into()),
            Err(refusal) => *asked.refused.entry((one.schedule, refusal.to_string())).or_default() += 1,
        }
        let part = planned.len() / TOLD_TIMES;
        if planned.len() >= TOLD_FROM && (number + 1) % part == 0 {
            let percent = (number + 1) * 100 / planned.len();
            tell(&format!("{percent:>3} %  {}  {} of {} notifications", one.asked_at, number + 1, planned.len()));
        }
    }
    clock.sleep_until(scenario.end).await;
    Ok(asked)
}

/// Returns when nothing waits any more and every report was made, or after so long that something goes on for ever.
async fn until_over(
    notifier: &Notifier,
    clock: &ManualClock,
    scenario: &Scenario,
    record: &Record,
) -> Result<(), StoreError> {
    let limit = scenario.end.checked_add(AFTERWARDS).unwrap_or(scenario.end);
    while clock.now() < limit {
        let counts = notifier.stats().await?.now;
        let pending = counts.pending.urgent + counts.pending.normal + counts.pending.bulk;
        if pending + counts.sending == 0 && record.next_owed().is_none() {
            break;
        }
        clock.sleep(LOOK_EVERY).await;
    }
    Ok(())
}

/// Has the providers report what became of messages, when it is time.
async fn report(notifier: &Notifier, clock: &ManualClock, record: &Record) -> std::convert::Infallible {
    loop {
        while let Some((provider, webhook)) = record.pay(clock.now()) {
            // The stand-in reads what it wrote itself, and a store in memory that is open takes it.
            let _ = notifier.receive(&provider, &webhook).await;
        }
        let next = async {
            match record.next_owed() {
                Some(next) => clock.sleep_until(next).await,
                None => std::future::pending().await,
            }
        };
        select(Box::pin(next), Box::pin(record.owing.notified())).await;
    }
}
