//! What is found out before the first message: components that are none, settings, secrets, grants; and the cache.

use std::borrow::Cow;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::Instant;

use super::friendly::twilio;
use super::vendor::{Vendor, response};
use super::{StoppedClock, config, engine, secret};
use crate::adapters::system::SystemEntropy;
use crate::adapters::wasm::{
    PluginError, SettingProblem, WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig,
};
use crate::ports::provider::Provider;

fn refusal(config: WasmProviderConfig) -> PluginError {
    WasmProvider::load(engine(), config).expect_err("it must not load")
}

fn component(wat: &str) -> WasmProviderConfig {
    let mut config = config("odd", b"", json!({}));
    config.component = Cow::Owned(wat::parse_str(wat).unwrap());
    config
}

fn exporting(interface: &str) -> WasmProviderConfig {
    component(&format!(
        r#"(component (component $c) (instance $i (instantiate $c)) (export "{interface}" (instance $i)))"#
    ))
}

#[test]
fn what_is_no_provider() {
    for bytes in [b"".as_slice(), b"\0asm", b"plain text", b"\x7fELF"] {
        let error = refusal(config("odd", bytes, json!({})));
        assert!(matches!(error, PluginError::Component(_)), "{error}");
    }
    let error = refusal(component("(module)"));
    assert!(matches!(&error, PluginError::Component(_)), "{error}");
    let error = refusal(component("(component)"));
    assert_eq!(error, PluginError::NotAProvider { exports: vec![] });
    let error = refusal(exporting("some:other/thing@1.0.0"));
    assert_eq!(error, PluginError::NotAProvider { exports: vec!["some:other/thing@1.0.0".into()] });
}

