//! What the Email Activity Feed says of an attempt without an answer.

use notifier_plugin_sdk::testing::{Exchange, sought};
use notifier_plugin_sdk::{Channel, Finding, HttpError, Sought};
use serde_json::json;

use super::host;
use crate::SendGrid;

const QUERY: &str = "https://api.sendgrid.com/v3/messages\
                     ?limit=1&query=%28unique_args%5B%27notifier_key%27%5D%3D%22key-1%22%29";

fn look_up(exchange: Exchange) -> Finding {
    let sought = sought(Channel::Email, "tenant@example.org");
    host(json!({"email_activity": true})).exchange(exchange).look_up::<SendGrid>(sought)
}

fn ask() -> Exchange {
    Exchange::get(QUERY).bearer("api_key")
}

#[test]
fn without_the_feed_nobody_is_asked() {
    assert_eq!(host(json!({})).look_up::<SendGrid>(sought(Channel::Email, "a@example.org")), Finding::Impossible);
}

#[test]
fn a_listed_message_is_found_by_its_key() {
    for (id, found) in [("\"14c5d75ce93.filter1\"", Some("14c5d75ce93")), ("\"\"", None), ("7", None), ("null", None)] {
        let body = format!(r#"{{"messages":[{{"msg_id":{id},"status":"delivered"}}]}}"#);
        assert_eq!(look_up(ask().reply(200, body)), Finding::Found(found.map(Into::into)), "{id}");
    }
}

#[test]
fn nothing_else_is_an_answer() {
    for (status, body) in [
        (200, r#"{"messages":[]}"#),
        (200, r#"{"messages":{}}"#),
        (200, "{}"),
        (200, "[]"),
        (200, "<html>"),
        (200, ""),
        (400, r#"{"errors":[{"message":"invalid syntax"}]}"#),
        (403, r#"{"errors":[{"message":"access forbidden"}]}"#),
        (404, r#"{"messages":[{"msg_id":"a"}]}"#),
        (429, r#"{"errors":[{"message":"too many requests"}]}"#),
        (500, ""),
    ] {
        let Finding::Unclear(problem) = look_up(ask().reply(status, body)) else { unreachable!("{status} {body}") };
        assert!(!problem.message.is_empty());
    }
    for error in
        [HttpError::Interrupted("reset".into()), HttpError::Unreachable("dns".into()), HttpError::TooLarge(200)]
    {
        assert!(matches!(look_up(ask().fail(error)), Finding::Unclear(_)));
    }
}

#[test]
fn a_key_cannot_end_the_query() {
    for key in ["a\" OR status=\"delivered", "a\\"] {
        let sought = Sought { idempotency_key: key.into(), ..sought(Channel::Email, "a@example.org") };
        assert!(matches!(host(json!({"email_activity": true})).look_up::<SendGrid>(sought), Finding::Unclear(_)));
    }
}
