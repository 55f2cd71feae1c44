//! The provider of `plugins/README.md`: the one that is shown there is compiled and tested here.

include!("readme/src/lib.rs");

const README: &str = include_str!("../../README.md");
const TESTS: &str = "\n#[cfg(test)]\n";

/// Whether a block of the README is this text, to the byte.
fn shows(language: &str, text: &str) -> bool {
    README.contains(&format!("```{language}\n{text}```\n"))
}

#[test]
fn the_readme_shows_this_provider() {
    let source = include_str!("readme/src/lib.rs");
    let (provider, tests) = source.split_once(TESTS).unwrap();
    assert!(shows("toml", include_str!("readme/Cargo.toml")), "readme/Cargo.toml");
    assert!(shows("json", include_str!("readme/src/settings.schema.json")), "readme/src/settings.schema.json");
    assert!(shows("rust", provider), "readme/src/lib.rs");
    assert!(shows("rust", &format!("{}{tests}", TESTS.trim_start())), "the tests of readme/src/lib.rs");
    assert!(shows("json", include_str!("readme/exchanges.json")), "readme/exchanges.json");
}

/// The README of the project says so.
#[test]
fn the_provider_has_fewer_than_forty_lines() {
    let (provider, _) = include_str!("readme/src/lib.rs").split_once(TESTS).unwrap();
    let lines = provider.lines().filter(|line| !line.trim().is_empty()).count();
    assert!(lines < 40, "{lines} lines");
}

/// What `notifier plugin test` wants of the file: each of these, unless it is told why there is none. What the provider makes of
/// them is seen by the test of the README itself.
#[test]
fn every_class_of_outcome_is_documented() {
    use notifier_plugin_exchanges::{Exchanges, Outcome, RejectionKind};

    let class = |outcome: &Outcome| match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::RateLimited { .. } => "rate-limited",
        Outcome::Unavailable { .. } => "unavailable",
        Outcome::Unknown { .. } => "unknown",
        Outcome::Rejected { kind: RejectionKind::Message, .. } => "rejected-message",
        Outcome::Rejected { kind: RejectionKind::Recipient, .. } => "rejected-recipient",
        Outcome::Rejected { kind: RejectionKind::Suppressed, .. } => "rejected-suppressed",
        Outcome::Rejected { kind: RejectionKind::Provider, .. } => "rejected-provider",
    };
    let file = Exchanges::read(include_str!("readme/exchanges.json")).unwrap();
    let documented: Vec<_> = file.sends.iter().map(|send| class(&send.outcome)).collect();
    let wanted = [
        "accepted",
        "rate-limited",
        "unavailable",
        "unknown",
        "rejected-message",
        "rejected-recipient",
        "rejected-provider",
    ];
    for class in wanted {
        assert!(documented.contains(&class), "{class}: {documented:?}");
    }
}

/// What `notifier plugin test` wants of settings, whose suite runs on components only.
#[test]
fn its_settings_are_described_and_refused_by_name() {
    let schema: serde_json::Value = serde_json::from_str(&Acme::describe().settings_schema).unwrap();
    for (name, property) in schema["properties"].as_object().unwrap() {
        assert!(property["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    let problems = |settings| notifier_plugin_sdk::testing::Script::new().settings(settings).problems::<Acme>();
    assert!(problems(serde_json::json!({"base_url": "https://api.acme.example"})).is_empty());
    for (settings, name) in [
        (serde_json::json!({}), "base_url"),
        (serde_json::json!({"base_url": 7}), "base_url"),
        (serde_json::json!({"base_url": "https://api.acme.example", "other": 7}), "other"),
    ] {
        let problems = problems(settings);
        assert!(problems.iter().any(|problem| problem.contains(name)), "{problems:?}");
    }
}

/// As above: an answer without a word is put into words.
#[test]
fn its_problems_are_in_words() {
    use notifier_plugin_sdk::testing::{Exchange, Script, context, sms};

    let exchange = Exchange::post("https://api.acme.example/messages")
        .bearer("token")
        .header("idempotency-key", "key-1")
        .header("content-type", "application/json")
        .body(r#"{"text":"Hi","to":"+14155550100"}"#)
        .reply(500, "");
    let outcome = Script::new()
        .settings(serde_json::json!({"base_url": "https://api.acme.example"}))
        .secret("token", "t")
        .exchange(exchange)
        .send::<Acme>(sms("+14155550100", "Hi"), context());
    let Err(SendError::Unavailable(wait)) = outcome else { unreachable!("{outcome:?}") };
    assert_eq!(wait.problem.message, "HTTP 500 with an empty body");
}
