//! What the stand-ins for providers were asked, in numbers, and the reports that they owe.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use notifier_core::testing::{SeededEntropy, VirtualCall};
use notifier_core::{DeliveryId, Entropy, Outcome, ProviderName, ReceiptStatus, Webhook};
use tokio::sync::Notify;

use super::scenario::Reports;

/// Shared by the stand-ins and the player.
pub(super) struct Record {
    pages: Mutex<Pages>,
    /// Rings when a report is owed.
    pub(super) owing: Notify,
    chance: SeededEntropy,
}

#[derive(Default)]
struct Pages {
    providers: BTreeMap<ProviderName, Calls>,
    sent: HashMap<DeliveryId, Sent>,
    /// By when they are due, and in the order in which they came to be.
    owed: BTreeMap<(Timestamp, u64), (ProviderName, Webhook)>,
    numbered: u64,
}

/// How a provider was called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Calls {
    pub(super) made: u64,
    /// Calls with which a message went out, whatever the answer was.
    pub(super) took: u64,
    pub(super) unavailable: u64,
    pub(super) rate_limited: u64,
    pub(super) rejected: u64,
    /// Calls that ended without a clear answer, or never.
    pub(super) unclear: u64,
}

/// How a delivery went out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) first_at: Timestamp,
    pub(super) times: u64,
}

impl Record {
    pub(super) fn new(seed: u64) -> Self {
        Self { pages: Mutex::default(), owing: Notify::new(), chance: SeededEntropy::new(!seed) }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a call, and what is to be reported of it.
    pub(super) fn note(&self, provider: &ProviderName, call: &VirtualCall, reports: Option<Reports>) {
        let mut pages = self.pages();
        let calls = pages.providers.entry(provider.clone()).or_default();
        calls.made += 1;
        calls.took += u64::from(call.taken);
        match &call.outcome {
            Some(Outcome::Accepted { .. }) => {}
            Some(Outcome::Unavailable { .. }) => calls.unavailable += 1,
            Some(Outcome::RateLimited { .. }) => calls.rate_limited += 1,
            Some(Outcome::Rejected { .. }) => calls.rejected += 1,
            Some(Outcome::Unknown { .. }) | None => calls.unclear += 1,
        }
        if !call.taken {
            return;
        }
        let sent = pages.sent.entry(call.delivery()).or_insert(Sent { first_at: call.at, times: 0 });
        sent.times += 1;
        let Some(reports) = reports else { return };
        let Some(status) = self.fate(reports) else { return };
        pages.numbered += 1;
        let due_at = call.at.checked_add(reports.delay).unwrap_or(call.at);
        let place = (due_at, pages.numbered);
        pages.owed.insert(place, (provider.clone(), call.report(status)));
        drop(pages);
        self.owing.notify_one();
    }

    /// What becomes of a message that was taken; `None` when nobody says.
    fn fate(&self, reports: Reports) -> Option<ReceiptStatus> {
        let drawn = self.percent();
        let Reports { delivered, failed, bounced, .. } = reports;
        [(delivered, ReceiptStatus::Delivered), (failed, ReceiptStatus::Failed), (bounced, ReceiptStatus::Bounced)]
            .into_iter()
            .scan(0.0, |below, (share, status)| {
                *below += share;
                Some((*below, status))
            })
            .find(|(below, _)| drawn < *below)
            .map(|(_, status)| status)
    }

    /// From 0 to below 100, each as likely.
    fn percent(&self) -> f64 {
        let drawn = u32::try_from(self.chance.number() % 1_000_000).unwrap_or(0);
        f64::from(drawn) / 10_000.0
    }

    /// Whether something comes to pass that does so in so many cases of a hundred.
    pub(super) fn comes_to_pass(&self, percent: f64) -> bool {
        self.percent() < percent
    }

    /// When the next report is due.
    pub(super) fn next_owed(&self) -> Option<Timestamp> {
        self.pages().owed.keys().next().map(|(due_at, _)| *due_at)
    }

    /// The next report, if it is due.
    pub(super) fn pay(&self, now: Timestamp) -> Option<(ProviderName, Webhook)> {
        let mut pages = self.pages();
        let first = pages.owed.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(first.remove())
    }

    pub(super) fn calls(&self, provider: &ProviderName) -> Calls {
        self.pages().providers.get(provider).copied().unwrap_or_default()
    }

    pub(super) fn sent(&self, delivery: DeliveryId) -> Option<Sent> {
        self.pages().sent.get(&delivery).copied()
    }
}
