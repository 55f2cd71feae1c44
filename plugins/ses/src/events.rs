//! Events of SES: those of a configuration set
//! (<https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>) and the notifications of an
//! identity (<https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>), which differ in a name.

use std::time::UNIX_EPOCH;

use notifier_plugin_sdk::{Attributes, Class, Problem, ReceiptEvent, ReceiptStatus, ReceiveError, log};
use serde_json::Value;

use crate::errors::{BOUNCES, DELAYS, UNKNOWN_BOUNCE};
use crate::tags;

/// What `receive` can say.
pub(crate) const STATUSES: &[ReceiptStatus] = &[
    ReceiptStatus::Accepted,
    ReceiptStatus::Delivered,
    ReceiptStatus::Failed,
    ReceiptStatus::Bounced,
    ReceiptStatus::Complained,
    ReceiptStatus::Unsubscribed,
    ReceiptStatus::Opened,
    ReceiptStatus::Clicked,
    ReceiptStatus::Other,
];

/// What SES publishes first, to see whether it can. It is no JSON.
const TEST_MESSAGE: &str = "Successfully validated SNS topic for Amazon SES";

/// What the notifications of an identity begin with.
const TEST_NOTIFICATION: &str = "AmazonSnsSubscriptionSucceeded";

/// Recipients who bounced or complained because they are on the account's suppression list.
const SUPPRESSED: &str = "OnAccountSuppressionList";

/// The events in one message, one for each recipient that it is about.
pub(crate) fn read(message: &str, sns_id: &str) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    if message.starts_with(TEST_MESSAGE) {
        return Ok(vec![]);
    }
    let event: Value = serde_json::from_str(message)
        .map_err(|error| ReceiveError::Malformed(format!("not an event of SES, which is JSON: {error}")))?;
    let name = text(&event, "eventType").or_else(|| text(&event, "notificationType"));
    if name == Some(TEST_NOTIFICATION) {
        return Ok(vec![]);
    }
    let mail = event.get("mail").unwrap_or(&Value::Null);
    let (Some(name), Some(message_id)) = (name, text(mail, "messageId")) else {
        return Err(ReceiveError::Malformed("want `eventType` and `mail.messageId`: not an event of SES".into()));
    };
    Ok(Event { name, details: details(name, &event), mail, message_id, sns_id }.told())
}

/// The object that belongs to the event, as `bounce` to `Bounce`.
fn details<'a>(name: &str, event: &'a Value) -> &'a Value {
    let field = match name {
        "Rendering Failure" | "RenderingFailure" => "failure",
        "DeliveryDelay" => "deliveryDelay",
        _ => &name.to_ascii_lowercase(),
    };
    event.get(field).unwrap_or(&Value::Null)
}

struct Event<'a> {
    name: &'a str,
    details: &'a Value,
    mail: &'a Value,
    message_id: &'a str,
    /// Of the envelope: the same when SNS posts again.
    sns_id: &'a str,
}

/// What an event says of one recipient. Where one wants no more mail that can be two things, for it did not arrive either.
struct Verdict {
    says: Vec<ReceiptStatus>,
    problem: Option<(Class, Problem)>,
}

impl Verdict {
    fn plain(says: ReceiptStatus) -> Self {
        Self { says: vec![says], problem: None }
    }

    fn trouble(says: &[ReceiptStatus], class: Class, code: impl Into<String>, message: String) -> Self {
        Self { says: says.to_vec(), problem: Some((class, Problem { code: Some(code.into()), message })) }
    }
}

