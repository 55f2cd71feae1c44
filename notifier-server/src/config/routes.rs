//! Which provider sends what: `[routes]` and `[[route]]`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use notifier_core::{Chain, Channel, ProviderName, Route, TenantId};

use super::ProviderSettings;
use super::reader::Section;

/// Reads `[routes]`.
pub(super) fn read_routes(
    mut section: Section<'_>,
    providers: &BTreeMap<String, ProviderSettings>,
) -> BTreeMap<Channel, String> {
    let mut routes = BTreeMap::new();
    for (name, provider) in section.texts() {
        match name.parse::<Channel>() {
            Err(error) => section.refuse(&name, error.to_string()),
            Ok(_) if !providers.contains_key(&provider) => section.refuse(&name, no_provider(&provider)),
            Ok(channel) => {
                routes.insert(channel, provider);
            }
        }
    }
    routes
}

/// Reads every `[[route]]`, in order. What a route may not say of its providers, the engine tells.
pub(super) fn read_special_routes(
    sections: Vec<Section<'_>>,
    providers: &BTreeMap<String, ProviderSettings>,
) -> Vec<Route> {
    sections.into_iter().filter_map(|section| read_special_route(section, providers)).collect()
}

fn read_special_route(mut section: Section<'_>, providers: &BTreeMap<String, ProviderSettings>) -> Option<Route> {
    let channel = section.text("channel");
    let channel = if channel.is_empty() { None } else { parsed(&section, "channel", &channel) };
    let tenant = section.optional_text("tenant").and_then(|text| parsed(&section, "tenant", &text));
    if tenant.as_ref().is_some_and(|tenant: &TenantId| *tenant != TenantId::unnamed()) {
        // It would never fit, and what it was written for would go another way without a word.
        let problem = "everything that comes over HTTP belongs to the tenant `default`";
        section.refuse("tenant", problem);
    }
    let category = section.optional_text("category").and_then(|text| parsed(&section, "category", &text));
    let prefix = section.optional_text("prefix");
    let names = section.optional_list("providers");
    let weights = section.optional_section("weights").map(Section::numbers);
    let chain = match (names, weights) {
        (Some(names), None) => {
            let named = |name: String| known(&section, "providers", &name, providers);
            names.into_iter().map(named).collect::<Option<_>>().map(Chain::Ordered)
        }
        (None, Some(weights)) => {
            let weighted =
                |(name, weight): (String, u32)| Some((known(&section, "weights", &name, providers)?, weight));
            weights.and_then(|weights| weights.into_iter().map(weighted).collect::<Option<_>>()).map(Chain::Weighted)
        }
        (Some(_), Some(_)) => {
            section.refuse("weights", "give either `providers` (in order) or `weights`, not both");
            None
        }
        (None, None) => {
            section.refuse("providers", "give `providers` (in order) or `weights`");
            None
        }
    };
    section.finish();
    Some(Route { tenant, category, prefix, ..Route::of(channel?, chain?) })
}

fn parsed<T: FromStr<Err: Display>>(section: &Section<'_>, key: &str, text: &str) -> Option<T> {
    text.parse().map_err(|error: T::Err| section.refuse(key, error.to_string())).ok()
}

fn known(
    section: &Section<'_>,
    key: &str,
    name: &str,
    providers: &BTreeMap<String, ProviderSettings>,
) -> Option<ProviderName> {
    if !providers.contains_key(name) {
        section.refuse(key, no_provider(name));
        return None;
    }
    parsed(section, key, name)
}

fn no_provider(name: &str) -> String {
    format!("there is no provider `{name}`: add a section [providers.{name}]")
}
