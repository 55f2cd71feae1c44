//! The components that ship with notifier pass, and what is wrong with a component is found.

use std::path::Path;

use notifier_core::wasm::rehearsal::{Asked, Played, Rehearsal};
use notifier_plugin_exchanges::{Exchanges, Outcome, Send};
use notifier_plugins::{HOSTILE, TWILIO, WEBHOOK};
use serde_json::json;

use super::classes::{self, Class};
use super::lacks::Messages;
use super::report::Group;
use super::stage::Stage;
use super::{Lack, Lacking, run};

fn documented(name: &str) -> Exchanges {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../plugins/{name}/exchanges.json"));
    Exchanges::read(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn tested(component: &[u8], file: &Exchanges) -> Vec<Group> {
    tested_without(&[], component, file)
}

fn tested_without(lacks: &[Lack], component: &[u8], file: &Exchanges) -> Vec<Group> {
    let engine = super::super::engine().unwrap();
    let rehearsal = Rehearsal::load(&engine, component).unwrap();
    let portrait = rehearsal.describe().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(run(&rehearsal, &portrait, file, lacks))
}

/// Every failure, as `rule: case: problem`.
fn failures(groups: &[Group]) -> Vec<String> {
    let told = |group: &Group| {
        let rule = group.rule;
        group
            .failures
            .iter()
            .map(|failure| format!("{rule}: {}: {}", failure.case, failure.problem))
            .collect::<Vec<_>>()
    };
    groups.iter().flat_map(told).collect()
}

fn rules_that_failed(groups: &[Group]) -> Vec<&'static str> {
    groups.iter().filter(|group| !group.failures.is_empty()).map(|group| group.rule).collect()
}

/// A test for each component, so that they run beside each other; and one that all have one.
macro_rules! every_component {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let component = notifier_plugins::find(stringify!($name)).unwrap().component;
                let groups = tested(component, &documented(stringify!($name)));
                assert_eq!(failures(&groups), Vec::<String>::new());
                let replayed: usize = groups[..3].iter().map(|group| group.cases).sum();
                let general: usize = groups[3..].iter().map(|group| group.cases).sum();
                assert!(replayed >= 20 && general >= 80, "{replayed} documented, {general} general");
            }
        )*

        #[test]
        fn no_component_is_left_out() {
            let tested = [$(stringify!($name)),*];
            let shipped: Vec<_> = notifier_plugins::all().iter().map(|prebuilt| prebuilt.name).collect();
            assert_eq!(tested.as_slice(), shipped);
        }
    };
}

every_component!(fcm mailgun postmark resend sendgrid ses slack sns twilio vonage webhook webpush);

#[test]
fn a_file_that_says_otherwise_is_not_agreed_with() {
    let mut file = documented("twilio");
    let accepted = file.sends.iter_mut().find(|send| matches!(send.outcome, Outcome::Accepted { .. })).unwrap();
    let name = accepted.name.clone();
    accepted.exchanges[0].request.as_mut().unwrap().url.push_str("?more");
    let found = failures(&tested(TWILIO.component, &file));
    let [only] = found.as_slice() else { panic!("{found:#?}") };
    assert!(only.starts_with(&format!("messages go as documented: {name}: url: want https://")), "{only}");
    assert!(only.contains("Messages.json?more"), "{only}");
}

#[test]
fn a_class_of_outcome_that_is_not_documented_is_missed() {
    let mut file = documented("twilio");
    let is_limited = |send: &Send| matches!(send.outcome, Outcome::RateLimited { .. });
    file.sends.retain(|send| !is_limited(send));
    let engine = super::super::engine().unwrap();
    let portrait = Rehearsal::load(&engine, TWILIO.component).unwrap().describe().unwrap();
    let lacks = [Lack { what: Lacking::Class(Class::RateLimited), reason: "Acme has time".into() }];
    let told = failures(&[classes::classes(&portrait, &file, &[])]);
    let [only] = told.as_slice() else { panic!("{told:#?}") };
    assert!(only.contains("documented: rate-limited: no message comes to it") && only.contains("--lacks"), "{only}");
    assert_eq!(failures(&[classes::classes(&portrait, &file, &lacks)]), Vec::<String>::new());
    let told = failures(&[classes::classes(&portrait, &documented("twilio"), &lacks)]);
    assert!(told[0].contains("it is said to be lacking, because Acme has time; it is documented"), "{told:#?}");
}