impl Event<'_> {
    fn told(&self) -> Vec<ReceiptEvent> {
        let recipients = self.recipients();
        if recipients.is_empty() {
            log::warn("an event that names no recipient is told of the message as a whole");
            return self.told_of(&Value::Null);
        }
        recipients.iter().flat_map(|recipient| self.told_of(recipient)).collect()
    }

    /// As addresses, or as objects that hold one.
    fn recipients(&self) -> &[Value] {
        let own = match self.name {
            "Bounce" => self.details.get("bouncedRecipients"),
            "Complaint" => self.details.get("complainedRecipients"),
            "Delivery" => self.details.get("recipients"),
            "DeliveryDelay" => self.details.get("delayedRecipients"),
            _ => None,
        };
        let listed = own.or_else(|| self.mail.get("destination"));
        listed.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
    }

    fn told_of(&self, recipient: &Value) -> Vec<ReceiptEvent> {
        let verdict = self.verdict(recipient);
        let address = recipient.as_str().or_else(|| text(recipient, "emailAddress")).map(bare);
        // One bounce may be told by the identity and by the configuration set: its own id is the same in both.
        let id = text(self.details, "feedbackId").unwrap_or(self.sns_id);
        let class = verdict.problem.as_ref().map(|(class, _)| *class);
        let told = ReceiptEvent {
            event_id: Some([id, address.unwrap_or_default()].join(":")),
            provider_message_id: self.message_id.to_owned(),
            status: ReceiptStatus::Other,
            recipient: address.map(Into::into),
            occurred_at_ms: self.occurred_at_ms(),
            problem: verdict.problem.map(|(_, problem)| problem),
            attributes: self.attributes(recipient, class),
        };
        let with = |(index, status): (usize, &ReceiptStatus)| {
            let event_id = told.event_id.clone().map(|id| if index == 0 { id } else { format!("{id}:suppressed") });
            ReceiptEvent { event_id, status: *status, ..told.clone() }
        };
        verdict.says.iter().enumerate().map(with).collect()
    }

    fn verdict(&self, recipient: &Value) -> Verdict {
        use ReceiptStatus::{Accepted, Clicked, Complained, Delivered, Failed, Opened, Other, Unsubscribed};
        let detail = |field| text(self.details, field);
        match self.name {
            "Send" => Verdict::plain(Accepted),
            "Delivery" => Verdict::plain(Delivered),
            "Open" => Verdict::plain(Opened),
            "Click" => Verdict::plain(Clicked),
            "Bounce" => self.bounce(recipient),
            "Complaint" if detail("complaintSubType") == Some(SUPPRESSED) => {
                let message = "Complaint: the recipient is on the account's suppression list, nothing was sent".into();
                Verdict::trouble(&[Failed, Complained], Class::Suppressed, SUPPRESSED, message)
            }
            // The recipient says the opposite of a complaint.
            "Complaint" if detail("complaintFeedbackType") == Some("not-spam") => Verdict::plain(Other),
            "Complaint" => Verdict::plain(Complained),
            "Reject" => {
                let reason = detail("reason").unwrap_or("SES found a virus");
                Verdict::trouble(&[Failed], Class::Message, "Reject", format!("Reject: {reason}"))
            }
            "Rendering Failure" | "RenderingFailure" => {
                let reason = detail("errorMessage").unwrap_or("SES could not render its template");
                Verdict::trouble(&[Failed], Class::Message, "RenderingFailure", format!("Rendering Failure: {reason}"))
            }
            "DeliveryDelay" => self.delay(recipient),
            "Subscription" if unsubscribes(self.details) => Verdict::plain(Unsubscribed),
            _ => Verdict::plain(Other),
        }
    }

    fn bounce(&self, recipient: &Value) -> Verdict {
        let [kind, subtype] =
            ["bounceType", "bounceSubType"].map(|field| text(self.details, field).unwrap_or("Undetermined"));
        let code = format!("{kind}.{subtype}");
        let known = BOUNCES.iter().find(|bounce| bounce.code == code);
        let by_kind = || UNKNOWN_BOUNCE.iter().find(|bounce| bounce.code == kind);
        let (class, says, meaning) =
            known.or_else(by_kind).map_or((Class::Message, ReceiptStatus::Failed, "the mail was bounced"), |bounce| {
                (bounce.class, bounce.says, bounce.meaning)
            });
        let message = text(recipient, "diagnosticCode").unwrap_or(meaning);
        Verdict::trouble(&[says], class, code, format!("Bounce: {message}"))
    }

    /// No end: SES goes on trying.
    fn delay(&self, recipient: &Value) -> Verdict {
        let kind = text(self.details, "delayType").unwrap_or("Undetermined");
        let known = DELAYS.iter().find(|(code, ..)| *code == kind);
        let (class, meaning) = known
            .map_or((Class::Unavailable, "SES could not hand the mail over yet"), |(_, class, meaning)| {
                (*class, *meaning)
            });
        let message = text(recipient, "diagnosticCode").unwrap_or(meaning);
        Verdict::trouble(&[ReceiptStatus::Other], class, kind, format!("DeliveryDelay: {message}"))
    }

    fn occurred_at_ms(&self) -> Option<u64> {
        let sent_at = || text(self.mail, "timestamp");
        instant_ms(text(self.details, "timestamp").or_else(sent_at)?)
    }

    /// For a person who reads the timeline, and the delivery that the message was tagged with.
    fn attributes(&self, recipient: &Value, class: Option<Class>) -> Attributes {
        const OF_EVENT: &[&str] =
            &["bounceType", "bounceSubType", "complaintFeedbackType", "smtpResponse", "expirationTime", "link"];
        let of_event = OF_EVENT.iter().filter_map(|field| Some((*field, text(self.details, field)?)));
        let of_recipient = text(recipient, "status").map(|status| ("status", status));
        let told = [("event", self.name)].into_iter().chain(of_event).chain(of_recipient);
        let mut attributes: Attributes = told.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let tag = self.mail.get("tags").and_then(|tags| tags.get(tags::KEY)?.get(0)?.as_str());
        attributes.extend(tag.and_then(tags::unescaped).map(|key| (tags::KEY.to_owned(), key)));
        attributes.extend(class.map(|class| ("class".to_owned(), class.name().to_owned())));
        attributes
    }
}

/// Whether a contact unsubscribed: from everything, or from a topic that he had not left before.
fn unsubscribes(subscription: &Value) -> bool {
    let all =
        |preferences: &str| subscription.pointer(&format!("/{preferences}/unsubscribeAll")) == Some(&Value::Bool(true));
    if all("newTopicPreferences") {
        return true;
    }
    let left = |preferences: &str| -> Vec<&str> {
        let topics = subscription.pointer(&format!("/{preferences}/topicSubscriptionStatus"));
        let topics = topics.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let out = topics.iter().filter(|topic| text(topic, "subscriptionStatus") == Some("OptOut"));
        out.filter_map(|topic| text(topic, "topicName")).collect()
    };
    let before = left("oldTopicPreferences");
    left("newTopicPreferences").iter().any(|topic| !before.contains(topic))
}

/// Milliseconds since 1970 of an instant in ISO 8601, as `2026-01-01T00:00:00.000Z`.
pub(crate) fn instant_ms(text: &str) -> Option<u64> {
    let instant = humantime::parse_rfc3339(text).ok()?;
    u64::try_from(instant.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// The address of `Name <address>`.
fn bare(mailbox: &str) -> &str {
    let inner = mailbox.rsplit_once('<').and_then(|(_, rest)| rest.strip_suffix('>'));
    inner.unwrap_or(mailbox)
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}
