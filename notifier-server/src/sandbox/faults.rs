//! Faults that can be switched on per service while it runs: outages, throttling, refusals, silence, lost answers.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::watch;

use super::{
    Service,
    changes::Changes,
    counters::{Event, Tally},
    postmark, resend, ses,
};

/// What a service does instead of its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with an error at once.
    Refuse(Refusal),
    /// Reads the request and never answers. When the fault is cleared, the request is processed as if nothing had been.
    Hang,
    /// Reads the request, does nothing with it, and resets the connection.
    Reset,
    /// Stores a valid message as arrived, then closes the connection without an answer.
    AcceptThenDrop,
    /// Stores a valid message as arrived, and does not answer until the fault is cleared.
    AcceptThenHang,
    /// Processes the request after a while; clearing the fault ends the wait.
    Slow {
        /// The wait.
        delay_ms: u64,
    },
}

/// Why a request gets no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Denial {
    Refused(Refusal),
    /// Its connection is to be reset.
    Reset,
}

/// An error answer in the vendor's own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 503, or 500 where the vendor knows no other.
    Unavailable,
    /// 429.
    RateLimited {
        /// Seconds to wait; absent means that the answer does not say.
        retry_after_s: Option<u32>,
    },
    /// 400, or the status that belongs to the code.
    Rejected {
        /// Twilio's error code (default 21211), Postmark's (default 300), Vonage's status (default 6), or the HTTP
        /// status: of SendGrid and Mailgun 400, 401, 403 or 413, of the others 400 to 499 (default 400). SES and Resend
        /// have none.
        code: Option<u32>,
        /// What SendGrid and Mailgun complain about, by default the first recipient's address. SES's and Resend's name of
        /// the error, as `MessageRejected` and `validation_error`, which they are by default. The others have none.
        field: Option<String>,
    },
}

/// A fault that is switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFault {
    /// What happens.
    pub fault: Fault,
    /// To how many more requests; absent means until cleared.
    pub times_left: Option<u32>,
}

/// A fault that the service cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct UnsuitableFault {
    /// Which part of the fault: `fault`, `code`, `field` or `times`.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub reason: String,
}

/// The switches of all services. Clones share them.
#[derive(Clone)]
pub struct Faults {
    shared: Arc<Shared>,
}

struct Shared {
    switches: [Switch; Service::COUNT],
    changes: Changes,
    tally: Arc<Tally>,
}

struct Switch {
    /// Whether `active` holds something: spares the lock in ordinary times.
    armed: AtomicBool,
    active: Mutex<Option<ActiveFault>>,
    /// Tells those who hang or wait that they were released.
    releases: watch::Sender<u64>,
}

impl Faults {
    pub(super) fn new(changes: Changes, tally: Arc<Tally>) -> Self {
        let switch =
            |_| Switch { armed: AtomicBool::new(false), active: Mutex::new(None), releases: watch::Sender::new(0) };
        Self { shared: Arc::new(Shared { switches: Service::ALL.map(switch), changes, tally }) }
    }

    /// Switches a fault on for the next `times` requests, or until cleared. Replaces the service's former fault and
    /// releases whoever hangs in it.
    ///
    /// # Errors
    ///
    /// When the service cannot have this fault, or `times` is zero.
    pub fn set(&self, service: Service, fault: Fault, times: Option<u32>) -> Result<(), UnsuitableFault> {
        check(service, &fault)?;
        if times == Some(0) {
            let reason = "must be at least 1; leave it out for a fault that stays until cleared".to_owned();
            return Err(UnsuitableFault { field: "times", reason });
        }
        self.switch(service).replace(Some(ActiveFault { fault, times_left: times }));
        self.shared.changes.ring();
        Ok(())
    }

    /// Switches the service's fault off and releases whoever hangs in it.
    pub fn clear(&self, service: Service) {
        self.switch(service).replace(None);
        self.shared.changes.ring();
    }

    /// Does so for all services.
    pub fn clear_all(&self) {
        for service in Service::ALL {
            self.clear(service);
        }
    }

    /// The service's fault, if one is on.
    pub fn active(&self, service: Service) -> Option<ActiveFault> {
        self.switch(service).active().clone()
    }

    /// Lets a request in that was read completely: at once, late, or not at all.
    pub(super) async fn admit(&self, service: Service) -> Option<Denial> {
        let switch = self.switch(service);
        let (fault, mut released) = switch.take(|fault| !fault.is_after_storing())?;
        self.hit(service);
        match fault {
            Fault::Refuse(refusal) => return Some(Denial::Refused(refusal)),
            Fault::Reset => return Some(Denial::Reset),
            Fault::Slow { delay_ms } => {
                // Either end of the wait will do: the delay, or a release.
                let _ = tokio::time::timeout(Duration::from_millis(delay_ms), released.changed()).await;
            }
            Fault::Hang | Fault::AcceptThenDrop | Fault::AcceptThenHang => {
                // The sender lives as long as the service that waits here.
                let _ = released.changed().await;
            }
        }
        None
    }

