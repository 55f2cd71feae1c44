//! What a configuration may say, and how it is refused.

use notifier_core::{Chain, Goal, HealthPolicy, Lane, ProviderName, ProviderPolicy, RetryPolicy, Route, Strategy};
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
fn no_hosts_are_something_else_than_nothing_about_hosts() {
    let hosts = |line: &str| {
        let file = PROVIDERS.replace("hosts = [\"api.twilio.com\"]", line);
        load(&file, &[]).unwrap().config.providers["twilio"].hosts.clone()
    };
    assert_eq!(hosts(""), None);
    assert_eq!(hosts("hosts = []"), Some(vec![]));
    assert_eq!(hosts("hosts = [\"a.example\"]"), Some(vec!["a.example".to_owned()]));
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
    assert!(matches!(&twilio.component, Component::BuiltIn(name) if name == "twilio"));
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

const TWO_PROVIDERS: &str = r#"
[providers.a]
plugin = "twilio"
limits = { concurrent_calls_max = 3, calls_per_second_max = 4, calls_per_day_max = 5 }
retry = { attempts_max = 2 }
[providers.a.health]
window_s = 11
open_min_ms = 100
open_max_ms = 100
[providers.b]
plugin = "twilio"
"#;

#[test]
fn every_channel_can_be_routed() {
    let routes: Vec<String> = Channel::ALL.iter().map(|channel| format!("{channel} = \"a\"\n")).collect();
    let config = load(&format!("{TWO_PROVIDERS}\n[routes]\n{}", routes.concat()), &[]).unwrap().config;
    assert_eq!(config.routes.keys().copied().collect::<Vec<_>>(), Channel::ALL);
    let category = &config.categories[0];
    assert_eq!((category.name.as_str(), category.channels.as_slice()), ("default", Channel::ALL.as_slice()));
}

#[test]
fn special_routes_keep_their_order_and_stand_beside_the_others() {
    let file = format!(
        "{TWO_PROVIDERS}\n[routes]\nsms = \"b\"\n[[route]]\nchannel = \"sms\"\nprefix = \"+44\"\ntenant = \"default\"\n\
         category = \"rent\"\nproviders = [\"b\", \"a\"]\n[[route]]\nchannel = \"sms\"\nweights = {{ a = 51, b = 49 }}\n"
    );
    let loaded = load(&file, &[]).unwrap();
    let name = |name: &str| ProviderName::new(name).unwrap();
    let [first, second] = &loaded.config.special_routes[..] else { panic!("{:?}", loaded.config.special_routes) };
    assert_eq!(first.chain, Chain::Ordered(vec![name("b"), name("a")]));
    assert_eq!((first.prefix.as_deref(), first.tenant.as_ref().unwrap().as_str()), (Some("+44"), "default"));
    assert_eq!(first.category.as_ref().unwrap().as_str(), "rent");
    assert_eq!(*second, Route::of(Channel::Sms, Chain::Weighted(vec![(name("a"), 51), (name("b"), 49)])));
    assert_eq!(loaded.config.routes[&Channel::Sms], "b");
    let again = load(&loaded.to_toml(), &[]).unwrap();
    assert_eq!(format!("{:?}", again.config), format!("{:?}", loaded.config), "{}", loaded.to_toml());
}

#[test]
fn providers_have_limits_retries_and_health_of_their_own() {
    let config = load(TWO_PROVIDERS, &[("NOTIFIER__PROVIDERS__B__LIMITS__CALLS_PER_DAY_MAX", "7")]).unwrap().config;
    let (a, b) = (&config.providers["a"].policy, &config.providers["b"].policy);
    assert_eq!(
        (a.concurrent_calls_max, a.calls_per_second_max.map(u32::from), a.calls_per_day_max),
        (Some(3), Some(4), Some(5))
    );
    assert_eq!(a.retry, Some(RetryPolicy { attempts_max: 2, ..RetryPolicy::default() }));
    let health = HealthPolicy { window_s: 11, open_min_ms: 100, open_max_ms: 100, ..HealthPolicy::default() };
    assert_eq!(a.health, health);
    let mut only_a_day = ProviderPolicy::default();
    only_a_day.calls_per_day_max = Some(7);
    assert_eq!(*b, only_a_day);
}

#[test]
fn categories_have_a_lane_and_a_strategy() {
    let category = |text: &str| {
        let config = load(&format!("[categories.c]\n{text}"), &[]).unwrap().config;
        let category = config.categories.into_iter().find(|category| category.name.as_str() == "c").unwrap();
        (category.lane, category.strategy)
    };
    let sequence = |until, wait_ms| Strategy::Sequence { until, wait_ms };
    assert_eq!(category(""), (Lane::Normal, Strategy::All));
    assert_eq!(category("lane = \"urgent\"\nstrategy = \"all\""), (Lane::Urgent, Strategy::All));
    assert_eq!(category("lane = \"bulk\"\nstrategy = \"first\"").1, sequence(Goal::Sent, 300_000));
    assert_eq!(category("strategy = \"fallback\"").1, sequence(Goal::Delivered, 300_000));
    assert_eq!(category("strategy = \"escalate\"\nstep_wait_ms = 1000").1, sequence(Goal::Acknowledged, 1_000));
}

#[test]
fn the_public_url_is_the_servers_and_the_engines() {
    let config = load("[server]\npublic_url = \"https://n.example.com/base/\"", &[]).unwrap().config;
    assert_eq!(config.server.public_url.as_deref(), Some("https://n.example.com/base"));
    assert_eq!(config.flow.public_url, config.server.public_url);
    assert_eq!(load("", &[]).unwrap().config.server.public_url, None);
}

#[test]
fn every_mistake_in_what_an_operator_allows_is_told() {
    let cases = [
        ("[server]\npublic_url = \"n.example.com\"", "server.public_url"),
        ("[server]\npublic_url = \"ftp://n.example.com\"", "server.public_url"),
        ("[server]\npublic_url = \"https://n.example.com/?a=b\"", "server.public_url"),
        ("[server]\nbatch_bytes_max = 1", "server.batch_bytes_max"),
        ("[server]\nbodies_bytes_max = 2000000", "server.bodies_bytes_max"),
        ("[flow]\nclaim_ahead_ms = 5001", "flow.claim_ahead_ms"),
        ("[flow]\npending_max = 0", "flow.pending_max"),
        ("[flow]\naccepting_max = 0", "flow.accepting_max"),
        ("[flow]\nsweep_interval_ms = 999", "flow.sweep_interval_ms"),
        ("[categories.c]\nlane = \"fast\"", "categories.c.lane"),
        ("[categories.c]\nstrategy = \"some\"", "categories.c.strategy"),
        ("[categories.c]\nstep_wait_ms = 5000", "categories.c.step_wait_ms"),
        ("[categories.c]\nstrategy = \"first\"\nstep_wait_ms = 5000", "categories.c.step_wait_ms"),
        ("[categories.c]\nstrategy = \"fallback\"\nstep_wait_ms = 1", "categories.c.step_wait_ms"),
        (
            "[providers.a]\nplugin = \"twilio\"\nlimits = { calls_per_day_max = 0 }",
            "providers.a.limits.calls_per_day_max",
        ),
        ("[providers.a]\nplugin = \"twilio\"\nlimits = { calls = 1 }", "providers.a.limits.calls"),
        ("[providers.a]\nplugin = \"twilio\"\nretry = { attempts = 1 }", "providers.a.retry.attempts"),
        ("[providers.a]\nplugin = \"twilio\"\nhealth = { probes = 0 }", "providers.a.health.probes"),
        ("[providers.a]\nplugin = \"twilio\"\nhealth = { open_max_ms = 100 }", "providers.a.health.open_max_ms"),
        ("[route]\nchannel = \"sms\"", "route"),
        ("[[route]]\nproviders = []", "route[0].channel"),
        ("[[route]]\nchannel = \"fax\"\nproviders = []", "route[0].channel"),
        ("[[route]]\nchannel = \"sms\"", "route[0].providers"),
        ("[[route]]\nchannel = \"sms\"\nproviders = [\"nobody\"]", "route[0].providers"),
        ("[[route]]\nchannel = \"sms\"\nproviders = []\nweights = {}", "route[0].weights"),
        ("[[route]]\nchannel = \"sms\"\nweights = { nobody = 1 }", "route[0].weights"),
        ("[[route]]\nchannel = \"sms\"\nweights = { a = \"much\" }", "route[0].weights.a"),
        ("[[route]]\nchannel = \"sms\"\ntenant = \"T\"\nproviders = []", "route[0].tenant"),
        ("[[route]]\nchannel = \"sms\"\ntenant = \"acme\"\nproviders = []", "route[0].tenant"),
        ("[[route]]\nchannel = \"sms\"\ncountry = \"GB\"\nproviders = []", "route[0].country"),
    ];
    for (file, key) in cases {
        let errors = errors(file, &[]);
        let keys: Vec<&str> = errors.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, [key], "{file}: {errors:#?}");
    }
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

#[test]
fn a_digest_belongs_to_a_file() {
    let digest = "a".repeat(64);
    let file = |more: &str| format!("[providers.x]\n{more}\n[routes]\nsms = \"x\"\n");
    let config = load(&file(&format!("component = \"x.wasm\"\nsha256 = \"{digest}\"")), &[]).unwrap().config;
    let Component::File { path, sha256 } = &config.providers["x"].component else { panic!("{config:?}") };
    assert_eq!((path.to_str(), sha256.as_ref()), (Some("x.wasm"), Some(&digest)));
    for (more, told) in [
        ("component = \"x.wasm\"\nsha256 = \"00\"", "must be 64 lower-case hexadecimal digits"),
        ("plugin = \"twilio\"\nsha256 = \"00\"", "the digest of a plugin by name is known"),
        ("smtp = { host = \"mail.example\" }\nsha256 = \"00\"", "this is a mail server"),
    ] {
        let errors = errors(&file(more), &[]);
        let is_told = |error: &SettingError| error.to_string().contains(told) && error.to_string().contains("sha256");
        assert!(errors.iter().any(is_told), "{more}: {errors:?}");
    }
}

#[test]
fn plugins_that_are_neither_built_in_nor_installed_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let file = format!("[plugins]\npath = {:?}\n[providers.x]\nplugin = \"acme\"\n", place.path());
    let errors = errors(&file, &[]);
    let is_told = |error: &SettingError| {
        let told = error.to_string();
        told.contains("there is no plugin `acme`; built in are `fcm`") && told.contains("installed none")
    };
    assert!(errors.iter().any(is_told), "{errors:?}");
}
