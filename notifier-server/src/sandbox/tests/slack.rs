//! Slack's fake: incoming webhooks, the Web API, and layouts.

use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::super::{Channel, Service};
use super::fixture::{Answer, Fixture, NOW, exchange, options, post};

const JSON: &str = "application/json; charset=utf-8";

fn hook_url(fixture: &Fixture, address: &str) -> String {
    format!("{}/services/{address}", fixture.sandbox.url(Service::Slack))
}

async fn hook(fixture: &Fixture, payload: &Value) -> Answer {
    let url = hook_url(fixture, &fixture.sandbox.credentials().slack_webhook);
    post(&url, &[("content-type", JSON)], payload.to_string()).await
}

async fn call(fixture: &Fixture, token: &str, content_type: &str, body: &str) -> Answer {
    let url = format!("{}/api/chat.postMessage", fixture.sandbox.url(Service::Slack));
    let bearer = format!("Bearer {token}");
    post(&url, &[("authorization", &bearer), ("content-type", content_type)], body.to_owned()).await
}

async fn post_message(fixture: &Fixture, arguments: &Value) -> Answer {
    let token = fixture.sandbox.credentials().slack_bot_token.clone();
    call(fixture, &token, JSON, &arguments.to_string()).await
}

fn word(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), std::str::from_utf8(&answer.body).unwrap())
}

#[tokio::test]
async fn a_webhook_takes_a_message_whole() {
    let fixture = Fixture::start().await;
    let payload = json!({
        "text": "Rent is due & <https://example.com|late>",
        "blocks": [{ "type": "section", "text": { "type": "mrkdwn", "text": "*Rent* is due" } }, { "type": "divider" }],
        "unfurl_links": false,
    });
    let answer = hook(&fixture, &payload).await;
    assert_eq!(word(&answer), (200, "ok"));
    let message = fixture.only_message();
    assert_eq!((message.provider, message.channel), (Service::Slack, Channel::Chat));
    assert_eq!(message.to, ["T00000001/B00000001"]);
    assert_eq!(message.text.as_deref(), payload["text"].as_str());
    assert_eq!(message.document.as_ref(), Some(&payload));
    assert_eq!(message.provider_message_id, "", "a webhook tells none");
    let shown = fixture.get("/sandbox/messages?channel=chat&provider=slack").await.json();
    assert_eq!(shown["messages"][0]["document"], payload);
}

