//! What is sent to Twilio, byte for byte, and what its answers mean.

use notifier_plugin_sdk::testing::{Exchange, context, sms};
use notifier_plugin_sdk::{Class, Context, HttpError, Message, Problem, Receipt, RejectionKind, SendError, Sms};
use serde_json::{Value, json};

use super::{ACCOUNT, API_KEY, MESSAGES, SERVICE, host};
use crate::Twilio;
use crate::errors::{REQUEST_ERRORS, SENDER_OF_ANOTHER_DESTINATION};
use crate::send::{BODY_CHARS_MAX, MEDIA_MAX};

const CREATED: &str =
    r#"{"sid":"SM00000000000000000000000000000001","status":"queued","num_segments":"1","error_code":null}"#;

fn post(body: &str) -> Exchange {
    Exchange::post(MESSAGES)
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .basic(ACCOUNT, "auth_token")
        .body(body)
}

/// Sends with the sender `+14155550123`, and expects `body` to follow its form fields.
fn check_body(message: impl Into<Message>, body: &str) {
    let exchange = post(body).reply(201, CREATED);
    let outcome = host(json!({"from": "+14155550123"})).exchange(exchange).send::<Twilio>(message.into(), context());
    assert_eq!(outcome.unwrap().provider_message_id.as_deref(), Some("SM00000000000000000000000000000001"));
}

/// What an answer means.
fn answered(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Result<Receipt, SendError> {
    let exchange = post("To=%2B14155550100&From=%2B14155550123&Body=Hi").reply_with(status, headers, body);
    host(json!({"from": "+14155550123"})).exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context())
}

/// What is refused without a request.
fn refused(settings: Value, message: Message) -> Problem {
    match host(settings).send::<Twilio>(message, context()).unwrap_err() {
        SendError::Rejected(rejection) => rejection.problem,
        other => unreachable!("{other:?}"),
    }
}

fn with_media(text: &str, media_urls: &[&str]) -> Message {
    let media_urls = media_urls.iter().map(|url| (*url).to_owned()).collect();
    Sms { sender: None, recipient: "+14155550100".into(), text: text.into(), media_urls }.into()
}

#[test]
fn a_text_is_a_form_with_basic_authentication() {
    check_body(sms("+14155550100", "Rent is due"), "To=%2B14155550100&From=%2B14155550123&Body=Rent+is+due");
}

#[test]
fn unicode_and_reserved_characters_are_percent_encoded() {
    check_body(
        sms("+14155550100", "Größe: 5 m² & 100 % = ✓ 🏠\n"),
        "To=%2B14155550100&From=%2B14155550123&Body=Gr%C3%B6%C3%9Fe%3A+5+m%C2%B2+%26+100+%25+%3D+%E2%9C%93+%F0%9F%8F%A0%0A",
    );
}

#[test]
fn media_are_repeated_and_need_no_text() {
    check_body(
        with_media("Look", &["https://example.com/a.jpg?x=1", "https://example.com/b.jpg"]),
        "To=%2B14155550100&From=%2B14155550123&Body=Look&MediaUrl=https%3A%2F%2Fexample.com%2Fa.jpg%3Fx%3D1\
         &MediaUrl=https%3A%2F%2Fexample.com%2Fb.jpg",
    );
    check_body(
        with_media("", &["https://example.com/a.jpg"]),
        "To=%2B14155550100&From=%2B14155550123&MediaUrl=https%3A%2F%2Fexample.com%2Fa.jpg",
    );
}

#[test]
fn the_senders_of_message_settings_and_service() {
    for (settings, sender, body) in [
        (json!({"from": "+14155550123"}), Some("Landlord"), "From=Landlord"),
        (json!({"from": "Landlord"}), None, "From=Landlord"),
        (json!({"messaging_service_sid": SERVICE}), None, "MessagingServiceSid=MG0123456789abcdef0123456789abcdef"),
        (
            json!({"messaging_service_sid": SERVICE, "from": "12345"}),
            None,
            "From=12345&MessagingServiceSid=MG0123456789abcdef0123456789abcdef",
        ),
    ] {
        let exchange = post(&format!("To=%2B14155550100&{body}&Body=Hi")).reply(201, CREATED);
        let sms = Sms {
            sender: sender.map(Into::into),
            recipient: "+14155550100".into(),
            text: "Hi".into(),
            media_urls: vec![],
        };
        assert!(host(settings).exchange(exchange).send::<Twilio>(sms.into(), context()).is_ok());
    }
}

