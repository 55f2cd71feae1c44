//! From a request to a stored notification: everything that can be known at once is checked at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::sync::OwnedSemaphorePermit;

use super::alarm::Alarm;
use super::undropped::Undropped;
use super::{Flow, after};
use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, IdempotencyKey, NotificationId, TenantId};
use crate::domain::notification::{ContentSource, Draft, Notification};
use crate::domain::request::{FieldError, NotificationRequest, RecipientRequest};
use crate::domain::template::Content;
use crate::error::SubmitError;
use crate::planted::planted;
use crate::ports::store::{Acceptance, Accepted, StoreError};

/// What a caller gets for an accepted request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Submitted {
    /// The notification.
    pub id: NotificationId,
    /// Its deliveries, in the order of channels.
    pub deliveries: Vec<DeliveryId>,
    /// When it falls due.
    pub due_at: Timestamp,
    /// Whether the same request had been accepted before, under the same idempotency key.
    pub repeated: bool,
    /// What it took the place of, if anything.
    pub replaced: Option<NotificationId>,
}

/// A request that can be stored, and what its caller is told when it is.
struct Prepared {
    acceptance: Acceptance,
    submitted: Submitted,
}

/// Why there is nothing to store.
enum Refused {
    /// It was accepted before.
    Before(Box<Submitted>),
    Error(SubmitError),
}

/// Requests of a call with many that are checked before others get their turn.
const REQUESTS_PER_TURN: usize = 50;

impl Flow {
    /// Accepts a request; in place of an earlier notification, where one is named.
    pub(crate) async fn accept(
        &self,
        request: NotificationRequest,
        replaces: Option<NotificationId>,
    ) -> Result<Submitted, SubmitError> {
        let now = self.clock.now();
        let _place = self.make_room(1, now).await?;
        let prepared = match self.prepare(request, replaces, now).await {
            Ok(prepared) => prepared,
            Err(Refused::Before(submitted)) => return Ok(*submitted),
            Err(Refused::Error(error)) => return Err(error),
        };
        let Prepared { acceptance, submitted } = prepared;
        let tenant = acceptance.notification.tenant.clone();
        let stored = self.keep(acceptance).await;
        self.answer(&tenant, submitted, stored).await
    }

    /// Accepts many at once. Each has its own result, in order; one that is refused leaves the others as they are.
    pub(crate) async fn accept_all(
        &self,
        requests: Vec<NotificationRequest>,
    ) -> Result<Vec<Result<Submitted, SubmitError>>, SubmitError> {
        let now = self.clock.now();
        let _place = self.make_room(requests.len(), now).await?;
        let mut results = Vec::with_capacity(requests.len());
        let (mut acceptances, mut waiting) = (Vec::new(), Vec::new());
        for (index, request) in requests.into_iter().enumerate() {
            results.push(match self.prepare(request, None, now).await {
                Ok(Prepared { acceptance, submitted }) => {
                    waiting.push((index, acceptance.notification.tenant.clone()));
                    acceptances.push(acceptance);
                    Ok(submitted)
                }
                Err(Refused::Before(submitted)) => Ok(*submitted),
                Err(Refused::Error(error)) => Err(error),
            });
            if index % REQUESTS_PER_TURN == REQUESTS_PER_TURN - 1 {
                tokio::task::yield_now().await;
            }
        }
        for ((index, tenant), stored) in waiting.into_iter().zip(self.keep_all(acceptances).await?) {
            let Some(result) = results.get_mut(index) else { continue };
            if let Ok(submitted) = result {
                *result = self.answer(&tenant, submitted.clone(), stored).await;
            }
        }
        Ok(results)
    }

    /// Refuses before memory or disk run full.
    async fn make_room(&self, count: usize, now: Timestamp) -> Result<OwnedSemaphorePermit, SubmitError> {
        if self.signals.is_stopping() {
            return Err(SubmitError::Stopping);
        }
        let most = self.options.accepting_max;
        let wanted = u32::try_from(count.min(most)).unwrap_or(u32::MAX);
        let Ok(place) = Arc::clone(&self.signals.accepting).try_acquire_many_owned(wanted) else {
            self.tally.refused.add(1);
            return Err(SubmitError::Overloaded {
                problem: format!("{most} notifications are on their way to the disk already"),
                retry_after: Duration::from_secs(1),
            });
        };
        if self.depth.is_full(&*self.store, self.options.pending_max, now).await? {
            self.tally.refused.add(1);
            return Err(SubmitError::Overloaded {
                problem: format!("{} deliveries wait already (`flow.pending_max`)", self.options.pending_max),
                retry_after: Duration::from_secs(10),
            });
        }
        Ok(place)
    }

