//! One intention to tell one recipient: what was accepted. From then on only its times change, when somebody reschedules
//! it, and whether it was acknowledged.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::channel::Channel;
use super::delivery::{Change, Delivery};
use super::id::{
    CategoryName, CollapseKey, DeliveryId, IdempotencyKey, NotificationId, SubjectId, TemplateName, TenantId,
};
use super::lane::Lane;
use super::lifecycle::DeliveryState;
use super::message::{Attachment, Mailbox};
use super::recipient::Recipient;
use super::strategy::{self, Strategy};
use super::subject::Subject;
use super::template::Content;
use super::timeline::{Fact, FactKind, Reason};
use crate::planted::planted;

/// Where the words come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentSource {
    /// A stored template.
    Template {
        /// Its name.
        name: TemplateName,
        /// A pinned version; otherwise the newest when the notification falls due.
        version: Option<u32>,
    },
    /// The request itself.
    Inline(Box<Content>),
}

/// What a request may say beyond the words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageOptions {
    /// Where answers to the email go.
    pub reply_to: Option<Mailbox>,
    /// Extra headers of the email.
    pub headers: Vec<(String, String)>,
    /// Files of the email.
    pub attachments: Vec<Attachment>,
    /// Pictures and the like of the text message.
    pub media_urls: Vec<String>,
}

/// A checked request, before it has an identity.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Whose.
    pub tenant: TenantId,
    /// To whom; addresses given here outrank the directory.
    pub recipient: Recipient,
    /// Of which kind.
    pub category: CategoryName,
    /// On which channels; `None` means the category's.
    pub channels: Option<Vec<Channel>>,
    /// The words.
    pub content: ContentSource,
    /// What to put into them.
    pub variables: Map<String, Value>,
    /// What it is about.
    pub subject: Option<SubjectId>,
    /// What else was said.
    pub options: MessageOptions,
    /// When it falls due; `None` means at once.
    pub due_at: Option<Timestamp>,
    /// When it is too late; `None` means as the category says.
    pub expires_at: Option<Timestamp>,
    /// The caller's key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// What it takes the place of.
    pub collapse_key: Option<CollapseKey>,
}

/// One intention to tell one recipient.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// Its identity, and its place in the order of acceptance.
    pub id: NotificationId,
    /// Whose.
    pub tenant: TenantId,
    /// To whom; addresses given here outrank the directory.
    pub recipient: Recipient,
    /// Of which kind.
    pub category: CategoryName,
    /// On which channels it was to go, in that order where they take turns.
    pub channels: Vec<Channel>,
    /// Whether they take turns.
    pub strategy: Strategy,
    /// What it may not be held up by.
    pub lane: Lane,
    /// The words.
    pub content: ContentSource,
    /// What to put into them.
    pub variables: Map<String, Value>,
    /// What it is about.
    pub subject: Option<SubjectId>,
    /// What else was said.
    pub options: MessageOptions,
    /// When it falls due.
    pub due_at: Timestamp,
    /// When it is too late to send it.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was due as it was accepted.
    pub first_due_at: Timestamp,
    /// When it was too late as it was accepted.
    pub first_expires_at: Timestamp,
    /// When somebody confirmed to have taken note.
    pub acknowledged_at: Option<Timestamp>,
    /// The caller's key.
    pub idempotency_key: Option<IdempotencyKey>,
    /// A newer notification to the same recipient with this key takes the place of this one while it waits.
    pub collapse_key: Option<CollapseKey>,
}

impl Notification {
    /// Its deliveries as they are at acceptance: one for each channel, pending. Where they take turns, those after the first
    /// wait for it.
    #[must_use]
    pub fn first_deliveries(&self) -> Vec<Delivery> {
        let reason = self.acceptance().reason;
        let delivery = |(place, channel): (usize, &Channel)| {
            let id = DeliveryId { notification: self.id, channel: *channel };
            let (due_at, reason) = match self.strategy {
                Strategy::Sequence { .. } if place > 0 => {
                    let text = "waits for its turn after the channels before it";
                    (self.first_expires_at, Reason::new(strategy::WAITS, text))
                }
                _ => (self.first_due_at, reason.clone()),
            };
            Delivery::new(id, self.tenant.clone(), self.lane, reason, due_at, self.created_at)
        };
        self.channels.iter().enumerate().map(delivery).collect()
    }

