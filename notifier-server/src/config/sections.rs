//! From merged settings to [`Config`]: the names, ranges and rules of `notifier.default.toml`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use config::Value;
use notifier_core::{FlowOptions, Limits};

use super::category::read_category;
use super::provider::read_provider;
use super::reader::{Notes, Placed, Section, SettingError};
use super::routes::{read_routes, read_special_routes};
use super::{
    Config, LogFormat, LogSettings, LookupSettings, ProviderSettings, SecretSource, SenderSettings, ServerSettings,
    StoreSettings,
};

/// Reads everything, and says what texts of the environment are; or says everything that is wrong.
pub(super) fn read(merged: BTreeMap<String, Value>) -> Result<(Config, Vec<Placed>), Vec<SettingError>> {
    let notes = Notes::default();
    let mut root = Section::root(merged, &notes);
    let server = read_server(root.section("server"));
    let log = read_log(root.section("log"));
    let store = read_store(root.section("store"));
    let (plugins_path, plugin_cache_path, plugin_memory_bytes_max) = read_plugins(root.section("plugins"));
    let mut flow = read_flow(root.section("flow"));
    let limits = read_limits(root.section("limits"));
    let senders = read_senders(root.section("senders"));
    let directory = root.optional_section("directory").map(|section| read_lookup(section, "/users/{id}"));
    let catalog = root.optional_section("catalog").map(|section| read_lookup(section, "/properties/{id}"));
    let categories = root.section("categories").sections();
    let categories = categories.into_iter().filter_map(|(name, section)| read_category(&name, section)).collect();
    let providers: BTreeMap<String, ProviderSettings> = root
        .section("providers")
        .sections()
        .into_iter()
        .map(|(name, section)| (name, read_provider(section, plugins_path.as_deref())))
        .collect();
    let special_routes = read_special_routes(root.sections_of("route"), &providers);
    let routes = read_routes(root.section("routes"), &providers);
    root.finish();
    if let Some(server) = &server {
        flow.public_url.clone_from(&server.public_url);
        check_together(server, &limits, &notes);
    }
    let typed = notes.finish()?;
    // Where nothing was refused, both are there.
    let (Some(server), Some(log)) = (server, log) else { return Err(Vec::new()) };
    let config = Config {
        server,
        log,
        store,
        plugins_path,
        plugin_cache_path,
        plugin_memory_bytes_max,
        flow,
        limits,
        senders,
        directory,
        catalog,
        categories,
        providers,
        special_routes,
        routes,
    };
    Ok((config, typed))
}

fn read_server(mut section: Section<'_>) -> Option<ServerSettings> {
    let text = section.text("listen");
    let listen = text.parse().ok();
    if listen.is_none() {
        section.refuse("listen", format!("must be an IP address and a port, as `127.0.0.1:8080`, not `{text}`"));
    }
    let connections_max = size(&mut section, "connections_max", 1..=100_000);
    let header_timeout = duration(&mut section, "header_timeout_ms", 100..=600_000);
    let body_timeout = duration(&mut section, "body_timeout_ms", 100..=600_000);
    let request_timeout = duration(&mut section, "request_timeout_ms", 100..=600_000);
    let body_bytes_max = size(&mut section, "body_bytes_max", 16_384..=67_108_864);
    let batch_bytes_max = size(&mut section, "batch_bytes_max", 16_384..=268_435_456);
    let bodies_bytes_max = size(&mut section, "bodies_bytes_max", 1_048_576..=68_719_476_736);
    let public_url = read_public_url(&mut section);
    let shutdown_deadline = duration(&mut section, "shutdown_deadline_ms", 0..=3_600_000);
    let compat = section.flag("compat");
    section.finish();
    Some(ServerSettings {
        listen: listen?,
        connections_max,
        header_timeout,
        body_timeout,
        request_timeout,
        body_bytes_max,
        batch_bytes_max,
        bodies_bytes_max,
        public_url,
        shutdown_deadline,
        compat,
    })
}

/// Where others reach the server. Vendors sign the address that they call: what is written here has to be exactly that.
fn read_public_url(section: &mut Section<'_>) -> Option<String> {
    let url = not_empty(section.text("public_url"))?;
    let parsed = url.parse::<http::Uri>().ok();
    let is_fine = parsed.is_some_and(|parsed| {
        matches!(parsed.scheme_str(), Some("http" | "https")) && parsed.host().is_some() && parsed.query().is_none()
    });
    if !is_fine || url.contains('#') {
        let problem = "must be an http or https URL without a query, as `https://notify.example.com`";
        section.refuse("public_url", problem);
        return None;
    }
    Some(url.trim_end_matches('/').to_owned())
}

