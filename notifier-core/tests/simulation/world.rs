//! The engine and its surroundings, and how time passes there.

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use notifier_core::testing::{ManualClock, SeededEntropy};
use notifier_core::{
    Category, CategoryName, Chain, Channel, Clock, FlowOptions, Goal, Lane, MemoryStore, Notifier, ProviderName,
    ProviderPolicy, RetryPolicy, Route, Strategy, TenantId, UnknownPolicy,
};

use super::chance::Chance;
use super::ledger::{Answered, Ledger};
use super::provider::MoodyProvider;
use super::store::CrashingStore;

pub(crate) const CATEGORIES: [&str; 6] = ["plain", "hold", "bulk", "first", "fallback", "escalate"];
pub(crate) const PROVIDERS: [&str; 3] = ["a", "b", "c"];

/// Rounds in which everybody may go on before time has to pass.
const TURNS_MAX: u32 = 2_000;

pub(crate) struct World {
    pub(crate) chance: Chance,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) providers: [Arc<MoodyProvider>; 3],
    pub(crate) store: Arc<CrashingStore>,
    memory: Arc<MemoryStore>,
    seed: u64,
    notifier: Option<Notifier>,
}

pub(crate) fn tenant() -> TenantId {
    TenantId::unnamed()
}

pub(crate) fn category(name: &str) -> Category {
    let retry = RetryPolicy {
        attempts_max: 6,
        delay_min_ms: 500,
        delay_base_ms: 2_000,
        delay_max_ms: 60_000,
        retry_after_max_ms: 600_000,
    };
    let sequence = |until| Strategy::Sequence { until, wait_ms: 60_000 };
    let base = Category { retry, expire_after_ms: 6 * 3_600_000, ..Category::named(CategoryName::new(name).unwrap()) };
    match name {
        "hold" => Category { unknown_policy: UnknownPolicy::Hold, ..base },
        "bulk" => Category { lane: Lane::Bulk, ..base },
        "first" => Category { strategy: sequence(Goal::Sent), ..base },
        "fallback" => Category { strategy: sequence(Goal::Delivered), ..base },
        "escalate" => Category { strategy: sequence(Goal::Acknowledged), lane: Lane::Urgent, ..base },
        _ => base,
    }
}

