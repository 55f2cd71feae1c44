//! From a due delivery to a message and a provider, with what is true by now: its turn, preferences, address, suppression,
//! subject, template and route are looked at here and not before, so that a change made since acceptance counts.
//!
//! Looking ([`Flow::consider`]) changes nothing; the same look is what `explain` tells.

mod making;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::making::Made;
pub(crate) use self::making::hash;
use super::connected::{Connected, Wait};
use super::pace::Comer;
use super::{Flow, after};
use crate::domain::category::Category;
use crate::domain::delivery::{Attempt, Change, Delivery, Settling};
use crate::domain::health::{Limit, Sight};
use crate::domain::id::{DeliveryId, ProviderName, TenantId};
use crate::domain::lane::Lane;
use crate::domain::lifecycle::{DeliveryState, InvalidTransition};
use crate::domain::message::{Message, MessageContent};
use crate::domain::notification::Notification;
use crate::domain::preference::{self, Preferences, Verdict};
use crate::domain::route::{Choice, NoneTakesCalls, Route};
use crate::domain::strategy::{self, Goal, Strategy, Turn};
use crate::domain::timeline::{Fact, FactKind, Reason};
use crate::error::PreviewError;
use crate::ports::directory::LookupError;
use crate::ports::store::StoreError;

/// The shortest wait.
const WAIT_MIN: Duration = Duration::from_millis(20);

/// What is to be done with a due delivery.
pub(crate) enum Plan {
    /// Call this provider with this message, after recording the change.
    Send(Box<Sending>),
    /// Record the change; nothing is sent now.
    Stop(Box<Change>),
}

/// Everything that a call needs.
pub(crate) struct Sending {
    pub(crate) change: Change,
    pub(crate) message: Message,
    pub(crate) provider: Arc<Connected>,
    pub(crate) is_probe: bool,
}

/// What looking at a delivery came to.
pub(crate) struct Considered {
    /// What was consulted and let it pass, in order.
    pub(crate) checks: Vec<(FactKind, Reason)>,
    pub(crate) verdict: Result<(Choice, Made), Stop>,
}

/// Why it is not sent now.
pub(crate) enum Stop {
    Suppress(Reason),
    Fail(Reason),
    Expire,
    /// Nobody knows for how long.
    Defer(Reason),
    /// Until then.
    Wait(Timestamp, Reason),
    /// Until it has a turn in the pace of that provider, then at the earliest.
    Limited {
        provider: ProviderName,
        until: Timestamp,
        reason: Reason,
    },
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        match error {
            // Another read will fail the same way: say so instead of trying for days.
            StoreError::Damaged { .. } => Stop::Fail(Reason::new("store.damaged", error.to_string())),
            error => Stop::Store(error),
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy)]
pub(crate) struct Subjects<'a> {
    pub(crate) delivery: &'a Delivery,
    pub(crate) notification: &'a Notification,
    pub(crate) preferences: Option<&'a Preferences>,
    /// The deliveries of the notification, where they are known already; otherwise the store is asked.
    pub(crate) among: Option<&'a [Delivery]>,
    /// When it is to be sent.
    pub(crate) at: Timestamp,
}

impl Flow {
    /// Decides what to do with a delivery that is due.
    ///
    /// # Errors
    /// When the store fails; nothing was decided then.
    pub(crate) async fn plan(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        preferences: Option<&Preferences>,
    ) -> Result<Plan, StoreError> {
        let at = delivery.due_at.max(self.clock.now());
        let subjects = Subjects { delivery, notification, preferences, among: None, at };
        let Considered { checks, verdict } = self.consider(subjects).await;
        let now = self.clock.now();
        let change = match verdict {
            Ok((choice, made)) => {
                return self.send(delivery, notification, checks, choice, made);
            }
            Err(Stop::Suppress(reason)) => delivery.suppress(reason, now),
            Err(Stop::Fail(reason)) => delivery.fail(reason, now),
            Err(Stop::Expire) => delivery.expire(notification.expires_at, now),
            // What waits until its end has come to it.
            Err(Stop::Wait(..) | Stop::Limited { .. } | Stop::Defer(_)) if at >= notification.expires_at => {
                delivery.expire(notification.expires_at, now)
            }
            Err(Stop::Wait(until, reason)) => self.put_off(delivery, notification, until, reason),
            Err(Stop::Limited { provider, until, reason }) => {
                let turn = self.providers.get(&provider).and_then(|known| known.turn_later(Comer::of(delivery), now));
                let Wait { until, reason } = turn.unwrap_or(Wait { until, reason });
                self.put_off(delivery, notification, until, reason)
            }
            Err(Stop::Defer(reason)) => {
                let category = self.category(&notification.category);
                delivery.defer(reason, self.settling(&category, notification, None))
            }
            Err(Stop::Store(error)) => return Err(error),
        };
        Ok(stop(change, delivery))
    }