#[test]
fn other_versions_of_the_contract() {
    for version in ["0.2.0", "1.0.0", "0.0.1"] {
        let interface = format!("notifier:provider/provider@{version}");
        let error = refusal(exporting(&interface));
        let expected =
            format!("the component implements {interface}; this host supports notifier:provider/provider@0.1.0");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_contract_that_is_not_kept() {
    let error = refusal(exporting("notifier:provider/provider@0.1.0"));
    assert!(matches!(&error, PluginError::Contract(problem) if problem.contains("describe")), "{error}");
    let error = refusal(component(
        r#"(component (import "nobody:knows/this@1.0.0" (instance (export "f" (func))))
             (component $c) (instance $i (instantiate $c))
             (export "notifier:provider/provider@0.1.0" (instance $i)))"#,
    ));
    assert!(matches!(&error, PluginError::Contract(problem) if problem.contains("nobody:knows/this")), "{error}");
}

#[tokio::test]
async fn settings_secrets_and_grants() {
    let vendor = Vendor::start(|_| response("200 OK", "", "")).await;

    let mut wrong = twilio(&vendor);
    wrong.settings["account_sid"] = json!("nonsense");
    let PluginError::Settings(problems) = refusal(wrong) else { panic!("settings are checked") };
    assert_eq!(problems[0].setting, "account_sid", "{problems:?}");

    let mut wrong = twilio(&vendor);
    wrong.settings = json!(["no", "object"]);
    let expected = SettingProblem { setting: String::new(), problem: "the settings are an object, as `{}`".into() };
    assert_eq!(refusal(wrong), PluginError::Settings(vec![expected]));

    let mut wrong = twilio(&vendor);
    wrong.secrets.insert("auth_token".into(), secret("abc"));
    assert!(matches!(refusal(wrong), PluginError::SecretUnusable { name, .. } if name == "auth_token"));

    let mut wrong = config("sendgrid", notifier_plugins::SENDGRID.component, json!({}));
    assert!(matches!(refusal(wrong.clone()), PluginError::SecretMissing { name, .. } if name == "api_key"));

    wrong.secrets.insert("api_key".into(), secret("SG.some-key"));
    wrong.hosts = Some(vec!["https://api.sendgrid.com".into()]);
    assert!(matches!(refusal(wrong.clone()), PluginError::Host(_)));

    // Nothing said about hosts grants the public ones that it asks for.
    wrong.hosts = None;
    let provider = WasmProvider::load(engine(), wrong).unwrap();
    assert_eq!(provider.describe().hosts, ["api.sendgrid.com", "api.eu.sendgrid.com"]);
    assert!(provider.hosts_not_granted().is_empty());
}

/// Loading needs no runtime, and works inside one.
#[test]
fn without_a_runtime() {
    let provider = WasmProvider::load(engine(), config("good", notifier_plugins::HOSTILE.component, json!({})));
    assert_eq!(provider.unwrap().describe().kind, "hostile");
}

fn engine_with_cache(directory: &TempDir) -> Arc<WasmEngine> {
    let options = WasmEngineOptions {
        cache_dir: Some(directory.path().join("components")),
        instances_max: 4,
        ..WasmEngineOptions::default()
    };
    WasmEngine::new(options, Arc::new(StoppedClock), Arc::new(SystemEntropy::new())).unwrap()
}

/// What the component says that it is, and how long it took to find out.
fn kind_of(engine: &Arc<WasmEngine>, component: &'static [u8]) -> (String, Duration) {
    let started = Instant::now();
    let mut config = config("cached", component, json!({}));
    config.secrets.insert("api_key".into(), secret("SG.some-key"));
    let provider = WasmProvider::load(engine, config).unwrap();
    (provider.describe().kind.clone(), started.elapsed())
}

fn files(directory: &TempDir) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory.path().join("components")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn compiled_components_are_kept() {
    const SENDGRID: &[u8] = notifier_plugins::SENDGRID.component;
    const HOSTILE: &[u8] = notifier_plugins::HOSTILE.component;
    let directory = tempfile::tempdir().unwrap();
    let (kind, cold) = kind_of(&engine_with_cache(&directory), SENDGRID);
    assert_eq!(kind, "sendgrid");
    let [sendgrid] = files(&directory).try_into().unwrap();
    let (kind, warm) = kind_of(&engine_with_cache(&directory), SENDGRID);
    assert_eq!(kind, "sendgrid");
    eprintln!("load: {cold:?} compiled, {warm:?} from the cache");

    // What is in the file is what runs: under the name of another component, it is taken for that one.
    kind_of(&engine_with_cache(&directory), HOSTILE);
    let hostile = files(&directory).into_iter().find(|path| *path != sendgrid).unwrap();
    let original = fs::read(&sendgrid).unwrap();
    fs::copy(&hostile, &sendgrid).unwrap();
    assert_eq!(kind_of(&engine_with_cache(&directory), SENDGRID).0, "hostile");

    // A file that is damaged anywhere is not used, and replaced.
    for damage in [0, 7, 8, 20, 40, original.len() / 2, original.len() - 1] {
        let mut damaged = original.clone();
        damaged[damage] ^= 1;
        fs::write(&sendgrid, &damaged).unwrap();
        assert_eq!(kind_of(&engine_with_cache(&directory), SENDGRID).0, "sendgrid");
        assert_eq!(fs::read(&sendgrid).unwrap(), original, "damaged at {damage}");
    }
    for length in [0, 4, 8, 39, 40, 1000] {
        fs::write(&sendgrid, &original[..length]).unwrap();
        assert_eq!(kind_of(&engine_with_cache(&directory), SENDGRID).0, "sendgrid");
        assert_eq!(fs::read(&sendgrid).unwrap(), original, "cut off at {length}");
    }
}

#[cfg(unix)]
#[test]
fn the_cache_is_private() {
    use std::os::unix::fs::PermissionsExt;

    const HOSTILE: &[u8] = notifier_plugins::HOSTILE.component;
    const SENDGRID: &[u8] = notifier_plugins::SENDGRID.component;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let directory = tempfile::tempdir().unwrap();
    let components = directory.path().join("components");
    fs::create_dir(&components).unwrap();
    fs::set_permissions(&components, fs::Permissions::from_mode(0o777)).unwrap();
    // Nobody has used the chance: it is made private.
    kind_of(&engine_with_cache(&directory), HOSTILE);
    assert_eq!(mode(&components), 0o700);
    let [hostile] = files(&directory).try_into().unwrap();
    assert_eq!(mode(&hostile), 0o600);

    // A file that others may write to, and a link, are not run.
    kind_of(&engine_with_cache(&directory), SENDGRID);
    let sendgrid = files(&directory).into_iter().find(|path| *path != hostile).unwrap();
    fs::copy(&sendgrid, &hostile).unwrap();
    fs::set_permissions(&hostile, fs::Permissions::from_mode(0o622)).unwrap();
    assert_eq!(kind_of(&engine_with_cache(&directory), HOSTILE).0, "hostile");
    fs::remove_file(&hostile).unwrap();
    std::os::unix::fs::symlink(&sendgrid, &hostile).unwrap();
    assert_eq!(kind_of(&engine_with_cache(&directory), HOSTILE).0, "hostile");
}

/// What others may have put into the directory is not run later either, when it is private.
#[cfg(unix)]
#[test]
fn a_cache_that_others_could_write_to_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};

    const HOSTILE: &[u8] = notifier_plugins::HOSTILE.component;
    let directory = tempfile::tempdir().unwrap();
    let components = directory.path().join("components");
    let open = || {
        let options = WasmEngineOptions { cache_dir: Some(components.clone()), ..WasmEngineOptions::default() };
        WasmEngine::new(options, Arc::new(StoppedClock), Arc::new(SystemEntropy::new()))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    kind_of(&engine_with_cache(&directory), HOSTILE);
    for mode in [0o777, 0o770, 0o702] {
        fs::set_permissions(&components, fs::Permissions::from_mode(mode)).unwrap();
        for _ in 0..2 {
            let error = open().unwrap_err();
            assert!(error.contains("others may write to it, and it is not empty: empty it"), "{mode:o}: {error}");
        }
    }
    fs::set_permissions(&components, fs::Permissions::from_mode(0o755)).unwrap();
    open().unwrap();

    // Only root can give files away.
    let [file] = files(&directory).try_into().unwrap();
    if chown(&file, Some(12_345), None).is_ok() {
        kind_of(&engine_with_cache(&directory), HOSTILE);
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&file).unwrap()), 0, "it is replaced");
        chown(&components, Some(12_345), None).unwrap();
        assert!(open().unwrap_err().contains("it belongs to user 12345, and this process runs as user 0"));
    }
}