    /// Holds the answer to a message that was just stored back as long as it has to be. Whether it is to be lost.
    pub(super) async fn loses_answer(&self, service: Service) -> bool {
        let Some((fault, mut released)) = self.switch(service).take(Fault::is_after_storing) else { return false };
        self.hit(service);
        if fault == Fault::AcceptThenHang {
            // As above.
            let _ = released.changed().await;
        }
        fault == Fault::AcceptThenDrop
    }

    fn hit(&self, service: Service) {
        self.shared.tally.count(service, Event::Faulted);
        self.shared.changes.ring();
    }

    fn switch(&self, service: Service) -> &Switch {
        &self.shared.switches[service.index()]
    }
}

impl Switch {
    /// Uses the active fault once if it is wanted. The receiver hears releases from this moment on.
    fn take(&self, wanted: impl FnOnce(&Fault) -> bool) -> Option<(Fault, watch::Receiver<u64>)> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut slot = self.active();
        let active = slot.as_mut().filter(|active| wanted(&active.fault))?;
        let fault = active.fault.clone();
        active.times_left = active.times_left.map(|times| times - 1);
        if active.times_left == Some(0) {
            *slot = None;
            self.armed.store(false, Ordering::Release);
        }
        Some((fault, self.releases.subscribe()))
    }

    fn replace(&self, active: Option<ActiveFault>) {
        let mut slot = self.active();
        self.armed.store(active.is_some(), Ordering::Release);
        *slot = active;
        self.releases.send_modify(|releases| *releases += 1);
    }

    fn active(&self) -> MutexGuard<'_, Option<ActiveFault>> {
        // A single assignment is the only change, so that a panic cannot leave half of one.
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    /// Whether it begins when the message is stored.
    fn is_after_storing(&self) -> bool {
        matches!(self, Self::AcceptThenDrop | Self::AcceptThenHang)
    }
}

fn check(service: Service, fault: &Fault) -> Result<(), UnsuitableFault> {
    let unsuitable = |field, reason: &str| Err(UnsuitableFault { field, reason: reason.to_owned() });
    match (service, fault) {
        (
            Service::Directory | Service::Catalog,
            Fault::Refuse(Refusal::Unavailable) | Fault::Hang | Fault::Slow { .. },
        ) => Ok(()),
        (Service::Directory | Service::Catalog, _) => {
            unsuitable("fault", "directory and catalog take `unavailable`, `hang` and `slow` only")
        }
        (Service::Twilio, Fault::Refuse(Refusal::Rejected { field: Some(_), .. })) => {
            unsuitable("field", "Twilio's errors name no field: use `code`")
        }
        (Service::Twilio, Fault::Refuse(Refusal::Rejected { code: Some(code), .. }))
            if !(10_000..100_000).contains(code) =>
        {
            unsuitable("code", "Twilio's codes have five digits, as 21211")
        }
        (Service::SendGrid | Service::Mailgun, Fault::Refuse(Refusal::Rejected { code: Some(code), .. }))
            if ![400, 401, 403, 413].contains(code) =>
        {
            unsuitable("code", "for SendGrid and Mailgun this is the HTTP status: 400, 401, 403 or 413")
        }
        (Service::Ses | Service::Resend, Fault::Refuse(Refusal::Rejected { code: Some(_), .. })) => {
            unsuitable("code", "the errors of SES and Resend have names: use `field`")
        }
        (Service::Ses, Fault::Refuse(Refusal::Rejected { field: Some(name), .. }))
            if ses::status_of(name).is_none() =>
        {
            unsuitable("field", "for SES this is the name of an error of SendEmail, as `MessageRejected`")
        }
        (Service::Resend, Fault::Refuse(Refusal::Rejected { field: Some(name), .. }))
            if resend::status_of(name).is_none() =>
        {
            unsuitable("field", "for Resend this is the name of an error, as `validation_error`")
        }
        (Service::Postmark, Fault::Refuse(Refusal::Rejected { field: Some(_), .. })) => {
            unsuitable("field", "Postmark's errors name no field: use `code`")
        }
        (Service::Postmark, Fault::Refuse(Refusal::Rejected { code: Some(code), .. }))
            if postmark::status_of(*code).is_none() =>
        {
            unsuitable("code", "for Postmark this is an error code of sending, as 300, 406 or 412")
        }
        (
            Service::Twilio | Service::SendGrid | Service::Ses | Service::Resend | Service::Mailgun | Service::Postmark,
            _,
        ) => Ok(()),
        (_, Fault::Refuse(Refusal::Rejected { field: Some(_), .. })) => {
            unsuitable("field", "this vendor's errors name no field: use `code`")
        }
        (Service::Vonage, Fault::Refuse(Refusal::Rejected { code: Some(code), .. })) if !(1..100).contains(code) => {
            unsuitable("code", "for Vonage this is the status of the message: 1 to 99")
        }
        (Service::Vonage, _) => Ok(()),
        (_, Fault::Refuse(Refusal::Rejected { code: Some(code), .. })) if !(400..500).contains(code) => {
            unsuitable("code", "this is the HTTP status: 400 to 499")
        }
        (Service::Sns | Service::Slack | Service::Fcm | Service::Webhook | Service::WebPush, _) => Ok(()),
    }
}
