//! What an application allows its providers: checked before anything is started, with the limits of the configuration file.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::setting;
use crate::domain::health::HealthPolicy;
use crate::domain::id::ProviderName;
use crate::domain::retry::RetryPolicy;
use crate::error::StartError;
use crate::flow::connected::ProviderPolicy;
#[cfg(feature = "wasm")]
use crate::plugin::Plugin;
use crate::ports::provider::Provider;

/// The plugins with as many places as their policies give them. What else is wrong with a policy is told later.
#[cfg(feature = "wasm")]
pub(super) fn with_places(
    plugins: Vec<(String, Plugin)>,
    policies: &[(String, ProviderPolicy)],
) -> Result<Vec<(String, Plugin)>, StartError> {
    let told = |name: &str| policies.iter().rfind(|(other, _)| other == name)?.1.concurrent_calls_max;
    let told: Vec<_> = plugins.iter().map(|(name, _)| told(name)).collect();
    let places =
        crate::plugin::places(&told).map_err(|problem| setting("providers.*.limits.concurrent_calls_max", problem))?;
    Ok(plugins.into_iter().zip(places).map(|((name, plugin), places)| (name, plugin.places(places))).collect())
}

/// The policies by provider. Each is for a provider that there is, and can be worked with.
pub(super) fn read_policies(
    policies: Vec<(String, ProviderPolicy)>,
    providers: &BTreeMap<ProviderName, Arc<dyn Provider>>,
) -> Result<BTreeMap<ProviderName, ProviderPolicy>, StartError> {
    let mut read = BTreeMap::new();
    for (name, policy) in policies {
        let path = format!("providers.{name}");
        let known = ProviderName::new(name.as_str()).ok().filter(|name| providers.contains_key(name));
        let Some(known) = known else { return Err(setting(path, "there is no such provider")) };
        check_policy(&path, &policy)?;
        read.insert(known, policy);
    }
    Ok(read)
}

fn check_policy(path: &str, policy: &ProviderPolicy) -> Result<(), StartError> {
    if policy.concurrent_calls_max == Some(0) || policy.calls_per_day_max == Some(0) {
        return Err(setting(path, "a limit must be at least 1: leave a provider out of the routes to not call it"));
    }
    let limits = format!("{path}.limits");
    let calls_per_second_max = policy.calls_per_second_max.map_or(1, NonZeroU32::get);
    within(&limits, "concurrent_calls_max", policy.concurrent_calls_max.unwrap_or(1), 1..=100_000)?;
    within(&limits, "calls_per_second_max", calls_per_second_max, 1..=1_000_000)?;
    within(&limits, "calls_per_day_max", policy.calls_per_day_max.unwrap_or(1), 1..=1_000_000_000_000)?;
    if let Some(retry) = &policy.retry {
        check_retry(&format!("{path}.retry"), retry)?;
    }
    check_health(&format!("{path}.health"), &policy.health)
}

fn check_retry(path: &str, retry: &RetryPolicy) -> Result<(), StartError> {
    within(path, "attempts_max", retry.attempts_max, 1..=1_000)?;
    within(path, "delay_min_ms", retry.delay_min_ms, 1..=3_600_000)?;
    within(path, "delay_base_ms", retry.delay_base_ms, 1..=86_400_000)?;
    within(path, "delay_max_ms", retry.delay_max_ms, 1..=604_800_000)?;
    within(path, "retry_after_max_ms", retry.retry_after_max_ms, 0..=604_800_000)
}

fn check_health(path: &str, health: &HealthPolicy) -> Result<(), StartError> {
    within(path, "window_s", health.window_s, 1..=3_600)?;
    within(path, "calls_min", health.calls_min, 1..=1_000_000)?;
    within(path, "failures_in_row_max", health.failures_in_row_max, 1..=1_000_000)?;
    within(path, "open_at_percent", health.open_at_percent, 1..=100)?;
    within(path, "shift_at_percent", health.shift_at_percent, 1..=100)?;
    within(path, "slow_ms", health.slow_ms, 1..=600_000)?;
    within(path, "open_min_ms", health.open_min_ms, 100..=86_400_000)?;
    within(path, "open_max_ms", health.open_max_ms, health.open_min_ms..=86_400_000)?;
    within(path, "probes", health.probes, 1..=1_000)?;
    within(path, "rest_max_ms", health.rest_max_ms, 0..=86_400_000)
}

fn within<T: PartialOrd + Display>(
    path: &str,
    field: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), StartError> {
    if range.contains(&value) {
        return Ok(());
    }
    let problem = format!("must be {} to {}, not {value}", range.start(), range.end());
    Err(setting(format!("{path}.{field}"), problem))
}