    /// Everything short of storing it.
    async fn prepare(
        &self,
        request: NotificationRequest,
        replaces: Option<NotificationId>,
        now: Timestamp,
    ) -> Result<Prepared, Refused> {
        let keyed = Keyed::of(&request, replaces);
        let request_hash = keyed.as_ref().map_or([0; 32], |keyed| keyed.request_hash);
        let (draft, category, channels) = match self.check(request, now).await {
            Ok(checked) => checked,
            // What was right when it was accepted may be wrong by now, as a schedule is that has passed meanwhile: who
            // asks again gets the same answer.
            Err(SubmitError::Invalid(errors)) => return Err(self.recall(keyed, now, errors).await),
            Err(error) => return Err(Refused::Error(error)),
        };
        let notification = self.identify(draft, channels, &category, now);
        let id = |channel: &Channel| DeliveryId { notification: notification.id, channel: *channel };
        let submitted = Submitted {
            id: notification.id,
            deliveries: notification.channels.iter().map(id).collect(),
            due_at: notification.due_at,
            repeated: false,
            replaced: None,
        };
        // Whoever asks again, or wants it back, means what may still be sent.
        let key_expires_at = after(now, self.options.key_retention).max(notification.expires_at);
        let acceptance = Acceptance { notification, request_hash, key_expires_at, replaces };
        Ok(Prepared { acceptance, submitted })
    }

    /// The notification that a request would become.
    pub(super) async fn suppose(
        &self,
        request: NotificationRequest,
        now: Timestamp,
    ) -> Result<Notification, SubmitError> {
        let (draft, category, channels) = self.check(request, now).await?;
        Ok(self.identify(draft, channels, &category, now))
    }

