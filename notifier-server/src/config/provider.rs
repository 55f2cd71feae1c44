//! Who sends: `[providers.NAME]`, what it is allowed and how it is judged.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::Path;

use notifier_core::{HealthPolicy, ProviderPolicy};

use super::category::read_retry;
use super::reader::Section;
use super::sections::secret;
use super::smtp::read_smtp;
use super::{Component, ProviderSettings};
use crate::plugin_kit::Directory;

/// Reads the section of a provider.
pub(super) fn read_provider(mut section: Section<'_>, plugins_path: Option<&Path>) -> ProviderSettings {
    if let Some(smtp) = section.optional_section("smtp").map(read_smtp) {
        for key in ["plugin", "component", "sha256"] {
            if section.take(key).is_some() {
                section.refuse(
                    key,
                    "belongs to a plugin, and this is a mail server: give one of `plugin`, `component` and `smtp`",
                );
            }
        }
        let settings = ProviderSettings {
            component: Component::Smtp(Box::new(smtp)),
            settings: serde_json::json!({}),
            secrets: BTreeMap::new(),
            hosts: None,
            allow_private_network: false,
            policy: read_policy(&mut section),
        };
        section.finish();
        return settings;
    }
    let component = read_component(&mut section, plugins_path);
    let mut secrets = section.section("secrets");
    let references = secrets.texts();
    let source = |(name, text): (String, String)| secret(&secrets, &name, text).map(|source| (name, source));
    let secrets = references.into_iter().filter_map(source).collect();
    let settings = ProviderSettings {
        component,
        settings: section.json("settings"),
        secrets,
        hosts: section.optional_list("hosts"),
        allow_private_network: section.optional_flag("allow_private_network").unwrap_or(false),
        policy: read_policy(&mut section),
    };
    section.finish();
    settings
}

fn read_component(section: &mut Section<'_>, plugins_path: Option<&Path>) -> Component {
    let sha256 = section.optional_text("sha256");
    match (section.optional_text("plugin"), section.optional_text("component")) {
        (Some(name), None) => {
            if sha256.is_some() {
                section.refuse("sha256", "belongs to `component`: the digest of a plugin by name is known");
            }
            find_plugin(section, name, plugins_path)
        }
        (None, Some(path)) => {
            if sha256.as_ref().is_some_and(|text| !is_digest(text)) {
                section.refuse("sha256", "must be 64 lower-case hexadecimal digits");
            }
            Component::File { path: path.into(), sha256 }
        }
        (Some(name), Some(_)) => {
            section.refuse("component", "give either `plugin` or `component`, not both");
            Component::BuiltIn(name)
        }
        (None, None) => {
            let problem = "give `plugin` (a built-in or installed one), `component` (the path of a component) or `smtp` (a \
                           mail server)";
            section.refuse("plugin", problem);
            Component::BuiltIn(String::new())
        }
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// A built-in plugin, or else one that is installed.
fn find_plugin(section: &Section<'_>, name: String, plugins_path: Option<&Path>) -> Component {
    if notifier_plugins::find(&name).is_some() {
        return Component::BuiltIn(name);
    }
    let installed = match plugins_path.map(|path| Directory::new(path).names()) {
        None => Vec::new(),
        Some(Ok(names)) => names,
        Some(Err(error)) => {
            section.refuse("plugin", format!("the installed plugins cannot be read: {error}"));
            return Component::Installed(name);
        }
    };
    if !installed.contains(&name) {
        let built_in: Vec<&str> = notifier_plugins::all().iter().map(|prebuilt| prebuilt.name).collect();
        let installed = if installed.is_empty() { "none".into() } else { format!("`{}`", installed.join("`, `")) };
        let built_in = built_in.join("`, `");
        let problem = format!("there is no plugin `{name}`; built in are `{built_in}`, and installed {installed}");
        section.refuse("plugin", problem);
    }
    Component::Installed(name)
}

fn read_policy(section: &mut Section<'_>) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    let mut limits = section.section("limits");
    let concurrent = limits.optional_number("concurrent_calls_max", 1..=100_000);
    policy.concurrent_calls_max = concurrent.and_then(|number| usize::try_from(number).ok());
    let per_second = limits.optional_number("calls_per_second_max", 1..=1_000_000);
    policy.calls_per_second_max = per_second.and_then(|number| NonZeroU32::new(u32::try_from(number).ok()?));
    policy.calls_per_day_max = limits.optional_number("calls_per_day_max", 1..=1_000_000_000_000);
    limits.finish();
    policy.retry = section.optional_section("retry").map(read_retry);
    policy.health = read_health(section.section("health"));
    policy
}

fn read_health(mut section: Section<'_>) -> HealthPolicy {
    let defaults = HealthPolicy::default();
    let mut small = |key: &str, range: RangeInclusive<u64>, default: u32| {
        section.optional_number(key, range).and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let window_s = small("window_s", 1..=3_600, defaults.window_s);
    let calls_min = small("calls_min", 1..=1_000_000, defaults.calls_min);
    let failures_in_row_max = small("failures_in_row_max", 1..=1_000_000, defaults.failures_in_row_max);
    let open_at_percent = small("open_at_percent", 1..=100, defaults.open_at_percent);
    let shift_at_percent = small("shift_at_percent", 1..=100, defaults.shift_at_percent);
    let probes = small("probes", 1..=1_000, defaults.probes);
    let mut wait =
        |key: &str, range: RangeInclusive<u64>, default: u64| section.optional_number(key, range).unwrap_or(default);
    let slow_ms = wait("slow_ms", 1..=600_000, defaults.slow_ms);
    let open_min_ms = wait("open_min_ms", 100..=86_400_000, defaults.open_min_ms);
    let open_max_ms = wait("open_max_ms", 100..=86_400_000, defaults.open_max_ms);
    let rest_max_ms = wait("rest_max_ms", 0..=86_400_000, defaults.rest_max_ms);
    if open_max_ms < open_min_ms {
        section.refuse("open_max_ms", format!("must be at least open_min_ms, {open_min_ms}"));
    }
    section.finish();
    HealthPolicy {
        window_s,
        calls_min,
        failures_in_row_max,
        open_at_percent,
        shift_at_percent,
        slow_ms,
        open_min_ms,
        open_max_ms,
        probes,
        rest_max_ms,
    }
}