    /// The channel whose turn is after this one's.
    #[must_use]
    pub fn channel_after(&self, channel: Channel) -> Option<Channel> {
        let mut rest = self.channels.iter().skip_while(|other| **other != channel);
        rest.nth(1).copied().filter(|_| matches!(self.strategy, Strategy::Sequence { .. }))
    }

    /// The change, with when the delivery on the next channel is to be looked at.
    #[must_use]
    pub fn followed_up(&self, change: Change, now: Timestamp) -> Change {
        let has_next = self.channel_after(change.delivery.id.channel).is_some();
        let next_due_at = if has_next && !planted!(DropsTheNextTurn) {
            strategy::follow_up(self.strategy, &change.delivery, now)
        } else {
            None
        };
        Change { next_due_at, ..change }
    }

    /// What a change of the delivery before it makes of the next one: it is due earlier, or is to be looked at anew by whoever
    /// has it; in both cases no claim on it counts any more. `None` when it stays as it is and where it is.
    ///
    /// What waits for its turn is looked at once more when the one before it has ended, for that is what it waits for; until
    /// then it can only be due earlier. One whose turn has begun is left to its own retries, unless it is not needed any more.
    #[must_use]
    pub fn next_after(&self, change: &Change, next: &Delivery) -> Option<Delivery> {
        let next_due_at = change.next_due_at?;
        let due_at = next_due_at.min(next.due_at);
        let concerns_it = match next.turn_since {
            Some(_) => strategy::is_reached(self.strategy, &change.delivery),
            None => due_at < next.due_at || change.delivery.state.is_final(),
        };
        (next.state == DeliveryState::Pending && concerns_it).then(|| Delivery { due_at, ..next.clone() })
    }

    /// The first fact of its timeline.
    #[must_use]
    pub fn acceptance(&self) -> Fact {
        let due_at = self.first_due_at;
        let reason = if due_at > self.created_at {
            Reason::new("schedule.at", format!("accepted, due at {due_at}"))
        } else {
            Reason::new("schedule.now", "accepted, due at once")
        };
        let channels = self.channels.iter().map(|channel| channel.name()).collect::<Vec<_>>().join(", ");
        let fact = Fact {
            at: self.created_at,
            channel: None,
            kind: FactKind::Accepted,
            reason,
            state: DeliveryState::Pending,
            details: Vec::new(),
        };
        fact.with("channels", channels).with("category", self.category.as_str()).with("due_at", due_at.to_string())
    }

    /// What a template can refer to: the request's variables by name, and `recipient`, `subject`, `notification`.
    #[must_use]
    pub fn template_data(&self, recipient: &Recipient, subject: Option<&Subject>) -> Value {
        let mut data = self.variables.clone();
        let mut person = recipient.attributes.clone();
        person.insert("id".into(), json!(recipient.id.as_str()));
        for (name, value) in [
            ("email", recipient.address(Channel::Email)),
            ("phone", recipient.address(Channel::Sms)),
            ("push_token", recipient.address(Channel::Push)),
            ("chat_id", recipient.address(Channel::Chat)),
            ("webhook_url", recipient.address(Channel::Webhook)),
            ("locale", recipient.locale.as_ref().map(|locale| locale.as_str())),
            ("time_zone", recipient.time_zone.as_ref().map(|zone| zone.as_str())),
        ] {
            if let Some(value) = value {
                person.insert(name.into(), json!(value));
            }
        }
        data.insert("recipient".into(), Value::Object(person));
        if let Some(subject) = subject {
            let mut fields = subject.fields.clone();
            fields.insert("id".into(), json!(subject.id.as_str()));
            data.insert("subject".into(), Value::Object(fields));
        }
        data.insert("notification".into(), json!({"id": self.id.to_string(), "category": self.category.as_str()}));
        Value::Object(data)
    }
}

/// Names that variables may not have, because the engine fills them in.
pub const RESERVED_VARIABLES: [&str; 3] = ["recipient", "subject", "notification"];