    async fn answer(
        &self,
        tenant: &TenantId,
        submitted: Submitted,
        stored: Result<Accepted, StoreError>,
    ) -> Result<Submitted, SubmitError> {
        match stored {
            Ok(Accepted::New { replaced }) => {
                self.tally.accepted.add(1);
                if let Some(replaced) = replaced {
                    for channel in Channel::ALL {
                        self.signals.announce(DeliveryId { notification: replaced, channel });
                    }
                }
                Ok(Submitted { replaced, ..submitted })
            }
            Ok(Accepted::Before(id)) => self.submitted_before(tenant, id).await,
            Err(StoreError::KeyReused { key, existing }) => Err(SubmitError::KeyReused { key, existing }),
            Err(StoreError::TooLate(id)) => Err(SubmitError::TooLate(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Stores it and wakes the schedulers. A caller that goes away meanwhile takes neither back.
    async fn keep(&self, acceptance: Acceptance) -> Result<Accepted, StoreError> {
        let (store, alarms) = (Arc::clone(&self.store), self.alarms_of(&acceptance));
        let keeping = Undropped::new(async move {
            let due_at = acceptance.notification.due_at;
            if planted!(AcknowledgesBeforeStoring) {
                tokio::spawn(async move { store.accept(acceptance).await });
                return Ok(Accepted::New { replaced: None });
            }
            let accepted = store.accept(acceptance).await;
            alarms.iter().for_each(|alarm| alarm.stored(due_at));
            accepted
        });
        keeping.await
    }

    async fn keep_all(&self, acceptances: Vec<Acceptance>) -> Result<Vec<Result<Accepted, StoreError>>, StoreError> {
        let store = Arc::clone(&self.store);
        let wanted = |channel: &&Channel| acceptances.iter().any(|one| one.notification.channels.contains(channel));
        let channels = Channel::ALL.iter().filter(wanted);
        let alarms: Vec<_> = channels.map(|channel| self.signals.alarm(*channel).clone()).collect();
        let keeping = Undropped::new(async move {
            let earliest = acceptances.iter().map(|acceptance| acceptance.notification.due_at).min();
            let accepted = store.accept_all(acceptances).await;
            for (alarm, due_at) in alarms.iter().zip(earliest.into_iter().cycle()) {
                alarm.stored(due_at);
            }
            accepted
        });
        keeping.await
    }

    fn alarms_of(&self, acceptance: &Acceptance) -> Vec<Alarm> {
        acceptance.notification.channels.iter().map(|channel| self.signals.alarm(*channel).clone()).collect()
    }

    /// What was said of a notification when it was accepted.
    async fn submitted_before(&self, tenant: &TenantId, id: NotificationId) -> Result<Submitted, SubmitError> {
        let status = self.store.status(tenant, id).await?;
        let status = status.ok_or_else(|| StoreError::Damaged {
            key: format!("notification {id}"),
            problem: "an idempotency key refers to it, but it is not there".into(),
        })?;
        Ok(Submitted {
            id,
            deliveries: status.deliveries.iter().map(|delivery| delivery.id).collect(),
            due_at: status.notification.due_at,
            repeated: true,
            replaced: None,
        })
    }

    async fn check(
        &self,
        request: NotificationRequest,
        now: Timestamp,
    ) -> Result<(Draft, Category, Vec<Channel>), SubmitError> {
        let parse = |content: &Content| self.templates.inline(content, &self.limits).err().unwrap_or_default();
        let draft = request.check_with(now, &self.limits, &parse).map_err(SubmitError::Invalid)?;
        let category = self.known_category(&draft)?;
        let channels = self.channels(&draft, &category).await?;
        self.can_be_looked_up(&draft)?;
        Ok((draft, category, channels))
    }

    async fn recall(&self, keyed: Option<Keyed>, now: Timestamp, errors: Vec<FieldError>) -> Refused {
        let Some(Keyed { tenant, key, request_hash }) = keyed else {
            return Refused::Error(SubmitError::Invalid(errors));
        };
        let before = match self.store.recall(&tenant, &key, Some(&request_hash), now).await {
            Ok(Some(id)) => self.submitted_before(&tenant, id).await,
            Ok(None) => Err(SubmitError::Invalid(errors)),
            Err(StoreError::KeyReused { key, existing }) => Err(SubmitError::KeyReused { key, existing }),
            Err(error) => Err(error.into()),
        };
        before.map_or_else(Refused::Error, |submitted| Refused::Before(Box::new(submitted)))
    }

    /// Refuses what would have to be looked up where there is nothing to look it up in.
    fn can_be_looked_up(&self, draft: &Draft) -> Result<(), SubmitError> {
        if draft.subject.is_some() && self.catalog.is_none() {
            return Err(refuse(
                "subject",
                "there is no catalog to look it up in: leave it out, or configure `catalog`",
            ));
        }
        if !draft.recipient.has_address() && self.directory.is_none() {
            let problem = "there is no user database to look the address up in: give an address, as `recipient.email`, \
                           or configure `directory`";
            return Err(refuse("recipient", problem));
        }
        Ok(())
    }

    fn known_category(&self, draft: &Draft) -> Result<Category, SubmitError> {
        self.categories.get(&draft.category).cloned().ok_or_else(|| {
            let known = self.categories.keys().map(|name| name.as_str()).collect::<Vec<_>>().join("`, `");
            refuse("category", format!("there is no category `{}`; there are `{known}`", draft.category))
        })
    }

    /// The channels on which it will be tried: those asked for, or those of the category that have words and a route.
    async fn channels(&self, draft: &Draft, category: &Category) -> Result<Vec<Channel>, SubmitError> {
        let has_words: Box<dyn Fn(Channel) -> bool + Send> = match &draft.content {
            ContentSource::Inline(content) => has_words(Content::clone(content)),
            ContentSource::Template { name, version } => {
                let found =
                    self.templates.find(&*self.store, &self.limits, &draft.tenant, name, *version).await?.ok_or_else(
                        || match version {
                            Some(version) => {
                                refuse("template.version", format!("template `{name}` has no version {version}"))
                            }
                            None => refuse("template.name", format!("there is no template `{name}`")),
                        },
                    )?;
                let errors = found.template.check_variables(&draft.variables);
                if !errors.is_empty() {
                    return Err(SubmitError::Invalid(errors));
                }
                has_words(found.template.content.clone())
            }
        };
        let Some(asked) = &draft.channels else {
            let usable =
                |channel: &Channel| has_words(*channel) && self.routes.serve(*channel, &draft.tenant, &draft.category);
            let channels: Vec<Channel> = category.channels.iter().copied().filter(usable).collect();
            if channels.is_empty() {
                let problem =
                    "no channel of the category has both words and a configured provider: name one in `channels`";
                return Err(refuse("channels", problem));
            }
            return Ok(channels);
        };
        for channel in asked {
            if !has_words(*channel) {
                return Err(refuse("channels", format!("the template has no words for {channel}")));
            }
            if !self.routes.serve(*channel, &draft.tenant, &draft.category) {
                return Err(refuse("channels", format!("no provider is configured for {channel}")));
            }
        }
        Ok(asked.clone())
    }

    fn identify(&self, draft: Draft, channels: Vec<Channel>, category: &Category, now: Timestamp) -> Notification {
        let mut random = [0; 10];
        self.entropy.fill(&mut random);
        let due_at = draft.due_at.unwrap_or(now);
        let lifetime_ms = i64::try_from(category.expire_after_ms).unwrap_or(i64::MAX).min(i64::MAX / 1_000_000);
        let expires_at = draft
            .expires_at
            .unwrap_or_else(|| due_at.checked_add(lifetime_ms.milliseconds()).unwrap_or(Timestamp::MAX));
        Notification {
            id: NotificationId::from_parts(u64::try_from(now.as_millisecond()).unwrap_or_default(), random),
            tenant: draft.tenant,
            recipient: draft.recipient,
            category: draft.category,
            channels,
            strategy: category.strategy,
            lane: category.lane,
            content: draft.content,
            variables: draft.variables,
            subject: draft.subject,
            options: draft.options,
            due_at,
            expires_at,
            created_at: now,
            first_due_at: due_at,
            first_expires_at: expires_at,
            acknowledged_at: None,
            idempotency_key: draft.idempotency_key,
            collapse_key: draft.collapse_key,
        }
    }
}

fn refuse(field: &str, problem: impl Into<String>) -> SubmitError {
    SubmitError::Invalid(vec![FieldError::new(field, problem)])
}

fn has_words(content: Content) -> Box<dyn Fn(Channel) -> bool + Send> {
    Box::new(move |channel| content.has(channel))
}

/// A request with an idempotency key.
struct Keyed {
    tenant: TenantId,
    key: IdempotencyKey,
    request_hash: [u8; 32],
}

impl Keyed {
    /// `None` for a request without a key, or with one that cannot be used.
    fn of(request: &NotificationRequest, replaces: Option<NotificationId>) -> Option<Self> {
        let key = request.idempotency_key.as_deref()?.parse().ok()?;
        let tenant = request.tenant.as_deref().map_or_else(|| Ok(TenantId::unnamed()), str::parse).ok()?;
        Some(Self { tenant, key, request_hash: fingerprint(request, replaces) })
    }
}

/// What an idempotency key stands for: SHA-256 over everything that the caller said, as it was said, in one canonical
/// form. Nothing in it depends on the time or on the configuration.
fn fingerprint(request: &NotificationRequest, replaces: Option<NotificationId>) -> [u8; 32] {
    let NotificationRequest {
        tenant,
        recipient,
        category,
        channels,
        template,
        content,
        variables,
        subject,
        options,
        schedule,
        expires_at,
        idempotency_key: _,
        collapse_key,
    } = request;
    let names = |channels: &Vec<Channel>| channels.iter().map(|channel| channel.name()).collect::<Vec<_>>();
    let files = options.attachments.iter();
    let attachments = files.map(|file| json!([file.filename, file.content_type, file.content_id, sha256(&file.data)]));
    let said = json!([
        tenant,
        said_of(recipient),
        category,
        channels.as_ref().map(names),
        template.as_ref().map(|template| json!([template.name, template.version])),
        content.as_ref().map(said_in),
        variables,
        subject,
        json!([options.reply_to, options.headers, attachments.collect::<Vec<_>>(), options.media_urls]),
        schedule.as_ref().map(|schedule| [&schedule.at, &schedule.local_time, &schedule.time_zone]),
        expires_at,
        collapse_key,
        replaces.map(|id| id.to_string()),
    ]);
    sha256(said.to_string().as_bytes())
}

/// What is said of the recipient. What not every request can say stands at the end, where it is said: the same request keeps
/// its fingerprint as more can be said.
fn said_of(recipient: &RecipientRequest) -> Value {
    let RecipientRequest { id, email, phone, push_token, chat_id, webhook_url, locale, time_zone } = recipient;
    let mut said = vec![json!(id), json!(email), json!(phone), json!(locale), json!(time_zone)];
    for (channel, address) in [(Channel::Push, push_token), (Channel::Chat, chat_id), (Channel::Webhook, webhook_url)] {
        said.extend(address.as_ref().map(|address| json!([channel.name(), address])));
    }
    Value::Array(said)
}

/// The words, as in [`said_of`].
fn said_in(content: &Content) -> Value {
    let Content { email, sms, push, chat, webhook } = content;
    let email = email.as_ref().map(|email| json!([email.subject, email.text, email.html]));
    let mut said = vec![json!(email), json!(sms.as_ref().map(|sms| &sms.text))];
    said.extend(push.as_ref().map(|push| json!([Channel::Push.name(), push.title, push.body, push.data])));
    said.extend(chat.as_ref().map(|chat| json!([Channel::Chat.name(), chat.text, chat.layout])));
    said.extend(webhook.as_ref().map(|event| json!([Channel::Webhook.name(), event.kind, event.payload])));
    Value::Array(said)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::SmsSource;

    /// Of what every version could say, so that a key that was used before an upgrade is known after it.
    #[test]
    fn a_request_keeps_its_fingerprint() {
        let mut request = NotificationRequest::to("1");
        request.content = Some(Content { sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
        let hash: String = fingerprint(&request, None).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hash, "8d8d4e247b1cd70f81aa4a2886b63c224d664b4ca0f6230aa7d383a081d19271");
    }
}
