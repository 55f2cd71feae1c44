//! How much there is of everything.

use notifier_core::Stats;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How much there is of everything: what is stored now, and what happened since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Stats)]
pub(crate) struct StatsBody {
    /// What is stored now.
    pub(crate) now: CountsBody,
    /// What happened since the server started.
    pub(crate) since_start: TotalsBody,
}

/// How many deliveries are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Counts)]
pub(crate) struct CountsBody {
    /// Waiting, in each lane.
    pub(crate) pending: LanesBody,
    /// With the intent to call a provider recorded.
    pub(crate) sending: usize,
    /// Dead letters: failed, expired or unknown.
    pub(crate) dead: usize,
    /// Receipts that wait for the message that they are about.
    pub(crate) unmatched_receipts: usize,
}

/// A number for each lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Lanes)]
pub(crate) struct LanesBody {
    /// In the urgent lane.
    pub(crate) urgent: usize,
    /// In the normal lane.
    pub(crate) normal: usize,
    /// In the bulk lane.
    pub(crate) bulk: usize,
}

/// What happened since the server started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Totals)]
pub(crate) struct TotalsBody {
    /// Notifications that were accepted.
    pub(crate) accepted: u64,
    /// Calls that were turned away because there was too much to do.
    pub(crate) refused: u64,
    /// Calls of providers.
    pub(crate) attempts: u64,
    /// Deliveries that a provider took.
    pub(crate) sent: u64,
    /// Deliveries that failed.
    pub(crate) failed: u64,
    /// Deliveries that were given up without knowing whether they were sent.
    pub(crate) unknown: u64,
    /// Receipts that a delivery was told.
    pub(crate) receipts: u64,
    /// Receipts about nothing known that were forgotten because too many waited, the oldest first.
    pub(crate) receipts_forgotten: u64,
    /// Deliveries that were stuck and were put right. Should be 0.
    pub(crate) repaired: u64,
}

impl From<&Stats> for StatsBody {
    fn from(stats: &Stats) -> Self {
        let now = &stats.now;
        let pending = LanesBody { urgent: now.pending.urgent, normal: now.pending.normal, bulk: now.pending.bulk };
        Self {
            now: CountsBody {
                pending,
                sending: now.sending,
                dead: now.dead,
                unmatched_receipts: now.unmatched_receipts,
            },
            since_start: TotalsBody {
                accepted: stats.accepted,
                refused: stats.refused,
                attempts: stats.attempts,
                sent: stats.sent,
                failed: stats.failed,
                unknown: stats.unknown,
                receipts: stats.receipts,
                receipts_forgotten: stats.receipts_forgotten,
                repaired: stats.repaired,
            },
        }
    }
}
