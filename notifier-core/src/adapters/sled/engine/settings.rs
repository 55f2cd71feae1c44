//! Preferences, templates, suppressions, and how providers are.

use super::Engine;
use crate::adapters::sled::envelope::Record;
use crate::adapters::sled::keys;
use crate::adapters::sled::records::{PreferencesRecord, ProviderStateRecord, SuppressionRecord, TemplateRecord};
use crate::adapters::sled::stored::{Size, Source, Trouble, measure, understood};
use crate::domain::channel::Channel;
use crate::domain::id::{RecipientId, TenantId};
use crate::domain::preference::Preferences;
use crate::domain::suppression::Suppression;
use crate::domain::template::Template;
use crate::ports::store::ProviderState;

impl Engine {
    pub(in crate::adapters::sled) fn put_preferences(
        &mut self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: &Preferences,
    ) -> Result<(), Trouble> {
        self.replace_record(&keys::preferences(tenant, recipient), &PreferencesRecord::from(preferences))
    }

    pub(in crate::adapters::sled) fn put_suppression(&mut self, suppression: &Suppression) -> Result<(), Trouble> {
        let key = keys::suppression(&suppression.tenant, suppression.channel, &suppression.address);
        self.suppressed.add(&key);
        self.replace_record(&key, &SuppressionRecord::from(suppression))
    }

    pub(in crate::adapters::sled) fn remove_suppression(
        &mut self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Result<bool, Trouble> {
        let key = keys::suppression(tenant, channel, address);
        let is_listed = self.staging.value(&key)?.is_some();
        if is_listed {
            let size = measure(&self.staging, &key)?;
            self.staging.erase(&key, size);
        }
        Ok(is_listed)
    }

    pub(in crate::adapters::sled) fn put_provider_state(&mut self, state: &ProviderState) -> Result<(), Trouble> {
        self.replace_record(&keys::provider_state(&state.provider), &ProviderStateRecord::from(state))
    }

    /// Stores a record where another of its kind may be.
    fn replace_record<R: Record>(&mut self, key: &[u8], record: &R) -> Result<(), Trouble> {
        let previous = match self.fetch::<R>(key) {
            Ok(previous) => previous.map_or(Size::default(), |(_, size)| size),
            // What cannot be read can be replaced, but is kept.
            Err(Trouble::Damaged { problem, .. }) => {
                self.quarantine(key, &problem)?;
                measure(&self.staging, key)?
            }
            Err(trouble) => return Err(trouble),
        };
        self.staging.write(key, record, previous)
    }

    pub(in crate::adapters::sled) fn put_template(
        &mut self,
        tenant: &TenantId,
        template: Template,
    ) -> Result<u32, Trouble> {
        let newest = self.staging.scan(&keys::template_versions(tenant, &template.name))?.next_back().transpose()?;
        let mut version = 0;
        if let Some((key, _)) = newest {
            version = keys::template_version(&key).unwrap_or(0);
            let found = self.fetch::<TemplateRecord>(&key);
            let read = |(record, _)| understood(&key, Template::try_from(record));
            match found.and_then(|found| found.map(read).transpose()) {
                Ok(Some(newest)) if newest == (Template { version, ..template.clone() }) => return Ok(version),
                Ok(_) => {}
                Err(Trouble::Damaged { key, problem }) => self.quarantine(&key, &problem)?,
                Err(trouble) => return Err(trouble),
            }
        }
        let template = Template { version: version.saturating_add(1), ..template };
        let key = keys::template(tenant, &template.name, template.version);
        self.staging.write(&key, &TemplateRecord::from(&template), Size::default())?;
        Ok(template.version)
    }
}
