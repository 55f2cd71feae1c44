//! An engine on a clock that stands still, with a provider, a user database and a catalog that do as they are told.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use notifier_core::testing::{Answer, ManualClock, ScriptedLookup, ScriptedProvider, SeededEntropy};
use notifier_core::{
    Category, Channel, Content, Delivery, DeliveryState, EmailAddress, EmailSource, Fact, MemoryStore, NotificationId,
    NotificationRequest, Notifier, NotifierBuilder, Outcome, PhoneNumber, Problem, Recipient, RecipientId,
    RejectionKind, RetryPolicy, SmsSource, Status, Store, Subject, SubjectId, Submitted, TenantId, UnknownPolicy,
};

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) provider: Arc<ScriptedProvider>,
    pub(crate) lookup: Arc<ScriptedLookup>,
    pub(crate) store: Arc<dyn Store>,
    memory: Arc<MemoryStore>,
    pub(crate) notifier: Notifier,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::unnamed()
}

impl World {
    pub(crate) async fn with(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self::configured(answers, |builder| builder).await
    }

    pub(crate) async fn configured(
        answers: impl IntoIterator<Item = Answer>,
        configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
    ) -> Self {
        Self::on(clock(), answers, configure).await
    }

    /// As [`Self::configured`], on a clock that something else looks at too.
    pub(crate) async fn on(
        clock: Arc<ManualClock>,
        answers: impl IntoIterator<Item = Answer>,
        configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
    ) -> Self {
        let lookup = Arc::new(ScriptedLookup::default());
        lookup.put_recipient(person("1"));
        let fields = serde_json::json!({"address": "1 Main St"});
        let fields = fields.as_object().cloned().unwrap_or_default();
        lookup.put_subject(Subject { id: SubjectId::new("p1").unwrap(), fields });
        let memory = Arc::new(MemoryStore::new());
        Self::over(memory, clock, lookup, answers, configure).await
    }

    /// As after a crash: what runs is stopped where it is, and a new engine is started on the same store.
    pub(crate) async fn crash_and_restart(self, answers: impl IntoIterator<Item = Answer>) -> Self {
        let Self { clock, lookup, memory, notifier, .. } = self;
        drop(notifier);
        Self::over(memory, clock, lookup, answers, |builder| builder).await
    }

    /// A crash of the process with all that it held: claims are forgotten, and the holders of leases are known to be gone.
    pub(crate) async fn killed_and_restarted(
        self,
        answers: impl IntoIterator<Item = Answer>,
        configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
    ) -> Self {
        let Self { clock, lookup, memory, notifier, .. } = self;
        drop(notifier);
        idle().await;
        memory.restart();
        // What is made by chance must not be made again.
        let chance = Arc::new(SeededEntropy::new(8));
        Self::over(memory, clock, lookup, answers, |builder| configure(builder.entropy(chance))).await
    }

    async fn over(
        memory: Arc<MemoryStore>,
        clock: Arc<ManualClock>,
        lookup: Arc<ScriptedLookup>,
        answers: impl IntoIterator<Item = Answer>,
        configure: impl FnOnce(NotifierBuilder) -> NotifierBuilder,
    ) -> Self {
        let provider = Arc::new(ScriptedProvider::answering(answers));
        let store: Arc<dyn Store> = Arc::clone(&memory) as _;
        let builder = Notifier::builder()
            .store(Arc::clone(&store))
            .clock(Arc::clone(&clock) as _)
            .entropy(Arc::new(SeededEntropy::new(7)))
            .directory(Arc::clone(&lookup) as _)
            .catalog(Arc::clone(&lookup) as _)
            .provider("scripted", Arc::clone(&provider) as _)
            .route(Channel::Email, "scripted")
            .route(Channel::Sms, "scripted")
            .sender_email("Office <office@example.com>")
            .category(category(UnknownPolicy::Resend));
        let notifier = configure(builder).start().await.unwrap();
        Self { clock, provider, lookup, store, memory, notifier }
    }

    /// Accepts it, and lets the engine take it in hand: of two that are due at once, the first goes first.
    pub(crate) async fn submit(&self, request: NotificationRequest) -> Submitted {
        let submitted = self.notifier.submit(request).await.unwrap();
        idle().await;
        submitted
    }

    pub(crate) async fn settled(&self, id: NotificationId) -> Status {
        self.notifier.wait(&tenant(), id).await.unwrap().unwrap()
    }

    /// The state of the only delivery, right now.
    pub(crate) async fn state(&self, id: NotificationId) -> DeliveryState {
        let status = self.notifier.status(&tenant(), id).await.unwrap().unwrap();
        assert_eq!(status.deliveries.len(), 1);
        status.deliveries[0].state
    }

    pub(crate) async fn timeline(&self, id: NotificationId) -> Vec<Fact> {
        self.notifier.timeline(&tenant(), id).await.unwrap().unwrap()
    }

    /// Lets every task go on until none can without the clock. Everything here runs on one thread and waits for
    /// nothing but the clock and each other, so a bounded number of turns is enough.
    pub(crate) async fn idle(&self) {
        idle().await;
    }

