//! What of the configuration gets to a provider, and what does not.

use std::collections::BTreeMap;
use std::fs;

use notifier_core::ProviderPolicy;

use super::*;
use crate::config::{LogFormat, LogSettings};
use crate::telemetry;

#[test]
fn who_is_granted_no_host_gets_none() {
    let (one, other) = (["a.example".to_owned()], ["b.example".to_owned()]);
    let none: &[String] = &[];
    assert_eq!(hosts(None, None), None, "what it asks for");
    assert_eq!(hosts(None, Some(none)), Some(none), "nothing, whatever it asks for");
    assert_eq!(hosts(None, Some(&one)), Some(&one[..]));
    assert_eq!(hosts(Some(&other), Some(&one)), Some(&other[..]), "the configuration counts");
    assert_eq!(hosts(Some(&other), None), Some(&other[..]));
    assert_eq!(hosts(Some(none), Some(&one)), Some(none), "also where it says that there are none");
    assert_eq!(hosts(Some(none), None), Some(none));
}

#[test]
fn a_file_of_another_digest_is_not_used() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("acme.wasm");
    std::fs::write(&file, "a component").unwrap();
    let (right, wrong) = (plugin_kit::sha256(b"a component"), plugin_kit::sha256(b"another"));
    assert!(from_file("acme", &file, None).is_ok());
    assert!(from_file("acme", &file, Some(&right)).is_ok());
    let told = from_file("acme", &file, Some(&wrong)).err().unwrap().to_string();
    assert!(told.contains("providers.acme.sha256") && told.contains(&right) && told.contains(&wrong), "{told}");
}

const LOCK: &str = r#"format = 1

[[plugin]]
name = "texts"

[plugin.current]
version = "1.1.0"
sha256 = "DIGEST"
contract = "notifier:provider@0.1.0"
installed_at = "2026-01-01T00:00:00Z"
asks = { hosts = [], secrets = ["token", "denied"] }
granted = { hosts = [], secrets = ["token", "by-hand"] }
"#;

/// What comes of that secret in the configuration of an installed plugin, and what is logged. There is no such secret, so that it is
/// seen whether anybody asks for its value.
fn configured(secret: &str) -> (Result<Plugin, EngineError>, String) {
    let place = tempfile::tempdir().unwrap();
    let digest = plugin_kit::sha256(b"a component");
    fs::write(place.path().join("plugins.lock"), LOCK.replace("DIGEST", &digest)).unwrap();
    fs::write(place.path().join(format!("{digest}.wasm")), "a component").unwrap();
    let nowhere = format!("file:{}", place.path().join("nowhere").display());
    let settings = ProviderSettings {
        component: Component::Installed("texts".into()),
        settings: serde_json::json!({}),
        secrets: BTreeMap::from([(secret.to_owned(), SecretSource::Reference(nowhere))]),
        hosts: None,
        allow_private_network: false,
        policy: ProviderPolicy::default(),
    };
    let log = place.path().join("log");
    let told = LogSettings { format: LogFormat::Json, level: "info".into() };
    let subscriber = telemetry::subscriber(&told, false, fs::File::create(&log).unwrap()).unwrap();
    let plugin = tracing::subscriber::with_default(subscriber, || plugin("acme", &settings, Some(place.path())));
    (plugin, fs::read_to_string(log).unwrap())
}

#[test]
fn a_secret_that_was_granted_is_handed_over() {
    for granted in ["token", "by-hand"] {
        let (plugin, log) = configured(granted);
        let Some(EngineError::Secret { key, .. }) = plugin.err() else { panic!("nobody asked for `{granted}`") };
        assert_eq!((key, log), (format!("providers.acme.secrets.{granted}"), String::new()));
    }
}

#[test]
fn a_secret_that_is_asked_for_and_was_not_granted_is_refused() {
    let (plugin, log) = configured("denied");
    let told = plugin.err().unwrap().to_string();
    assert!(
        told.contains("providers.acme.secrets.denied: is not granted to `texts`") && log.is_empty(),
        "{told} {log}"
    );
}

/// As after an update that asks for less.
#[test]
fn a_secret_that_nobody_asks_for_is_left_out_with_a_warning() {
    let (plugin, log) = configured("old");
    assert!(plugin.is_ok(), "its value was asked for: {:?}", plugin.err());
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert_eq!((&line["level"], &line["provider"], &line["secret"]), (&"WARN".into(), &"acme".into(), &"old".into()));
}