#[test]
fn the_status_callback_is_the_hosts_unless_set() {
    for (settings, receipt_url, url) in [
        (json!({"from": "1"}), Some("https://n.example/r/1"), "https%3A%2F%2Fn.example%2Fr%2F1"),
        (
            json!({"from": "1", "status_callback": "https://own.example/"}),
            Some("https://n.example/r/1"),
            "https%3A%2F%2Fown.example%2F",
        ),
    ] {
        let exchange = post(&format!("To=%2B14155550100&From=1&Body=Hi&StatusCallback={url}")).reply(201, CREATED);
        let context = Context { receipt_url: receipt_url.map(Into::into), ..context() };
        assert!(host(settings).exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context).is_ok());
    }
}

#[test]
fn options_that_are_set_are_sent_and_no_others() {
    for (settings, options) in [
        (json!({"validity_period_s": 600}), "ValidityPeriod=600"),
        (json!({"smart_encoded": true}), "SmartEncoded=true"),
        (json!({"smart_encoded": false}), "SmartEncoded=false"),
        (json!({"send_as_mms": true}), "SendAsMms=true"),
        (json!({"content_retention": "retain"}), "ContentRetention=retain"),
        (json!({"content_retention": "discard"}), "ContentRetention=discard"),
        (json!({"address_retention": "retain"}), "AddressRetention=retain"),
        (json!({"address_retention": "obfuscate"}), "AddressRetention=obfuscate"),
        (json!({"risk_check": "enable"}), "RiskCheck=enable"),
        (json!({"risk_check": "disable"}), "RiskCheck=disable"),
    ] {
        let exchange = post(&format!("To=%2B14155550100&From=1&Body=Hi&{options}")).reply(201, CREATED);
        let mut all = settings;
        all["from"] = "1".into();
        assert!(host(all).exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context()).is_ok());
    }
}

#[test]
fn a_further_attempt_says_which_it_is() {
    let exchange = post("To=%2B14155550100&From=1&Body=Hi&Attempt=3").reply(201, CREATED);
    let context = Context { attempt: 3, ..context() };
    let outcome = host(json!({"from": "1"})).exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context);
    assert!(outcome.is_ok());
}

#[test]
fn an_api_key_signs_instead_of_the_account() {
    let exchange = post("To=%2B14155550100&From=1&Body=Hi").basic(API_KEY, "api_key_secret").reply(201, CREATED);
    let host = host(json!({"from": "1", "api_key_sid": API_KEY})).secret("api_key_secret", "s");
    assert!(host.exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context()).is_ok());
}

#[test]
fn the_base_url_can_be_another() {
    let exchange = Exchange::post(&format!("http://127.0.0.1:9/2010-04-01/Accounts/{ACCOUNT}/Messages.json"))
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .basic(ACCOUNT, "auth_token")
        .body("To=%2B14155550100&From=1&Body=Hi")
        .reply(201, CREATED);
    let host = host(json!({"from": "1", "base_url": "http://127.0.0.1:9"}));
    assert!(host.exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context()).is_ok());
}

#[test]
fn a_long_text_is_counted_in_characters_and_refused_unsent() {
    let longest = "ü".repeat(BODY_CHARS_MAX);
    check_body(
        sms("+14155550100", &longest),
        &format!("To=%2B14155550100&From=%2B14155550123&Body={}", "%C3%BC".repeat(BODY_CHARS_MAX)),
    );
    let problem = refused(json!({"from": "1"}), sms("+14155550100", &format!("{longest}x")));
    assert_eq!(problem.code.as_deref(), Some("21617"));
    assert!(problem.message.contains("1601 characters"), "{}", problem.message);
}

