//! The message itself: recipient, subject and words, looked up and put together.

use ring::digest::{Context, SHA256};

use super::Stop;
use crate::domain::id::DeliveryId;
use crate::domain::message::{MessageContent, compose, no_address};
use crate::domain::notification::{ContentSource, Notification};
use crate::domain::recipient::Recipient;
use crate::domain::subject::Subject;
use crate::domain::suppression::normalized;
use crate::domain::template::{Compiled, Words};
use crate::domain::timeline::{FactKind, Reason};
use crate::flow::Flow;
use crate::ports::clock::within;
use crate::ports::directory::LookupError;

/// A message, and where its words are from.
pub(crate) struct Made {
    pub(crate) content: MessageContent,
    pub(crate) source: String,
}

impl Flow {
    pub(super) async fn make(
        &self,
        id: DeliveryId,
        notification: &Notification,
        checks: &mut Vec<(FactKind, Reason)>,
    ) -> Result<Made, Stop> {
        let channel = id.channel;
        let (recipient, found) = self.recipient(notification).await?;
        if let Some(problem) = recipient.unusable.get(&channel) {
            let text = format!("the address for {channel} in the user database cannot be used: {problem}");
            return Err(Stop::Fail(Reason::new("recipient.bad_address", text)));
        }
        let Some(address) = recipient.address(channel) else { return Err(Stop::Suppress(no_address(channel))) };
        checks.push((FactKind::Checked, found));
        let address = normalized(channel, address);
        if let Some(listed) = self.store.suppression(&notification.tenant, channel, &address).await? {
            return Err(Stop::Suppress(listed.reason()));
        }
        let subject = self.subject(notification).await?;
        checks.extend(subject.iter().map(|subject| {
            let text = format!("the catalog described the subject `{}`", subject.id);
            (FactKind::Checked, Reason::new("subject.catalog", text))
        }));
        let (words, source) = self.words(id, notification, &recipient, subject.as_ref()).await?;
        checks.push((FactKind::Rendered, Reason::new("template.rendered", format!("rendered from {source}"))));
        let content = compose(words, &recipient, &self.senders, &notification.options).map_err(Stop::Fail)?;
        Ok(Made { content, source })
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
        MessageContent::Push(push) => {
            feed(push.title.as_bytes());
            feed(push.body.as_bytes());
            push.data.iter().for_each(|(name, value)| {
                feed(name.as_bytes());
                feed(value.as_bytes());
            });
        }
        MessageContent::Chat(chat) => {
            feed(chat.text.as_bytes());
            feed(chat.layout.as_deref().unwrap_or_default().as_bytes());
        }
        MessageContent::Webhook(event) => {
            feed(event.kind.as_bytes());
            feed(event.payload.as_bytes());
        }
    }
    context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
