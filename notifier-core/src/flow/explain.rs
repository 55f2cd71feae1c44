//! Why a notification went, waits, was suppressed or failed; and what would become of one that nobody has sent.
//!
//! What lies behind is told from the timeline. What lies ahead is found by the same look that sends ([`Flow::consider`]), so
//! the two cannot disagree; it changes nothing and calls nobody but the user database and the catalog.

use jiff::Timestamp;

use super::Flow;
use super::planner::{Stop, Subjects};
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{DeliveryId, NotificationId, ProviderName, TenantId};
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::Notification;
use crate::domain::preference::Preferences;
use crate::domain::request::NotificationRequest;
use crate::domain::strategy;
use crate::domain::timeline::{Fact, FactKind, Reason};
use crate::error::SubmitError;
use crate::ports::store::StoreError;

/// Why a notification is where it is, and what is next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Explanation {
    /// Which; `None` for one that is only supposed.
    pub notification: Option<NotificationId>,
    /// By which rules: changes with the configuration of categories, routes and providers.
    pub rules_version: String,
    /// One for each channel, in order.
    pub deliveries: Vec<DeliveryExplanation>,
}

/// Why a delivery is where it is, and what is next.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct DeliveryExplanation {
    /// On which channel.
    pub channel: Channel,
    /// Which; `None` for one that is only supposed.
    pub delivery: Option<DeliveryId>,
    /// Where it stands; `None` for one that is only supposed.
    pub state: Option<DeliveryState>,
    /// What happened so far.
    pub past: Vec<Fact>,
    /// The rules that would be consulted now, and that let it pass, in order.
    pub passed: Vec<Reason>,
    /// What comes next.
    pub prospect: Prospect,
    /// Why that.
    pub reason: Reason,
}

/// What comes next for a delivery, as things stand now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prospect {
    /// Nothing: it has ended.
    Ended,
    /// A provider is being called.
    BeingSent,
    /// It will be sent.
    Send {
        /// When.
        at: Timestamp,
        /// Through whom.
        provider: ProviderName,
    },
    /// It will be looked at again.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// It cannot be decided now, because another system does not answer.
    Retry,
    /// It will be suppressed.
    Suppress,
    /// It will fail.
    Fail,
    /// It will expire.
    Expire,
}

impl Prospect {
    /// The name used in the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::BeingSent => "being_sent",
            Self::Send { .. } => "send",
            Self::Wait { .. } => "wait",
            Self::Retry => "retry",
            Self::Suppress => "suppress",
            Self::Fail => "fail",
            Self::Expire => "expire",
        }
    }
}

impl Flow {
    /// Explains a notification that was accepted; `None` when there is none.
    pub(crate) async fn explain(
        &self,
        tenant: &TenantId,
        id: NotificationId,
    ) -> Result<Option<Explanation>, StoreError> {
        let Some(status) = self.store.status(tenant, id).await? else { return Ok(None) };
        let facts = self.store.timeline(tenant, id).await?.unwrap_or_default();
        let preferences = self.store.preferences(tenant, &status.notification.recipient.id).await?;
        let mut deliveries = Vec::new();
        for delivery in &status.deliveries {
            let is_its = |fact: &&Fact| fact.channel.is_none_or(|channel| channel == delivery.id.channel);
            let past = facts.iter().filter(is_its).cloned().collect();
            let ahead =
                self.look_ahead(delivery, &status.notification, preferences.as_ref(), &status.deliveries).await?;
            deliveries.push(DeliveryExplanation {
                delivery: Some(delivery.id),
                state: Some(delivery.state),
                past,
                ..ahead
            });
        }
        Ok(Some(Explanation { notification: Some(id), rules_version: self.rules_version.clone(), deliveries }))
    }

    /// Explains what would become of a request. Stores and sends nothing.
    pub(crate) async fn explain_request(&self, request: NotificationRequest) -> Result<Explanation, SubmitError> {
        let now = self.clock.now();
        let notification = self.suppose(request, now).await?;
        let preferences = self.store.preferences(&notification.tenant, &notification.recipient.id).await?;
        let mut deliveries = Vec::new();
        let supposed = notification.first_deliveries();
        for delivery in &supposed {
            deliveries.push(self.look_ahead(delivery, &notification, preferences.as_ref(), &supposed).await?);
        }
        Ok(Explanation { notification: None, rules_version: self.rules_version.clone(), deliveries })
    }

    async fn look_ahead(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        preferences: Option<&Preferences>,
        all: &[Delivery],
    ) -> Result<DeliveryExplanation, StoreError> {
        let explained = |passed, prospect, reason| DeliveryExplanation {
            channel: delivery.id.channel,
            delivery: None,
            state: None,
            past: Vec::new(),
            passed,
            prospect,
            reason,
        };
        match delivery.state {
            DeliveryState::Pending => {}
            DeliveryState::Sending => {
                let not_again = |wish: &Reason| {
                    let text = format!("{}; not tried again should that be in vain: {wish}", delivery.reason);
                    Reason::new(wish.code.clone(), text)
                };
                let reason = delivery.cancel_asked.as_ref().map_or_else(|| delivery.reason.clone(), not_again);
                return Ok(explained(Vec::new(), Prospect::BeingSent, reason));
            }
            _ => return Ok(explained(Vec::new(), Prospect::Ended, delivery.reason.clone())),
        }
        // Before the one before it has its turn, nobody knows when this one is due: it stands at the end.
        let has_no_time = delivery.reason.code == strategy::WAITS && delivery.due_at >= notification.expires_at;
        let now = self.clock.now();
        let at = if has_no_time { now } else { delivery.due_at.max(now) };
        let among = Some(all);
        let considered = self.consider(Subjects { delivery, notification, preferences, among, at }).await;
        let is_rule = |kind: FactKind| kind == FactKind::Checked || kind == FactKind::Rendered;
        let passed: Vec<_> =
            considered.checks.into_iter().filter(|(kind, _)| is_rule(*kind)).map(|(_, reason)| reason).collect();
        let (prospect, reason) = match considered.verdict {
            Ok((choice, _)) => (Prospect::Send { at, provider: choice.provider }, choice.reason),
            Err(Stop::Suppress(reason)) => (Prospect::Suppress, reason),
            Err(Stop::Fail(reason)) => (Prospect::Fail, reason),
            Err(Stop::Wait(until, reason) | Stop::Limited { until, reason, .. }) => (Prospect::Wait { until }, reason),
            Err(Stop::Defer(reason)) => (Prospect::Retry, reason),
            Err(Stop::Expire) => {
                let text = format!("it expires at {}, before it is due", notification.expires_at);
                (Prospect::Expire, Reason::new("schedule.expired", text))
            }
            Err(Stop::Store(error)) => return Err(error),
        };
        Ok(explained(passed, prospect, reason))
    }
}