#[tokio::test]
async fn a_webhook_refuses_in_words() {
    let fixture = Fixture::start().await;
    let section = |text: &str| json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } });
    for (name, payload, expected) in [
        ("nothing", json!({}), (400, "no_text")),
        ("an empty text", json!({ "text": "" }), (400, "no_text")),
        ("no blocks", json!({ "blocks": [] }), (400, "no_text")),
        ("a list", json!(["text"]), (400, "invalid_payload")),
        ("a number as text", json!({ "text": 1 }), (400, "invalid_payload")),
        ("another channel", json!({ "text": "a", "channel": "#general" }), (400, "invalid_payload")),
        ("40001 characters", json!({ "text": "a".repeat(40_001) }), (400, "invalid_payload")),
        ("a wrong block", json!({ "blocks": [section("")] }), (400, "invalid_blocks")),
        ("101 attachments", json!({ "attachments": vec![json!({ "text": "a" }); 101] }), (400, "too_many_attachments")),
    ] {
        assert_eq!(word(&hook(&fixture, &payload).await), expected, "{name}");
    }
    let secret = fixture.sandbox.credentials().slack_webhook.clone();
    let url = hook_url(&fixture, &secret);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(word(&post(&url, &form, "payload=%7B%7D").await), (400, "invalid_payload"));
    let get = Request::get(&url).body(Default::default()).unwrap();
    assert_eq!(word(&exchange(get).await.unwrap()), (400, "invalid_payload"));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn an_address_is_a_secret_or_the_name_of_an_error() {
    let fixture = Fixture::start().await;
    for (address, expected) in [
        ("T00000001/B00000001/wrong", (403, "invalid_token")),
        ("T00000002/B00000001/sandboxWebhookSecret0001", (404, "no_team")),
        ("T00000001/B00000002/sandboxWebhookSecret0001", (404, "no_service")),
        ("T00000001/B00000001", (404, "no_service")),
        ("T00000001/B00000001/sandboxWebhookSecret0001/x", (404, "no_service")),
        ("T00000001/B00000001/action_prohibited", (403, "action_prohibited")),
        ("T00000001/B00000001/posting_to_general_channel_denied", (403, "posting_to_general_channel_denied")),
        ("T00000001/B00000001/channel_not_found", (404, "channel_not_found")),
        ("T00000001/B00000001/channel_is_archived", (410, "channel_is_archived")),
        ("T00000001/B00000001/no_service", (404, "no_service")),
        ("T00000001/B00000001/team_disabled", (403, "team_disabled")),
        ("T00000001/B00000001/rollup_error", (500, "rollup_error")),
    ] {
        let answer = post(&hook_url(&fixture, address), &[("content-type", JSON)], r#"{"text":"a"}"#).await;
        assert_eq!(word(&answer), expected, "{address}");
    }
    let limited = hook_url(&fixture, "T00000001/B00000001/ratelimited");
    let answer = post(&limited, &[("content-type", JSON)], r#"{"text":"a"}"#).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("30")));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn the_secret_address_is_not_in_raw_requests() {
    let mut options = options();
    options.keep_raw = true;
    let fixture = Fixture::with(options).await;
    hook(&fixture, &json!({ "text": "a" })).await;
    let raw = fixture.only_message().raw.clone().unwrap();
    assert!(raw.starts_with("POST /services/(blanked) HTTP"), "{raw}");
    assert!(!raw.contains("sandboxWebhookSecret"), "{raw}");
}

#[tokio::test]
async fn the_web_api_answers_with_the_message() {
    let fixture = Fixture::start().await;
    let blocks = json!([{ "type": "header", "text": { "type": "plain_text", "text": "Rent" } }]);
    let arguments = json!({ "channel": "C123ABC456", "text": "Rent is due", "blocks": blocks });
    let answer = post_message(&fixture, &arguments).await;
    let posted = answer.json();
    assert_eq!(
        (answer.status, &posted["ok"], &posted["channel"]),
        (StatusCode::OK, &json!(true), &json!("C123ABC456"))
    );
    assert_eq!((&posted["message"]["text"], &posted["message"]["blocks"]), (&json!("Rent is due"), &blocks));
    assert_eq!(posted.get("warning"), None);
    let message = fixture.only_message();
    assert_eq!(message.to, ["C123ABC456"]);
    assert_eq!(json!(message.provider_message_id), posted["ts"]);
    assert_eq!(message.document.as_ref(), Some(&arguments));
    let second = post_message(&fixture, &arguments).await.json();
    assert_ne!(second["ts"], posted["ts"]);
    let seconds = NOW.parse::<jiff::Timestamp>().unwrap().as_second();
    assert!(posted["ts"].as_str().unwrap().starts_with(&format!("{seconds}.")), "{posted}");
}

#[tokio::test]
async fn a_missing_charset_is_warned_of() {
    let fixture = Fixture::start().await;
    let token = fixture.sandbox.credentials().slack_bot_token.clone();
    let body = r##"{"channel":"#general","markdown_text":"**a**"}"##;
    let answer = call(&fixture, &token, "application/json", body).await.json();
    assert_eq!((&answer["ok"], &answer["warning"]), (&json!(true), &json!("missing_charset")));
    assert_eq!(fixture.only_message().text.as_deref(), Some("**a**"));
}

#[tokio::test]
async fn every_error_can_be_had_by_its_name() {
    let fixture = Fixture::start().await;
    for error in [
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "msg_too_long",
        "restricted_action_read_only_channel",
        "token_revoked",
        "missing_scope",
        "fatal_error",
        "internal_error",
        "service_unavailable",
        "rate_limited",
    ] {
        for channel in [error.to_owned(), format!("#{error}")] {
            let answer = post_message(&fixture, &json!({ "channel": channel, "text": "a" })).await;
            assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "ok": false, "error": error })));
        }
        let answer = call(&fixture, &format!("xoxb-{error}"), JSON, r#"{"channel":"C123ABC456","text":"a"}"#).await;
        assert_eq!(answer.json(), json!({ "ok": false, "error": error }));
    }
    let answer = post_message(&fixture, &json!({ "channel": "ratelimited", "text": "a" })).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("30")));
    assert_eq!(answer.json(), json!({ "ok": false, "error": "ratelimited" }));
}

