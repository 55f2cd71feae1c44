//! Templates, parsed once: a stored version never changes, so its parsed form can be kept.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::domain::channel::Channel;
use crate::domain::id::{TemplateName, TenantId};
use crate::domain::limits::Limits;
use crate::domain::recipient::Locale;
use crate::domain::template::{Compiled, Template};
use crate::ports::store::{Store, StoreError};

/// A stored template and its parsed sources.
pub(crate) struct Ready {
    pub(crate) template: Template,
    default: Compiled,
    locales: BTreeMap<Locale, Compiled>,
}

impl Ready {
    fn new(template: Template, limits: &Limits) -> Result<Self, StoreError> {
        let damaged = |errors: Vec<_>| StoreError::Damaged {
            key: format!("template {} v{}", template.name, template.version),
            problem: errors.into_iter().map(|e: crate::domain::request::FieldError| e.to_string()).collect(),
        };
        let default = Compiled::new(&template.content, "", limits).map_err(damaged)?;
        let mut locales = BTreeMap::new();
        for (locale, content) in &template.locales {
            locales.insert(locale.clone(), Compiled::new(content, "", limits).map_err(damaged)?);
        }
        Ok(Self { template, default, locales })
    }

    /// The sources for a reader of that locale, and a name for them.
    pub(crate) fn pick(&self, locale: Option<&Locale>, channel: Channel) -> (String, &Compiled) {
        let Template { name, version, .. } = &self.template;
        let (found, _) = self.template.content_for(locale, channel);
        match found.and_then(|locale| Some((self.locales.get(&locale)?, locale))) {
            Some((compiled, locale)) => (format!("{name} v{version} ({locale})"), compiled),
            None => (format!("{name} v{version}"), &self.default),
        }
    }
}

type Versioned = (TenantId, TemplateName, u32);
type Newest = (TenantId, TemplateName);

/// Parsed templates, by version and by name.
pub(crate) struct Templates {
    versions: Cache<Versioned, Arc<Ready>>,
    newest: Cache<Newest, Arc<Ready>>,
}

/// How long a new version may go unnoticed by other processes; this one notices at once.
const NEWEST_TIME_TO_LIVE: Duration = Duration::from_secs(1);
const TEMPLATES_KEPT_MAX: u64 = 1_000;

impl Templates {
    pub(crate) fn new() -> Self {
        Self {
            versions: Cache::new(TEMPLATES_KEPT_MAX),
            newest: Cache::builder().max_capacity(TEMPLATES_KEPT_MAX).time_to_live(NEWEST_TIME_TO_LIVE).build(),
        }
    }

    /// The template, parsed; `None` when there is none of that name or version.
    pub(crate) async fn find(
        &self,
        store: &dyn Store,
        limits: &Limits,
        tenant: &TenantId,
        name: &TemplateName,
        version: Option<u32>,
    ) -> Result<Option<Arc<Ready>>, StoreError> {
        let newest_key = (tenant.clone(), name.clone());
        let kept = match version {
            Some(version) => self.versions.get(&(tenant.clone(), name.clone(), version)),
            None => self.newest.get(&newest_key),
        };
        if kept.is_some() {
            return Ok(kept);
        }
        let Some(template) = store.template(tenant, name, version).await? else { return Ok(None) };
        let key = (tenant.clone(), name.clone(), template.version);
        let ready = match self.versions.get(&key) {
            Some(ready) => ready,
            None => Arc::new(Ready::new(template, limits)?),
        };
        self.versions.insert(key, Arc::clone(&ready));
        if version.is_none() {
            self.newest.insert(newest_key, Arc::clone(&ready));
        }
        Ok(Some(ready))
    }

    /// Forgets which version is the newest.
    pub(crate) fn forget_newest(&self, tenant: &TenantId, name: &TemplateName) {
        self.newest.invalidate(&(tenant.clone(), name.clone()));
    }
}
