//! What SNS's answers mean.

use notifier_plugin_sdk::testing::{context, sms};
use notifier_plugin_sdk::{Class, Problem, Receipt, RejectionKind, SendError};
use proptest::prelude::*;
use serde_json::json;

use super::{API, host, post};
use crate::Sns;
use crate::errors::PUBLISH_ERRORS;

fn answered(status: u16, body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post(API, None)
        .body("Action=Publish&Version=2010-03-31&PhoneNumber=%2B14155550100&Message=Hi")
        .reply_with(status, &[], body);
    host(json!({})).exchange(exchange).send::<Sns>(sms("+14155550100", "Hi"), context())
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

#[test]
fn every_code_of_the_table_is_classified_by_code() {
    for (code, class) in PUBLISH_ERRORS.codes {
        // A status that means something else, so that only the code can give this class.
        let status = if *class == Class::Message { 401 } else { 400 };
        let problem = Problem { code: Some((*code).into()), message: "Said".into() };
        assert_eq!(answered(status, error(code, "Said")), Err(class.into_error(None, problem)), "{code}");
    }
}

#[test]
fn a_parameter_that_is_the_number_is_the_recipients_fault() {
    for (message, kind) in [
        ("Invalid parameter: PhoneNumber Reason: +1 is not valid to publish to", RejectionKind::Recipient),
        ("Invalid parameter: Empty message", RejectionKind::Message),
    ] {
        let SendError::Rejected(rejection) = answered(400, error("InvalidParameter", message)).unwrap_err() else {
            unreachable!("{message}")
        };
        assert_eq!((rejection.kind, rejection.problem.message.as_str()), (kind, message));
    }
}

#[test]
fn every_2xx_accepts_with_or_without_an_id() {
    let id = |body: &str| answered(200, body).unwrap().provider_message_id;
    assert_eq!(id("<a><PublishResult><MessageId> m-1\n</MessageId></PublishResult></a>").as_deref(), Some("m-1"));
    for body in [
        "",
        "<html>",
        "{}",
        "<a/>",
        "<a><PublishResult/></a>",
        "<a><PublishResult><MessageId/></PublishResult></a>",
        "<a><MessageId>m-1</MessageId></a>",
        "<a><PublishResult><MessageId>m-1</PublishResult></a>",
    ] {
        assert_eq!(id(body), None, "{body}");
    }
    assert_eq!(answered(202, vec![0xff, 0xfe]).unwrap().provider_message_id, None);
}

#[test]
fn an_error_body_that_is_not_of_sns_does_not_crash() {
    for body in [
        "",
        "<html>",
        "null",
        "<ErrorResponse/>",
        "<ErrorResponse><Error/></ErrorResponse>",
        "<Error><Code>x</Code></Error>",
    ] {
        let SendError::Unavailable(wait) = answered(503, body).unwrap_err() else { unreachable!("{body}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
    }
    let deep = "<a>".repeat(20_000);
    assert!(matches!(answered(400, deep), Err(SendError::Rejected(_))));
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(status in 200u16..600, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(answered(status, body).is_ok(), status < 300);
    }

    #[test]
    fn nothing_like_xml_makes_it_panic(status in 200u16..600, body in "(<[/a-zA-Z!?&;\\[\\]-]{0,8}>?|\\PC){0,20}") {
        prop_assert_eq!(answered(status, body).is_ok(), status < 300);
    }
}
