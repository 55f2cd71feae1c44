//! Preferences and templates.

use super::Engine;
use crate::adapters::sled::keys;
use crate::adapters::sled::records::{PreferencesRecord, TemplateRecord};
use crate::adapters::sled::stored::{Size, Trouble, measure, understood};
use crate::domain::id::{RecipientId, TenantId};
use crate::domain::preference::Preferences;
use crate::domain::template::Template;

impl Engine {
    pub(in crate::adapters::sled) fn put_preferences(
        &mut self,
        tenant: &TenantId,
        recipient: &RecipientId,
        preferences: &Preferences,
    ) -> Result<(), Trouble> {
        let key = keys::preferences(tenant, recipient);
        let previous = match self.fetch::<PreferencesRecord>(&key) {
            Ok(previous) => previous.map_or(Size::default(), |(_, size)| size),
            // What cannot be read can be replaced, but is kept.
            Err(Trouble::Damaged { problem, .. }) => {
                self.quarantine(&key, &problem)?;
                measure(&self.staging, &key)?
            }
            Err(trouble) => return Err(trouble),
        };
        self.staging.write(&key, &PreferencesRecord::from(preferences), previous)
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
