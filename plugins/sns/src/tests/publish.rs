//! What is sent to SNS, byte for byte.

use notifier_plugin_sdk::testing::{context, email, sms};
use notifier_plugin_sdk::{Context, Message, Rejection, RejectionKind, SendError, Sms};
use serde_json::{Value, json};

use super::{API, host, post};
use crate::Sns;
use crate::publish::TEXT_CHARS_MAX;
use crate::sender::Sender;

const START: &str = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B14155550100&Message=Hi";
const TAKEN: &str = "<PublishResponse><PublishResult><MessageId>m-1</MessageId></PublishResult></PublishResponse>";

/// Sends with these settings, and expects `body` after the fields that every message has.
fn check(settings: Value, message: impl Into<Message>, context: Context, body: &str) {
    let exchange = post(API, None).body(format!("{START}{body}")).reply(200, TAKEN);
    let outcome = host(settings).exchange(exchange).send::<Sns>(message.into(), context);
    assert_eq!(outcome.unwrap().provider_message_id.as_deref(), Some("m-1"));
}

fn from(sender: &str) -> Sms {
    Sms { sender: Some(sender.into()), recipient: "+14155550100".into(), text: "Hi".into(), media_urls: vec![] }
}

/// What is refused without a request.
fn refused(message: impl Into<Message>) -> Rejection {
    match host(json!({})).send::<Sns>(message.into(), context()).unwrap_err() {
        SendError::Rejected(rejection) => rejection,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_text_is_a_form() {
    check(json!({}), sms("+14155550100", "Hi"), context(), "");
    check(json!({}), sms("+14155550100", "Hi & ü+🏠\n"), context(), "+%26+%C3%BC%2B%F0%9F%8F%A0%0A");
}

#[test]
fn attributes_are_counted_from_one() {
    check(
        json!({"max_price": "0.05", "sms_type": "Promotional"}),
        from("Landlord"),
        context(),
        "&MessageAttributes.entry.1.Name=AWS.SNS.SMS.SenderID&MessageAttributes.entry.1.Value.DataType=String\
         &MessageAttributes.entry.1.Value.StringValue=Landlord\
         &MessageAttributes.entry.2.Name=AWS.SNS.SMS.SMSType&MessageAttributes.entry.2.Value.DataType=String\
         &MessageAttributes.entry.2.Value.StringValue=Promotional\
         &MessageAttributes.entry.3.Name=AWS.SNS.SMS.MaxPrice&MessageAttributes.entry.3.Value.DataType=Number\
         &MessageAttributes.entry.3.Value.StringValue=0.05",
    );
}

#[test]
fn a_message_that_names_no_sender_has_that_of_the_settings() {
    let number = "&MessageAttributes.entry.1.Name=AWS.MM.SMS.OriginationNumber\
                  &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=12345";
    check(json!({"origination_number": "12345"}), sms("+14155550100", "Hi"), context(), number);
    check(json!({"origination_number": "12345"}), from(""), context(), number);
}

#[test]
fn a_template_belongs_to_its_category() {
    let settings = json!({"india_template_ids": {"welcome": "T1"}});
    let message = || Sms { recipient: "+919876543210".into(), ..from("") };
    let body = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B919876543210&Message=Hi";
    let template = "&MessageAttributes.entry.1.Name=AWS.MM.SMS.TemplateId\
                    &MessageAttributes.entry.1.Value.DataType=String&MessageAttributes.entry.1.Value.StringValue=T1";
    for (category, attributes) in [("welcome", template), ("rent-reminder", "")] {
        let exchange = post(API, None).body(format!("{body}{attributes}")).reply(200, TAKEN);
        let context = Context { category: category.into(), ..context() };
        assert!(host(settings.clone()).exchange(exchange).send::<Sns>(message().into(), context).is_ok());
    }
}

#[test]
fn the_base_url_can_be_another_and_credentials_temporary() {
    let exchange = post("http://127.0.0.1:9/", Some("session_token")).body(START).reply(200, TAKEN);
    let host = host(json!({"base_url": "http://127.0.0.1:9", "session_token": true})).secret("session_token", "token");
    assert!(host.exchange(exchange).send::<Sns>(sms("+14155550100", "Hi"), context()).is_ok());
}

#[test]
fn partitions_have_domains_of_their_own() {
    for (region, url) in [
        ("us-gov-west-1", "https://sns.us-gov-west-1.amazonaws.com"),
        ("eusc-de-east-1", "https://sns.eusc-de-east-1.amazonaws.eu"),
        ("cn-north-1", "https://sns.cn-north-1.amazonaws.com.cn"),
    ] {
        let settings: crate::Settings = serde_json::from_value(json!({"region": region})).unwrap();
        assert_eq!(settings.base_url(), url);
    }
}

#[test]
fn what_sns_would_refuse_is_not_sent() {
    let long = refused(sms("+14155550100", &"ü".repeat(TEXT_CHARS_MAX + 1)));
    assert_eq!((long.kind, long.problem.code.as_deref()), (RejectionKind::Message, Some("InvalidParameter")));
    assert!(long.problem.message.contains("1601 characters"), "{}", long.problem.message);
    assert!(refused(sms("+14155550100", "")).problem.message.contains("no text"));
    let media = Sms { media_urls: vec!["https://example.com/a.jpg".into()], ..from("") };
    assert!(refused(media).problem.message.contains("text only"));
    let sender = refused(from("Land Lord"));
    assert_eq!(sender.kind, RejectionKind::Provider);
    assert!(sender.problem.message.contains("`Land Lord`"), "{}", sender.problem.message);
    assert!(refused(email("a@example.org", "Rent", "Due")).problem.message.contains("SMS only"));
}

#[test]
fn senders() {
    for number in ["12345", "+12345", "14155550100", "+14155550100", "12345678901234"] {
        assert_eq!(Sender::parse(number), Ok(Sender::Number(number)));
    }
    for name in ["a", "A1", "Landlord", "12345678901a"[1..].into(), "1a"] {
        assert_eq!(Sender::parse(name), Ok(Sender::Name(name)));
    }
    for neither in
        ["", "1", "1234", "+1234", "123456789012345", "Land Lord", "Land-Lord", "Büro", "Landlords123", "+", "\n"]
    {
        assert!(Sender::parse(neither).is_err(), "{neither:?}");
    }
}
