//! From a due delivery to a message and a provider, with what is true by now: preferences, address, subject, template
//! and route are looked up here and not before, so that a change made since acceptance counts.

use std::sync::Arc;

use ring::digest::{Context, SHA256};

use super::{Connected, Flow};
use crate::domain::category::Category;
use crate::domain::delivery::{Attempt, Change, Delivery, Settling};
use crate::domain::id::{DeliveryId, TenantId};
use crate::domain::lifecycle::InvalidTransition;
use crate::domain::message::{Message, MessageContent, compose, no_address};
use crate::domain::notification::{ContentSource, Notification};
use crate::domain::preference::{self, Verdict};
use crate::domain::recipient::Recipient;
use crate::domain::route::Choice;
use crate::domain::subject::Subject;
use crate::domain::template::{Compiled, Words};
use crate::domain::timeline::{Fact, FactKind, Reason};
use crate::error::PreviewError;
use crate::ports::clock::within;
use crate::ports::directory::LookupError;
use crate::ports::store::StoreError;

/// What is to be done with a due delivery.
pub(crate) enum Plan {
    /// Call this provider with this message, after recording the change.
    Send { change: Box<Change>, message: Box<Message>, provider: Arc<Connected> },
    /// Record the change; nothing is sent now.
    Stop(Box<Change>),
}

/// Why planning went no further.
enum Stop {
    Suppress(Reason),
    Fail(Reason),
    Defer(Reason),
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

/// A message with everything that the timeline wants to know about it.
struct Made {
    content: MessageContent,
    source: String,
    checks: Vec<(FactKind, Reason)>,
}

impl Flow {
    /// Decides what to do with a delivery that is due.
    ///
    /// # Errors
    /// When the store fails; nothing was decided then.
    pub(crate) async fn plan(&self, delivery: &Delivery, notification: &Notification) -> Result<Plan, StoreError> {
        let category = self.category(&notification.category);
        let now = self.clock.now();
        if now > notification.expires_at {
            return Ok(stop(delivery.expire(notification.expires_at, now), delivery));
        }
        match self.choose_and_make(delivery, notification, &category).await {
            Ok((choice, made)) => self.send(delivery, notification, choice, made),
            Err(Stop::Suppress(reason)) => Ok(stop(delivery.suppress(reason, now), delivery)),
            Err(Stop::Fail(reason)) => Ok(stop(delivery.fail(reason, now), delivery)),
            Err(Stop::Defer(reason)) => {
                let random = self.entropy.number();
                let settling = Settling {
                    category: &category,
                    expires_at: notification.expires_at,
                    now: self.clock.now(),
                    random,
                };
                Ok(stop(delivery.defer(reason, settling), delivery))
            }
            Err(Stop::Store(error)) => Err(error),
        }
    }

    /// The message of a delivery as it would go out now.
    pub(crate) async fn preview(&self, tenant: &TenantId, id: DeliveryId) -> Result<MessageContent, PreviewError> {
        let status = self.store.status(tenant, id.notification).await?.ok_or(PreviewError::NotFound)?;
        if !status.deliveries.iter().any(|delivery| delivery.id == id) {
            return Err(PreviewError::NotFound);
        }
        match self.make(id, &status.notification).await {
            Ok(made) => Ok(made.content),
            Err(Stop::Suppress(reason) | Stop::Fail(reason)) => Err(PreviewError::NotSendable(reason.text)),
            Err(Stop::Defer(reason)) => Err(PreviewError::Lookup(LookupError { message: reason.text })),
            Err(Stop::Store(error)) => Err(error.into()),
        }
    }