/// Whoever follows the README has to come to its end.
#[test]
fn the_file_of_the_readme_documents_every_class() {
    let engine = super::super::engine().unwrap();
    let portrait = Rehearsal::load(&engine, TWILIO.component).unwrap().describe().unwrap();
    let told = failures(&[classes::classes(&portrait, &documented("sdk/tests/readme"), &[])]);
    assert_eq!(told, Vec::<String>::new());
}

/// The component makes one request. With a file that says two, the vendor is silent at the second, which never comes.
#[test]
fn a_call_of_several_requests_is_given_up_at_each_of_them() {
    let mut file = documented("twilio");
    let accepted = file.sends.iter_mut().find(|send| matches!(send.outcome, Outcome::Accepted { .. })).unwrap();
    accepted.exchanges.push(accepted.exchanges[0].clone());
    let groups = tested(TWILIO.component, &file);
    let group = groups.iter().find(|group| group.rule == "a call that runs out of time leaves nothing behind").unwrap();
    assert_eq!(group.cases, 3, "one for each request, and the call after them");
    let [only] = group.failures.as_slice() else { panic!("{group:#?}") };
    assert_eq!(only.case, "a vendor that says nothing to request 2");
}

#[test]
fn another_vendors_file_fails() {
    let failed = rules_that_failed(&tested(TWILIO.component, &documented("vonage")));
    for rule in ["messages go as documented", "webhooks are read as documented"] {
        assert!(failed.contains(&rule), "{failed:?}");
    }
}

#[test]
fn a_file_without_a_message_that_is_taken_is_not_enough() {
    let mut file = documented("twilio");
    file.sends.retain(|send| !matches!(send.outcome, Outcome::Accepted { .. }));
    let failed = rules_that_failed(&tested(TWILIO.component, &file));
    assert!(failed.contains(&"a message is accepted"), "{failed:?}");
}

/// The fixture that attacks its host, with a message that it sends and a vendor that takes it.
fn hostile(attack: &str) -> Vec<Group> {
    tested(HOSTILE.component, &hostile_file(attack))
}

fn hostile_file(attack: &str) -> Exchanges {
    let url = "https://api.acme.example/messages";
    let reply = json!({ "response": { "status": 202, "body": { "json": { "id": "7" } } } });
    let file = json!({
        "format": 1,
        "settings": { "attack": attack, "url": url },
        "secrets": { "canary": "not-a-real-secret" },
        "sends": [{
            "name": "a text",
            "message": { "sms": { "recipient": "+14155550100", "text": "Rent is due on Friday." } },
            "exchanges": [reply],
            "outcome": { "accepted": { "provider_message_id": "hostile-key-1" } }
        }]
    });
    Exchanges::read(&file.to_string()).unwrap()
}

#[test]
fn a_plugin_that_takes_every_answer_for_yes_is_found() {
    let groups = hostile("get");
    let failed = rules_that_failed(&groups);
    for rule in [
        "an answer means at least what its status means",
        "a request without an answer is unknown, one that was not sent is unavailable",
        "messages arrive whole, in any script",
        "messages of any size are sent whole, or not at all",
        "every class of outcome is documented",
        "it describes itself in full, and the same each time",
    ] {
        assert!(failed.contains(&rule), "{rule}: {failed:?}");
    }
    let found = failures(&groups);
    let is_found = |text: &str| found.iter().any(|failure| failure.contains(text));
    assert!(is_found("401 with no body: want anything but accepted\ngot  Accepted"), "{found:#?}");
    let case = "channels that are described have a documented message that is accepted";
    assert!(is_found(&format!("{case}: missing: `chat`")), "{found:#?}");
}

