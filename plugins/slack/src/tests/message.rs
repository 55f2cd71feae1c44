//! What is sent to Slack, byte for byte, and what is refused unsent.

use notifier_plugin_sdk::testing::{Exchange, chat, context, sms};
use notifier_plugin_sdk::{Chat, Message, Problem, Receipt, Rejection, RejectionKind, SendError};
use serde_json::{Value, json};

use super::{CHANNEL, JSON, api, host, webhook, with_layout};
use crate::Slack;
use crate::message::TEXT_CHARS_MAX;

const POSTED: &str = r#"{"ok":true,"channel":"C1H9RESGL","ts":"1503435956.000247","message":{"text":"Hi"}}"#;

fn check(settings: Value, chat: Chat, exchange: Exchange) {
    assert!(host(settings).exchange(exchange.reply(200, POSTED)).send::<Slack>(chat.into(), context()).is_ok());
}

/// What is refused without a request.
fn refused(settings: Value, message: impl Into<Message>) -> (RejectionKind, Problem) {
    match host(settings).send::<Slack>(message.into(), context()).unwrap_err() {
        SendError::Rejected(Rejection { kind, problem }) => (kind, problem),
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_text_to_a_channel() {
    let exchange = api(r#"{"channel":"C1H9RESGL","text":"Rent is due"}"#).reply(200, POSTED);
    let outcome = host(json!({})).exchange(exchange).send::<Slack>(chat(CHANNEL, "Rent is due").into(), context());
    let attributes = [("channel", "C1H9RESGL"), ("ts", "1503435956.000247")];
    let attributes = attributes.map(|(name, value)| (name.into(), value.into())).to_vec();
    let id = Some("C1H9RESGL:1503435956.000247".into());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: id, attributes }));
}

