//! What is sent to Vonage, byte for byte, and what its answers mean, beside what the documented exchanges show.

use notifier_plugin_sdk::testing::{Exchange, context, sms};
use notifier_plugin_sdk::{
    Auth, Class, Context, FormFieldAuth, Message, Problem, Receipt, RejectionKind, SendError, Sms,
};
use serde_json::{Value, json};

use super::host;
use crate::Vonage;
use crate::errors::REQUEST_ERRORS;
use crate::send::{CLIENT_REF_CHARS_MAX, TEXT_CHARS_MAX};

const PLAIN: &str = "api_key=abcd1234&from=Acme&to=447700900000&text=Due&type=text&client-ref=key-1";

fn post(body: &str) -> Exchange {
    Exchange::post("https://rest.nexmo.com/sms/json")
        .header("accept", "application/json")
        .header("content-type", "application/x-www-form-urlencoded")
        .auth(Auth::FormField(FormFieldAuth { field: "api_secret".into(), secret: "api_secret".into() }))
        .body(body)
}

fn message(text: &str) -> Sms {
    Sms { sender: None, recipient: "+447700900000".into(), text: text.into(), media_urls: vec![] }
}

fn sends(settings: Value, sms: Sms, context: Context, body: &str) {
    let exchange = post(body).reply(200, r#"{"messages":[{"status":"0","message-id":"ID"}]}"#);
    let receipt = host(settings).exchange(exchange).send::<Vonage>(sms.into(), context).unwrap();
    assert_eq!(receipt.provider_message_id.as_deref(), Some("ID"));
}

fn answered(body: &Value) -> Result<Receipt, SendError> {
    let exchange = post(PLAIN).reply(200, body.to_string());
    host(json!({})).exchange(exchange).send::<Vonage>(sms("+447700900000", "Due"), context())
}

/// What is refused without a request: whose fault it is, under which code, in which words.
fn refused(settings: Value, message: impl Into<Message>) -> (RejectionKind, Option<String>, String) {
    match host(settings).send::<Vonage>(message.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => (rejection.kind, rejection.problem.code, rejection.problem.message),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_plain_text_byte_for_byte() {
    sends(json!({}), message("Due"), context(), PLAIN);
}

#[test]
fn a_full_text_byte_for_byte() {
    let settings = json!({
        "ttl_ms": 20000, "status_report": true, "account_ref": "north & south", "entity_id": "1101", "content_id": "1107",
    });
    let sms = Sms { sender: Some("+447700900001".into()), ..message("Größe: 5 €? a=b&c\n") };
    let context = Context { receipt_url: Some("https://n.example/r?delivery=1#x".into()), ..context() };
    sends(
        settings,
        sms,
        context,
        "api_key=abcd1234&from=447700900001&to=447700900000&text=Gr%C3%B6%C3%9Fe%3A+5+%E2%82%AC%3F+a%3Db%26c%0A&type=text\
         &ttl=20000&status-report-req=true&callback=https%3A%2F%2Fn.example%2Fr&client-ref=key-1\
         &account-ref=north+%26+south&entity-id=1101&content-id=1107",
    );
}

#[test]
fn a_text_outside_the_alphabet_is_unicode() {
    let body = "api_key=abcd1234&from=Acme&to=447700900000&text=%F0%9F%8F%A0&type=unicode&client-ref=key-1";
    sends(json!({}), message("🏠"), context(), body);
}

#[test]
fn the_key_of_several_parts_is_marked() {
    let text = "a".repeat(161);
    let body = PLAIN.replace("text=Due", &format!("text={text}")).replace("key-1", "key-1%3Aparts");
    sends(json!({}), message(&text), context(), &body);
}

#[test]
fn a_long_key_is_cut() {
    let long = Context { idempotency_key: "ü".repeat(CLIENT_REF_CHARS_MAX + 1), ..context() };
    sends(json!({}), message("Due"), long, &PLAIN.replace("key-1", &"%C3%BC".repeat(CLIENT_REF_CHARS_MAX)));
}

#[test]
fn a_receipt_url_that_does_not_fit_is_left_out_with_a_warning() {
    let url = format!("https://n.example/{}", "r".repeat(83));
    assert_eq!(url.len(), 101);
    let context = Context { receipt_url: Some(url), ..context() };
    let exchange = post(PLAIN).reply(200, r#"{"messages":[{"status":"0"}]}"#);
    // The plugin runs inside the script, so that its log can be read.
    let (_, log) = host(json!({})).exchange(exchange).run(|| {
        let settings = serde_json::from_value(json!({"api_key": "abcd1234", "from": "Acme"})).unwrap();
        crate::send::send(&settings, sms("+447700900000", "Due"), &context).unwrap()
    });
    assert_eq!(log, ["warn: the receipt URL has 101 characters, Vonage takes 100: it was left out"]);
    let fits = Context { receipt_url: Some(format!("https://n.example/{}?delivery=1", "r".repeat(82))), ..context };
    let callback = format!("callback=https%3A%2F%2Fn.example%2F{}&client-ref", "r".repeat(82));
    sends(json!({}), message("Due"), fits, &PLAIN.replace("client-ref", &callback));
}

#[test]
fn limits_are_checked_before_sending() {
    sends(
        json!({}),
        message(&"x".repeat(TEXT_CHARS_MAX)),
        context(),
        &PLAIN.replace("Due", &"x".repeat(TEXT_CHARS_MAX)).replace("key-1", "key-1%3Aparts"),
    );
    let (kind, code, text) = refused(json!({}), message(&"x".repeat(TEXT_CHARS_MAX + 1)));
    assert_eq!((kind, code.as_deref()), (RejectionKind::Message, Some("12")));
    assert!(text.contains("3201 characters, Vonage takes 3200"), "{text}");

    let (kind, code, _) = refused(json!({}), message(""));
    assert_eq!((kind, code.as_deref()), (RejectionKind::Message, Some("2")));
    let pictures = Sms { media_urls: vec!["https://example.com/a.png".into()], ..message("Due") };
    assert!(refused(json!({}), pictures).2.contains("1 media"));
    let (kind, _, text) = refused(json!({"from": null}), message("Due"));
    assert_eq!(kind, RejectionKind::Provider);
    assert!(text.contains("`from` is not set"), "{text}");
}

#[test]
fn a_number_has_7_to_15_digits() {
    for (number, digits) in
        [("+1234567", "1234567"), ("+123456789012345", "123456789012345"), ("447700900000", "447700900000")]
    {
        let sms = Sms { recipient: number.into(), ..message("Due") };
        sends(json!({}), sms, context(), &PLAIN.replace("447700900000", digits));
    }
    for number in
        ["", "+", "+123456", "+1234567890123456", "++1234567", "+44 7700 900000", "+44770090000a", "tel:+4477009"]
    {
        let (kind, code, text) = refused(json!({}), Sms { recipient: number.into(), ..message("Due") });
        assert_eq!((kind, code.as_deref()), (RejectionKind::Recipient, Some("3")), "{number}");
        assert!(text.contains(&format!("`{number}`")), "{text}");
    }
}

/// The rows of the table, written a second time: a row that changes by accident is seen.
#[test]
fn what_statuses_mean() {
    let wanted: &[(Class, &[&str])] = &[
        (Class::RateLimited, &["1", "10"]),
        (Class::Unavailable, &["5"]),
        (Class::Message, &["2", "3", "12", "15", "22", "29", "a status of tomorrow"]),
        (Class::Recipient, &["6", "33"]),
        (Class::Suppressed, &["7"]),
        (Class::Provider, &["4", "8", "9", "11", "14", "23", "32"]),
    ];
    let mut count = 0;
    for (class, statuses) in wanted {
        for status in *statuses {
            let message = match *status {
                "15" => "Said (the sender is wrong for this destination, and perhaps for others)",
                _ => "Said",
            };
            let problem = Problem { code: Some((*status).into()), message: message.into() };
            let answer = answered(&json!({"messages": [{"status": status, "error-text": "Said"}]}));
            assert_eq!(answer, Err(class.into_error(None, problem)), "{status}");
            count += 1;
        }
    }
    assert_eq!(count, REQUEST_ERRORS.codes.len() + 1);
}

#[test]
fn parts_are_counted_and_what_was_refused_of_them_is_told() {
    let taken = |id: &str| json!({"status": "0", "message-id": id, "network": "12345"});
    let told = |parts: Value| {
        let receipt = answered(&json!({ "messages": parts })).unwrap();
        let attributes: Vec<_> = receipt.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        (receipt.provider_message_id.unwrap(), attributes)
    };
    assert_eq!(told(json!([taken("A")])), ("A".into(), vec!["segments=1".into(), "network=12345".into()]));
    let (id, attributes) = told(json!([taken("A"), taken("B"), taken("C")]));
    assert_eq!(id, "A");
    assert_eq!(attributes, ["segments=3", "network=12345", "further_message_ids=B C"]);
    let refused = json!({"status": "1", "error-text": "Throttled"});
    let (id, attributes) = told(json!([refused, taken("B"), {"status": "9"}]));
    assert_eq!(id, "B");
    let wanted =
        ["segments=3", "network=12345", "refused_segments=2", "refused_because=Throttled; status 9 without a text"];
    assert_eq!(attributes, wanted);
}

#[test]
fn an_answer_that_does_not_say_is_unknown() {
    for body in [
        json!(null),
        json!([]),
        json!({}),
        json!({"messages": {}}),
        json!({"messages": []}),
        json!({"messages": [{}]}),
        json!({"messages": [{"status": null}, {"status": ""}, 7]}),
    ] {
        assert!(matches!(answered(&body), Err(SendError::Unknown(_))), "{body}");
    }
}
