//! What this process is sending at this moment, and by which leases.
//!
//! A lease ends by the clock, and somebody may set the clock forward: then recovery gets hold of deliveries whose holder is
//! alive and well. It hands the new lease on to them, instead of taking their calls for interrupted.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::domain::id::DeliveryId;
use crate::ports::store::Lease;

#[derive(Debug, Default)]
pub(crate) struct InHand(Mutex<HashMap<DeliveryId, Lease>>);

/// Held while a delivery is being sent.
pub(crate) struct Holding<'a> {
    in_hand: &'a InHand,
    delivery: DeliveryId,
    taken: Lease,
}

impl InHand {
    fn leases(&self) -> MutexGuard<'_, HashMap<DeliveryId, Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn take(&self, lease: Lease) -> Holding<'_> {
        self.leases().insert(lease.delivery, lease);
        Holding { in_hand: self, delivery: lease.delivery, taken: lease }
    }

    /// Hands a new lease to whoever is sending that delivery; `false` when nobody is.
    pub(crate) fn renew(&self, lease: Lease) -> bool {
        match self.leases().get_mut(&lease.delivery) {
            Some(held) => {
                *held = lease;
                true
            }
            None => false,
        }
    }
}

impl Holding<'_> {
    /// The newest lease.
    pub(crate) fn lease(&self) -> Lease {
        self.in_hand.leases().get(&self.delivery).copied().unwrap_or(self.taken)
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.in_hand.leases().remove(&self.delivery);
    }
}