impl World {
    pub(crate) async fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let ledger = Arc::new(Ledger::default());
        let memory = Arc::new(MemoryStore::new());
        let store = Arc::new(CrashingStore::new(Arc::clone(&memory)));
        let provider = |index: usize| {
            let chance = Chance::new(seed, 10 + index as u64);
            let calls_max = [3, 8, 5][index];
            let looks_up = ((seed / 4) >> index) & 1 == 1;
            let (clock, ledger) = (Arc::clone(&clock), Arc::clone(&ledger));
            Arc::new(MoodyProvider::new(PROVIDERS[index], calls_max, looks_up, chance, clock, ledger))
        };
        let providers = [provider(0), provider(1), provider(2)];
        let chance = Chance::new(seed, 1);
        let mut world = Self { chance, clock, ledger, providers, store, memory, seed, notifier: None };
        world.start().await;
        world
    }

    pub(crate) fn notifier(&self) -> &Notifier {
        self.notifier.as_ref().unwrap()
    }

    async fn start(&mut self) {
        let life = {
            let mut book = self.ledger.book();
            book.life += 1;
            book.life
        };
        let name = |name: &str| ProviderName::new(name).unwrap();
        let chain = match self.seed % 3 {
            0 => Chain::Weighted(vec![(name("a"), 60), (name("b"), 40)]),
            1 => Chain::Ordered(vec![name("a"), name("b")]),
            _ => Chain::Ordered(vec![name("a")]),
        };
        let mut options = FlowOptions::default();
        options.attempt_timeout = Duration::from_secs(10);
        options.lease_margin = Duration::from_secs(10);
        options.in_flight_max = 16;
        let mut policy = ProviderPolicy::default();
        if self.seed.is_multiple_of(4) {
            policy.calls_per_second_max = NonZeroU32::new(2);
            policy.calls_per_day_max = Some(1_000);
        }
        let mut builder = Notifier::builder()
            .store(Arc::clone(&self.store) as _)
            .clock(Arc::clone(&self.clock) as _)
            .entropy(Arc::new(SeededEntropy::new(self.seed ^ (u64::from(life) << 32))))
            .sender_email("Office <office@example.com>")
            .route_by(Route::of(Channel::Sms, chain))
            .route(Channel::Email, "c")
            .provider_policy("c", policy)
            .options(options);
        for (name, provider) in PROVIDERS.iter().zip(&self.providers) {
            builder = builder.provider(*name, Arc::clone(provider) as _);
        }
        for name in CATEGORIES {
            builder = builder.category(category(name));
        }
        self.notifier = Some(builder.start().await.unwrap());
    }

    /// The process ends where it stands, and is started again.
    async fn restart(&mut self) {
        self.ledger.tell(self.clock.now(), "-- crash --");
        {
            let mut book = self.ledger.book();
            book.crashes += 1;
            let life = book.life;
            for call in book.calls.iter_mut().filter(|call| call.life == life && call.answered == Answered::Nothing) {
                call.answered = Answered::Interrupted;
            }
        }
        drop(self.notifier.take());
        // What was running is dropped where it stands.
        self.turns().await;
        self.memory.restart();
        self.store.go_on();
        self.start().await;
    }

    /// Who is called on that channel.
    pub(crate) fn routed(&self, channel: Channel) -> &'static [&'static str] {
        match (channel, self.seed % 3) {
            (Channel::Sms, 0 | 1) => &["a", "b"],
            (Channel::Sms, _) => &["a"],
            _ => &["c"],
        }
    }

    async fn turns(&self) {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }

    /// Lets every task go on until none can without the clock; starts the process again if it ended meanwhile.
    pub(crate) async fn idle(&mut self) {
        for turn in 0.. {
            if turn > TURNS_MAX {
                self.ledger.find("the engine spins without time passing".into());
                return;
            }
            let before = self.activity();
            self.turns().await;
            if self.store.has_crashed.load(Ordering::SeqCst) {
                self.restart().await;
            } else if self.activity() == before {
                return;
            }
        }
    }

    fn activity(&self) -> (u64, usize) {
        (self.store.activity.load(Ordering::SeqCst), self.ledger.book().calls.len())
    }

    /// What the engine answers; `None` when the process ended before it could.
    pub(crate) async fn ask<T>(&self, question: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            answer = question => Some(answer),
            () = self.store.crashed.notified() => None,
        }
    }

    /// Time passes, with everything that happens in it.
    pub(crate) async fn pass(&mut self, time: SignedDuration) {
        let target = self.clock.now() + time;
        loop {
            self.idle().await;
            if self.ledger.book().found.is_some() {
                return;
            }
            match self.clock.next_deadline().filter(|next| *next <= target) {
                Some(next) if next > self.clock.now() => self.clock.set(next),
                Some(next) => self.ledger.find(format!("somebody sleeps until {next}, which is over")),
                None => break,
            }
        }
        self.clock.set(target);
        self.idle().await;
    }

    /// Time passes until nothing is left to do, or for so long that there must be something wrong.
    pub(crate) async fn finish(&mut self) -> Timestamp {
        let end = self.clock.now() + SignedDuration::from_hours(24 * 10);
        while self.clock.now() < end && self.ledger.book().found.is_none() && self.is_busy().await {
            self.pass(SignedDuration::from_mins(10)).await;
        }
        self.clock.now()
    }

    async fn is_busy(&self) -> bool {
        let counts = self.notifier().stats().await.unwrap().now;
        counts.sending + counts.pending.urgent + counts.pending.normal + counts.pending.bulk > 0
    }
}
