//! What is kept beside notifications: preferences, templates, and addresses that nothing may be sent to.

use super::Notifier;
use crate::domain::channel::Channel;
use crate::domain::id::{RecipientId, TemplateName, TenantId};
use crate::domain::limits::Limits;
use crate::domain::preference::Preferences;
use crate::domain::recipient::{ChatId, EmailAddress, PhoneNumber, PushToken, WebhookUrl};
use crate::domain::request::{FieldError, check_json};
use crate::domain::suppression::{Suppression, SuppressionCause, normalized};
use crate::domain::template::{Compiled, Template};
use crate::error::PutError;
use crate::ports::store::StoreError;

impl Notifier {
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

    /// Puts an address on the list of those that nothing may be sent to, by hand.
    ///
    /// # Errors
    /// [`PutError::Invalid`] when it is no address of that channel.
    pub async fn suppress(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
        note: &str,
    ) -> Result<Suppression, PutError> {
        let address = read_address(channel, address)?;
        if note.chars().count() > 500 || note.chars().any(char::is_control) {
            let problem = "at most 500 characters, without line breaks";
            return Err(PutError::Invalid(vec![FieldError::new("note", problem)]));
        }
        let suppression = Suppression {
            tenant: tenant.clone(),
            channel,
            address,
            cause: SuppressionCause::Manual,
            note: note.to_owned(),
            provider: None,
            delivery: None,
            created_at: self.flow.clock.now(),
        };
        self.flow.store.put_suppression(suppression.clone()).await?;
        Ok(suppression)
    }

    /// Why nothing may be sent to an address; `None` when something may.
    ///
    /// # Errors
    /// [`PutError::Invalid`] when it is no address of that channel.
    pub async fn suppression(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<Option<Suppression>, PutError> {
        let address = read_address(channel, address)?;
        Ok(self.flow.store.suppression(tenant, channel, &address).await?)
    }

    /// Allows an address again; whether it was on the list. A vendor may have a list of its own.
    ///
    /// # Errors
    /// [`PutError::Invalid`] when it is no address of that channel.
    pub async fn allow(&self, tenant: &TenantId, channel: Channel, address: &str) -> Result<bool, PutError> {
        let address = read_address(channel, address)?;
        Ok(self.flow.store.remove_suppression(tenant, channel, &address).await?)
    }

    /// Addresses that nothing may be sent to, by channel and address: at most `limit`, those after `after`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn suppressions(
        &self,
        tenant: &TenantId,
        after: Option<(Channel, &str)>,
        limit: usize,
    ) -> Result<Vec<Suppression>, StoreError> {
        self.flow.store.suppressions(tenant, after, limit).await
    }
}

fn read_address(channel: Channel, address: &str) -> Result<String, PutError> {
    let read = match channel {
        Channel::Email => EmailAddress::parse(address).map(|address| address.as_str().to_owned()),
        Channel::Sms => PhoneNumber::parse(address).map(|number| number.as_str().to_owned()),
        Channel::Push => PushToken::parse(address).map(|token| token.as_str().to_owned()),
        Channel::Chat => ChatId::parse(address).map(|id| id.as_str().to_owned()),
        Channel::Webhook => WebhookUrl::parse(address).map(|url| url.as_str().to_owned()),
    };
    let read = read.map_err(|error| PutError::Invalid(vec![FieldError::new("address", error.problem)]))?;
    Ok(normalized(channel, &read))
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