#[test]
fn a_cache_that_cannot_be() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let options = WasmEngineOptions { cache_dir: Some(file.clone()), ..WasmEngineOptions::default() };
    let error = WasmEngine::new(options, Arc::new(StoppedClock), Arc::new(SystemEntropy::new())).map(drop).unwrap_err();
    assert!(matches!(&error, PluginError::Cache { path, .. } if *path == file), "{error}");
}

/// As many as JavaScript's tools put into one; and not any number, for each takes address space from all.
#[test]
fn a_component_has_three_memories_at_most() {
    let memory = "(core module $m (memory 1)) (core instance (instantiate $m))";
    let of = |count: usize| {
        let parts: String = (0..count).map(|number| memory.replace("$m", &format!("$m{number}"))).collect();
        engine().compile(&wat::parse_str(format!("(component {parts})")).unwrap()).map(drop)
    };
    assert!(of(3).is_ok());
    let error = of(4).unwrap_err().to_string();
    assert!(error.contains("maximum of 3"), "{error}");
}

/// Components that were built for a released version have to find it unchanged.
#[test]
fn the_contract_is_the_frozen_one_of_its_version() {
    let contract = include_str!("../../../../../wit/provider.wit");
    let frozen = include_str!("../../../../../wit/frozen/provider-0.1.0.wit");
    assert!(contract.contains("package notifier:provider@0.1.0;"), "freeze the new version as well");
    assert_eq!(contract, frozen, "what changes a released version is a new version");
}
