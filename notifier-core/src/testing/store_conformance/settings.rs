//! Preferences and templates.

use std::sync::Arc;

use serde_json::json;

use super::sample::content;
use crate::domain::channel::Channel;
use crate::domain::id::{RecipientId, TemplateName, TenantId};
use crate::domain::preference::Preferences;
use crate::domain::recipient::Locale;
use crate::domain::template::{Template, Variable, VariableKind};
use crate::ports::store::Store;

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn recipient(id: &str) -> RecipientId {
    RecipientId::new(id).unwrap()
}

fn preferences(sms: bool, district: &str) -> Preferences {
    Preferences {
        channels: [(Channel::Sms, sms)].into(),
        interests: [("districts".to_owned(), json!([district]))].into_iter().collect(),
    }
}

fn template(name: &str, text: &str) -> Template {
    Template {
        name: TemplateName::new(name).unwrap(),
        version: 99,
        content: content(text),
        locales: [(Locale::parse("pt-BR").unwrap(), content("olá"))].into(),
        variables: [("amount".to_owned(), Variable { kind: VariableKind::Number, required: true })].into(),
    }
}

/// The last word counts.
pub async fn preferences_are_replaced_as_a_whole(store: Arc<dyn Store>) {
    let (tenant, ada) = (tenant("t"), recipient("ada"));
    assert_eq!(store.preferences(&tenant, &ada).await.unwrap(), None);
    let first = preferences(false, "north");
    store.put_preferences(&tenant, &ada, first.clone()).await.unwrap();
    assert_eq!(store.preferences(&tenant, &ada).await.unwrap(), Some(first));
    let second = Preferences { channels: [(Channel::Email, true)].into(), ..Preferences::default() };
    store.put_preferences(&tenant, &ada, second.clone()).await.unwrap();
    assert_eq!(store.preferences(&tenant, &ada).await.unwrap(), Some(second));
}

/// Identifiers that look alike when put side by side are different ones.
pub async fn preferences_belong_to_one_recipient_of_one_tenant(store: Arc<dyn Store>) {
    let people = [("t", "ada"), ("t", "ad"), ("ta", "da"), ("t", "zoë 🏠"), ("u", "ada")];
    for (owner, id) in people {
        store
            .put_preferences(&tenant(owner), &recipient(id), preferences(true, &format!("{owner}/{id}")))
            .await
            .unwrap();
    }
    for (owner, id) in people {
        let found = store.preferences(&tenant(owner), &recipient(id)).await.unwrap();
        assert_eq!(found, Some(preferences(true, &format!("{owner}/{id}"))), "{owner} {id}");
    }
}

/// Versions count from 1 for each name, never change, and the newest is the default.
pub async fn templates_get_versions(store: Arc<dyn Store>) {
    let tenant = tenant("t");
    let name = TemplateName::new("rent").unwrap();
    assert_eq!(store.template(&tenant, &name, None).await.unwrap(), None);
    for (version, text) in (1..).zip(["one", "two", "three"]) {
        assert_eq!(store.put_template(&tenant, template("rent", text)).await.unwrap(), version);
    }
    assert_eq!(store.put_template(&tenant, template("rent-2", "one")).await.unwrap(), 1);
    for (version, text) in (1..).zip(["one", "two", "three"]) {
        let expected = Template { version, ..template("rent", text) };
        assert_eq!(store.template(&tenant, &name, Some(version)).await.unwrap(), Some(expected));
    }
    let newest = Template { version: 3, ..template("rent", "three") };
    assert_eq!(store.template(&tenant, &name, None).await.unwrap(), Some(newest));
    assert_eq!(store.template(&tenant, &name, Some(4)).await.unwrap(), None);
    assert_eq!(store.template(&tenant, &name, Some(0)).await.unwrap(), None);
    assert_eq!(store.template(&TenantId::unnamed(), &name, None).await.unwrap(), None);
}

/// Equal to the newest: same version. Equal to an older one: a new version.
pub async fn an_equal_template_is_not_stored_again(store: Arc<dyn Store>) {
    let tenant = tenant("t");
    for (text, expected) in [("one", 1), ("one", 1), ("two", 2), ("two", 2), ("one", 3)] {
        assert_eq!(store.put_template(&tenant, template("rent", text)).await.unwrap(), expected, "{text}");
    }
}

/// The newest of each, of this tenant only.
pub async fn templates_are_listed_by_name(store: Arc<dyn Store>) {
    let (here, elsewhere) = (tenant("t"), tenant("u"));
    for name in ["b", "a-b", "a", "c"] {
        store.put_template(&here, template(name, "one")).await.unwrap();
    }
    store.put_template(&here, template("a", "two")).await.unwrap();
    store.put_template(&elsewhere, template("z", "one")).await.unwrap();
    let all = [("a", 2), ("a-b", 1), ("b", 1), ("c", 1)];
    for (after, limit, expected) in [
        (None, 99, &all[..]),
        (None, 4, &all[..]),
        (None, 2, &all[..2]),
        (Some("a-b"), 99, &all[2..]),
        (Some("a"), 2, &all[1..3]),
        (Some("aa"), 1, &all[2..3]),
        (Some("c"), 99, &[]),
    ] {
        let after = after.map(|name| TemplateName::new(name).unwrap());
        let listed = store.templates(&here, after.as_ref(), limit).await.unwrap();
        let listed: Vec<_> = listed.iter().map(|template| (template.name.as_str(), template.version)).collect();
        assert_eq!(listed, expected, "{limit} after {after:?}");
    }
    assert_eq!(store.templates(&tenant("nobody"), None, 99).await.unwrap(), []);
}