/// Rules between settings.
fn check_together(server: &ServerSettings, limits: &Limits, notes: &Notes) {
    const TOGETHER: &str = "all sources together";
    if server.request_timeout < server.body_timeout {
        notes.push("server.request_timeout_ms", "must be at least server.body_timeout_ms", TOGETHER);
    }
    if server.bodies_bytes_max < server.body_bytes_max.max(server.batch_bytes_max) {
        let problem = "must be at least server.body_bytes_max and server.batch_bytes_max";
        notes.push("server.bodies_bytes_max", problem, TOGETHER);
    }
    let needed = limits.attachments_bytes_max.div_ceil(3) * 4 + limits.variables_bytes_max;
    if server.body_bytes_max < needed {
        let problem = format!(
            "must be at least {needed}, or attachments of limits.attachments_bytes_max (in base64) beside variables of \
             limits.variables_bytes_max cannot be sent"
        );
        notes.push("server.body_bytes_max", problem, TOGETHER);
    }
}

fn read_log(mut section: Section<'_>) -> Option<LogSettings> {
    let format = match section.text("format").as_str() {
        "json" => Some(LogFormat::Json),
        "text" => Some(LogFormat::Text),
        "" => None,
        other => {
            section.refuse("format", format!("must be `json` or `text`, not `{other}`"));
            None
        }
    };
    let level = section.text("level");
    if let Err(problem) = crate::telemetry::check_level(&level) {
        section.refuse("level", problem);
    }
    section.finish();
    Some(LogSettings { format: format?, level })
}

fn read_store(mut section: Section<'_>) -> StoreSettings {
    let path = PathBuf::from(section.text("path"));
    if path.as_os_str().is_empty() {
        section.refuse("path", "must name a directory");
    }
    let cache_bytes = section.number("cache_bytes", 1_048_576..=1_099_511_627_776);
    let unmatched_receipts_max = size(&mut section, "unmatched_receipts_max", 1_000..=10_000_000);
    section.finish();
    StoreSettings { path: Some(path), cache_bytes, unmatched_receipts_max }
}

fn read_plugins(mut section: Section<'_>) -> (Option<PathBuf>, Option<PathBuf>, usize) {
    let installed = not_empty(section.text("path"));
    let path = not_empty(section.text("cache_path"));
    let memory_bytes_max = size(&mut section, "memory_bytes_max", 67_108_864..=68_719_476_736);
    section.finish();
    (installed.map(PathBuf::from), path.map(PathBuf::from), memory_bytes_max)
}

fn read_flow(mut section: Section<'_>) -> FlowOptions {
    let mut flow = FlowOptions::default();
    flow.in_flight_max = size(&mut section, "in_flight_max", 1..=100_000);
    flow.claim_batch_max = size(&mut section, "claim_batch_max", 1..=10_000);
    flow.claim_ahead = duration(&mut section, "claim_ahead_ms", 0..=5_000);
    flow.attempt_timeout = duration(&mut section, "attempt_timeout_ms", 100..=600_000);
    flow.lease_margin = duration(&mut section, "lease_margin_ms", 1_000..=600_000);
    flow.key_retention = duration(&mut section, "key_retention_ms", 60_000..=2_678_400_000);
    flow.pending_max = size(&mut section, "pending_max", 1..=1_000_000_000);
    flow.accepting_max = size(&mut section, "accepting_max", 1..=1_000_000);
    flow.sweep_interval = duration(&mut section, "sweep_interval_ms", 1_000..=86_400_000);
    section.finish();
    flow
}