#[tokio::test]
async fn the_web_api_refuses_with_an_error() {
    let fixture = Fixture::start().await;
    let channel = "C123ABC456";
    for (name, arguments, error) in [
        ("no channel", json!({ "text": "a" }), "invalid_arguments"),
        ("a number as channel", json!({ "channel": 1, "text": "a" }), "invalid_arguments"),
        ("a channel with spaces", json!({ "channel": "a b", "text": "a" }), "channel_not_found"),
        ("an empty channel", json!({ "channel": "", "text": "a" }), "channel_not_found"),
        ("no text", json!({ "channel": channel }), "no_text"),
        ("an empty text", json!({ "channel": channel, "text": "" }), "no_text"),
        ("unknown argument", json!({ "channel": channel, "text": "a", "key": "1" }), "invalid_arguments"),
        ("a text as switch", json!({ "channel": channel, "text": "a", "mrkdwn": "true" }), "invalid_arguments"),
        ("blocks as text", json!({ "channel": channel, "text": "a", "blocks": "[]" }), "invalid_arguments"),
        ("thread", json!({ "channel": channel, "text": "a", "thread_ts": "1503435956" }), "invalid_arguments"),
        ("40001 characters", json!({ "channel": channel, "text": "a".repeat(40_001) }), "msg_too_long"),
        ("markdown", json!({ "channel": channel, "text": "a", "markdown_text": "a" }), "markdown_text_conflict"),
        ("blocks", json!({ "channel": channel, "text": "a", "blocks": [{ "type": "sektion" }] }), "invalid_blocks"),
        ("an array", json!([]), "json_not_object"),
    ] {
        let answer = post_message(&fixture, &arguments).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["error"]), (200, &json!(error)), "{name}: {answer:?}");
    }
    let token = fixture.sandbox.credentials().slack_bot_token.clone();
    let good = r#"{"channel":"C123ABC456","text":"a"}"#;
    for (name, token, content_type, body, error) in [
        (
            "a form",
            token.as_str(),
            "application/x-www-form-urlencoded",
            "channel=C123ABC456&text=a",
            "invalid_post_type",
        ),
        ("a charset", token.as_str(), "application/json; charset=utf-16", good, "invalid_charset"),
        ("no JSON", token.as_str(), JSON, "{", "invalid_json"),
        ("another token", "xoxb-other", JSON, good, "invalid_auth"),
    ] {
        let answer = call(&fixture, token, content_type, body).await;
        assert_eq!(answer.json()["error"], error, "{name}");
    }
    let url = format!("{}/api/chat.postMessage", fixture.sandbox.url(Service::Slack));
    assert_eq!(post(&url, &[("content-type", JSON)], good).await.json()["error"], "not_authed");
    let other = url.replace("postMessage", "delete");
    assert_eq!(post(&other, &[("content-type", JSON)], good).await.json()["error"], "unknown_method");
    let elsewhere = format!("{}/chat.postMessage", fixture.sandbox.url(Service::Slack));
    let answer = post(&elsewhere, &[("content-type", JSON)], good).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (404, Some("text/html")));
    assert_eq!(fixture.sandbox.inbox().messages().len(), 0);
}

#[tokio::test]
async fn layouts_are_checked_with_a_pointer_to_the_fault() {
    let fixture = Fixture::start().await;
    let plain = |text: &str| json!({ "type": "plain_text", "text": text });
    let long = |chars: usize| "a".repeat(chars);
    let button = |text: Value| json!({ "type": "button", "text": text, "action_id": "pay" });
    let cases = [
        (json!("text"), "must be an object [json-pointer:/blocks/0]"),
        (json!({}), "missing required field: type [json-pointer:/blocks/0]"),
        (json!({ "type": "file", "source": "remote" }), "unsupported type: file [json-pointer:/blocks/0/type]"),
        (json!({ "type": "section" }), "missing required field: text [json-pointer:/blocks/0]"),
        (json!({ "type": "section", "text": plain("a"), "color": "red" }), "no more properties allowed: color"),
        (
            json!({ "type": "section", "text": plain(&long(3_001)) }),
            "must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
        ),
        (
            json!({ "type": "section", "text": plain("") }),
            "must be more than 0 characters [json-pointer:/blocks/0/text/text]",
        ),
        (json!({ "type": "section", "text": { "type": "markdown", "text": "a" } }), "unsupported type: markdown"),
        (
            json!({ "type": "section", "fields": vec![plain("a"); 11] }),
            "no more than 10 items allowed [json-pointer:/blocks/0/fields]",
        ),
        (json!({ "type": "section", "fields": [plain(&long(2_001))] }), "must be less than 2001 characters"),
        (
            json!({ "type": "header", "text": { "type": "mrkdwn", "text": "a" } }),
            "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]",
        ),
        (json!({ "type": "header", "text": plain(&long(151)) }), "must be less than 151 characters"),
        (json!({ "type": "image", "image_url": "https://example.com/a.png" }), "missing required field: alt_text"),
        (
            json!({ "type": "image", "image_url": "a.png", "alt_text": "a" }),
            "must be a valid URL [json-pointer:/blocks/0/image_url]",
        ),
        (json!({ "type": "image", "alt_text": "a" }), "must have exactly one of image_url and slack_file"),
        (json!({ "type": "context", "elements": [] }), "must be more than 0 items"),
        (json!({ "type": "actions", "elements": vec![button(plain("Pay")); 26] }), "no more than 25 items allowed"),
        (json!({ "type": "actions", "elements": [button(plain(&long(76)))] }), "must be less than 76 characters"),
        (
            json!({ "type": "actions", "elements": [plain("a")] }),
            "unsupported type: plain_text [json-pointer:/blocks/0/elements/0/type]",
        ),
        (
            json!({ "type": "divider", "block_id": long(256) }),
            "must be less than 256 characters [json-pointer:/blocks/0/block_id]",
        ),
        (json!({ "type": "markdown", "text": long(12_001) }), "must be less than 12001 characters"),
        (json!({ "type": "rich_text", "elements": [{ "type": "text", "text": "a" }] }), "unsupported type: text"),
    ];
    for (block, complaint) in cases {
        let arguments = json!({ "channel": "C123ABC456", "text": "a", "blocks": [block] });
        let told = post_message(&fixture, &arguments).await.json();
        assert_eq!(told["error"], "invalid_blocks", "{block}");
        let messages = told["response_metadata"]["messages"].as_array().unwrap();
        let found = messages.iter().any(|message| message.as_str().unwrap().contains(complaint));
        assert!(found, "{complaint}: {messages:?}");
    }
    let twice = json!([{ "type": "divider", "block_id": "a" }, { "type": "divider", "block_id": "a" }]);
    let many = json!(vec![json!({ "type": "divider" }); 51]);
    for blocks in [twice, many] {
        let arguments = json!({ "channel": "C123ABC456", "blocks": blocks });
        assert_eq!(post_message(&fixture, &arguments).await.json()["error"], "invalid_blocks");
    }
    let attached = json!({ "channel": "C123ABC456", "attachments": [{ "blocks": [{ "type": "section" }] }] });
    assert_eq!(post_message(&fixture, &attached).await.json()["error"], "invalid_blocks");
}

