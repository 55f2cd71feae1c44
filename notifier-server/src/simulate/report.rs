//! What came of a scenario, in numbers, reasons and examples.

use std::collections::BTreeMap;

use jiff::Timestamp;
use notifier_core::{
    Delivery, DeliveryState, ListQuery, Notification, ProviderName, Status, StoreError, Strategy, TenantId,
};
use serde::Serialize;

use super::play::Played;
use super::scenario::{Expectations, Scenario};

/// Notifications read at once.
const PAGE: usize = 1_000;
/// Deliveries that are shown one by one.
const WORST_MAX: usize = 10;

/// Everything that is printed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    pub(super) seed: u64,
    pub(super) from: String,
    pub(super) to: String,
    /// When the last delivery and the last report of a provider were over.
    pub(super) over_at: String,
    pub(super) schedules: Vec<ScheduleRow>,
    pub(super) providers: Vec<ProviderRow>,
    pub(super) deliveries: Vec<DeliveryRow>,
    pub(super) breakers: Vec<BreakerRow>,
    pub(super) problems: Vec<ProblemRow>,
    pub(super) worst: Vec<WorstRow>,
    /// What was expected and did not come.
    pub(super) missed: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ScheduleRow {
    pub(super) name: String,
    pub(super) accepted: u64,
    pub(super) refused: u64,
    /// Why, and how often.
    pub(super) refusals: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProviderRow {
    pub(super) name: String,
    pub(super) calls: u64,
    /// Calls with which a message went out, whether the engine learned of it or not.
    pub(super) took: u64,
    pub(super) unavailable: u64,
    pub(super) rate_limited: u64,
    pub(super) rejected: u64,
    pub(super) unclear: u64,
}

/// The deliveries of one category on one channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct DeliveryRow {
    pub(super) category: String,
    pub(super) channel: String,
    pub(super) accepted: u64,
    /// Taken by a provider, which has not said what became of it.
    pub(super) sent: u64,
    pub(super) delivered: u64,
    pub(super) bounced: u64,
    pub(super) failed: u64,
    pub(super) expired: u64,
    pub(super) unknown: u64,
    pub(super) suppressed: u64,
    pub(super) cancelled: u64,
    pub(super) unfinished: u64,
    /// Messages that went out once more than they should have.
    pub(super) repeats: u64,
    /// How long after they were due messages went out first, in milliseconds.
    pub(super) late_p50_ms: i64,
    pub(super) late_p99_ms: i64,
    pub(super) late_max_ms: i64,
    /// The longest time from when a delivery was due to when it went out or was given up.
    pub(super) longest_wait_ms: i64,
    #[serde(skip)]
    late_ms: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct BreakerRow {
    pub(super) at: String,
    pub(super) provider: String,
    pub(super) breaker: String,
    pub(super) reason: String,
}

/// Deliveries that did not arrive, for the same reason.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct ProblemRow {
    pub(super) state: String,
    pub(super) reason: String,
    pub(super) count: u64,
    pub(super) example: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct WorstRow {
    pub(super) delivery: String,
    pub(super) category: String,
    pub(super) recipient: String,
    pub(super) due_at: String,
    pub(super) state: String,
    pub(super) attempts: u32,
    pub(super) waited_ms: i64,
    pub(super) reason: String,
}

/// Reads everything and adds it up.
pub(super) fn report(scenario: &Scenario, played: &Played) -> Result<Report, StoreError> {
    let mut sum = Sum::default();
    let mut query = ListQuery::of(TenantId::unnamed(), PAGE);
    loop {
        let page = played.engine.block_on(played.engine.notifier().list(&query))?;
        for status in &page.items {
            sum.add(played, status);
        }
        query.before = page.next;
        if query.before.is_none() {
            break;
        }
    }
    let deliveries = sum.rows.into_values().map(DeliveryRow::summed_up).collect::<Vec<_>>();
    let mut problems: Vec<ProblemRow> = sum.problems.into_values().collect();
    problems.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
    problems.truncate(WORST_MAX);
    let schedules = schedules(scenario, played);
    let missed = missed(&scenario.expectations, &deliveries, &schedules);
    Ok(Report {
        seed: scenario.seed,
        from: scenario.start.to_string(),
        to: scenario.end.to_string(),
        over_at: played.engine.now().to_string(),
        schedules,
        providers: providers(scenario, played),
        deliveries,
        breakers: breakers(played),
        problems,
        worst: sum.worst.into_iter().map(|(_, worst)| worst).collect(),
        missed,
    })
}

/// What is added up from one delivery to the next.
#[derive(Default)]
struct Sum {
    rows: BTreeMap<(String, String), DeliveryRow>,
    problems: BTreeMap<(String, String), ProblemRow>,
    /// The worst first: those that did not go out, then by how long they waited.
    worst: Vec<((bool, i64), WorstRow)>,
}

impl Sum {
    fn add(&mut self, played: &Played, status: &Status) {
        for delivery in &status.deliveries {
            self.add_delivery(played, &status.notification, delivery);
        }
    }

    fn add_delivery(&mut self, played: &Played, notification: &Notification, delivery: &Delivery) {
        let (category, channel) = (notification.category.to_string(), delivery.id.channel.to_string());
        let row = self.rows.entry((category.clone(), channel.clone())).or_insert_with(|| DeliveryRow {
            category: category.clone(),
            channel,
            ..DeliveryRow::default()
        });
        row.count(delivery.state);
        let sent = played.record.sent(delivery.id);
        row.repeats += sent.map_or(0, |sent| sent.times - 1);
        // In a sequence only the first is due when the notification is.
        let is_first =
            notification.strategy == Strategy::All || notification.channels.first() == Some(&delivery.id.channel);
        let late =
            |at: Timestamp| i64::try_from(at.duration_since(notification.due_at).as_millis()).unwrap_or(i64::MAX);
        let waited = late(sent.map_or(delivery.updated_at, |sent| sent.first_at)).max(0);
        if let Some(sent) = sent.filter(|_| is_first) {
            row.late_ms.push(late(sent.first_at));
        }
        let is_lost = delivery.state.is_dead() || !delivery.state.is_final();
        let is_missing = is_lost || delivery.state == DeliveryState::Bounced;
        if is_first && (is_lost || sent.is_some()) {
            row.longest_wait_ms = row.longest_wait_ms.max(waited);
        }
        if is_missing {
            let (state, reason) = (delivery.state.name().to_owned(), delivery.reason.code.to_string());
            let example = delivery.id.to_string();
            let problem = self.problems.entry((state.clone(), reason.clone()));
            problem.or_insert(ProblemRow { state, reason, count: 0, example }).count += 1;
        }
        if is_lost || (is_first && waited > 0 && sent.is_some()) {
            self.add_worst((is_lost, waited), notification, delivery);
        }
    }

    fn add_worst(&mut self, rank: (bool, i64), notification: &Notification, delivery: &Delivery) {
        let place = self.worst.partition_point(|(other, _)| *other >= rank);
        if place < WORST_MAX {
            let row = WorstRow {
                delivery: delivery.id.to_string(),
                category: notification.category.to_string(),
                recipient: notification.recipient.id.to_string(),
                due_at: notification.due_at.to_string(),
                state: delivery.state.name().to_owned(),
                attempts: delivery.attempts,
                waited_ms: rank.1,
                reason: delivery.reason.text.clone(),
            };
            self.worst.insert(place, (rank, row));
            self.worst.truncate(WORST_MAX);
        }
    }
}

impl DeliveryRow {
    fn count(&mut self, state: DeliveryState) {
        self.accepted += 1;
        let place = match state {
            DeliveryState::Sent => &mut self.sent,
            DeliveryState::Delivered => &mut self.delivered,
            DeliveryState::Bounced => &mut self.bounced,
            DeliveryState::Failed => &mut self.failed,
            DeliveryState::Expired => &mut self.expired,
            DeliveryState::Unknown => &mut self.unknown,
            DeliveryState::Suppressed => &mut self.suppressed,
            DeliveryState::Cancelled => &mut self.cancelled,
            _ => &mut self.unfinished,
        };
        *place += 1;
    }

    fn summed_up(mut self) -> Self {
        self.late_ms.sort_unstable();
        self.late_p50_ms = percentile(&self.late_ms, 50);
        self.late_p99_ms = percentile(&self.late_ms, 99);
        self.late_max_ms = self.late_ms.last().copied().unwrap_or(0);
        self
    }

    /// Deliveries that nobody decided against.
    fn wanted(&self) -> u64 {
        self.accepted - self.suppressed - self.cancelled
    }
}

/// The smallest value that so many of a hundred do not exceed; 0 of nothing.
fn percentile(sorted: &[i64], percent: usize) -> i64 {
    let place = (sorted.len() * percent).div_ceil(100);
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(0)
}

fn schedules(scenario: &Scenario, played: &Played) -> Vec<ScheduleRow> {
    let row = |(place, schedule): (usize, &super::scenario::Schedule)| {
        let of_it = played.asked.refused.iter().filter(|((other, _), _)| *other == place);
        let refusals: BTreeMap<String, u64> = of_it.map(|((_, reason), count)| (reason.clone(), *count)).collect();
        ScheduleRow {
            name: schedule.name.clone(),
            accepted: played.asked.accepted.get(&place).copied().unwrap_or(0),
            refused: refusals.values().sum(),
            refusals,
        }
    };
    scenario.schedules.iter().enumerate().map(row).collect()
}

fn providers(scenario: &Scenario, played: &Played) -> Vec<ProviderRow> {
    let row = |name: &String| {
        let calls = ProviderName::new(name.as_str()).map(|name| played.record.calls(&name)).unwrap_or_default();
        ProviderRow {
            name: name.clone(),
            calls: calls.made,
            took: calls.took,
            unavailable: calls.unavailable,
            rate_limited: calls.rate_limited,
            rejected: calls.rejected,
            unclear: calls.unclear,
        }
    };
    scenario.config.providers.keys().map(row).collect()
}

fn breakers(played: &Played) -> Vec<BreakerRow> {
    let row = |change: notifier_core::testing::BreakerChange| BreakerRow {
        at: change.at.to_string(),
        provider: change.provider.to_string(),
        breaker: change.breaker.name().to_owned(),
        reason: change.reason,
    };
    played.engine.breaker_changes().into_iter().map(row).collect()
}

/// What was expected and did not come.
fn missed(expected: &Expectations, deliveries: &[DeliveryRow], schedules: &[ScheduleRow]) -> Vec<String> {
    let sum = |of: fn(&DeliveryRow) -> u64| deliveries.iter().map(of).sum::<u64>();
    let wanted = sum(DeliveryRow::wanted);
    let mut missed = Vec::new();
    let mut at_least = |name: &str, least: Option<f64>, count: u64| {
        // Counts of a simulation are far below what a float holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "they are far below 2^53")]
        let percent = if wanted == 0 { 100.0 } else { count as f64 * 100.0 / wanted as f64 };
        if let Some(least) = least.filter(|least| percent < *least) {
            missed.push(format!("{name} is {least}, and it was {percent:.3}: {count} of {wanted}"));
        }
    };
    at_least("sent_percent_min", expected.sent_percent_min, sum(|row| row.sent + row.delivered));
    at_least("delivered_percent_min", expected.delivered_percent_min, sum(|row| row.delivered));
    let mut at_most = |name: &str, most: Option<u64>, count: u64| {
        if let Some(most) = most.filter(|most| count > *most) {
            missed.push(format!("{name} is {most}, and it was {count}"));
        }
    };
    at_most("failed_max", expected.failed_max, sum(|row| row.failed + row.expired + row.unknown));
    at_most("repeats_max", expected.repeats_max, sum(|row| row.repeats));
    at_most("refused_max", expected.refused_max, schedules.iter().map(|row| row.refused).sum());
    let latest = |of: fn(&DeliveryRow) -> i64| deliveries.iter().map(of).max().unwrap_or(0);
    for (name, most, late_ms) in [
        ("late_p99_max", expected.late_p99_max, latest(|row| row.late_p99_ms)),
        ("late_max", expected.late_max, latest(|row| row.late_max_ms)),
    ] {
        if let Some(most) = most.filter(|most| i128::from(late_ms) > most.as_millis()) {
            missed.push(format!("{name} is {most:#}, and it was {}", super::text::length(late_ms)));
        }
    }
    missed
}