#[test]
fn a_text_through_a_webhook() {
    let exchange = webhook(r#"{"text":"Rent is due"}"#).reply(200, "ok");
    let script = host(json!({"mode": "webhook", "channel": CHANNEL})).exchange(exchange);
    let outcome = script.send::<Slack>(chat(CHANNEL, "Rent is due").into(), context());
    assert_eq!(outcome, Ok(Receipt { provider_message_id: None, attributes: vec![] }));
}

#[test]
fn every_setting_has_its_field() {
    let settings = json!({
        "mrkdwn": false, "unfurl_links": true, "unfurl_media": false, "thread_ts": "1503435956.000247",
        "reply_broadcast": true, "username": "Landlord", "icon_emoji": ":house:",
    });
    let body = concat!(
        r#"{"channel":"U0G9QF9C6","text":"Hi","mrkdwn":false,"unfurl_links":true,"unfurl_media":false,"#,
        r#""thread_ts":"1503435956.000247","reply_broadcast":true,"username":"Landlord","icon_emoji":":house:"}"#,
    );
    check(settings, chat("U0G9QF9C6", "Hi"), api(body));
    let body = r#"{"channel":"C1H9RESGL","text":"Hi","icon_url":"https://example.com/house.png"}"#;
    check(json!({"icon_url": "https://example.com/house.png"}), chat(CHANNEL, "Hi"), api(body));
    let settings = json!({
        "mode": "webhook", "channel": CHANNEL, "mrkdwn": true, "unfurl_links": false, "unfurl_media": true, "thread_ts": "1503435956.000247",
    });
    let body =
        r#"{"text":"Hi","mrkdwn":true,"unfurl_links":false,"unfurl_media":true,"thread_ts":"1503435956.000247"}"#;
    check(settings, chat(CHANNEL, "Hi"), webhook(body));
}

#[test]
fn a_text_arrives_as_it_was_written() {
    let text = "Größe < 5 m² & > 3 ✓ 🏠 שלום <!channel> &amp;\n\"ok\"";
    let escaped =
        r#"{"channel":"C1H9RESGL","text":"Größe &lt; 5 m² &amp; &gt; 3 ✓ 🏠 שלום &lt;!channel&gt; &amp;amp;\n\"ok\""}"#;
    check(json!({}), chat(CHANNEL, text), api(escaped));
    let plain = r#"{"channel":"C1H9RESGL","text":"Größe < 5 m² & > 3 ✓ 🏠 שלום <!channel> &amp;\n\"ok\""}"#;
    check(json!({"escape": false}), chat(CHANNEL, text), api(plain));
}

#[test]
fn a_layout_goes_beside_the_text_and_is_not_escaped() {
    let section = json!({"type": "section", "text": {"type": "mrkdwn", "text": "*Rent* <https://example.com|due> 🏠"}});
    let sent = r#"[{"text":{"text":"*Rent* <https://example.com|due> 🏠","type":"mrkdwn"},"type":"section"}]"#;
    for layout in [json!([section]), json!({"blocks": [section]}), json!({"blocks": [section], "attachments": []})] {
        let body = format!(r#"{{"channel":"C1H9RESGL","text":"Rent due","blocks":{sent}}}"#);
        check(json!({}), with_layout(CHANNEL, "Rent due", &layout), api(&body));
        let body = format!(r#"{{"blocks":{sent}}}"#);
        check(json!({"mode": "webhook", "channel": CHANNEL}), with_layout(CHANNEL, " \n", &layout), webhook(&body));
    }
    let layout = json!({"attachments": [{"color": "#36a64f", "text": "Due"}]});
    let body = r##"{"channel":"C1H9RESGL","attachments":[{"color":"#36a64f","text":"Due"}]}"##;
    check(json!({}), with_layout(CHANNEL, "", layout), api(body));
}

#[test]
fn the_base_url_can_be_another() {
    let exchange = |url: &str| Exchange::post(url).header("content-type", JSON);
    let posted = exchange("http://127.0.0.1:9/api/chat.postMessage").bearer("bot_token");
    let settings = json!({"base_url": "http://127.0.0.1:9"});
    check(settings, chat(CHANNEL, "Hi"), posted.body(r#"{"channel":"C1H9RESGL","text":"Hi"}"#));
    let hooked = exchange("https://hooks.slack-gov.com/services/{secret}").secret_path("webhook_path");
    let settings = json!({"mode": "webhook", "channel": CHANNEL, "base_url": "https://hooks.slack-gov.com"});
    check(settings, chat(CHANNEL, "Hi"), hooked.body(r#"{"text":"Hi"}"#));
}

#[test]
fn a_text_that_slack_would_cut_off_is_refused() {
    let longest = "ü".repeat(TEXT_CHARS_MAX);
    check(json!({}), chat(CHANNEL, &longest), api(&format!(r#"{{"channel":"C1H9RESGL","text":"{longest}"}}"#)));
    let (kind, problem) = refused(json!({}), chat(CHANNEL, &format!("{longest}x")));
    assert_eq!((kind, problem.code.as_deref()), (RejectionKind::Message, Some("msg_too_long")));
    assert!(problem.message.contains("40001 characters"), "{}", problem.message);
    // What is sent counts: an escaped character is several.
    let ampersands = "&".repeat(TEXT_CHARS_MAX / 5 + 1);
    assert!(refused(json!({}), chat(CHANNEL, &ampersands)).1.message.contains("40005 characters"));
    let body = format!(r#"{{"channel":"C1H9RESGL","text":"{ampersands}"}}"#);
    check(json!({"escape": false}), chat(CHANNEL, &ampersands), api(&body));
}

#[test]
fn what_says_nothing_is_refused() {
    for message in [chat(CHANNEL, ""), chat(CHANNEL, " \n\t"), with_layout(CHANNEL, "", "[]")] {
        let (kind, problem) = refused(json!({}), message);
        assert_eq!((kind, problem.code.as_deref()), (RejectionKind::Message, Some("no_text")));
    }
}

#[test]
fn a_message_goes_where_it_belongs_or_nowhere() {
    let (kind, problem) = refused(json!({}), chat("", "Hi"));
    assert_eq!((kind, problem.code.as_deref()), (RejectionKind::Recipient, Some("channel_not_found")));
    let (kind, problem) =
        refused(json!({"mode": "webhook", "channel": CHANNEL}), chat("U0G9QF9C6", "For your eyes only"));
    assert_eq!(kind, RejectionKind::Message, "another provider may reach them");
    assert!(problem.message.contains("`U0G9QF9C6`"), "{}", problem.message);
    assert!(refused(json!({}), sms("+14155550100", "Hi")).1.message.contains("chat only"));
}
