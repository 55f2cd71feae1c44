//! From a request to a stored notification: everything that can be known at once is checked at once.

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{Flow, after};
use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{DeliveryId, NotificationId};
use crate::domain::notification::{ContentSource, Draft, Notification};
use crate::domain::request::{FieldError, NotificationRequest};
use crate::domain::template::Content;
use crate::error::SubmitError;
use crate::ports::store::{Acceptance, Accepted, StoreError};
use jiff::{Timestamp, ToSpan};

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
}

impl Flow {
    pub(crate) async fn accept(&self, request: NotificationRequest) -> Result<Submitted, SubmitError> {
        if self.signals.is_stopping() {
            return Err(SubmitError::Stopping);
        }
        let now = self.clock.now();
        let draft = request.check(now, &self.limits).map_err(SubmitError::Invalid)?;
        let category = self.known_category(&draft)?;
        let channels = self.channels(&draft, &category).await?;
        let request_hash = if draft.idempotency_key.is_some() { fingerprint(&draft) } else { [0; 32] };
        let notification = self.identify(draft, channels, &category, now);
        let deliveries = notification.first_deliveries();
        let submitted = Submitted {
            id: notification.id,
            deliveries: deliveries.iter().map(|delivery| delivery.id).collect(),
            due_at: notification.due_at,
            repeated: false,
        };
        let tenant = notification.tenant.clone();
        let key_expires_at = after(now, self.options.key_retention);
        let acceptance = Acceptance { notification, deliveries, request_hash, key_expires_at };
        match self.store.accept(acceptance).await {
            Ok(Accepted::New) => {
                self.signals.due.notify_one();
                Ok(submitted)
            }
            Ok(Accepted::Before(id)) => {
                let status = self.store.status(&tenant, id).await?;
                let status = status.ok_or_else(|| StoreError::Damaged {
                    key: format!("notification {id}"),
                    problem: "an idempotency key refers to it, but it is not there".into(),
                })?;
                Ok(Submitted {
                    id,
                    deliveries: status.deliveries.iter().map(|delivery| delivery.id).collect(),
                    due_at: status.notification.due_at,
                    repeated: true,
                })
            }
            Err(StoreError::KeyReused { key, existing }) => Err(SubmitError::KeyReused { key, existing }),
            Err(error) => Err(error.into()),
        }
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
            ContentSource::Inline(content) => has_words(content.clone()),
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
            let usable = |channel: &Channel| has_words(*channel) && self.routes.choose(*channel).is_some();
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
            if self.routes.choose(*channel).is_none() {
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
            content: draft.content,
            variables: draft.variables,
            subject: draft.subject,
            options: draft.options,
            due_at,
            expires_at,
            created_at: now,
            idempotency_key: draft.idempotency_key,
        }
    }
}

fn refuse(field: &str, problem: impl Into<String>) -> SubmitError {
    SubmitError::Invalid(vec![FieldError::new(field, problem)])
}

fn has_words(content: Content) -> Box<dyn Fn(Channel) -> bool + Send> {
    Box::new(move |channel| content.has(channel))
}

/// What an idempotency key stands for: SHA-256 over everything that the caller said, in one canonical form.
fn fingerprint(draft: &Draft) -> [u8; 32] {
    let content = match &draft.content {
        ContentSource::Template { name, version } => json!({"name": name.as_str(), "version": version}),
        ContentSource::Inline(content) => json!({
            "email": content.email.as_ref().map(|email| json!([email.subject, email.text, email.html])),
            "sms": content.sms.as_ref().map(|sms| &sms.text),
        }),
    };
    let attachments: Vec<Value> = draft
        .options
        .attachments
        .iter()
        .map(|file| json!([file.filename, file.content_type, file.content_id, digest(&SHA256, &file.data).as_ref()]))
        .collect();
    let said = json!([
        draft.tenant.as_str(),
        draft.recipient.id.as_str(),
        Channel::ALL.map(|channel| draft.recipient.address(channel)),
        draft.recipient.locale.as_ref().map(|locale| locale.as_str()),
        draft.recipient.time_zone.as_ref().map(|zone| zone.as_str()),
        draft.category.as_str(),
        draft.channels.as_ref().map(|channels| channels.iter().map(|channel| channel.name()).collect::<Vec<_>>()),
        content,
        draft.variables,
        draft.subject.as_ref().map(|subject| subject.as_str()),
        draft.options.reply_to.as_ref().map(ToString::to_string),
        draft.options.headers,
        attachments,
        draft.options.media_urls,
        draft.due_at.map(|due_at| due_at.to_string()),
        draft.expires_at.map(|expires_at| expires_at.to_string()),
    ]);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, said.to_string().as_bytes()).as_ref());
    hash
}
