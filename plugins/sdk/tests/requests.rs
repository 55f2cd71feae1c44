//! Requests, answers and what failures mean, through a provider that does as little as possible.
#![expect(clippy::unwrap_used, reason = "tests")]

use notifier_plugin_sdk::testing::{Exchange, Script, context, sms};
use notifier_plugin_sdk::*;
use serde_json::json;

/// Sends what the closure of a test builds, and classifies by status.
struct Probe;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    url: String,
}

impl Provider for Probe {
    type Settings = Settings;

    fn describe() -> Description {
        unreachable!("not described in these tests")
    }

    fn send(settings: &Settings, message: Message, _: Context) -> Result<Receipt, SendError> {
        let Content::Sms(sms) = message.content else {
            return Err(SendError::wrong_channel("SMS"));
        };
        log::info(&format!("to {}", sms.recipient));
        let response = Request::post(&settings.url).bearer("token").json(&json!({"text": sms.text})).send()?;
        if !response.is_success() {
            return Err(ErrorTable::NONE.classify(&response, Problem::of_response(&response)));
        }
        Ok(Receipt { provider_message_id: response.header("id").map(Into::into), attributes: vec![] })
    }
}

const URL: &str = "https://vendor.example/send";

fn exchange() -> Exchange {
    Exchange::post(URL).bearer("token").header("content-type", "application/json").body(r#"{"text":"Hi"}"#)
}

fn host() -> Script {
    Script::new().settings(json!({"url": URL})).secret("token", "t")
}

fn send(exchange: Exchange) -> Result<Receipt, SendError> {
    host().exchange(exchange).send::<Probe>(sms("+1", "Hi"), context())
}

fn wait_ms(status: u16, headers: &[(&str, &str)]) -> Option<u64> {
    match send(exchange().reply_with(status, headers, "")).unwrap_err() {
        SendError::RateLimited(wait) | SendError::Unavailable(wait) => wait.retry_after_ms,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn every_kind_of_request() {
    let sigv4 = Auth::AwsSigv4(Sigv4Auth {
        service: "ses".into(),
        region: "eu-west-1".into(),
        access_key_id: "id".into(),
        secret_access_key: "key".into(),
        session_token: Some("session".into()),
    });
    let script =
        ["password", "key", "id", "session"].into_iter().fold(Script::new(), |script, name| script.secret(name, "s"));
    let script = script
        .exchange(Exchange::get(URL).basic("user", "password").header("accept", "a").header("accept", "b"))
        .exchange(Exchange::new(Method::Delete, URL).secret_header("x-api-key", "key").timeout_ms(1500))
        .exchange(Exchange::new(Method::Put, URL).auth(sigv4.clone()).header("content-type", "a/b").body([0, 255]));
    let (answers, _) = script.run(|| {
        [
            Request::get(URL).basic("user", "password").header("accept", "a").header("accept", "b").send(),
            Request::new(Method::Delete, URL).secret_header("x-api-key", "key").timeout_ms(1500).send(),
            Request::new(Method::Put, URL).auth(sigv4).body("a/b", [0, 255]).send(),
        ]
    });
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[test]
fn a_secret_that_is_not_granted_is_denied() {
    let outcome =
        Script::new().settings(json!({"url": URL})).exchange(exchange()).send::<Probe>(sms("+1", "Hi"), context());
    let SendError::Rejected(rejection) = outcome.unwrap_err() else { unreachable!() };
    assert_eq!(rejection.kind, RejectionKind::Provider);
    assert!(rejection.problem.message.contains("`token`"), "{}", rejection.problem.message);
}

#[test]
fn every_failure_on_the_way() {
    let rejected = |kind, message: &str| {
        SendError::Rejected(Rejection { kind, problem: Problem { code: None, message: message.into() } })
    };
    let wait = |message: &str| Wait { retry_after_ms: None, problem: Problem { code: None, message: message.into() } };
    let too_large = |status| format!("HTTP {status} with a body larger than allowed");
    for (error, wanted) in [
        (HttpError::Denied("no".into()), rejected(RejectionKind::Provider, "the host did not allow the request: no")),
        (HttpError::Invalid("url".into()), rejected(RejectionKind::Provider, "the request could not be made: url")),
        (HttpError::Unreachable("dns".into()), SendError::Unavailable(wait("no connection to the vendor: dns"))),
        (
            HttpError::Interrupted("reset".into()),
            SendError::Unknown(Problem { code: None, message: "no answer from the vendor: reset".into() }),
        ),
        (HttpError::TooLarge(200), SendError::Unknown(Problem { code: None, message: too_large(200) })),
        (HttpError::TooLarge(299), SendError::Unknown(Problem { code: None, message: too_large(299) })),
        (HttpError::TooLarge(429), SendError::RateLimited(wait(&too_large(429)))),
        (HttpError::TooLarge(500), SendError::Unavailable(wait(&too_large(500)))),
        (HttpError::TooLarge(502), SendError::Unknown(Problem { code: None, message: too_large(502) })),
        (HttpError::TooLarge(504), SendError::Unknown(Problem { code: None, message: too_large(504) })),
        (HttpError::TooLarge(599), SendError::Unavailable(wait(&too_large(599)))),
        (HttpError::TooLarge(400), rejected(RejectionKind::Message, &too_large(400))),
        (HttpError::TooLarge(302), rejected(RejectionKind::Message, &too_large(302))),
    ] {
        assert_eq!(send(exchange().fail(error.clone())), Err(wanted), "{error:?}");
    }
}

#[test]
fn every_status_has_a_class() {
    for (statuses, class) in [
        (100..=199, Class::Unknown),
        (200..=299, Class::Unknown),
        (300..=399, Class::Provider),
        (400..=400, Class::Message),
        (401..=404, Class::Provider),
        (405..=406, Class::Message),
        (407..=407, Class::Provider),
        (408..=408, Class::Unavailable),
        (409..=409, Class::Message),
        (410..=410, Class::Provider),
        (411..=424, Class::Message),
        (425..=425, Class::Unavailable),
        (426..=428, Class::Message),
        (429..=429, Class::RateLimited),
        (430..=499, Class::Message),
        (500..=501, Class::Unavailable),
        (502..=502, Class::Unknown),
        (503..=503, Class::Unavailable),
        (504..=504, Class::Unknown),
        (505..=519, Class::Unavailable),
        (520..=520, Class::Unknown),
        (521..=521, Class::Unavailable),
        (522..=522, Class::Unknown),
        (523..=523, Class::Unavailable),
        (524..=524, Class::Unknown),
        (525..=599, Class::Unavailable),
        (600..=999, Class::Unknown),
    ] {
        for status in statuses {
            assert_eq!(ErrorTable::class_of_status(status), class, "{status}");
        }
    }
}

#[test]
fn a_code_wins_over_its_status_and_a_listed_status_over_the_general_one() {
    let table = ErrorTable { codes: &[("7", Class::Suppressed)], statuses: &[(400, Class::Recipient)] };
    assert_eq!(table.class(Some("7"), 400), Class::Suppressed);
    assert_eq!(table.class(Some("8"), 400), Class::Recipient);
    assert_eq!(table.class(None, 429), Class::RateLimited);
}

#[test]
fn every_class_is_one_error_of_the_contract() {
    let problem = || Problem { code: Some("7".into()), message: "m".into() };
    let wait = || Wait { retry_after_ms: Some(9), problem: problem() };
    let rejected = |kind| SendError::Rejected(Rejection { kind, problem: problem() });
    for (class, name, error) in [
        (Class::RateLimited, "rate-limited", SendError::RateLimited(wait())),
        (Class::Unavailable, "unavailable", SendError::Unavailable(wait())),
        (Class::Message, "message", rejected(RejectionKind::Message)),
        (Class::Recipient, "recipient", rejected(RejectionKind::Recipient)),
        (Class::Suppressed, "suppressed", rejected(RejectionKind::Suppressed)),
        (Class::Provider, "provider", rejected(RejectionKind::Provider)),
        (Class::Unknown, "unknown", SendError::Unknown(problem())),
    ] {
        assert_eq!(class.into_error(Some(9), problem()), error);
        assert_eq!(class.name(), name);
    }
}

/// The script's time is Thu, 01 Jan 2026 00:00:00 GMT, 1767225600 s.
#[test]
fn how_long_to_wait() {
    for (name, value, wanted) in [
        ("retry-after", "0", Some(0)),
        ("retry-after", "120", Some(120_000)),
        ("retry-after", " 120 ", Some(120_000)),
        ("retry-after", "Thu, 01 Jan 2026 00:01:30 GMT", Some(90_000)),
        ("retry-after", "Thursday, 01-Jan-26 00:01:30 GMT", Some(90_000)),
        ("retry-after", "Wed, 31 Dec 2025 23:59:00 GMT", Some(0)),
        ("retry-after", "18446744073709551615", Some(86_400_000)),
        ("retry-after", "Fri, 01 Jan 2027 00:00:00 GMT", Some(86_400_000)),
        ("retry-after", "soon", None),
        ("retry-after", "-1", None),
        ("retry-after", "1.5", None),
        ("retry-after", "", None),
        ("x-ratelimit-reset", "1767225630", Some(30_000)),
        ("x-ratelimit-reset", "1767225599", Some(0)),
        ("x-ratelimit-reset", "1767225630000", Some(30_000)),
        ("x-ratelimit-reset", "1767225599999", Some(0)),
        ("x-ratelimit-reset", "100000000000", Some(86_400_000)),
        ("x-ratelimit-reset", "100000000001", Some(0)),
        ("x-ratelimit-reset", "1000000000", Some(0)),
        ("x-ratelimit-reset", "999999999", Some(86_400_000)),
        ("x-ratelimit-reset", "30", Some(30_000)),
        ("x-ratelimit-reset", "0", Some(0)),
        ("x-ratelimit-reset", "18446744073709551615", Some(86_400_000)),
        ("x-ratelimit-reset", "x", None),
        ("ratelimit-reset", "30", Some(30_000)),
        ("ratelimit-reset", "18446744073709551615", Some(86_400_000)),
        ("ratelimit-reset", "x", None),
    ] {
        assert_eq!(wait_ms(429, &[(name, value)]), wanted, "{name}: {value}");
        assert_eq!(wait_ms(503, &[(name, value)]), wanted, "{name}: {value}");
    }
    assert_eq!(wait_ms(429, &[]), None);
    assert_eq!(wait_ms(429, &[("x-ratelimit-reset", "1767225630"), ("retry-after", "5")]), Some(5000));
    assert_eq!(wait_ms(429, &[("ratelimit-reset", "1"), ("retry-after", "5")]), Some(5000));
    assert_eq!(wait_ms(429, &[("ratelimit-reset", "1"), ("x-ratelimit-reset", "1767225630")]), Some(30_000));
    assert_eq!(wait_ms(429, &[("retry-after", "soon"), ("x-ratelimit-reset", "1767225630")]), Some(30_000));
    assert_eq!(wait_ms(429, &[("retry-after", "soon"), ("ratelimit-reset", "7")]), Some(7000));
    assert_eq!(wait_ms(429, &[("x-ratelimit-reset", "x"), ("ratelimit-reset", "7")]), Some(7000));
    assert_eq!(wait_ms(429, &[("retry-after", "0"), ("ratelimit-reset", "7")]), Some(0));
}

#[test]
fn a_body_that_says_nothing_is_quoted_short() {
    for (body, message) in [
        (Vec::new(), "HTTP 500 with an empty body".to_owned()),
        (b"<html>\r\n\t<b>Bad</b>\0 </html>".to_vec(), "HTTP 500: <html> <b>Bad</b> </html>".into()),
        (vec![0xff, b'a'], "HTTP 500: \u{fffd}a".into()),
        ("ü".repeat(300).into_bytes(), format!("HTTP 500: {}…", "ü".repeat(200))),
        ("🏠".repeat(200).into_bytes(), format!("HTTP 500: {}", "🏠".repeat(200))),
    ] {
        let SendError::Unavailable(wait) = send(exchange().reply(500, body)).unwrap_err() else { unreachable!() };
        assert_eq!(wait.problem.message, message);
    }
}

#[test]
fn settings_are_read_before_anything_is_sent() {
    for (settings, setting, wanted) in [
        (json!({"url": 7}), "url", "invalid type: integer `7`, expected a string"),
        (json!({}), "", "missing field `url`"),
        (json!({"url": "u", "urls": 1}), "urls", "unknown field `urls`"),
        (json!([]), "", "invalid length 0"),
    ] {
        let host = || Script::new().settings(settings.clone());
        let problems = host().check_settings::<Probe>().unwrap_err();
        assert_eq!((problems.len(), problems[0].setting.as_str()), (1, setting));
        assert!(problems[0].problem.contains(wanted), "{}", problems[0].problem);
        let SendError::Rejected(rejection) = host().send::<Probe>(sms("+1", "Hi"), context()).unwrap_err() else {
            unreachable!()
        };
        assert_eq!(rejection.kind, RejectionKind::Provider);
        assert!(rejection.problem.message.contains(wanted), "{}", rejection.problem.message);
        let webhook = testing::webhook(URL, &[], "");
        assert!(matches!(host().receive::<Probe>(webhook), Err(ReceiveError::Unverified(_))));
    }
    let receive = host().receive::<Probe>(testing::webhook(URL, &[], ""));
    assert_eq!(receive, Err(ReceiveError::Malformed("this provider has no receipts".into())));
}

#[test]
fn the_log_is_kept_for_the_test() {
    let script = host().exchange(exchange().reply_with(200, &[("id", "7")], ""));
    let (outcome, log) = script.run(|| {
        let Content::Sms(sms) = sms("+1", "Hi").content else { unreachable!() };
        Probe::send(&Settings { url: URL.into() }, sms.into(), context())
    });
    assert_eq!(outcome.unwrap().provider_message_id.as_deref(), Some("7"));
    assert_eq!(log, ["info: to +1"]);
}

#[test]
fn base_urls() {
    for good in [
        "https://api.example.com",
        "https://api.example.com:8443/v1",
        "http://localhost:80",
        "http://127.0.0.1",
        "http://127.8.9.1:1/x",
        "http://[::1]:8080",
        "https://10.0.0.1",
    ] {
        assert_eq!(check_base_url(good), Ok(()), "{good}");
    }
    for bad in [
        "",
        "api.example.com",
        "ftp://a.example",
        "https://",
        "https:///x",
        "http://api.example.com",
        "http://localhost.example",
        "http://127.0.0.1.example",
        "http://[::2]",
        "http://[::1",
        "https://a.example/",
        "https://a.example?x=1",
        "https://a.example#x",
        "https://user@a.example",
        "http://localhost@a.example",
        "https://a b.example",
        "HTTPS",
        "http://10.0.0.1",
        "https://a.example\n",
    ] {
        assert!(check_base_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_query_is_written_as_browsers_write_it() {
    let query = Form::new().with("to", "+14155550100").with("q", "a b=\"\u{fc}\"");
    let exchange = Exchange::get("https://vendor.example/send?to=%2B14155550100&q=a+b%3D%22%C3%BC%22");
    let (answer, _) = Script::new().exchange(exchange).run(|| Request::get(URL).query(query).send());
    assert!(answer.is_ok());
}

#[test]
fn one_field_of_an_unexpected_type_costs_no_other() {
    let object = json!({"text": "a", "empty": "", "number": 1.5, "flag": false, "null": null, "list": ["a"]});
    for (field, text, scalar) in [
        ("text", Some("a"), Some("a")),
        ("empty", None, None),
        ("number", None, Some("1.5")),
        ("flag", None, Some("false")),
        ("null", None, None),
        ("list", None, None),
        ("missing", None, None),
    ] {
        assert_eq!(json::text(&object, field), text, "{field}");
        assert_eq!(json::scalar(&object, field).as_deref(), scalar, "{field}");
    }
    assert_eq!(json::text(&json!(["text"]), "text"), None);
    assert_eq!(json::scalar(&json!("text"), "text"), None);
}