    async fn choose_and_make(
        &self,
        delivery: &Delivery,
        notification: &Notification,
        category: &Category,
    ) -> Result<(Choice, Made), Stop> {
        let channel = delivery.id.channel;
        let preferences = self.store.preferences(&notification.tenant, &notification.recipient.id).await?;
        let allowed = match preference::resolve(preferences.as_ref(), category, channel) {
            Verdict::Allow(reason) => reason,
            Verdict::Suppress(reason) => return Err(Stop::Suppress(reason)),
        };
        let mut made = self.make(delivery.id, notification).await?;
        made.checks.insert(0, (FactKind::Checked, allowed));
        let choice = self.routes.choose(channel).ok_or_else(|| {
            Stop::Fail(Reason::new("route.none", format!("no provider is configured for {channel} any more")))
        })?;
        Ok((choice, made))
    }

    async fn make(&self, id: DeliveryId, notification: &Notification) -> Result<Made, Stop> {
        let channel = id.channel;
        let (recipient, found) = self.recipient(notification).await?;
        if let Some(problem) = recipient.unusable.get(&channel) {
            let text = format!("the address for {channel} in the user database cannot be used: {problem}");
            return Err(Stop::Fail(Reason::new("recipient.bad_address", text)));
        }
        if recipient.address(channel).is_none() {
            return Err(Stop::Suppress(no_address(channel)));
        }
        let mut checks = vec![(FactKind::Checked, found)];
        let subject = self.subject(notification).await?;
        checks.extend(subject.iter().map(|subject| {
            let text = format!("the catalog described the subject `{}`", subject.id);
            (FactKind::Checked, Reason::new("subject.catalog", text))
        }));
        let (words, source) = self.words(id, notification, &recipient, subject.as_ref()).await?;
        checks.push((FactKind::Rendered, Reason::new("template.rendered", format!("rendered from {source}"))));
        let content = compose(words, &recipient, &self.senders, &notification.options).map_err(Stop::Fail)?;
        Ok(Made { content, source, checks })
    }

    /// Who it goes to: the request's own addresses, else the directory's, with what the request said on top.
    async fn recipient(&self, notification: &Notification) -> Result<(Recipient, Reason), Stop> {
        let said = &notification.recipient;
        if said.has_address() {
            let reason = Reason::new("recipient.request", "addresses are those of the request");
            return Ok((said.clone(), reason));
        }
        let Some(directory) = &self.directory else {
            let text = "the request has no address, and no user database is configured (`directory`)";
            return Err(Stop::Fail(Reason::new("recipient.no_directory", text)));
        };
        match self.in_time(directory.recipient(&notification.tenant, &said.id)).await {
            Ok(Some(known)) => {
                let recipient = Recipient {
                    locale: said.locale.clone().or(known.locale.clone()),
                    time_zone: said.time_zone.clone().or(known.time_zone.clone()),
                    ..known
                };
                Ok((recipient, Reason::new("recipient.directory", "addresses are those of the user database")))
            }
            Ok(None) => {
                let text = format!("the user database knows no recipient `{}`", said.id);
                Err(Stop::Fail(Reason::new("recipient.unknown", text)))
            }
            Err(error) => {
                let text = format!("the user database could not be asked: {error}");
                Err(Stop::Defer(Reason::new("directory.unavailable", text)))
            }
        }
    }

    async fn subject(&self, notification: &Notification) -> Result<Option<Subject>, Stop> {
        let Some(id) = &notification.subject else { return Ok(None) };
        let Some(catalog) = &self.catalog else {
            let text = "the request names a subject, and no catalog is configured (`catalog`)";
            return Err(Stop::Fail(Reason::new("subject.no_catalog", text)));
        };
        match self.in_time(catalog.subject(&notification.tenant, id)).await {
            Ok(Some(subject)) => Ok(Some(subject)),
            Ok(None) => Err(Stop::Fail(Reason::new("subject.unknown", format!("the catalog knows no subject `{id}`")))),
            Err(error) => {
                let text = format!("the catalog could not be asked: {error}");
                Err(Stop::Defer(Reason::new("catalog.unavailable", text)))
            }
        }
    }

    /// A look-up that does not answer in time is an outage like any other.
    async fn in_time<T>(&self, lookup: impl Future<Output = Result<T, LookupError>>) -> Result<T, LookupError> {
        let patience = self.options.lease_margin / 3;
        within(&*self.clock, patience, lookup)
            .await
            .unwrap_or_else(|_| Err(LookupError { message: format!("no answer within {} ms", patience.as_millis()) }))
    }