#[test]
fn a_plugin_that_traps_is_found() {
    let found = failures(&hostile("trap"));
    assert!(found.iter().any(|failure| failure.contains("a text") && failure.contains("plugin.trap")), "{found:#?}");
}

#[test]
fn a_plugin_that_does_not_say_whose_servers_it_calls_is_found() {
    let mut component = WEBHOOK.component.to_vec();
    let place = component.windows(14).position(|text| text == b"callsrecipient").unwrap();
    component[place] = b'b';
    let found = failures(&tested(&component, &documented(WEBHOOK.name)));
    assert!(found.iter().any(|failure| failure.contains("describe the attribute `calls`")), "{found:#?}");
}

#[test]
fn a_secret_that_is_shown_is_found() {
    let engine = super::super::engine().unwrap();
    let rehearsal = Rehearsal::load(&engine, TWILIO.component).unwrap();
    let file = documented("twilio");
    let stage = Stage::new(&rehearsal, &file).unwrap();
    let (name, canary) = stage.canaries.iter().next().unwrap();
    let asked = Asked {
        method: "POST".into(),
        url: "https://api.acme.example/".into(),
        headers: vec![("x-a".into(), "b".into())],
        auth: None,
        secrets: vec![],
        body: b"c".to_vec(),
        timeout_ms: None,
    };
    let clean =
        Played { said: Ok(()), words: vec![], asked: vec![asked], exchanged: vec![], log: vec!["a line".into()] };
    assert_eq!(stage.leak(&clean), Ok(()));
    let mut shown = [clean.clone(), clean.clone(), clean.clone(), clean.clone(), clean];
    shown[0].asked[0].url.push_str(canary);
    shown[1].asked[0].headers[0].1.push_str(canary);
    shown[2].asked[0].body.extend(canary.bytes());
    shown[3].log.push(format!("the token is {canary}"));
    shown[4].words.push(canary.clone());
    for (played, place) in shown.iter().zip(["a URL", "a header", "a body", "the log", "what it says"]) {
        assert_eq!(stage.leak(played), Err(format!("the value of the secret `{name}` is in {place}")));
    }
}

/// A component that is never built again, so that its code can be changed by place: it is Twilio's.
const FROZEN: &[u8] = include_bytes!("../../../../plugins/prebuilt/fixtures/frozen-0.1.0.wasm");
const FROZEN_FILE: &str = include_str!("../../../../plugins/prebuilt/fixtures/frozen-0.1.0.exchanges.json");
/// Where it refuses a text for its length: `local.get 9; i32.const 1600; i32.gt_u; br_if 0`, local 9 being the characters.
const LIMIT: &[u8] = &[0x20, 9, 0x41, 0xc0, 0x0c, 0x4b, 0x0d, 0];
/// `i32.const 128` in its place.
const LIMIT_OF_128: &[u8] = &[0x20, 9, 0x41, 0x80, 0x01, 0x4b, 0x0d, 0];
/// `local.get 17; nop; i32.lt_u` in its place, local 17 being the bytes: whatever is not ASCII has more of them.
const ASCII_ONLY: &[u8] = &[0x20, 9, 0x20, 17, 0x01, 0x49, 0x0d, 0];

/// What is found of a component that refuses otherwise.
fn refusing(otherwise: &[u8], lacks: &[Lack]) -> Vec<Group> {
    let mut component = FROZEN.to_vec();
    let places: Vec<_> = (0..=component.len() - LIMIT.len()).filter(|at| component[*at..].starts_with(LIMIT)).collect();
    let [place] = places.as_slice() else { panic!("once, not at {places:?}") };
    component[*place..place + otherwise.len()].copy_from_slice(otherwise);
    tested_without(lacks, &component, &Exchanges::read(FROZEN_FILE).unwrap())
}

fn group<'a>(groups: &'a [Group], rule: &str) -> &'a Group {
    groups.iter().find(|group| group.rule == rule).unwrap()
}

