//! The engine as an application sees it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::domain::channel::Channel;
use crate::domain::delivery::{Attempt, Delivery};
use crate::domain::id::{DeliveryId, NotificationId, ProviderName, RecipientId, SubjectId, TemplateName, TenantId};
use crate::domain::limits::Limits;
use crate::domain::message::MessageContent;
use crate::domain::preference::Preferences;
use crate::domain::recipient::Recipient;
use crate::domain::request::{FieldError, NotificationRequest, check_json};
use crate::domain::subject::Subject;
use crate::domain::template::{Compiled, Template};
use crate::domain::timeline::Fact;
use crate::error::{PreviewError, PutError, SubmitError};
use crate::flow::intake::Submitted;
use crate::flow::planner::hash;
use crate::flow::{Flow, Stage, after};
use crate::ports::clock::within;
use crate::ports::directory::LookupError;
use crate::ports::provider::ProviderDescription;
use crate::ports::store::{ListQuery, Page, Status, StoreError};

pub use crate::builder::NotifierBuilder;

/// The engine: accepts, schedules, sends, and tells what it did.
///
/// It works in the background from [`NotifierBuilder::start`] on, inside the Tokio runtime in which it was started,
/// until [`Notifier::shutdown`]. Dropped without that, it stops at once, as in a crash: nothing accepted is lost, and
/// what was in flight is settled at the next start.
pub struct Notifier {
    pub(crate) flow: Arc<Flow>,
    pub(crate) tasks: Vec<JoinHandle<()>>,
}

/// A configured provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProviderStatus {
    /// Its name in the configuration.
    pub name: ProviderName,
    /// What it says about itself.
    pub description: ProviderDescription,
    /// Channels that are routed to it.
    pub routed: Vec<Channel>,
}

/// How a shutdown went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Whether everything in flight was settled in time.
    pub drained: bool,
}

impl Notifier {
    /// Starts to configure an engine.
    #[must_use]
    pub fn builder() -> NotifierBuilder {
        NotifierBuilder::default()
    }

    /// Accepts a request. When this returns `Ok`, the notification is on disk and will reach a final state.
    ///
    /// # Errors
    /// [`SubmitError::Invalid`] names each field that cannot be used; nothing is stored then.
    pub async fn submit(&self, request: NotificationRequest) -> Result<Submitted, SubmitError> {
        self.flow.accept(request).await
    }