#[tokio::test]
async fn a_layout_of_many_kinds_is_taken() {
    let fixture = Fixture::start().await;
    let plain = json!({ "type": "plain_text", "text": "Pay", "emoji": true });
    let picture = json!({ "type": "image", "image_url": "https://example.com/a.png", "alt_text": "a" });
    let button = json!({ "type": "button", "text": plain, "url": "https://example.com/", "style": "primary", "action_id": "pay" });
    let blocks = json!([
        { "type": "header", "text": plain, "block_id": "head" },
        { "type": "section", "text": { "type": "mrkdwn", "text": "*a*", "verbatim": false }, "accessory": button },
        { "type": "section", "fields": [plain], "accessory": picture },
        { "type": "context", "elements": [picture, { "type": "mrkdwn", "text": "a" }] },
        { "type": "actions", "elements": [button, { "type": "datepicker", "action_id": "day" }] },
        { "type": "image", "image_url": "https://example.com/a.png", "alt_text": "a", "title": plain },
        { "type": "rich_text", "elements": [{ "type": "rich_text_section", "elements": [{ "type": "text", "text": "a" }] }] },
        { "type": "divider" },
    ]);
    let answer = post_message(&fixture, &json!({ "channel": "C123ABC456", "blocks": blocks })).await.json();
    assert_eq!(answer["ok"], true, "{answer}");
}

#[tokio::test]
async fn faults_have_slacks_form() {
    let fixture = Fixture::start().await;
    let payload = json!({ "text": "a" });
    fixture.set_fault(Service::Slack, &json!({ "fault": "rate_limited", "retry_after_s": 7, "times": 1 })).await;
    let answer = hook(&fixture, &payload).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("7")));
    fixture.set_fault(Service::Slack, &json!({ "fault": "unavailable", "times": 1 })).await;
    assert_eq!(hook(&fixture, &payload).await.status, StatusCode::SERVICE_UNAVAILABLE);
    fixture.set_fault(Service::Slack, &json!({ "fault": "rejected", "code": 410, "times": 1 })).await;
    assert_eq!(hook(&fixture, &payload).await.status, StatusCode::GONE);
    fixture.set_fault(Service::Slack, &json!({ "fault": "accept_then_drop", "times": 1 })).await;
    let url = hook_url(&fixture, &fixture.sandbox.credentials().slack_webhook);
    let request = Request::builder().method(Method::POST).uri(url).header("content-type", JSON);
    assert!(exchange(request.body(payload.to_string().into()).unwrap()).await.is_err());
    assert_eq!(fixture.only_message().text.as_deref(), Some("a"));
}
