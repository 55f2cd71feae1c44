//! The engine in virtual time: a year of notifications in a second, on the real flow.
//!
//! Time stands still while anything can be done without it; then the clock goes on to the next moment for which somebody
//! waits, and never past it. It is known, and not guessed, when nothing can be done: the runtime says so when it has nothing
//! left to run. Everything happens on the thread of the test, so the same test has the same story each time.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;
use tokio::sync::broadcast;

use crate::builder::NotifierBuilder;
use crate::domain::health::Breaker;
use crate::domain::id::ProviderName;
use crate::domain::request::NotificationRequest;
use crate::error::{StartError, SubmitError};
use crate::flow::connected::Connected;
use crate::flow::intake::Submitted;
use crate::notifier::Notifier;
use crate::ports::clock::Clock;
use crate::ports::store::StoreError;
use crate::testing::ManualClock;

/// How far time may go on for something that does not come: ten years.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24 * 3_653);

/// The real engine on a clock that goes on from one thing that is due to the next, as fast as the machine can.
///
/// With it an application tests its own notifications without waiting for them. It has a runtime of its own: use it in a plain
/// `#[test]`, where nothing else is asynchronous. Whatever the engine is given has to wait for the [`ManualClock`] and for
/// nothing else: time does not stand still for a socket, a thread or Tokio's timers.
///
/// # A year of reminders
/// The rent is due on the first of each month. In July the provider is down for two days. With twenty attempts, the default, the
/// reminder of July would be given up; with two hundred, none is lost, early, or sent twice:
/// ```
/// use std::sync::Arc;
///
/// use jiff::{Timestamp, ToSpan};
/// use notifier_core::testing::{ManualClock, VirtualEngine, VirtualProvider};
/// use notifier_core::{
///     Category, Channel, Content, NotificationRequest, Notifier, RetryPolicy, ScheduleRequest, SmsSource,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Arc::new(ManualClock::at("2027-01-01T00:00:00Z".parse()?));
/// let sms = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
/// let (down, up) = ("2027-07-01T06:00:00Z".parse()?, "2027-07-03T06:00:00Z".parse()?);
/// sms.down_between(down, up);
/// let retry = RetryPolicy { attempts_max: 200, ..RetryPolicy::default() };
/// let patient = Category { retry, ..Category::default() };
/// let builder = Notifier::builder().category(patient).provider("sms", sms.clone()).route(Channel::Sms, "sms");
/// let engine = VirtualEngine::start(clock, builder)?;
///
/// let mut due = Vec::new();
/// for month in 1..=12 {
///     let mut reminder = NotificationRequest::to("tenant-42");
///     reminder.recipient.phone = Some("+14155550101".into());
///     let text = format!("Your rent for month {month} is due today.");
///     reminder.content = Some(Content { sms: Some(SmsSource { text }), ..Content::default() });
///     let local_time = Some(format!("2027-{month:02}-01T09:00"));
///     let time_zone = Some("America/New_York".into());
///     reminder.schedule = Some(ScheduleRequest { local_time, time_zone, ..ScheduleRequest::default() });
///     due.push(engine.submit(reminder)?.due_at);
/// }
/// engine.advance_to("2028-01-01T00:00:00Z".parse()?);
///
/// let sent = sms.sent();
/// assert_eq!(sent.len(), 12, "each was sent, and none of them twice");
/// for (sent, due) in sent.iter().zip(due) {
///     let is_in_july = (down..up).contains(&due);
///     assert_eq!(sent.at == due, !is_in_july, "on time, but for the one in the outage");
///     assert!(!is_in_july || (up <= sent.at && sent.at <= up + 2.hours()), "which went out soon after it");
/// }
/// assert!(!engine.breaker_changes().is_empty(), "the circuit breaker opened, so that only probes were sent meanwhile");
/// # Ok(())
/// # }
/// ```
pub struct VirtualEngine {
    // Dropped first: its tasks end before their runtime does.
    notifier: Notifier,
    runtime: Runtime,
    idle: Arc<IdleSignal>,
    clock: Arc<ManualClock>,
    breakers: Mutex<Breakers>,
}

