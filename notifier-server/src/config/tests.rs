//! What a configuration may say, and how it is refused.

use serde_json::json;

use super::*;

fn load(file: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notifier.toml");
    std::fs::write(&path, file).unwrap();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Config::load_over(None, Some(&path), Some(environment))
}

fn errors(file: &str, environment: &[(&str, &str)]) -> Vec<SettingError> {
    match load(file, environment) {
        Err(ConfigError::Settings(errors)) => errors,
        other => panic!("{file}: {other:?}"),
    }
}

const PROVIDERS: &str = r#"
[providers.twilio]
plugin = "twilio"
settings = { account_sid = "AC1", retries = 3, nested = { on = true } }
secrets = { auth_token = "env:TWILIO_AUTH_TOKEN" }
hosts = ["api.twilio.com"]
[routes]
sms = "twilio"
"#;

#[test]
fn the_defaults_are_those_of_the_engine() {
    let config = load("", &[]).unwrap().config;
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.flow, FlowOptions::default());
    assert_eq!(config.categories, [Category::default()]);
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert!(config.server.compat);
    assert!(config.providers.is_empty() && config.routes.is_empty() && config.directory.is_none());
}

#[test]
fn a_file_goes_over_the_defaults_and_the_environment_over_both() {
    let file = "[server]\nlisten = \"127.0.0.1:1\"\nconnections_max = 7\n[categories.default]\nchannels = [\"sms\"]";
    let environment = [
        ("NOTIFIER__SERVER__LISTEN", "127.0.0.1:2"),
        ("NOTIFIER__SERVER__COMPAT", "false"),
        ("NOTIFIER__CATEGORIES__ALERT__CHANNELS", "sms, email"),
        ("NOTIFIER__CATEGORIES__ALERT__RETRY__ATTEMPTS_MAX", "3"),
        ("NOTIFIERS__SERVER__LISTEN", "x"),
        ("PATH", "/bin"),
    ];
    let config = load(file, &environment).unwrap().config;
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.server.connections_max, 7);
    assert!(!config.server.compat);
    let alert = config.categories.iter().find(|category| category.name.as_str() == "alert").unwrap();
    assert_eq!(alert.channels, [Channel::Sms, Channel::Email]);
    assert_eq!(alert.retry.attempts_max, 3);
    let default = config.categories.iter().find(|category| category.name.as_str() == "default").unwrap();
    assert_eq!(default.channels, [Channel::Sms]);
}

#[test]
fn providers_routes_and_lookups() {
    let file = format!(
        "{PROVIDERS}\n[directory]\nbase_url = \"https://u.example\"\napi_key_header = \"X-Key\"\napi_key = \"file:/k\"\n\
         fields = {{ email = \"/mail\" }}"
    );
    let config = load(&file, &[]).unwrap().config;
    let twilio = &config.providers["twilio"];
    assert_eq!(twilio.component, Component::BuiltIn("twilio".into()));
    assert_eq!(twilio.settings, serde_json::json!({"account_sid": "AC1", "retries": 3, "nested": {"on": true}}));
    assert!(matches!(&twilio.secrets["auth_token"], SecretSource::Reference(text) if text == "env:TWILIO_AUTH_TOKEN"));
    assert_eq!(config.routes[&Channel::Sms], "twilio");
    let directory = config.directory.unwrap();
    assert_eq!(directory.path, "/users/{id}");
    assert_eq!(directory.fields["email"], "/mail");
    assert_eq!(directory.timeout, Duration::from_secs(5));
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let file = r#"
[server]
lisen = "127.0.0.1:1"
listen = "localhost:1"
connections_max = 0
compat = "yes"
[log]
format = "xml"
level = "notifier=loud"
[categories.Rent]
channels = ["fax"]
unknown_policy = "maybe"
[categories.rent.retry]
attempts = 3
[providers.sms]
plugin = "carrier-pigeon"
[providers.both]
plugin = "twilio"
component = "x.wasm"
[providers.other]
hosts = "api.example.com"
[directory]
path = "/users/{id}"
api_key = "env:KEY"
[routes]
sms = "nobody"
fax = "sms"
[nonsense]
"#;
    let errors = errors(file, &[("NOTIFIER__STORE__CACHE_BYTES", "lots")]);
    let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
    for key in [
        "server.lisen",
        "server.listen",
        "server.connections_max",
        "server.compat",
        "log.format",
        "log.level",
        "categories.Rent",
        "categories.Rent.channels",
        "categories.Rent.unknown_policy",
        "categories.rent.retry.attempts",
        "providers.sms.plugin",
        "providers.both.component",
        "providers.other.plugin",
        "providers.other.hosts",
        "directory.base_url",
        "directory.api_key_header",
        "routes.sms",
        "routes.fax",
        "nonsense",
        "store.cache_bytes",
    ] {
        assert_eq!(keys.iter().filter(|found| **found == key).count(), 1, "{key}: {keys:#?}");
    }
    assert_eq!(errors.len(), 20, "{errors:#?}");
    let origin = |key: &str| errors.iter().find(|error| error.key == key).unwrap().origin.clone();
    assert!(origin("server.lisen").ends_with("/notifier.toml"), "{}", origin("server.lisen"));
    assert_eq!(origin("store.cache_bytes"), "the environment");
}

