//! How many requests each service took, refused or was made to fail. Unlike the inbox, counting has no bound.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::Service;

/// Counts of one service since the start or the last clearing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Messages stored in the inbox, or look-ups answered with a record.
    pub accepted: u64,
    /// Requests that were valid but left no message: SendGrid's own sandbox mode, Mailgun's test mode, Postmark's test
    /// token, and the dry runs and repeats of others.
    pub validated: u64,
    /// Requests answered with an error that they deserved.
    pub refused: u64,
    /// Requests that a switched fault hit. `accept_then_drop` and `accept_then_hang` count here and as accepted.
    pub faulted: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Accepted,
    Validated,
    Refused,
    Faulted,
}

/// The counters of all services.
#[derive(Debug, Default)]
pub(super) struct Tally {
    services: [Row; Service::COUNT],
}

#[derive(Debug, Default)]
struct Row {
    accepted: AtomicU64,
    validated: AtomicU64,
    refused: AtomicU64,
    faulted: AtomicU64,
}

impl Tally {
    pub(super) fn count(&self, service: Service, event: Event) {
        self.services[service.index()].cell(event).fetch_add(1, Relaxed);
    }

    pub(super) fn of(&self, service: Service) -> Counters {
        let row = &self.services[service.index()];
        Counters {
            accepted: row.accepted.load(Relaxed),
            validated: row.validated.load(Relaxed),
            refused: row.refused.load(Relaxed),
            faulted: row.faulted.load(Relaxed),
        }
    }

    pub(super) fn clear(&self) {
        for row in &self.services {
            for event in [Event::Accepted, Event::Validated, Event::Refused, Event::Faulted] {
                row.cell(event).store(0, Relaxed);
            }
        }
    }
}

impl Row {
    fn cell(&self, event: Event) -> &AtomicU64 {
        match event {
            Event::Accepted => &self.accepted,
            Event::Validated => &self.validated,
            Event::Refused => &self.refused,
            Event::Faulted => &self.faulted,
        }
    }
}
