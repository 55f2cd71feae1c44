//! What Postmark can be asked of a message without a clear answer.

use notifier_plugin_sdk::testing::{Exchange, sought};
use notifier_plugin_sdk::{Channel, Finding, HttpError, Problem};
use serde_json::json;

use super::host;
use crate::Postmark;

fn ask() -> Exchange {
    Exchange::get("https://api.postmarkapp.com/messages/outbound?count=1&offset=0&metadata_notifier_key=key-1")
        .secret_header("X-Postmark-Server-Token", "server_token")
        .header("accept", "application/json")
}

fn look_up(exchange: Exchange) -> Finding {
    host(json!({})).exchange(exchange).look_up::<Postmark>(sought(Channel::Email, "tenant@example.org"))
}

#[test]
fn only_a_message_with_the_key_is_found() {
    let message = |key: &str| json!({"Messages": [{"MessageID": "M1", "Metadata": {"notifier_key": key}}]}).to_string();
    assert_eq!(look_up(ask().reply(200, message("key-1"))), Finding::Found(Some("M1".into())));
    for body in [message("key-2"), "{}".into(), r#"{"Messages":[]}"#.into(), "".into(), "null".into()] {
        let Finding::Unclear(problem) = look_up(ask().reply(200, &*body)) else { unreachable!("{body}") };
        assert_eq!(problem.message, "Postmark does not list the message, or not yet");
    }
}

/// Not found would have the message sent again, and nothing that Postmark answers is sure enough for that.
#[test]
fn no_answer_says_that_it_was_never_taken() {
    for status in [200, 204, 301, 400, 401, 404, 422, 429, 500, 503, 504] {
        for body in ["", "{}", r#"{"TotalCount":0,"Messages":[]}"#, r#"{"ErrorCode":701,"Message":"Not found"}"#] {
            assert!(matches!(look_up(ask().reply(status, body)), Finding::Unclear(_)), "{status} {body}");
        }
    }
}

#[test]
fn what_went_wrong_is_told() {
    let refused = ask().reply(401, r#"{"ErrorCode":10,"Message":"Bad token"}"#);
    let problem = Problem { code: Some("10".into()), message: "Bad token".into() };
    assert_eq!(look_up(refused), Finding::Unclear(problem));
    let Finding::Unclear(problem) = look_up(ask().fail(HttpError::Unreachable("dns".into()))) else { unreachable!() };
    assert_eq!(problem.message, "no connection to the vendor: dns");
    let Finding::Unclear(problem) = look_up(ask().fail(HttpError::Denied("host".into()))) else { unreachable!() };
    assert!(problem.message.ends_with("host"), "{}", problem.message);
}
