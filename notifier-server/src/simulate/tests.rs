//! What a scenario may say, and what comes of it.

use serde_json::Value;

use super::*;

fn play(text: &str) -> Result<Simulated, SimulateError> {
    simulate_text("the scenario", text, Path::new(""), None, &|_| {})
}

fn json(text: &str) -> Value {
    serde_json::from_str(&play(text).unwrap().to_json()).unwrap()
}

/// A day of text messages every hour, through one provider and then another; the first is down for a quarter of it.
const DAY: &str = r#"
start = "2027-01-01T00:00:00Z"
duration = "1 day"
seed = 3
[providers.first]
[providers.second]
[[route]]
channel = "sms"
providers = ["first", "second"]
[[schedule]]
name = "hourly"
every = "1 hour"
recipients = 5
channels = ["sms"]
[behaviour.first]
latency = "200 ms"
receipts = { delivered_percent = 100, delay = "3 s" }
[[trouble]]
provider = "first"
kind = "down"
from = "2027-01-01T05:30:00Z"
for = "6 hours"
"#;

#[test]
fn an_outage_shows_as_failover_and_repeats_nothing() {
    let report = json(DAY);
    let row = &report["deliveries"][0];
    assert_eq!(report["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!((&row["accepted"], &row["repeats"], &row["failed"]), (&120.into(), &0.into(), &0.into()), "{row}");
    let [first, second] = [0, 1].map(|place| &report["providers"][place]);
    let took = |provider: &Value| provider["took"].as_u64().unwrap();
    // Thirty were due in the outage, and four in each of the three hours in which one message at a time probes the first after it.
    assert!((30..=42).contains(&took(second)) && took(first) + took(second) == 120, "{report}");
    assert!(first["unavailable"].as_u64() >= Some(15), "the breaker opens after fifteen: {first}");
    // The second provider reports nothing: what it took is sent, and what the first took arrived.
    assert_eq!((&row["delivered"], &row["sent"]), (&first["took"], &second["took"]), "{row}");
    assert_eq!(
        (&report["breakers"][0]["provider"], &report["breakers"][0]["breaker"]),
        (&"first".into(), &"open".into())
    );
    assert!(row["late_max_ms"].as_i64() < Some(2_000), "nobody waits for the end of the outage: {row}");
}

#[test]
fn the_same_scenario_has_the_same_report_and_another_seed_another_one() {
    let with_chance = format!("{DAY}percent = 40\n");
    assert_eq!(play(&with_chance).unwrap().to_json(), play(&with_chance).unwrap().to_json());
    let other = with_chance.replace("seed = 3", "seed = 4");
    assert_ne!(play(&with_chance).unwrap().to_json(), play(&other).unwrap().to_json());
}

#[test]
fn the_report_of_a_small_scenario_is_exactly_this() {
    let small = r#"
start = "2027-01-31T00:00:00Z"
duration = "3 months"
[senders]
email = "office@example.com"
[providers.mail]
[routes]
email = "mail"
[[schedule]]
name = "rent"
at = "2027-01-31T09:00"
time_zone = "Europe/Madrid"
every = "1 month"
channels = ["email"]
[behaviour.mail]
latency = "250 ms"
"#;
    let deliveries = serde_json::json!([{
        "category": "default", "channel": "email", "accepted": 3, "sent": 3, "delivered": 0, "bounced": 0, "failed": 0,
        "expired": 0, "unknown": 0, "suppressed": 0, "cancelled": 0, "unfinished": 0, "repeats": 0, "late_p50_ms": 0,
        "late_p99_ms": 0, "late_max_ms": 0, "longest_wait_ms": 0
    }]);
    let providers = serde_json::json!([{
        "name": "mail", "calls": 3, "took": 3, "unavailable": 0, "rate_limited": 0, "rejected": 0, "unclear": 0
    }]);
    let expected = serde_json::json!({
        "seed": 1, "from": "2027-01-31T00:00:00Z", "to": "2027-04-30T00:00:00Z", "over_at": "2027-04-30T00:00:00Z",
        "schedules": [{"name": "rent", "accepted": 3, "refused": 0, "refusals": {}}],
        "providers": providers, "deliveries": deliveries, "breakers": [], "problems": [], "worst": [], "missed": []
    });
    assert_eq!(json(small), expected);
}

#[test]
fn what_was_expected_and_did_not_come_is_told() {
    let expecting = |limits: &str| json(&format!("{DAY}[expect]\n{limits}"))["missed"].clone();
    assert_eq!(
        expecting("sent_percent_min = 100\nfailed_max = 0\nrepeats_max = 0\nlate_max = \"5 s\""),
        serde_json::json!([])
    );
    let missed = expecting("delivered_percent_min = 99.9");
    let missed = missed[0].as_str().unwrap();
    assert!(
        missed.starts_with("delivered_percent_min is 99.9, and it was ") && missed.ends_with(" of 120"),
        "{missed}"
    );
}

#[test]
fn lost_answers_are_repeated_and_counted() {
    let report = json(&DAY.replace("kind = \"down\"", "kind = \"lost_answers\"\npercent = 50"));
    let row = &report["deliveries"][0];
    assert!(row["repeats"].as_u64() > Some(0) && row["failed"] == 0, "{row}");
    assert!(report["providers"][0]["unclear"].as_u64() >= row["repeats"].as_u64(), "{report}");
}

#[test]
fn a_notification_tells_its_story() {
    let failing = DAY
        .replace("kind = \"down\"", "kind = \"refuses_addresses\"")
        .replace("providers = [\"first\", \"second\"]", "providers = [\"first\"]");
    let report = json(&failing);
    let id = report["worst"][0]["delivery"].as_str().unwrap().split('.').next().unwrap().parse().unwrap();
    let told = simulate_text("the scenario", &failing, Path::new(""), Some(id), &|_| {}).unwrap().to_text();
    assert!(told.contains("timeline") && told.contains("it knows no such address"), "{told}");
    assert_eq!(report["problems"][0]["count"], 30);
    let unknown = NotificationId::from_bytes([0; 16]);
    let error = simulate_text("the scenario", DAY, Path::new(""), Some(unknown), &|_| {}).err().unwrap();
    assert!(matches!(error, SimulateError::NoSuchNotification(_)));
}

#[test]
fn every_mistake_names_its_field_and_what_would_be_right() {
    let cases = [
        (
            "start = \"2027-01-01T00:00:00Z\"",
            "start = \"soon\"",
            "start: must be a time, as `2027-01-01T00:00:00Z`, not `soon`",
        ),
        ("duration = \"1 day\"", "duration = \"long\"", "duration: must be a length of time"),
        (
            "duration = \"1 day\"",
            "duratoin = \"1 day\"",
            "duratoin: there is no such setting; there are `config`, `start`",
        ),
        ("seed = 3", "seed = -3", "seed: must be a whole number"),
        ("every = \"1 hour\"", "every = \"hourly\"", "schedule[0].every: must be a length of time"),
        ("every = \"1 hour\"", "at = \"noon\"", "schedule[0].at: must be a time"),
        ("every = \"1 hour\"", "time_zone = \"Mars\"", "schedule[0].time_zone: must be the name of a time zone"),
        ("every = \"1 hour\"", "ahead = \"1 month\"", "schedule[0].ahead: must be a length of time in days and less"),
        ("every = \"1 hour\"", "count = 0", "schedule[0].count: must be a whole number from 1"),
        (
            "every = \"1 hour\"",
            "category = \"rent\"",
            "schedule[0].category: there is no category `rent`; there are `default`",
        ),
        ("every = \"1 hour\"", "template = \"rent\"", "schedule[0].template: there is no template `rent`: add"),
        ("every = \"1 hour\"", "content = {}", "schedule[0].content: give `sms` (text)"),
        ("recipients = 5", "recipients = 0", "schedule[0].recipients: must be a whole number from 1 to 1000000"),
        ("channels = [\"sms\"]", "channels = [\"fax\"]", "schedule[0].channels: "),
        (
            "[behaviour.first]",
            "[behaviour.third]",
            "behaviour.third: there is no provider `third`; there are `first`, `second`",
        ),
        (
            "delivered_percent = 100",
            "delivered_percent = 101",
            "behaviour.first.receipts.delivered_percent: must be a number from 0 to 100",
        ),
        (
            "delivered_percent = 100",
            "delivered_percent = 60, bounced_percent = 60",
            "behaviour.first.receipts: the shares",
        ),
        ("provider = \"first\"", "provider = \"third\"", "trouble[0].provider: there is no provider `third`"),
        ("kind = \"down\"", "kind = \"tired\"", "trouble[0].kind: must be `down`, `slow`, `hang`"),
        ("kind = \"down\"", "kind = \"down\"\nby = \"1 s\"", "trouble[0].by: goes with the kind `slow`"),
        ("kind = \"down\"", "kind = \"down\"\nretry_after = \"1 s\"", "trouble[0].retry_after: goes with the kind"),
        ("for = \"6 hours\"", "to = \"2026-01-01\"", "trouble[0].to: must be after `from`"),
        ("for = \"6 hours\"", "percent = 200", "trouble[0].percent: must be a whole number from 1 to 100"),
        ("seed = 3", "recipients = { phones = [\"12\"] }", "recipients.phones: must be `+` and 8 to 15 digits"),
        ("seed = 3", "recipients = { time_zones = [\"Mars\"] }", "recipients.time_zones: there is no time zone `Mars`"),
        ("seed = 3", "expect = { late_max = \"never\" }", "expect.late_max: must be a length of time"),
    ];
    for (right, wrong, expected) in cases {
        assert!(DAY.contains(right), "{right}");
        let error = play(&DAY.replace(right, wrong)).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(&format!("\n  {expected}")), "{wrong}: {error}");
        assert!(error.contains("(in the scenario)") || error.contains("(in the defaults)"), "{error}");
    }
    let error = play(&DAY.replace("[providers.second]", "")).err().unwrap();
    assert!(matches!(error, SimulateError::Config(_)) && error.to_string().contains("no provider `second`"), "{error}");
}

#[test]
fn the_configuration_of_a_server_can_be_tried() {
    let folder = tempfile::tempdir().unwrap();
    let served = "[providers.twilio]\nplugin = \"twilio\"\nsecrets = { auth_token = \"env:NOBODY_SETS_THIS\" }\n\
                  [routes]\nsms = \"twilio\"\n[server]\nlisten = \"127.0.0.1:1\"\n";
    std::fs::write(folder.path().join("notifier.toml"), served).unwrap();
    let scenario = "config = \"notifier.toml\"\nstart = \"2027-01-01\"\nduration = \"1 day\"\n[providers.twilio.limits]\n\
                    calls_per_second_max = 1\n[[schedule]]\nname = \"x\"\nrecipients = 10\nchannels = [\"sms\"]\n";
    let simulated = simulate_text("the scenario", scenario, folder.path(), None, &|_| {}).unwrap();
    let row = &simulated.report.deliveries[0];
    assert_eq!((row.accepted, row.sent), (10, 10));
    assert!((8_000..12_000).contains(&row.late_max_ms), "one a second: {row:?}");
}

#[test]
fn the_example_says_what_it_does() {
    let scenario = reader::read("the example", EXAMPLE, Path::new("")).unwrap();
    assert_eq!((scenario.schedules.len(), scenario.troubles.len(), scenario.behaviours.len()), (3, 4, 3));
    let planned = plan::plan(&scenario).unwrap();
    assert_eq!(planned.len(), 200 * 12 + 100 * 365 + 20 * 7);
    assert!(planned.iter().all(|one| scenario.start <= one.asked_at && one.asked_at <= one.due_at));
}
