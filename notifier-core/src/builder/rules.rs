//! What kinds of messages there are and which way they go: checked before anything is accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::setting;
use crate::domain::category::Category;
use crate::domain::channel::Channel;
use crate::domain::id::{CategoryName, ProviderName};
use crate::domain::route::{Chain, Route, Routes};
use crate::error::StartError;
use crate::ports::provider::Provider;

/// The categories by name, the unnamed one among them.
pub(super) fn read_categories(
    all: Vec<Category>,
    routes: &Routes,
) -> Result<BTreeMap<CategoryName, Category>, StartError> {
    let mut categories = BTreeMap::from([(CategoryName::unnamed(), Category::default())]);
    for category in all {
        let mut seen = BTreeSet::new();
        if let Some(twice) = category.channels.iter().find(|channel| !seen.insert(**channel)) {
            return Err(setting(format!("categories.{}.channels", category.name), format!("names {twice} twice")));
        }
        categories.insert(category.name.clone(), category);
    }
    for (index, route) in routes.0.iter().enumerate() {
        if let Some(category) = route.category.as_ref().filter(|category| !categories.contains_key(*category)) {
            return Err(setting(format!("route[{index}]"), format!("there is no category `{category}`")));
        }
    }
    Ok(categories)
}

/// The routes, those for single deliveries first.
pub(super) fn read_routes(
    mut routes: Vec<Route>,
    last: Vec<(Channel, String)>,
    providers: &BTreeMap<ProviderName, Arc<dyn Provider>>,
) -> Result<Routes, StartError> {
    for (index, route) in routes.iter().enumerate() {
        check_route(&format!("route[{index}]"), route, providers)?;
    }
    let mut seen = BTreeSet::new();
    for (channel, name) in last {
        let path = format!("routes.{channel}");
        let no_such = || setting(path.as_str(), format!("there is no provider `{name}`"));
        let provider = ProviderName::new(name.as_str()).map_err(|_| no_such())?;
        let route = Route::of(channel, Chain::Ordered(vec![provider]));
        check_route(&path, &route, providers)?;
        if !seen.insert(channel) {
            return Err(setting(path, "is configured twice"));
        }
        routes.push(route);
    }
    Ok(Routes(routes))
}

fn check_route(
    path: &str,
    route: &Route,
    providers: &BTreeMap<ProviderName, Arc<dyn Provider>>,
) -> Result<(), StartError> {
    let mut seen = BTreeSet::new();
    for name in route.chain.providers() {
        let Some(provider) = providers.get(name) else {
            return Err(setting(path, format!("there is no provider `{name}`")));
        };
        if !provider.describe().channels.contains(&route.channel) {
            return Err(setting(path, format!("provider `{name}` does not serve {}", route.channel)));
        }
        if !seen.insert(name) {
            return Err(setting(path, format!("names provider `{name}` twice")));
        }
    }
    if seen.is_empty() {
        return Err(setting(path, "names no provider"));
    }
    if let Chain::Weighted(weighted) = &route.chain
        && weighted.iter().any(|(_, weight)| !(1..=1_000).contains(weight))
    {
        return Err(setting(path, "a weight must be 1 to 1000"));
    }
    let is_prefix = |prefix: &str| {
        prefix.strip_prefix('+').is_some_and(|digits| {
            (1..=14).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
        })
    };
    match &route.prefix {
        Some(_) if route.channel != Channel::Sms => {
            Err(setting(path, "a prefix is for phone numbers: use it with `sms`"))
        }
        Some(prefix) if !is_prefix(prefix) => Err(setting(path, "a prefix is `+` and 1 to 14 digits, as `+44`")),
        _ => Ok(()),
    }
}