#[test]
fn a_literal_secret_is_refused_and_not_repeated() {
    let file = PROVIDERS.replace("env:TWILIO_AUTH_TOKEN", "0123456789abcdef");
    let errors = errors(&file, &[]);
    assert_eq!(errors[0].key, "providers.twilio.secrets.auth_token");
    assert!(errors[0].problem.contains("env:NAME"), "{errors:?}");
    assert!(!format!("{errors:?}").contains("0123456789abcdef"));
}

#[test]
fn a_body_must_hold_what_the_limits_promise() {
    let errors = errors("[limits]\nattachments_bytes_max = 2000000", &[]);
    assert_eq!(errors[0].key, "server.body_bytes_max");
}

#[test]
fn what_is_in_force_can_be_printed_and_read_again() {
    let printed = load(PROVIDERS, &[("NOTIFIER__SERVER__LISTEN", "127.0.0.1:9")]).unwrap().to_toml();
    assert!(printed.contains("auth_token = \"env:TWILIO_AUTH_TOKEN\""), "{printed}");
    let again = load(&printed, &[]).unwrap();
    assert_eq!(again.config.server.listen.port(), 9);
    assert_eq!(again.to_toml(), printed);
}

#[test]
fn settings_of_a_plugin_have_types_in_the_environment_too() {
    let settings = |name: &str, text: &str| {
        let name = format!("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__{name}");
        load(PROVIDERS, &[(&name, text)]).unwrap().config.providers["twilio"].settings.clone()
    };
    for (text, value) in [
        ("true", json!(true)),
        ("7", json!(7)),
        ("0.5", json!(0.5)),
        (r#"["a", 1]"#, json!(["a", 1])),
        (r#"{"a": false}"#, json!({"a": false})),
        ("\"12345\"", json!("12345")),
        ("AC0", json!("AC0")),
        ("+14155550101", json!("+14155550101")),
        ("00123", json!("00123")),
        ("null", json!("null")),
        ("[null]", json!("[null]")),
        ("18446744073709551615", json!("18446744073709551615")),
        ("", json!("")),
    ] {
        assert_eq!(settings("NEW", text)["new"], value, "{text}");
    }
    let nested = settings("NESTED__ON", "false");
    assert_eq!(nested, json!({"account_sid": "AC1", "retries": 3, "nested": {"on": false}}));
}

#[test]
fn what_the_environment_sets_is_printed_in_its_type() {
    let environment = [
        ("NOTIFIER__SERVER__CONNECTIONS_MAX", "7"),
        ("NOTIFIER__SERVER__COMPAT", "false"),
        ("NOTIFIER__SERVER__LISTEN", "127.0.0.1:9"),
        ("NOTIFIER__LOG__LEVEL", "info,notifier_core=debug"),
        ("NOTIFIER__CATEGORIES__ALERT__CHANNELS", "sms, email"),
        ("NOTIFIER__CATEGORIES__ALERT__EXPIRE_AFTER_MS", " 5000 "),
        ("NOTIFIER__CATEGORIES__ALERT__MANDATORY", "true"),
        ("NOTIFIER__CATEGORIES__ALERT__RETRY__ATTEMPTS_MAX", "3"),
        ("NOTIFIER__PROVIDERS__TWILIO__ALLOW_PRIVATE_NETWORK", "true"),
        ("NOTIFIER__PROVIDERS__TWILIO__HOSTS", ""),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__ON", "true"),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__COUNT", "-7"),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__SHARE", "1e300"),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__LIST", r#"[1, "two", {"three": 3.0}, []]"#),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__NUMERAL", "\"7\""),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__WORDS", "a \"b\" \\ \u{7f} \n ü"),
        ("NOTIFIER__PROVIDERS__TWILIO__SETTINGS__NESTED__DEPTH", "2"),
        ("NOTIFIER__DIRECTORY__BASE_URL", "https://u.example"),
        ("NOTIFIER__DIRECTORY__CACHE_TTL_MS", "0"),
    ];
    let loaded = load(PROVIDERS, &environment).unwrap();
    let printed = loaded.to_toml();
    for line in ["connections_max = 7", "compat = false", "channels = [\"sms\", \"email\"]", "expire_after_ms = 5000"] {
        assert!(printed.contains(line), "{line}: {printed}");
    }
    let again = load(&printed, &[]).unwrap();
    assert_eq!(format!("{:?}", again.config), format!("{:?}", loaded.config), "{printed}");
    assert_eq!(again.to_toml(), printed);
}

#[test]
fn text_that_is_not_toml_is_told_with_its_file() {
    let error = load("[server\nlisten", &[]).unwrap_err().to_string();
    assert!(error.contains("notifier.toml"), "{error}");
}