#[test]
fn what_twilio_would_refuse_is_not_sent() {
    let media = vec!["https://example.com/a.jpg"; MEDIA_MAX + 1];
    assert_eq!(refused(json!({"from": "1"}), with_media("Hi", &media)).code.as_deref(), Some("21623"));
    assert_eq!(refused(json!({"from": "1"}), sms("+14155550100", "")).code.as_deref(), Some("21602"));
    let no_web_address = refused(json!({"from": "1"}), with_media("Hi", &["https://a.example/1", "ftp://a.example/2"]));
    assert_eq!(no_web_address.code.as_deref(), Some("21620"));
    assert!(no_web_address.message.contains("`ftp://a.example/2`"), "{}", no_web_address.message);
    assert!(refused(json!({}), sms("+14155550100", "Hi")).message.contains("messaging_service_sid"));
    let mail = notifier_plugin_sdk::testing::email("a@example.com", "Hi", "Hi");
    assert!(refused(json!({"from": "1"}), mail.into()).message.contains("SMS only"));
}

#[test]
fn every_2xx_accepts_with_or_without_an_id() {
    let receipt = answered(201, &[], CREATED).unwrap();
    assert_eq!(receipt.attributes, [("status".into(), "queued".into()), ("segments".into(), "1".into())]);
    assert_eq!(
        answered(200, &[], r#"{"sid":"SM2"}"#).unwrap(),
        Receipt { provider_message_id: Some("SM2".into()), attributes: vec![] }
    );
    for body in ["", "<html>", "[]", r#"{"sid":""}"#, r#"{"sid":7}"#, "\u{0}\u{1}"] {
        assert_eq!(answered(201, &[], body).unwrap().provider_message_id, None, "{body}");
    }
    assert_eq!(answered(202, &[], vec![0xff, 0xfe]).unwrap().provider_message_id, None);
}

#[test]
fn one_field_of_another_type_costs_no_other() {
    for (body, attributes) in [
        (r#"{"sid":"SM2","status":"queued","num_segments":2}"#, vec![("status", "queued"), ("segments", "2")]),
        (r#"{"sid":"SM2","status":null,"num_segments":"1"}"#, vec![("segments", "1")]),
        (r#"{"sid":"SM2","status":{"is":"queued"},"num_segments":[1]}"#, vec![]),
    ] {
        let receipt = answered(201, &[], body).unwrap();
        assert_eq!(receipt.provider_message_id.as_deref(), Some("SM2"), "{body}");
        let attributes: Vec<_> = attributes.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        assert_eq!(receipt.attributes, attributes, "{body}");
    }
    let error = answered(400, &[], r#"{"code":"21610","message":["STOP"],"status":400}"#).unwrap_err();
    let problem = Problem { code: Some("21610".into()), message: "HTTP 400 without a message".into() };
    assert_eq!(error, Class::Suppressed.into_error(None, problem));
    let error = answered(400, &[], r#"{"code":null,"message":"Said"}"#).unwrap_err();
    assert_eq!(error, Class::Message.into_error(None, Problem { code: None, message: "Said".into() }));
}

#[test]
fn every_code_of_the_table_is_classified_by_code() {
    for (code, class) in REQUEST_ERRORS.codes {
        // A status that means something else, so that only the code can give this class.
        let status = if *class == Class::Message { 401 } else { 400 };
        let error =
            answered(status, &[], format!(r#"{{"code":{code},"message":"Said","status":{status}}}"#)).unwrap_err();
        let message = match SENDER_OF_ANOTHER_DESTINATION.contains(code) {
            true => "Said (the sender is wrong for this destination, and perhaps for others)",
            false => "Said",
        };
        let problem = Problem { code: Some((*code).into()), message: message.into() };
        assert_eq!(error, class.into_error(None, problem), "{code}");
    }
    let codes: Vec<_> = REQUEST_ERRORS.codes.iter().map(|(code, _)| code.parse::<u32>().unwrap()).collect();
    assert!(codes.is_sorted_by(|a, b| a < b), "sorted, each once: {codes:?}");
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn the_codes_that_matter_most() {
    for (code, class) in [
        ("20003", Class::Provider),
        ("20429", Class::RateLimited),
        ("21211", Class::Recipient),
        ("21408", Class::Message),
        ("21606", Class::Message),
        ("21610", Class::Suppressed),
        ("21611", Class::RateLimited),
        ("21612", Class::Recipient),
        ("21614", Class::Recipient),
        ("21617", Class::Message),
        ("21657", Class::Message),
        ("21659", Class::Message),
        ("21660", Class::Provider),
        ("21703", Class::Message),
        ("21704", Class::Provider),
    ] {
        assert_eq!(REQUEST_ERRORS.class(Some(code), 400), class, "{code}");
    }
}

#[test]
fn an_unknown_code_means_what_its_status_means() {
    for (status, class) in [
        (400, Class::Message),
        (401, Class::Provider),
        (403, Class::Provider),
        (404, Class::Provider),
        (429, Class::RateLimited),
        (500, Class::Unavailable),
        // A gateway without an answer: Twilio may have taken the message.
        (502, Class::Unknown),
        (503, Class::Unavailable),
        (504, Class::Unknown),
        (302, Class::Provider),
    ] {
        let error = answered(status, &[], r#"{"code":99999,"message":"New"}"#).unwrap_err();
        let problem = Problem { code: Some("99999".into()), message: "New".into() };
        assert_eq!(error, class.into_error(None, problem), "{status}");
    }
}

#[test]
fn an_error_body_that_is_not_twilios_does_not_crash() {
    for body in ["", "<html>Bad gateway</html>", "null", "[1]", "{}", r#"{"code":"x"}"#, r#"{"message":null}"#, "{"] {
        let error = answered(503, &[], body).unwrap_err();
        let SendError::Unavailable(wait) = error else { unreachable!("{body}: {error:?}") };
        assert!(wait.problem.message.starts_with("HTTP 503"), "{}", wait.problem.message);
        assert_eq!(wait.problem.code, None);
    }
    let error = answered(400, &[], vec![0xff; 100_000]).unwrap_err();
    let SendError::Rejected(rejection) = error else { unreachable!("{error:?}") };
    assert!(rejection.problem.message.chars().count() < 300);
}

#[test]
fn a_rate_limit_says_how_long_to_wait() {
    let error = answered(429, &[("retry-after", "7")], r#"{"code":20429,"message":"Too many requests"}"#).unwrap_err();
    let SendError::RateLimited(wait) = error else { unreachable!("{error:?}") };
    assert_eq!(wait.retry_after_ms, Some(7000));
}

#[test]
fn a_request_that_failed_on_the_way() {
    let failed = |error| {
        let exchange = post("To=%2B14155550100&From=1&Body=Hi").fail(error);
        host(json!({"from": "1"})).exchange(exchange).send::<Twilio>(sms("+14155550100", "Hi"), context()).unwrap_err()
    };
    assert!(matches!(failed(HttpError::Unreachable("dns".into())), SendError::Unavailable(_)));
    assert!(matches!(failed(HttpError::Interrupted("reset".into())), SendError::Unknown(_)));
    assert!(matches!(failed(HttpError::TooLarge(201)), SendError::Unknown(_)));
    let SendError::Rejected(denied) = failed(HttpError::Denied("host".into())) else { unreachable!() };
    assert_eq!(denied.kind, RejectionKind::Provider);
}

#[test]
fn settings_that_cannot_be_read_stop_the_provider() {
    let outcome = host(json!({"account_sid": 7})).send::<Twilio>(sms("+14155550100", "Hi"), context());
    let SendError::Rejected(rejection) = outcome.unwrap_err() else { unreachable!() };
    assert_eq!(rejection.kind, RejectionKind::Provider);
    assert!(rejection.problem.message.contains("account_sid"), "{}", rejection.problem.message);
}
