//! A component among stand-ins behaves as it does in the world, and tells more.

use std::sync::Arc;
use std::time::Duration;

use notifier_plugin_exchanges as file;
use serde_json::json;

use super::engine;
use crate::adapters::wasm::{Answer, Asked, PluginError, Rehearsal, Scene, StandIn, inspect};

struct Always(Answer);

impl StandIn for Always {
    fn answer(&self, _: &Asked) -> Answer {
        self.0.clone()
    }
}

fn documented() -> file::Exchanges {
    file::Exchanges::read(include_str!("../../../../../plugins/twilio/exchanges.json")).unwrap()
}

fn twilio() -> Rehearsal {
    Rehearsal::load(engine(), notifier_plugins::TWILIO.component).unwrap()
}

fn scene(answer: Answer) -> Scene {
    let documented = documented();
    Scene {
        settings: documented.settings,
        secrets: documented.secrets,
        now_ms: 1_767_225_600_000,
        occurred_at_ms: None,
        certificates: Default::default(),
        vendor: Arc::new(Always(answer)),
        timeout: Duration::from_secs(10),
    }
}

fn answer(status: u16, body: serde_json::Value) -> Answer {
    let body = Some(file::Body::Json(body));
    Answer::Reply(file::Reply::Response(file::Response { status, headers: Default::default(), body }))
}

#[tokio::test]
async fn a_request_is_seen_as_the_plugin_made_it() {
    let file::Exchanges { sends, .. } = documented();
    let scene = scene(answer(201, json!({ "sid": "SM1" })));
    let played = twilio().send(&scene, &sends[0].message, &sends[0].context).await.unwrap();
    assert_eq!(played.said, Ok(file::Outcome::Accepted { provider_message_id: Some("SM1".into()) }));
    let [asked] = played.asked.as_slice() else { panic!("one request: {:?}", played.asked) };
    let wanted = sends[0].exchanges[0].request.as_ref().unwrap();
    assert_eq!(file::differences(wanted, &asked.seen()), Vec::<String>::new());
    assert_eq!(asked.secrets, ["auth_token"]);
}

#[tokio::test]
async fn secrets_are_named_missed_and_taken_out_of_answers() {
    let file::Exchanges { sends, .. } = documented();
    let echo = json!({ "code": 21211, "message": "the token is canary-value-7" });
    let mut scene = scene(answer(400, echo));
    scene.secrets.insert("auth_token".into(), "canary-value-7".into());
    let played = twilio().send(&scene, &sends[0].message, &sends[0].context).await.unwrap();
    assert!(matches!(played.said, Ok(file::Outcome::Rejected { .. })), "{:?}", played.said);
    assert!(played.words.iter().any(|words| words.contains("the token is [secret]")), "{:?}", played.words);
    scene.secrets.clear();
    let played = twilio().send(&scene, &sends[0].message, &sends[0].context).await.unwrap();
    assert!(!matches!(played.said, Ok(file::Outcome::Accepted { .. })), "{:?}", played.said);
    assert_eq!(played.asked, [], "nothing is asked with a secret that is not there");
}

#[tokio::test]
async fn a_vendor_that_says_nothing_leaves_the_plugin_time_to_say_so() {
    let file::Exchanges { sends, .. } = documented();
    let scene = Scene { timeout: Duration::from_millis(300), ..scene(Answer::Silence) };
    let played = twilio().send(&scene, &sends[0].message, &sends[0].context).await.unwrap();
    assert!(matches!(played.said, Ok(file::Outcome::Unknown { .. })), "{:?}", played.said);
}

#[tokio::test]
async fn webhooks_are_verified_at_the_time_of_the_scene() {
    let documented = documented();
    let case = documented.webhooks.iter().find(|case| matches!(case.says, file::Says::Events(_))).unwrap();
    let mut scene = scene(Answer::Silence);
    scene.settings = documented.settings_of(case.settings.as_ref());
    scene.now_ms = case.now_ms;
    assert_eq!(twilio().receive(&scene, &case.webhook).await.unwrap().said.as_ref(), Ok(&case.says));
    let mut altered = case.webhook.clone();
    altered.body.push('x');
    let refused = twilio().receive(&scene, &altered).await.unwrap().said;
    assert_eq!(refused, Ok(file::Says::Refused(file::Refusal::Unverified)));
}

#[test]
fn it_is_described_in_full() {
    let portrait = twilio().describe().unwrap();
    assert_eq!((portrait.name.as_str(), portrait.channels.as_slice()), ("twilio", &["sms".to_owned()][..]));
    assert!(portrait.receipts.contains(&"delivered".to_owned()), "{portrait:?}");
    assert!(portrait.secrets.iter().any(|secret| secret.name == "auth_token"), "{portrait:?}");
    let inspection = inspect(engine(), notifier_plugins::TWILIO.component).unwrap();
    assert_eq!(inspection.exports, ["notifier:provider/provider@0.1.0"]);
    assert!(inspection.imports.iter().all(|name| name.starts_with("notifier:provider/")), "{inspection:?}");
    let error = Rehearsal::load(engine(), b"not wasm").err();
    assert!(matches!(error, Some(PluginError::Component(_))), "{error:?}");
}

#[test]
fn settings_are_checked() {
    let mut scene = scene(Answer::Silence);
    assert_eq!(twilio().check_settings(&scene).unwrap(), []);
    scene.settings = json!({});
    let problems = twilio().check_settings(&scene).unwrap();
    assert!(problems.iter().any(|problem| problem.to_string().contains("account_sid")), "{problems:?}");
}