    pub(crate) async fn advance_ms(&self, ms: i64) {
        self.clock.advance(SignedDuration::from_millis(ms));
        self.idle().await;
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        notifier_core::Clock::now(&*self.clock)
    }

    /// Lets time pass in steps, so that everybody acts at about the time at which they want to.
    pub(crate) async fn advance_in_steps(&self, step_ms: i64, steps: usize) {
        for _ in 0..steps {
            self.advance_ms(step_ms).await;
        }
    }

    /// The only delivery, right now.
    pub(crate) async fn delivery(&self, id: NotificationId) -> Delivery {
        let status = self.notifier.status(&tenant(), id).await.unwrap().unwrap();
        assert_eq!(status.deliveries.len(), 1);
        status.deliveries.into_iter().next().unwrap()
    }

    /// The delivery on that channel, right now.
    pub(crate) async fn on_channel(&self, id: NotificationId, channel: Channel) -> Delivery {
        let status = self.notifier.status(&tenant(), id).await.unwrap().unwrap();
        status.deliveries.into_iter().find(|delivery| delivery.id.channel == channel).unwrap()
    }

    /// Waits for the next attempt, moves the clock to just before it, asserts that it does not come early, and lets it
    /// come. Returns how long it took.
    pub(crate) async fn next_attempt(&self, id: NotificationId) -> SignedDuration {
        self.idle().await;
        let before = self.provider.calls().len();
        let started_at = notifier_core::Clock::now(&*self.clock);
        let status = self.notifier.status(&tenant(), id).await.unwrap().unwrap();
        let delivery = &status.deliveries[0];
        assert_eq!(delivery.state, DeliveryState::Pending, "{}", delivery.reason);
        self.clock.set(delivery.due_at - SignedDuration::from_millis(1));
        self.idle().await;
        assert_eq!(self.provider.calls().len(), before, "called before it was due");
        self.clock.set(delivery.due_at);
        self.idle().await;
        assert_eq!(self.provider.calls().len(), before + 1, "not called when it was due");
        started_at.duration_until(delivery.due_at)
    }
}

/// Lets every task of this thread go on until none can.
pub(crate) async fn idle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A clock that stands at the beginning of 2026.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(time("2026-01-01T00:00:00Z")))
}

/// An engine that sends text messages through this provider, and has neither a user database nor a catalog.
pub(crate) fn bare(provider: &Arc<ScriptedProvider>) -> NotifierBuilder {
    Notifier::builder().provider("scripted", Arc::clone(provider) as _).route(Channel::Sms, "scripted")
}

/// A text message to a number.
pub(crate) fn sms_to_a_number() -> NotificationRequest {
    let mut request = sms();
    request.recipient.phone = Some("+14155550101".into());
    request
}

pub(crate) fn category(unknown_policy: UnknownPolicy) -> Category {
    let retry = RetryPolicy { attempts_max: 4, delay_min_ms: 1_000, delay_base_ms: 2_000, ..RetryPolicy::default() };
    Category { retry, unknown_policy, ..Category::default() }
}

pub(crate) fn person(id: &str) -> Recipient {
    let mut person = Recipient::with_id(RecipientId::new(id).unwrap());
    person.email = Some(EmailAddress::parse("ada@example.com").unwrap());
    person.phone = Some(PhoneNumber::parse("+14155550101").unwrap());
    person
}

/// A text message to person 1.
pub(crate) fn sms() -> NotificationRequest {
    let mut request = NotificationRequest::to("1");
    request.content = Some(Content { sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
    request
}

/// An email and a text message to person 1.
pub(crate) fn both() -> NotificationRequest {
    let mut request = sms();
    let email = EmailSource { subject: "Hi".into(), text: Some("Hello".into()), html: None };
    request.content =
        Some(Content { email: Some(email), sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
    request
}

pub(crate) fn at(instant: &str) -> Option<notifier_core::ScheduleRequest> {
    Some(notifier_core::ScheduleRequest { at: Some(instant.into()), ..Default::default() })
}

pub(crate) fn time(instant: &str) -> Timestamp {
    instant.parse().unwrap()
}

fn problem(code: &str) -> Problem {
    Problem::coded(code, "as scripted")
}

pub(crate) fn unavailable() -> Answer {
    Answer::Now(Outcome::Unavailable { retry_after_ms: None, problem: problem("503") })
}

pub(crate) fn rate_limited(retry_after_ms: u64) -> Answer {
    Answer::Now(Outcome::RateLimited { retry_after_ms: Some(retry_after_ms), problem: problem("429") })
}

pub(crate) fn rejected() -> Answer {
    Answer::Now(Outcome::Rejected { kind: RejectionKind::Recipient, problem: problem("21211") })
}

pub(crate) fn unknown() -> Answer {
    Answer::Now(Outcome::Unknown { problem: problem("reset") })
}

pub(crate) fn accepted_later() -> Answer {
    Answer::WhenLetGo(Outcome::Accepted { provider_message_id: None })
}
