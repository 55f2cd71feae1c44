//! Replaying many dead letters, at a rate, with progress.
//!
//! A replay lives in the process that runs it: when that ends, what was replayed is replayed, and the rest are dead letters
//! as before.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{Flow, Stage, after};
use crate::domain::id::TenantId;
use crate::error::{ReplayError, ReviseError};
use crate::ports::store::{DeadLetterPlace, DeadLetterQuery, Filter, StoreError};

/// Which dead letters to replay, and how fast.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayRequest {
    /// Whose.
    pub tenant: TenantId,
    /// Which of them.
    pub filter: Filter,
    /// How many in a second.
    pub per_second: NonZeroU32,
}

impl ReplayRequest {
    /// All that fit, ten in a second.
    #[must_use]
    pub fn of(tenant: TenantId, filter: Filter) -> Self {
        Self { tenant, filter, per_second: NonZeroU32::new(10).unwrap_or(NonZeroU32::MIN) }
    }
}

/// How far a replay is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReplayProgress {
    /// Its number, counted from 1 since the start of the process.
    pub number: u64,
    /// What was asked for.
    pub request: ReplayRequest,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// Dead letters that it looked at.
    pub examined: u64,
    /// Deliveries that are tried again.
    pub replayed: u64,
    /// Why it ended early, if it did.
    pub problem: Option<String>,
}

/// Replays that run at the same time.
const RUNNING_MAX: usize = 4;
/// Replays that are remembered.
const REMEMBERED_MAX: usize = 100;
const PAGE: usize = 100;

/// The replays since the start of the process, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Replays(Mutex<(u64, VecDeque<ReplayProgress>)>);

impl Replays {
    fn kept(&self) -> MutexGuard<'_, (u64, VecDeque<ReplayProgress>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn find(&self, number: u64) -> Option<ReplayProgress> {
        self.kept().1.iter().find(|progress| progress.number == number).cloned()
    }

    pub(crate) fn all(&self) -> Vec<ReplayProgress> {
        self.kept().1.iter().rev().cloned().collect()
    }

    fn begin(&self, request: ReplayRequest, now: Timestamp) -> Result<ReplayProgress, ReplayError> {
        let mut kept = self.kept();
        let (last, all) = &mut *kept;
        if all.iter().filter(|progress| progress.ended_at.is_none()).count() >= RUNNING_MAX {
            return Err(ReplayError::TooMany(RUNNING_MAX));
        }
        if all.len() >= REMEMBERED_MAX
            && let Some(oldest) = all.iter().position(|progress| progress.ended_at.is_some())
        {
            all.remove(oldest);
        }
        *last += 1;
        let progress = ReplayProgress {
            number: *last,
            request,
            started_at: now,
            ended_at: None,
            examined: 0,
            replayed: 0,
            problem: None,
        };
        all.push_back(progress.clone());
        Ok(progress)
    }

    fn change(&self, number: u64, change: impl FnOnce(&mut ReplayProgress)) {
        if let Some(progress) = self.kept().1.iter_mut().find(|progress| progress.number == number) {
            change(progress);
        }
    }
}

impl Flow {
    /// Begins a replay; it runs until everything that was dead when it began has been looked at.
    pub(crate) fn start_replay(self: &Arc<Self>, request: ReplayRequest) -> Result<ReplayProgress, ReplayError> {
        if self.signals.is_stopping() {
            return Err(ReplayError::Stopping);
        }
        let progress = self.replays.begin(request, self.clock.now())?;
        let (flow, begun) = (Arc::clone(self), progress.clone());
        tokio::spawn(async move {
            let number = begun.number;
            let result = tokio::select! {
                biased;
                result = flow.replay_all(begun) => result.map_err(|error| error.to_string()),
                () = flow.signals.reached(Stage::Stopping) => Err("the engine is shutting down".into()),
            };
            flow.replays.change(number, |progress| {
                progress.ended_at = Some(flow.clock.now());
                progress.problem = result.err();
            });
        });
        Ok(progress)
    }

    async fn replay_all(&self, progress: ReplayProgress) -> Result<(), StoreError> {
        let ReplayProgress { number, request, started_at, .. } = progress;
        let pause = Duration::from_secs(1) / request.per_second.get();
        let mut next_at = started_at;
        // What dies again meanwhile is later than this, and is left alone.
        let mut before = DeadLetterPlace::at(after(started_at, Duration::from_micros(1)));
        loop {
            let query = DeadLetterQuery {
                tenant: request.tenant.clone(),
                filter: request.filter.clone(),
                before: Some(before),
                limit: PAGE,
            };
            let page = self.store.dead_letters(&query).await?;
            for letter in &page.items {
                self.clock.sleep_until(next_at).await;
                next_at = after(next_at.max(self.clock.now()), pause);
                let id = letter.delivery.id;
                let replayed = match self.replay(&request.tenant, id.notification, Some(id.channel)).await {
                    Ok(Some(_)) => 1,
                    // Gone, or no longer dead: somebody or something was faster.
                    Ok(None) | Err(ReviseError::TooLate(_) | ReviseError::Invalid(_)) => 0,
                    Err(ReviseError::Store(error)) => return Err(error),
                };
                self.replays.change(number, |progress| {
                    progress.examined += 1;
                    progress.replayed += replayed;
                });
            }
            match page.next {
                Some(next) => before = next,
                None => return Ok(()),
            }
        }
    }
}