const SCRIPTS: &str = "messages arrive whole, in any script";
const SIZES: &str = "messages of any size are sent whole, or not at all";

fn refused(group: &Group) -> Vec<&str> {
    group.refusals.iter().map(|refusal| refusal.case.as_str()).collect()
}

#[test]
fn a_plugin_that_refuses_whatever_is_not_ascii_is_found() {
    let groups = refusing(ASCII_ONLY, &[]);
    let [only] = group(&groups, SCRIPTS).failures.as_slice() else { panic!("{groups:#?}") };
    assert_eq!(only.case, "one of these at least, on each channel");
    assert!(
        only.problem.starts_with("none arrives on `sms`: ") && only.problem.contains("--lacks other-scripts=REASON")
    );
    assert_eq!(refused(group(&groups, SCRIPTS)).len(), 6, "{groups:#?}");
    assert!(group(&groups, SIZES).failures.is_empty(), "ASCII arrives in ordinary sizes: {groups:#?}");

    let lacks = [Lack { what: Lacking::Messages(Messages::OtherScripts), reason: "Acme takes ASCII".into() }];
    assert!(group(&refusing(ASCII_ONLY, &lacks), SCRIPTS).failures.is_empty());
}

#[test]
fn a_plugin_that_refuses_ordinary_sizes_is_found() {
    let groups = refusing(LIMIT_OF_128, &[]);
    let [only] = group(&groups, SIZES).failures.as_slice() else { panic!("{groups:#?}") };
    assert_eq!(only.case, "the smallest at least, on each channel");
    assert!(
        only.problem.starts_with("none arrives on `sms`: ") && only.problem.contains("--lacks ordinary-sizes=REASON")
    );
    assert!(refused(group(&groups, SIZES)).contains(&"sms: 160 characters, Latin"), "{groups:#?}");
    assert!(group(&groups, SCRIPTS).failures.is_empty(), "{groups:#?}");

    let lacks = [Lack { what: Lacking::Messages(Messages::OrdinarySizes), reason: "Acme takes 128".into() }];
    assert!(group(&refusing(LIMIT_OF_128, &lacks), SIZES).failures.is_empty());
}

#[test]
fn what_is_beyond_a_vendors_limit_is_no_failure_and_is_told() {
    let what = [Messages::OtherScripts, Messages::OrdinarySizes];
    let lacks = what.map(|what| Lack { what: Lacking::Messages(what), reason: "Acme takes little".into() });
    let groups = refusing(LIMIT, &lacks);
    assert_eq!(refused(group(&groups, SCRIPTS)), Vec::<&str>::new());
    let sizes = group(&groups, SIZES);
    assert_eq!(refused(sizes), ["sms: 10000 characters, Latin", "sms: 10000 characters, Hebrew"]);
    assert!(sizes.refusals[0].words.contains("10000 characters, Twilio takes 1600"), "{sizes:#?}");
    for rule in [SCRIPTS, SIZES] {
        let [only] = group(&groups, rule).failures.as_slice() else { panic!("{groups:#?}") };
        assert_eq!(only.problem, "it is said to be lacking, because Acme takes little; it arrives");
    }
}

#[test]
fn each_channel_is_varied_by_its_own_message() {
    let mut file = hostile_file("get");
    let text = &file.sends[0];
    let chat =
        serde_json::from_value(json!({ "chat": { "recipient": "C1", "text": "Rent is due on Friday." } })).unwrap();
    let chat = Send { name: "a chat".into(), message: chat, ..text.clone() };
    file.sends.push(chat.clone());
    file.sends.push(Send { name: "another chat".into(), ..chat });
    let found = failures(&tested(HOSTILE.component, &file));
    let count = |what: &str| found.iter().filter(|failure| failure.contains(what)).count();
    assert_eq!((count(": sms: emoji: "), count(": chat: emoji: ")), (1, 1), "{found:#?}");
    assert_eq!(count("none arrives on `sms`, `chat`: "), 2, "{found:#?}");
}