    /// Until then, but neither beyond its end nor for so short a time that looking again would keep everybody busy.
    pub(super) fn put_off(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        until: Timestamp,
        reason: Reason,
    ) -> Result<Change, InvalidTransition> {
        let now = self.clock.now();
        delivery.postpone(reason, until.min(notification.expires_at).max(after(now, WAIT_MIN)), now)
    }

    /// What settling depends on, for a delivery that was with that provider.
    pub(super) fn settling<'a>(
        &self,
        category: &'a Category,
        notification: &Notification,
        called: Option<&'a Connected>,
    ) -> Settling<'a> {
        Settling {
            category,
            retry: called.and_then(|called| called.policy.retry.as_ref()).unwrap_or(&category.retry),
            expires_at: notification.expires_at,
            has_alternative: false,
            may_ask_again: true,
            is_anyone_left: true,
            is_another_left: false,
            now: self.clock.now(),
            random: self.entropy.number(),
        }
    }

    /// What settling a call without success depends on: who else is there, and who may be called again.
    pub(super) async fn settling_a_failure<'a>(
        &self,
        category: &'a Category,
        notification: &Notification,
        begun: &Delivery,
        called: Option<&'a Connected>,
    ) -> Settling<'a> {
        let settling = self.settling(category, notification, called);
        let Some(attempt) = &begun.last_attempt else { return settling };
        let found = self.routes.find(begun.id.channel, &notification.tenant, &notification.category, &attempt.address);
        let Some(route) = found else { return settling };
        // Without an answer nobody is known to want to be left alone: what came of the call must be recorded all the same.
        let past = self.past(begun, notification, route).await.unwrap_or_default();
        let spent = self.spent(route, &past);
        let Some(left) = route.without(&spent) else { return Settling { is_anyone_left: false, ..settling } };
        let standing = |name: &ProviderName| self.standing_for(name, Comer::of(begun), &past.wishes, settling.now);
        Settling {
            has_alternative: left.has_alternative(&attempt.provider, &begun.tried, standing),
            may_ask_again: !spent.contains(&attempt.provider),
            is_another_left: left.chain.providers().any(|name| *name != attempt.provider),
            ..settling
        }
    }

    /// The message of a delivery as it would go out now.
    pub(crate) async fn preview(&self, tenant: &TenantId, id: DeliveryId) -> Result<MessageContent, PreviewError> {
        let status = self.store.status(tenant, id.notification).await?.ok_or(PreviewError::NotFound)?;
        if !status.deliveries.iter().any(|delivery| delivery.id == id) {
            return Err(PreviewError::NotFound);
        }
        match self.make(id, &status.notification, &mut Vec::new()).await {
            Ok(made) => Ok(made.content),
            Err(Stop::Suppress(reason) | Stop::Fail(reason)) => Err(PreviewError::NotSendable(reason.text)),
            Err(Stop::Defer(reason) | Stop::Wait(_, reason) | Stop::Limited { reason, .. }) => {
                Err(PreviewError::Lookup(LookupError { message: reason.text }))
            }
            Err(Stop::Expire) => Err(PreviewError::NotSendable("it has expired".into())),
            Err(Stop::Store(error)) => Err(error.into()),
        }
    }

    /// Looks at everything that has a say. Changes nothing.
    pub(crate) async fn consider(&self, subjects: Subjects<'_>) -> Considered {
        let mut checks = Vec::new();
        let verdict = self.look_at(subjects, &mut checks).await;
        Considered { checks, verdict }
    }

    async fn look_at(
        &self,
        subjects: Subjects<'_>,
        checks: &mut Vec<(FactKind, Reason)>,
    ) -> Result<(Choice, Made), Stop> {
        let Subjects { delivery, notification, preferences, at, .. } = subjects;
        if at > notification.expires_at {
            return Err(Stop::Expire);
        }
        self.take_turns(subjects, checks).await?;
        let category = self.category(&notification.category);
        let channel = delivery.id.channel;
        match preference::resolve(preferences, &category, channel) {
            Verdict::Allow(reason) => checks.push((FactKind::Checked, reason)),
            Verdict::Suppress(reason) => return Err(Stop::Suppress(reason)),
        }
        if !self.routes.serve(channel, &notification.tenant, &notification.category) {
            let text = format!("no provider is configured for {channel}");
            return Err(Stop::Fail(Reason::new("route.none", text)));
        }
        let made = self.make(delivery.id, notification, checks).await?;
        let address = made.content.recipient_address();
        let route = self.routes.find(channel, &notification.tenant, &notification.category, address);
        let route = route.ok_or_else(|| {
            Stop::Fail(Reason::new("route.none", format!("no provider is configured for {channel} to this address")))
        })?;
        let choice = self.choose(subjects, route).await?;
        checks.push((FactKind::Checked, choice.reason.clone()));
        Ok((choice, made))
    }

    async fn choose(&self, subjects: Subjects<'_>, route: &Route) -> Result<Choice, Stop> {
        let Subjects { delivery, notification, at, .. } = subjects;
        let past = self.past(delivery, notification, route).await?;
        let spent = self.spent(route, &past);
        let route = route.without(&spent).ok_or_else(|| {
            let text = "every provider of the route was called as often as its own policy allows, or cannot carry it";
            Stop::Fail(Reason::new("retry.exhausted", text))
        })?;
        let standing = |name: &ProviderName| self.standing_for(name, Comer::of(delivery), &past.wishes, at);
        let asked = delivery.asked_in_doubt();
        let chosen = match asked.and_then(|asked| route.choose_again(asked, &delivery.tried, standing)) {
            Some(again) => Ok(again),
            None => {
                // Others come before one that may have taken it and is not well: what is in doubt is not its probe.
                let tried: Vec<_> = delivery.tried.iter().chain(asked).chain(&spent).cloned().collect();
                route.choose(&tried, standing, self.entropy.number())
            }
        };
        chosen.map_err(|none| self.wait_for(none, delivery.lane))
    }

    /// What a delivery does that no provider takes now. A breaker may be closed before its time, by an operator or because
    /// somebody else's probe passed: nothing waits for it for longer than a minute without looking again.
    fn wait_for(&self, none: NoneTakesCalls, lane: Lane) -> Stop {
        let now = self.clock.now();
        let NoneTakesCalls { until, reason, limited } = none;
        match limited {
            Some((provider, Limit::PerSecond)) => Stop::Limited { provider, until, reason },
            Some((_, Limit::PerDay | Limit::Concurrent)) => Stop::Wait(self.spread(until.max(now), lane), reason),
            None => {
                let at_most = match lane {
                    Lane::Urgent => Duration::from_secs(10),
                    Lane::Normal => Duration::from_secs(30),
                    Lane::Bulk => Duration::from_secs(50),
                };
                Stop::Wait(self.spread(until.clamp(now, after(now, at_most)), lane), reason)
            }
        }
    }

    /// A little after that time: what waits for the same moment must not come back all at once.
    fn spread(&self, until: Timestamp, lane: Lane) -> Timestamp {
        let within_ms = match lane {
            Lane::Urgent => 100,
            Lane::Normal => 2_000,
            Lane::Bulk => 10_000,
        };
        after(until, Duration::from_millis(self.entropy.number() % within_ms))
    }

    /// Where channels take turns: whether it is this one's.
    async fn take_turns(&self, subjects: Subjects<'_>, checks: &mut Vec<(FactKind, Reason)>) -> Result<(), Stop> {
        let Subjects { delivery, notification, among, at, .. } = subjects;
        let Strategy::Sequence { .. } = notification.strategy else { return Ok(()) };
        let (all, acknowledged_at) = match among {
            Some(known) => (known.to_vec(), notification.acknowledged_at),
            None => {
                let status = self.store.status(&notification.tenant, notification.id).await?;
                let Some(status) = status else { return Ok(()) };
                (status.deliveries, status.notification.acknowledged_at)
            }
        };
        let (id, is_acknowledged) = (delivery.id, acknowledged_at.is_some());
        match strategy::turn(notification.strategy, is_acknowledged, &all, id, at, notification.expires_at) {
            None => {}
            Some(Turn::Go(reason)) => checks.push((FactKind::Checked, reason)),
            Some(Turn::Wait(until, reason)) => return Err(Stop::Wait(until, reason)),
            Some(Turn::Skip(reason)) => return Err(Stop::Suppress(reason)),
        }
        Ok(())
    }

    /// A provider that took a message and did not say in time what became of it, so that the next channel has its turn, is a
    /// little suspicious. Noted when the first call on that channel begins: once, however often it was put off before.
    pub(super) async fn miss_receipt(&self, begun: &Change, notification: &Notification) -> Result<(), StoreError> {
        let Strategy::Sequence { until: Goal::Delivered, wait_ms } = notification.strategy else { return Ok(()) };
        let is_next = || begun.facts.iter().any(|fact| fact.reason.code == strategy::NEXT);
        if begun.delivery.attempts != 1 || !is_next() {
            return Ok(());
        }
        let status = self.store.status(&notification.tenant, notification.id).await?;
        let others = status.into_iter().flat_map(|status| status.deliveries);
        let before = others.take_while(|other| other.id != begun.delivery.id).last();
        let sent = before.filter(|before| before.state == DeliveryState::Sent).and_then(|before| before.last_attempt);
        // The turn may have been over before it was taken at last: then nothing is missing yet.
        let over_at = |attempt: &Attempt| after(attempt.send_at, Duration::from_millis(wait_ms));
        let sent = sent.filter(|attempt| over_at(attempt) <= begun.delivery.due_at.max(self.clock.now()));
        if let Some(connected) = sent.and_then(|attempt| self.providers.get(&attempt.provider)) {
            self.observe(connected, Sight::Worrying, false).await;
        }
        Ok(())
    }

    fn send(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        checks: Vec<(FactKind, Reason)>,
        choice: Choice,
        made: Made,
    ) -> Result<Plan, StoreError> {
        let now = self.clock.now();
        let Some(provider) = self.providers.get(&choice.provider).cloned() else {
            let reason = Reason::new("route.unknown_provider", format!("there is no provider `{}`", choice.provider));
            return Ok(stop(delivery.fail(reason, now), delivery));
        };
        let attempt = Attempt {
            number: delivery.attempts + 1,
            provider: choice.provider,
            started_at: now,
            send_at: delivery.due_at.max(now),
            address: made.content.recipient_address().to_owned(),
            sender: made.content.sender_address().map(str::to_owned),
            content: made.source,
            content_sha256: hash(&made.content),
            provider_message_id: None,
            problem: None,
        };
        // The first attempt tells the whole story; later ones what may have changed: the words, and who is called.
        let is_first = delivery.attempts == 0;
        let is_news = |kind: FactKind, reason: &Reason| kind == FactKind::Rendered || reason.code.starts_with("route.");
        let told = checks.into_iter().filter(|(kind, reason)| is_first || is_news(*kind, reason));
        let facts = told.map(|(kind, reason)| Fact { reason, ..delivery.fact(kind, now) }).map(|fact| {
            let is_rendered = fact.kind == FactKind::Rendered;
            if is_rendered { fact.with("sha256", attempt.content_sha256.clone()) } else { fact }
        });
        let facts = facts.collect();
        let message = Message {
            delivery: delivery.id,
            tenant: notification.tenant.clone(),
            category: notification.category.clone(),
            accepted_at: notification.created_at,
            content: made.content,
        };
        Ok(match delivery.begin(attempt, facts, now) {
            Ok(change) => Plan::Send(Box::new(Sending { change, message, provider, is_probe: choice.is_probe })),
            Err(error) => stop(Err(error), delivery),
        })
    }
}

/// A plan that only records; a delivery that cannot take the change stays as it is.
fn stop(change: Result<Change, InvalidTransition>, delivery: &Delivery) -> Plan {
    Plan::Stop(Box::new(change.unwrap_or_else(|error| {
        tracing::error!(delivery = %delivery.id, %error, "a claimed delivery was not pending");
        Change::to(delivery.clone())
    })))
}