    async fn words(
        &self,
        id: DeliveryId,
        notification: &Notification,
        recipient: &Recipient,
        subject: Option<&Subject>,
    ) -> Result<(Words, String), Stop> {
        let data = notification.template_data(recipient, subject);
        let render = |compiled: &Compiled, source: String| match compiled.render(id.channel, &data, &self.limits) {
            Ok(words) => Ok((words, source)),
            Err(error) => {
                Err(Stop::Fail(Reason::new("template.render", format!("{source} cannot be rendered: {error}"))))
            }
        };
        match &notification.content {
            ContentSource::Inline(content) => {
                let compiled = self.templates.inline(content, &self.limits).map_err(|errors| {
                    let text = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
                    Stop::Fail(Reason::new("template.invalid", text))
                })?;
                render(&compiled, "the request's own content".into())
            }
            ContentSource::Template { name, version } => {
                let tenant = &notification.tenant;
                let found = self.templates.find(&*self.store, &self.limits, tenant, name, *version).await?;
                let ready = found.ok_or_else(|| {
                    Stop::Fail(Reason::new("template.unknown", format!("there is no template `{name}` any more")))
                })?;
                let (source, compiled) = ready.pick(recipient.locale.as_ref(), id.channel);
                render(compiled, source)
            }
        }
    }

    fn send(
        &self,
        delivery: &Delivery,
        notification: &Notification,
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
            address: made.content.recipient_address().to_owned(),
            sender: made.content.sender_address().map(str::to_owned),
            content: made.source,
            content_sha256: hash(&made.content),
            provider_message_id: None,
            problem: None,
        };
        let mut checks = made.checks;
        checks.push((FactKind::Checked, choice.reason));
        // The first attempt tells the whole story; later ones what may have changed: the words.
        let is_first = delivery.attempts == 0;
        let told = checks.into_iter().filter(|(kind, _)| is_first || *kind == FactKind::Rendered);
        let facts = told.map(|(kind, reason)| Fact { reason, ..delivery.fact(kind, now) }).map(|fact| {
            let is_rendered = fact.kind == FactKind::Rendered;
            if is_rendered { fact.with("sha256", attempt.content_sha256.clone()) } else { fact }
        });
        let facts = facts.collect();
        let message = Message {
            delivery: delivery.id,
            tenant: notification.tenant.clone(),
            category: notification.category.clone(),
            content: made.content,
        };
        Ok(match delivery.begin(attempt, facts, now) {
            Ok(change) => Plan::Send { change: Box::new(change), message: Box::new(message), provider },
            Err(error) => stop(Err(error), delivery),
        })
    }
}

/// A plan that only records; a delivery that cannot take the change stays as it is.
fn stop(change: Result<Change, InvalidTransition>, delivery: &Delivery) -> Plan {
    Plan::Stop(Box::new(change.unwrap_or_else(|error| {
        tracing::error!(delivery = %delivery.id, %error, "a claimed delivery was not pending");
        Change { delivery: delivery.clone(), facts: Vec::new() }
    })))
}

/// SHA-256 over the parts of a message, each with its length, in hexadecimal.
pub(crate) fn hash(content: &MessageContent) -> String {
    let mut context = Context::new(&SHA256);
    let mut feed = |part: &[u8]| {
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part);
    };
    match content {
        MessageContent::Email(email) => {
            feed(email.subject.as_bytes());
            feed(email.text.as_deref().unwrap_or_default().as_bytes());
            feed(email.html.as_deref().unwrap_or_default().as_bytes());
            email.attachments.iter().for_each(|attachment| feed(&attachment.data));
        }
        MessageContent::Sms(sms) => {
            feed(sms.text.as_bytes());
            sms.media_urls.iter().for_each(|url| feed(url.as_bytes()));
        }
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
