//! The Prometheus text format 0.0.4 (prometheus.io, "Exposition formats").

use std::fmt::{Display, Write};

use notifier_core::ports::store::Room;
use notifier_core::{Breaker, Lane, Override, ProviderStatus, Standing, Stats};

/// Everything that is measured.
pub(super) fn write(stats: &Stats, providers: &[ProviderStatus]) -> String {
    let mut page = Page::default();
    counters(&mut page, stats);
    gauges(&mut page, stats);
    of_providers(&mut page, providers);
    page.0
}

fn counters(page: &mut Page, stats: &Stats) {
    for (name, help, value) in [
        ("notifier_notifications_accepted_total", "Notifications accepted.", stats.accepted),
        ("notifier_calls_refused_total", "Calls turned away because there was too much to do.", stats.refused),
        ("notifier_attempts_total", "Calls of providers.", stats.attempts),
        ("notifier_deliveries_sent_total", "Deliveries that a provider took.", stats.sent),
        ("notifier_deliveries_failed_total", "Deliveries that failed.", stats.failed),
        (
            "notifier_deliveries_unknown_total",
            "Deliveries given up without knowing whether they were sent.",
            stats.unknown,
        ),
        ("notifier_receipts_total", "Receipts that a delivery was told.", stats.receipts),
        (
            "notifier_receipts_forgotten_total",
            "Receipts about nothing known that were forgotten because too many waited, the oldest first.",
            stats.receipts_forgotten,
        ),
        (
            "notifier_stuck_deliveries_repaired_total",
            "Deliveries that were stuck and were put right. Should be 0.",
            stats.repaired,
        ),
    ] {
        page.metric(name, "counter", help).sample(name, &[], value);
    }
}

fn gauges(page: &mut Page, stats: &Stats) {
    let now = &stats.now;
    let name = "notifier_deliveries_pending";
    page.metric(name, "gauge", "Deliveries that wait, by lane.");
    for lane in Lane::ALL {
        page.sample(name, &[("lane", lane.name())], Room::of(&now.pending, lane));
    }
    for (name, help, value) in [
        ("notifier_deliveries_sending", "Deliveries with the intent to call a provider recorded.", now.sending),
        ("notifier_dead_letters", "Deliveries that failed, expired or are unknown.", now.dead),
        (
            "notifier_receipts_unmatched",
            "Receipts that wait for the message that they are about.",
            now.unmatched_receipts,
        ),
    ] {
        page.metric(name, "gauge", help).sample(name, &[], value);
    }
}

fn of_providers(page: &mut Page, providers: &[ProviderStatus]) {
    type Measure = fn(&ProviderStatus) -> u64;
    let name = "notifier_provider_breaker";
    page.metric(name, "gauge", "1 for the state that a provider's circuit breaker is in.");
    for provider in providers {
        for state in ["closed", "half_open", "open"] {
            let is_in = u8::from(breaker(provider) == state);
            page.sample(name, &[("provider", provider.name.as_str()), ("state", state)], is_in);
        }
    }
    let measures: [(&str, &str, Measure); 5] = [
        ("notifier_provider_takes_calls", "1 when a provider takes calls.", |provider| {
            u64::from(matches!(provider.standing, Standing::Takes { .. }))
        }),
        ("notifier_provider_percent", "How much of its share of the traffic a provider gets.", |provider| {
            u64::from(provider.health.percent)
        }),
        ("notifier_provider_calls_in_flight", "Calls of a provider that run.", |provider| {
            u64::try_from(provider.calls_in_flight).unwrap_or(u64::MAX)
        }),
        ("notifier_provider_calls_good", "Calls of the last seconds that went well.", |provider| {
            u64::from(provider.good_calls_lately)
        }),
        ("notifier_provider_calls_bad", "Calls of the last seconds that did not.", |provider| {
            u64::from(provider.bad_calls_lately)
        }),
    ];
    for (name, help, measure) in measures {
        page.metric(name, "gauge", help);
        for provider in providers {
            page.sample(name, &[("provider", provider.name.as_str())], measure(provider));
        }
    }
}

/// The state that counts: what was set by hand, else its own.
fn breaker(provider: &ProviderStatus) -> &'static str {
    match provider.health.set_by_hand {
        Some(Override::Open) => "open",
        Some(Override::Closed) => Breaker::Closed.name(),
        None => provider.health.breaker.name(),
    }
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) -> &mut Self {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self
    }

    /// Values of labels are names of ours: nothing in them needs an escape.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}