/// A circuit breaker went from one state to another.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerChange {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub provider: ProviderName,
    /// How it was from then on.
    pub breaker: Breaker,
    /// Why, in words.
    pub reason: String,
}

struct Breakers {
    watched: Vec<(ProviderName, broadcast::Receiver<()>)>,
    changes: Vec<BreakerChange>,
}

impl VirtualEngine {
    /// Starts what the builder describes on that clock. The clock of the builder does not count; without a source of
    /// randomness the engine gets one that repeats itself, and without a store everything is kept in memory. The store is
    /// swept once in thirty days at most: that is a look at everything, and a year has many days.
    ///
    /// # Errors
    /// As [`NotifierBuilder::start`]; and when the store is a directory, which virtual time would not wait for.
    ///
    /// # Panics
    /// Inside another runtime, as in a `#[tokio::test]`.
    pub fn start(clock: Arc<ManualClock>, builder: NotifierBuilder) -> Result<Self, StartError> {
        let idle = Arc::new(IdleSignal::default());
        let signal = Arc::clone(&idle);
        let runtime = tokio::runtime::Builder::new_current_thread().on_thread_park(move || signal.fire()).build();
        let runtime = runtime.map_err(|error| StartError::Open(format!("the runtime cannot be started: {error}")))?;
        let notifier = runtime.block_on(builder.in_virtual_time(&clock)?.start())?;
        let watch = |(name, connected): (&ProviderName, &Arc<Connected>)| (name.clone(), connected.changes());
        let watched = notifier.flow.providers.iter().map(watch).collect();
        let breakers = Mutex::new(Breakers { watched, changes: Vec::new() });
        Ok(Self { notifier, runtime, idle, clock, breakers })
    }