fn read_limits(mut section: Section<'_>) -> Limits {
    let mut limits = Limits::default();
    limits.variables_bytes_max = size(&mut section, "variables_bytes_max", 0..=1_048_576);
    limits.variables_depth_max = size(&mut section, "variables_depth_max", 1..=64);
    limits.variables_items_max = size(&mut section, "variables_items_max", 1..=100_000);
    limits.template_source_bytes_max = size(&mut section, "template_source_bytes_max", 1..=1_048_576);
    limits.template_expressions_max = size(&mut section, "template_expressions_max", 1..=10_000);
    limits.template_steps_max = size(&mut section, "template_steps_max", 1_000..=10_000_000);
    limits.rendered_bytes_max = size(&mut section, "rendered_bytes_max", 1..=1_048_576);
    limits.sms_chars_max = size(&mut section, "sms_chars_max", 1..=1_600);
    limits.subject_chars_max = size(&mut section, "subject_chars_max", 1..=998);
    limits.push_title_chars_max = size(&mut section, "push_title_chars_max", 1..=4_096);
    limits.push_body_chars_max = size(&mut section, "push_body_chars_max", 1..=65_536);
    limits.push_data_bytes_max = size(&mut section, "push_data_bytes_max", 0..=65_536);
    limits.chat_chars_max = size(&mut section, "chat_chars_max", 1..=1_048_576);
    limits.webhook_payload_bytes_max = size(&mut section, "webhook_payload_bytes_max", 2..=1_048_576);
    limits.attachments_max = size(&mut section, "attachments_max", 0..=100);
    limits.attachments_bytes_max =
        size(&mut section, "attachments_bytes_max", 0..=Limits::ATTACHMENTS_BYTES_MAX as u64);
    limits.headers_max = size(&mut section, "headers_max", 0..=100);
    limits.media_urls_max = size(&mut section, "media_urls_max", 0..=10);
    let days = section.number("schedule_ahead_days_max", 1..=36_600);
    limits.schedule_ahead_days_max = i64::try_from(days).unwrap_or(i64::MAX);
    limits.interests_bytes_max = size(&mut section, "interests_bytes_max", 0..=1_048_576);
    limits.locales_max = size(&mut section, "locales_max", 0..=1_000);
    section.finish();
    limits
}

fn read_senders(mut section: Section<'_>) -> SenderSettings {
    let senders = SenderSettings { email: not_empty(section.text("email")), sms: not_empty(section.text("sms")) };
    section.finish();
    senders
}

fn read_lookup(mut section: Section<'_>, path: &str) -> LookupSettings {
    let header = section.optional_text("api_key_header");
    let key = section.optional_text("api_key").and_then(|text| secret(&section, "api_key", text));
    let api_key = match (header, key) {
        (Some(header), Some(key)) => Some((header, key)),
        (None, None) => None,
        (Some(_), None) => {
            section.refuse("api_key", "goes with `api_key_header`: give both or none");
            None
        }
        (None, Some(_)) => {
            section.refuse("api_key_header", "goes with `api_key`: give both or none");
            None
        }
    };
    let milliseconds = |section: &mut Section<'_>, key: &str, range, default| {
        Duration::from_millis(section.optional_number(key, range).unwrap_or(default))
    };
    let settings = LookupSettings {
        base_url: section.text("base_url"),
        path: section.optional_text("path").unwrap_or_else(|| path.to_owned()),
        api_key,
        timeout: milliseconds(&mut section, "timeout_ms", 10..=60_000, 5_000),
        cache_ttl: milliseconds(&mut section, "cache_ttl_ms", 0..=86_400_000, 30_000),
        cache_bytes_max: section.optional_number("cache_bytes_max", 0..=68_719_476_736).unwrap_or(67_108_864),
        fields: section.section("fields").texts().into_iter().collect(),
    };
    section.finish();
    settings
}

/// A reference to a secret. What is none may be the secret itself: it is refused and not repeated.
pub(super) fn secret(section: &Section<'_>, key: &str, text: String) -> Option<SecretSource> {
    let behind = text.strip_prefix("env:").or_else(|| text.strip_prefix("file:"));
    if behind.is_some_and(|name| !name.is_empty()) {
        return Some(SecretSource::Reference(text));
    }
    let problem = "must be a reference, `env:NAME` (an environment variable) or `file:PATH`: a secret itself does not \
                   belong in a configuration";
    section.refuse(key, problem);
    None
}

fn duration(section: &mut Section<'_>, key: &str, range_ms: RangeInclusive<u64>) -> Duration {
    Duration::from_millis(section.number(key, range_ms))
}

fn size(section: &mut Section<'_>, key: &str, range: RangeInclusive<u64>) -> usize {
    usize::try_from(section.number(key, range)).unwrap_or(usize::MAX)
}

fn not_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
