//! Templates, parsed once: neither a stored version nor the words of a request ever change, so the parsed form can be
//! kept.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::{Cache, CacheBuilder};
use ring::digest::{Context, SHA256};

use crate::domain::channel::Channel;
use crate::domain::id::{TemplateName, TenantId};
use crate::domain::limits::Limits;
use crate::domain::recipient::Locale;
use crate::domain::request::FieldError;
use crate::domain::template::{Compiled, Content, Template};
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
            problem: errors.into_iter().map(|error: FieldError| error.to_string()).collect(),
        };
        let default = Compiled::new(&template.content, "", limits).map_err(damaged)?;
        let mut locales = BTreeMap::new();
        for (locale, content) in &template.locales {
            locales.insert(locale.clone(), Compiled::new(content, "", limits).map_err(damaged)?);
        }
        Ok(Self { template, default, locales })
    }

    fn source_bytes(&self) -> usize {
        let locales = self.template.locales.values().map(source_bytes).sum::<usize>();
        source_bytes(&self.template.content) + locales
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

/// Parsed templates: by version, by name, and the words of requests by their SHA-256.
pub(crate) struct Templates {
    versions: Cache<Versioned, Arc<Ready>>,
    newest: Cache<Newest, Arc<Ready>>,
    inline: Cache<[u8; 32], Inline>,
}

#[derive(Clone)]
struct Inline {
    compiled: Arc<Compiled>,
    source_bytes: usize,
}

/// How long a new version may go unnoticed by other processes; this one notices at once.
const NEWEST_TIME_TO_LIVE: Duration = Duration::from_secs(1);
/// Bytes of sources whose parsed form is kept, in each of the caches. That form takes several times as much.
const SOURCE_BYTES_KEPT_MAX: u64 = 4 * 1024 * 1024;
/// What counts for every entry, however short.
const ENTRY_BYTES: usize = 512;

impl Templates {
    pub(crate) fn new() -> Self {
        let of_a_template = |ready: &Arc<Ready>| ready.source_bytes();
        Self {
            versions: weighing(of_a_template).build(),
            newest: weighing(of_a_template).time_to_live(NEWEST_TIME_TO_LIVE).build(),
            inline: weighing(|inline: &Inline| inline.source_bytes).build(),
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

    /// The words of a request, parsed. Requests of one campaign share theirs.
    ///
    /// # Errors
    /// One for each part that is not a valid template.
    pub(crate) fn inline(&self, content: &Content, limits: &Limits) -> Result<Arc<Compiled>, Vec<FieldError>> {
        let key = hash(content);
        if let Some(kept) = self.inline.get(&key) {
            return Ok(kept.compiled);
        }
        let compiled = Arc::new(Compiled::new(content, "content", limits)?);
        let source_bytes = source_bytes(content);
        self.inline.insert(key, Inline { compiled: Arc::clone(&compiled), source_bytes });
        Ok(compiled)
    }

    /// Forgets which version is the newest.
    pub(crate) fn forget_newest(&self, tenant: &TenantId, name: &TemplateName) {
        self.newest.invalidate(&(tenant.clone(), name.clone()));
    }
}

/// A cache that is full when the sources of what is in it have so many bytes.
fn weighing<K, V>(source_bytes: fn(&V) -> usize) -> CacheBuilder<K, V, Cache<K, V>>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(SOURCE_BYTES_KEPT_MAX)
        .weigher(move |_, kept| u32::try_from(source_bytes(kept) + ENTRY_BYTES).unwrap_or(u32::MAX))
}

fn source_bytes(content: &Content) -> usize {
    parts(content).into_iter().flatten().map(str::len).sum()
}

/// The data of a push message comes last: of all others it is known how many they are.
fn parts(content: &Content) -> Vec<Option<&str>> {
    let Content { email, sms, push, chat, webhook } = content;
    let mut parts = vec![
        email.as_ref().map(|email| email.subject.as_str()),
        email.as_ref().and_then(|email| email.text.as_deref()),
        email.as_ref().and_then(|email| email.html.as_deref()),
        sms.as_ref().map(|sms| sms.text.as_str()),
        push.as_ref().map(|push| push.title.as_str()),
        push.as_ref().map(|push| push.body.as_str()),
        chat.as_ref().map(|chat| chat.text.as_str()),
        chat.as_ref().and_then(|chat| chat.layout.as_deref()),
        webhook.as_ref().map(|webhook| webhook.kind.as_str()),
        webhook.as_ref().map(|webhook| webhook.payload.as_str()),
    ];
    let data = push.iter().flat_map(|push| &push.data);
    parts.extend(data.flat_map(|(name, value)| [Some(name.as_str()), Some(value.as_str())]));
    parts
}

/// SHA-256 over every part, each with whether it is there and its length.
fn hash(content: &Content) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in parts(content) {
        context.update(&part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        context.update(part.unwrap_or_default().as_bytes());
    }
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::template::{ChatSource, EmailSource, PushSource, SmsSource, WebhookSource};

    #[test]
    fn words_that_differ_anywhere_are_parsed_on_their_own() {
        let email = |subject: &str, text: Option<&str>, html: Option<&str>| {
            let (text, html) = (text.map(str::to_owned), html.map(str::to_owned));
            Content { email: Some(EmailSource { subject: subject.into(), text, html }), ..Content::default() }
        };
        let sms = |text: &str| Content { sms: Some(SmsSource { text: text.into() }), ..Content::default() };
        let push = |title: &str, body: &str, data: &[(&str, &str)]| {
            let data = data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let push = PushSource { title: title.into(), body: body.into(), data };
            Content { push: Some(push), ..Content::default() }
        };
        let chat = |text: &str, layout: Option<&str>| {
            let chat = ChatSource { text: text.into(), layout: layout.map(str::to_owned) };
            Content { chat: Some(chat), ..Content::default() }
        };
        let webhook = |kind: &str, payload: &str| {
            let webhook = WebhookSource { kind: kind.into(), payload: payload.into() };
            Content { webhook: Some(webhook), ..Content::default() }
        };
        let all = [
            email("a", None, None),
            email("", Some("a"), None),
            email("", None, Some("a")),
            email("a", Some(""), None),
            email("a", None, Some("")),
            sms("a"),
            sms(""),
            push("a", "", &[]),
            push("", "a", &[]),
            push("", "", &[("a", "")]),
            push("", "", &[("", "a")]),
            push("", "", &[("a", ""), ("b", "")]),
            chat("a", None),
            chat("", Some("a")),
            chat("a", Some("")),
            webhook("a", ""),
            webhook("", "a"),
            Content::default(),
        ];
        let hashes: std::collections::BTreeSet<_> = all.iter().map(hash).collect();
        assert_eq!(hashes.len(), all.len());
    }

    #[test]
    fn the_same_words_are_parsed_once_and_bad_ones_are_never_kept() {
        let templates = Templates::new();
        let limits = Limits::default();
        let content = |text: &str| Content { sms: Some(SmsSource { text: text.into() }), ..Content::default() };
        let first = templates.inline(&content("{{a}}"), &limits).unwrap();
        assert!(Arc::ptr_eq(&first, &templates.inline(&content("{{a}}"), &limits).unwrap()));
        assert!(!Arc::ptr_eq(&first, &templates.inline(&content("{{b}}"), &limits).unwrap()));
        for _ in 0..2 {
            assert!(templates.inline(&content("{{#if}"), &limits).is_err());
        }
    }
}