    /// The engine. What it answers is awaited with [`Self::block_on`].
    #[must_use]
    pub fn notifier(&self) -> &Notifier {
        &self.notifier
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// As [`Notifier::submit`]. What is due at once has happened by the next call that lets something happen.
    ///
    /// # Errors
    /// As [`Notifier::submit`].
    pub fn submit(&self, request: NotificationRequest) -> Result<Submitted, SubmitError> {
        self.block_on(self.notifier.submit(request))
    }

    /// Runs this to its end. Time goes on only when nothing else can be done, and only as far as it takes: a question to the
    /// engine takes no time, [`Notifier::wait`] as long as the notification does.
    ///
    /// # Panics
    /// When it does not end within ten years.
    pub fn block_on<T>(&self, work: impl Future<Output = T>) -> T {
        let limit = later(self.now(), PATIENCE);
        self.runtime.block_on(async {
            let result = self.drive(pin!(work), limit).await;
            let Some(result) = result else { panic_for_ever() };
            result
        })
    }

    /// Lets that much time pass, and everything happen that happens in it.
    pub fn advance(&self, by: SignedDuration) {
        self.advance_to(later(self.now(), by));
    }

    /// Lets time pass until then, and everything happen that happens up to and at that time. A time that is over is now.
    pub fn advance_to(&self, time: Timestamp) {
        self.runtime.block_on(async {
            self.drive(pin!(self.clock.sleep_until(time)), time).await;
            self.settle(pin!(pending::<()>()), &Woken::new()).await;
        });
    }

    /// Lets time pass until nothing that was accepted waits or is being sent; reports of providers are not waited for. Whether
    /// that came within ten years: `false` means that something goes on for ever.
    ///
    /// # Errors
    /// When the store fails.
    pub fn run_until_idle(&self) -> Result<bool, StoreError> {
        let limit = later(self.now(), PATIENCE);
        self.runtime.block_on(async {
            loop {
                self.settle(pin!(pending::<()>()), &Woken::new()).await;
                let counts = self.notifier.flow.store.counts().await?;
                let pending = counts.pending;
                if counts.sending + pending.urgent + pending.normal + pending.bulk == 0 {
                    return Ok(true);
                }
                if !self.go_on(limit) {
                    return Ok(false);
                }
            }
        })
    }

    /// How the circuit breakers of the providers changed so far, in order. What changes back in the same instant is not seen.
    #[must_use]
    pub fn breaker_changes(&self) -> Vec<BreakerChange> {
        self.breakers().changes.clone()
    }

    /// Polls this to its end and lets time pass whenever nothing can be done without it; `None` when the limit comes first.
    async fn drive<T>(&self, mut work: Pin<&mut impl Future<Output = T>>, limit: Timestamp) -> Option<T> {
        let woken = Woken::new();
        loop {
            let result = self.settle(work.as_mut(), &woken).await;
            if result.is_some() || !self.go_on(limit) {
                return result;
            }
        }
    }

    /// Moves the clock to the next moment for which somebody waits; `false` when that is past the limit.
    fn go_on(&self, limit: Timestamp) -> bool {
        let next = self.clock.next_deadline().filter(|next| *next <= limit);
        next.inspect(|next| self.clock.set(*next)).is_some()
    }

    /// Lets everything happen that needs no time. The result of the work, or `None` when nothing can go on without time.
    async fn settle<T>(&self, mut work: Pin<&mut impl Future<Output = T>>, woken: &Arc<Woken>) -> Option<T> {
        let waker = Waker::from(Arc::clone(woken));
        let result = poll_fn(|context| {
            woken.set_outer(context.waker());
            if woken.is_woken.swap(false, Ordering::SeqCst) {
                // Whatever the signal said before this does not count: the work may have given others something to do.
                self.idle.arm(context.waker());
                return work.as_mut().poll(&mut Context::from_waker(&waker)).map(Some);
            }
            if self.idle.has_fired() { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        self.idle.disarm();
        self.note_breakers();
        if result.is_none() {
            // The next call begins by polling the work, so that the signal is armed.
            woken.is_woken.store(true, Ordering::SeqCst);
        }
        result
    }

    fn note_breakers(&self) {
        let mut breakers = self.breakers();
        let Breakers { watched, changes } = &mut *breakers;
        for (provider, receiver) in watched {
            let Some(connected) = self.notifier.flow.providers.get(provider) else { continue };
            if !receiver.is_empty() {
                *receiver = connected.changes();
                let (health, reason) = connected.look();
                let breaker = health.state().breaker;
                changes.push(BreakerChange { at: self.clock.now(), provider: provider.clone(), breaker, reason });
            }
        }
    }

    fn breakers(&self) -> MutexGuard<'_, Breakers> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[expect(clippy::panic, reason = "a test that waits for what never comes has failed")]
fn panic_for_ever() -> ! {
    panic!("ten years went by, and it did not end");
}

/// Tells when the runtime has nothing left to run: it says so before its thread goes to sleep.
#[derive(Default)]
struct IdleSignal(Mutex<Signal>);

#[derive(Default)]
enum Signal {
    #[default]
    Off,
    Armed(Waker),
    Fired,
}

impl IdleSignal {
    fn signal(&self) -> MutexGuard<'_, Signal> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn arm(&self, waker: &Waker) {
        *self.signal() = Signal::Armed(waker.clone());
    }

    fn disarm(&self) {
        *self.signal() = Signal::Off;
    }

    fn has_fired(&self) -> bool {
        matches!(*self.signal(), Signal::Fired)
    }

    fn fire(&self) {
        let mut signal = self.signal();
        if let Signal::Armed(waker) = std::mem::take(&mut *signal) {
            *signal = Signal::Fired;
            drop(signal);
            waker.wake();
        }
    }
}

/// Tells apart what woke the thread: the work itself, or the signal that there is nothing to do.
struct Woken {
    is_woken: AtomicBool,
    outer: Mutex<Option<Waker>>,
}

impl Woken {
    /// Has been woken, so that it is polled a first time.
    fn new() -> Arc<Self> {
        Arc::new(Self { is_woken: AtomicBool::new(true), outer: Mutex::new(None) })
    }

    fn set_outer(&self, waker: &Waker) {
        *self.outer.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::SeqCst);
        let outer = self.outer.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(outer) = outer {
            outer.wake();
        }
    }
}

#[cfg(test)]
mod tests;