    /// A notification and where its deliveries stand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn status(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        self.flow.store.status(tenant, id).await
    }

    /// What happened to a notification and why, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn timeline(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Fact>>, StoreError> {
        self.flow.store.timeline(tenant, id).await
    }

    /// Notifications, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(&self, query: &ListQuery) -> Result<Page, StoreError> {
        self.flow.store.list(query).await
    }

    /// Takes back what has not been sent. The answer is final: a delivery that it shows as cancelled will not be sent;
    /// one that it shows as sending or beyond could not be stopped.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cancel(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Vec<Delivery>>, StoreError> {
        let cancelled = self.flow.store.cancel(tenant, id, self.flow.clock.now()).await?;
        for delivery in cancelled.iter().flatten() {
            self.flow.signals.announce(delivery.id);
        }
        Ok(cancelled)
    }

    /// Returns the notification once all its deliveries are in a final state; `None` when there is no such notification.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wait(&self, tenant: &TenantId, id: NotificationId) -> Result<Option<Status>, StoreError> {
        let mut changes = self.flow.signals.changed.subscribe();
        loop {
            match self.status(tenant, id).await? {
                Some(status) if !status.deliveries.iter().all(|delivery| delivery.state.is_final()) => {}
                settled => return Ok(settled),
            }
            // Whatever happens here (a change, too many to keep, none ever again) the answer is to look again.
            while let Ok(changed) = changes.recv().await {
                if changed.notification == id {
                    break;
                }
            }
        }
    }

    /// As [`Self::wait`], but for at most `limit`; then as it stands.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn wait_at_most(
        &self,
        tenant: &TenantId,
        id: NotificationId,
        limit: Duration,
    ) -> Result<Option<Status>, StoreError> {
        match within(&*self.flow.clock, limit, self.wait(tenant, id)).await {
            Ok(settled) => settled,
            Err(_) => self.status(tenant, id).await,
        }
    }

    /// Replaces the preferences of a recipient.
    ///
    /// # Errors
    /// [`PutError::Invalid`] when the interests are too large.
    pub async fn put_preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: Preferences,
    ) -> Result<(), PutError> {
        let limits = &self.flow.limits;
        if let Some(error) = check_json("interests", &preferences.interests, limits.interests_bytes_max, limits) {
            return Err(PutError::Invalid(vec![error]));
        }
        Ok(self.flow.store.put_preferences(tenant, recipient, preferences).await?)
    }

    /// The preferences of a recipient, if any are stored.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn preferences(
        &self,
        tenant: &TenantId,
        recipient: &RecipientId,
    ) -> Result<Option<Preferences>, StoreError> {
        self.flow.store.preferences(tenant, recipient).await
    }

    /// Stores a template as the next version of its name, and returns it with that version. What equals the newest
    /// version is not stored again.
    ///
    /// # Errors
    /// [`PutError::Invalid`] names each part that is not a valid template.
    pub async fn put_template(&self, tenant: &TenantId, template: Template) -> Result<Template, PutError> {
        let errors = check_template(&template, &self.flow.limits).await;
        if !errors.is_empty() {
            return Err(PutError::Invalid(errors));
        }
        let name = template.name.clone();
        let version = self.flow.store.put_template(tenant, template.clone()).await?;
        self.flow.templates.forget_newest(tenant, &name);
        Ok(Template { version, ..template })
    }

    /// A version of a template, or the newest.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn template(
        &self,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Template>, StoreError> {
        self.flow.store.template(tenant, name, version).await
    }

    /// The newest version of each template, by name: at most `limit`, those whose names come after `after`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn templates(
        &self,
        tenant: &TenantId,
        after: Option<&TemplateName>,
        limit: usize,
    ) -> Result<Vec<Template>, StoreError> {
        self.flow.store.templates(tenant, after, limit).await
    }

    /// What the user database says about a recipient; `None` when it knows none, or when there is no user database.
    ///
    /// # Errors
    /// When the user database does not answer usefully.
    pub async fn recipient(&self, tenant: &TenantId, id: &RecipientId) -> Result<Option<Recipient>, LookupError> {
        match &self.flow.directory {
            Some(directory) => directory.recipient(tenant, id).await,
            None => Ok(None),
        }
    }

    /// What the catalog says about a subject; `None` when it knows none, or when there is no catalog.
    ///
    /// # Errors
    /// When the catalog does not answer usefully.
    pub async fn subject(&self, tenant: &TenantId, id: &SubjectId) -> Result<Option<Subject>, LookupError> {
        match &self.flow.catalog {
            Some(catalog) => catalog.subject(tenant, id).await,
            None => Ok(None),
        }
    }

    /// The message of a delivery as it would go out now. Sends nothing.
    ///
    /// # Errors
    /// When there is no such delivery, or no message could be made of it.
    pub async fn preview(&self, tenant: &TenantId, id: DeliveryId) -> Result<MessageContent, PreviewError> {
        self.flow.preview(tenant, id).await
    }

    /// The message of the last attempt of a delivery. Its words are not kept, only their hash: `None` when they cannot be made
    /// again, or come out differently. Address and sender are those of now; those of then are in the [`Attempt`].
    ///
    /// # Errors
    /// When the store fails.
    pub async fn attempted(&self, delivery: &Delivery) -> Result<Option<MessageContent>, StoreError> {
        let Some(Attempt { content_sha256, .. }) = &delivery.last_attempt else { return Ok(None) };
        match self.preview(&delivery.tenant, delivery.id).await {
            Ok(content) => Ok(Some(content).filter(|content| hash(content) == *content_sha256)),
            Err(PreviewError::Store(error)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The channels that can be used: those with a route.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        self.flow.routes.by_channel.keys().copied().collect()
    }

    /// The configured providers, by name.
    #[must_use]
    pub fn providers(&self) -> Vec<ProviderStatus> {
        let routed = |name: &ProviderName| {
            let routes = self.flow.routes.by_channel.iter();
            routes.filter(|(_, provider)| *provider == name).map(|(channel, _)| *channel).collect()
        };
        let providers = self.flow.providers.iter();
        providers
            .map(|(name, provider)| ProviderStatus {
                name: name.clone(),
                description: provider.provider.describe().clone(),
                routed: routed(name),
            })
            .collect()
    }

    /// Whether the engine can still make promises: it is not stopping, and the store works.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn check(&self) -> Result<(), StoreError> {
        if self.flow.signals.is_stopping() {
            return Err(StoreError::Closed);
        }
        self.flow.store.check().await
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.flow.limits
    }

    /// From now on nothing more is accepted or started; what is in flight goes on, and everything can still be read. For an
    /// application that has more to end than this, before it calls [`Self::shutdown`].
    pub fn stop(&self) {
        self.flow.signals.enter(Stage::Stopping);
    }

    /// Accepts and starts nothing more, waits for what is in flight, at most `deadline`, and closes the store.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub async fn shutdown(mut self, deadline: Duration) -> Result<ShutdownReport, StoreError> {
        self.stop();
        let flow = Arc::clone(&self.flow);
        let ends_at = after(flow.clock.now(), deadline);
        for task in std::mem::take(&mut self.tasks) {
            // The loops end on the signal; a loop that died has nothing left to end.
            let _ = within(&*flow.clock, deadline, task).await;
        }
        let everything = u32::try_from(flow.options.in_flight_max).unwrap_or(u32::MAX);
        let left = Duration::try_from(flow.clock.now().duration_until(ends_at)).unwrap_or_default();
        let drained = within(&*flow.clock, left, flow.signals.in_flight.acquire_many(everything)).await.is_ok();
        flow.store.close().await?;
        Ok(ShutdownReport { drained })
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        self.flow.signals.enter(Stage::Abandoned);
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Checks every part in every locale, and the names of the variables.
async fn check_template(template: &Template, limits: &Limits) -> Vec<FieldError> {
    if template.locales.len() > limits.locales_max {
        return vec![FieldError::new("locales", format!("at most {} locales", limits.locales_max))];
    }
    let mut errors = Compiled::new(&template.content, "", limits).err().unwrap_or_default();
    for (locale, content) in &template.locales {
        // Each may take as long as a source of the largest size: others get their turn in between.
        tokio::task::yield_now().await;
        let path = format!("locales.{locale}");
        errors.extend(Compiled::new(content, &path, limits).err().unwrap_or_default());
    }
    if Channel::ALL.iter().all(|channel| !template.content.has(*channel)) {
        errors.push(FieldError::new("", "a template needs words for at least one channel"));
    }
    let (declared, declared_max) = (template.variables.len(), limits.variables_items_max);
    if declared > declared_max {
        errors.push(FieldError::new("variables", format!("{declared} variables; at most {declared_max}")));
    }
    for name in template.variables.keys().take(declared_max) {
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_plain || name.is_empty() || name.len() > 64 || name.starts_with(|c: char| c.is_ascii_digit()) {
            errors.push(FieldError::new(
                format!("variables.{}", name.chars().filter(|c| !c.is_control()).take(64).collect::<String>()),
                "a variable's name has 1 to 64 letters, digits or `_`, and does not start with a digit",
            ));
        }
        if crate::domain::notification::RESERVED_VARIABLES.contains(&name.as_str()) {
            errors.push(FieldError::new(format!("variables.{name}"), "this name is filled in by the engine"));
        }
    }
    errors
}
