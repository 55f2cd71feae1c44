//! Looks, now and then and a little at a time, for deliveries that nobody would ever look at again. There should never be one:
//! what it finds is put right, counted, and an alarm.

use std::sync::Arc;
use std::time::Duration;

use super::{Flow, Stage};
use crate::ports::store::StoreError;

/// Notifications looked at before others get their turn.
const PART: usize = 200;
const PAUSE: Duration = Duration::from_millis(20);

impl Flow {
    /// Runs until the end is asked for.
    pub(crate) async fn sweep_now_and_then(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = self.signals.reached(Stage::Stopping) => return,
                () = self.clock.sleep(self.options.sweep_interval) => {}
            }
            tokio::select! {
                biased;
                () = self.signals.reached(Stage::Stopping) => return,
                swept = self.sweep() => match swept {
                    Ok(_) => {}
                    Err(StoreError::Closed) => return,
                    Err(error) => tracing::error!(%error, "the store could not be swept"),
                }
            }
        }
    }

    /// Looks at everything once; how many deliveries were put right.
    pub(crate) async fn sweep(&self) -> Result<usize, StoreError> {
        let _alone = self.sweeping.lock().await;
        let mut repaired = 0;
        let mut after = None;
        loop {
            let swept = self.store.sweep(after, PART).await?;
            if swept.repaired > 0 {
                tracing::error!(count = swept.repaired, "deliveries were stuck and are put right: please report this");
                repaired += swept.repaired;
                self.tally.repaired.add(u64::try_from(swept.repaired).unwrap_or(u64::MAX));
                self.signals.stored(&crate::domain::channel::Channel::ALL, self.clock.now());
            }
            after = swept.next;
            if after.is_none() {
                return Ok(repaired);
            }
            self.clock.sleep(PAUSE).await;
        }
    }
}
