//! Places for calls that run at the same time, with room kept free for the lanes in front.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::domain::lane::Lane;

/// So many places in all, of which each lane may take its share.
pub(crate) struct Places {
    count: usize,
    all: Arc<Semaphore>,
    normal: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
    /// Places that nobody gets for now.
    withheld: Mutex<Option<OwnedSemaphorePermit>>,
}

/// Held while a call runs.
pub(crate) struct Place {
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Places {
    pub(crate) fn new(count: usize) -> Self {
        let count = count.clamp(1, Semaphore::MAX_PERMITS);
        let room = |lane: Lane| Arc::new(Semaphore::new(lane.share(count)));
        Self {
            count,
            all: room(Lane::Urgent),
            normal: room(Lane::Normal),
            bulk: room(Lane::Bulk),
            withheld: Mutex::new(None),
        }
    }

    /// Waits for a place. Never closed: an error cannot happen while `self` lives.
    pub(crate) async fn take(&self, lane: Lane) -> Result<Place, AcquireError> {
        // One of its own share, and one of each share that it is a part of.
        let shares: &[&Arc<Semaphore>] = match lane {
            Lane::Urgent => &[&self.all],
            Lane::Normal => &[&self.normal, &self.all],
            Lane::Bulk => &[&self.bulk, &self.normal, &self.all],
        };
        let mut permits = Vec::with_capacity(shares.len());
        for share in shares {
            permits.push(Arc::clone(share).acquire_owned().await?);
        }
        Ok(Place { _permits: permits })
    }

    /// Keeps all but this share of the places from being taken, as far as they are free; at least one can be.
    pub(crate) fn open_to(&self, percent: u8) {
        let open = (self.count * usize::from(percent.min(100))).div_ceil(100).max(1);
        let target = self.count - open;
        let mut withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let present = withheld.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        if present > target {
            // Dropped: free again.
            drop(withheld.as_mut().and_then(|held| held.split(present - target)));
        } else if let Ok(more) = u32::try_from((target - present).min(self.all.available_permits()))
            && more > 0
            && let Ok(more) = Arc::clone(&self.all).try_acquire_many_owned(more)
        {
            match withheld.as_mut() {
                Some(held) => held.merge(more),
                None => *withheld = Some(more),
            }
        }
    }

    /// Places that are taken now.
    pub(crate) fn in_use(&self) -> usize {
        let withheld = self.withheld.lock().unwrap_or_else(PoisonError::into_inner);
        let withheld = withheld.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        self.count.saturating_sub(self.all.available_permits() + withheld)
    }

    /// Places in all.
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn take_all(places: &Places, lane: Lane) -> Vec<Place> {
        std::iter::from_fn(|| places.take(lane).now_or_never()).map(Result::unwrap).collect()
    }

    #[test]
    fn the_lanes_behind_leave_room_to_those_in_front() {
        let places = Places::new(8);
        let bulk = take_all(&places, Lane::Bulk);
        assert_eq!(bulk.len(), 4);
        let normal = take_all(&places, Lane::Normal);
        assert_eq!(normal.len(), 2, "three quarters, bulk included");
        let urgent = take_all(&places, Lane::Urgent);
        assert_eq!((urgent.len(), places.in_use()), (2, 8));
        drop((bulk, normal, urgent));
        assert_eq!(take_all(&places, Lane::Normal).len(), 6);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 8);
    }

    #[test]
    fn places_that_are_withheld_come_back_by_steps() {
        let places = Places::new(20);
        places.open_to(10);
        let first = take_all(&places, Lane::Urgent);
        assert_eq!((first.len(), places.in_use()), (2, 2));
        places.open_to(50);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 8);
        places.open_to(100);
        drop(first);
        assert_eq!(take_all(&places, Lane::Urgent).len(), 20);
        let one = Places::new(1);
        one.open_to(1);
        assert_eq!(take_all(&one, Lane::Bulk).len(), 1);
    }
}
