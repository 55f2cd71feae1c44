//! Push, chat and events: what they are made of, and that no value changes what JSON says.

use proptest::prelude::*;

use super::*;

fn render(content: &Content, channel: Channel, data: &Value, limits: &Limits) -> Result<Words, String> {
    let compiled = Compiled::new(content, "content", limits).map_err(|errors| errors[0].to_string())?;
    compiled.render(channel, data, limits).map_err(|error| error.to_string())
}

fn payload(source: &str, data: &Value) -> Result<Value, String> {
    match render(&webhook("rent.due", source), Channel::Webhook, data, &Limits::default())? {
        Words::Webhook { kind, payload } if kind == "rent.due" => Ok(serde_json::from_str(&payload).unwrap()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_push_message_is_plain_text() {
    let content = push("Rent\t{{x}}", "Due {{x}}", &[("unit", "{{unit}}"), ("kind", "rent"), ("none", "")]);
    let data = json!({"x": "<b>\n\"A\"&", "unit": "4b"});
    let words = render(&content, Channel::Push, &data, &Limits::default());
    assert!(words.is_err(), "a tab in the title: {words:?}");
    let content = push("Rent {{x}}", "Due {{x}}", &[("unit", "{{unit}}"), ("kind", "rent"), ("none", "")]);
    let words = render(&content, Channel::Push, &data, &Limits::default()).unwrap();
    let data = [("kind", "rent"), ("none", ""), ("unit", "4b")].map(|(name, value)| (name.into(), value.into()));
    let (title, body) = ("Rent <b> \"A\"&".into(), "Due <b>\n\"A\"&".into());
    assert_eq!(words, Words::Push { title, body, data: data.into() });
}

#[test]
fn chat_text_is_plain_and_its_layout_json() {
    let content = chat("Hello {{x}}", Some(r#"[{"type": "section", "text": "{{x}}", "n": {{n}}, "is": {{is}}}]"#));
    let data = json!({"x": "\"</b>\n", "n": 12.5, "is": true});
    let Ok(Words::Chat { text, layout: Some(layout) }) = render(&content, Channel::Chat, &data, &Limits::default())
    else {
        panic!("it has a layout")
    };
    assert_eq!(text, "Hello \"</b>\n");
    let expected = json!([{"type": "section", "text": "\"</b>\n", "n": 12.5, "is": true}]);
    assert_eq!(serde_json::from_str::<Value>(&layout).unwrap(), expected);
    let words = render(&chat("Hi", None), Channel::Chat, &data, &Limits::default());
    assert_eq!(words, Ok(Words::Chat { text: "Hi".into(), layout: None }));
}

#[test]
fn json_is_made_with_loops_and_conditions() {
    let source = r#"{"items": [{{#each items}}{"name": "{{name}}", "cents": {{cents}}}{{#unless @last}},{{/unless}}{{/each}}],
        "note": {{#if note}}"{{note}}"{{else}}null{{/if}}, "count": {{len items}}, "\u005c": "{{lookup names 0}} é"}"#;
    let data =
        json!({"items": [{"name": "a\"b", "cents": 1}, {"name": "\\", "cents": -2}], "note": "", "names": ["\u{0}"]});
    let expected = json!({
        "items": [{"name": "a\"b", "cents": 1}, {"name": "\\", "cents": -2}],
        "note": null, "count": 2, "\\": "\u{0} é",
    });
    assert_eq!(payload(source, &data), Ok(expected));
}

#[test]
fn values_outside_of_quotes_are_numbers_and_the_like() {
    let fill = |value: Value| payload(r#"{"n": {{v}}}"#, &json!({"v": value}));
    for good in [json!(1), json!(-1.5), json!(true), json!(false), json!(u64::MAX)] {
        assert_eq!(fill(good.clone()), Ok(json!({"n": good})));
    }
    assert_eq!(fill(json!("12")), Ok(json!({"n": 12})));
    for bad in [
        json!("a"),
        json!(""),
        json!(null),
        json!("1, \"m\": 2"),
        json!("1}{"),
        json!("\"a\""),
        json!([1, 2]),
        json!({}),
    ] {
        let problem = fill(bad.clone()).unwrap_err();
        assert!(problem.contains("quotes around it (line 1)"), "{bad}: {problem}");
    }
    assert!(payload("[1{{v}}]", &json!({"v": ", 2"})).is_err());
}

#[test]
fn a_value_after_a_backslash_is_refused() {
    // A double backslash before braces is one, and no escape of them.
    let problem = payload(r#"{"path": "a\\{{v}}"}"#, &json!({"v": "\", \"x\": \""})).unwrap_err();
    assert!(problem.contains("backslash"), "{problem}");
}

#[test]
fn what_is_no_document_after_rendering_is_refused() {
    let data = json!({"on": true, "x": "x"});
    for bad in [
        "{{#unless on}}{}{{/unless}}",
        "{{#if on}}1{{/if}}",
        "[{{#if on}}",
        "{\"{{x}}\": 1",
        "{} {{!}} {}",
        "\"{{x}}\"",
    ] {
        let problem = payload(bad, &data).unwrap_err();
        assert!(
            problem.starts_with("webhook.payload: ") || problem.starts_with("content.webhook.payload: "),
            "{problem}"
        );
    }
    assert!(payload(r#"{"x": "{{missing}}"}"#, &data).unwrap_err().contains("`missing`"));
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    assert!(payload(&deep, &data).is_err());
}

#[test]
fn limits_count_what_is_rendered() {
    let limits = Limits {
        push_title_chars_max: 5,
        push_body_chars_max: 6,
        push_data_bytes_max: 7,
        chat_chars_max: 8,
        webhook_payload_bytes_max: 9,
        rendered_bytes_max: 64,
        ..Limits::default()
    };
    let of = |chars: usize| json!({"x": "é".repeat(chars)});
    let cases = [
        (push("{{x}}", "b", &[]), Channel::Push, 5, "push.title: 6 characters after rendering; at most 5"),
        (push("t", "{{x}}", &[]), Channel::Push, 6, "push.body: 7 characters after rendering; at most 6"),
        (push("t", "b", &[("k", "{{x}}")]), Channel::Push, 3, "push.data: 9 bytes after rendering; at most 7"),
        (chat("{{x}}", None), Channel::Chat, 8, "chat.text: 9 characters after rendering; at most 8"),
        (chat("t", Some("[\"{{x}}\"]")), Channel::Chat, 29, "chat.layout: over 64 bytes after rendering"),
        (webhook("k", "[\"{{x}}\"]"), Channel::Webhook, 2, "webhook.payload: 10 bytes after rendering; at most 9"),
    ];
    for (content, channel, most, problem) in cases {
        assert!(render(&content, channel, &of(most), &limits).is_ok(), "{problem}");
        assert_eq!(render(&content, channel, &of(most + 1), &limits), Err(problem.to_owned()));
    }
    assert!(render(&push("{{x}}", "b", &[]), Channel::Push, &of(0), &limits).unwrap_err().contains("empty"));
    let missing = render(&push("t", "b", &[("unit", "{{y}}")]), Channel::Push, &of(1), &limits).unwrap_err();
    assert!(missing.starts_with("push.data: `unit`: "), "{missing}");
    let other = render(&sms("x"), Channel::Push, &of(1), &limits).unwrap_err();
    assert_eq!(other, "push: the content has no push part");
}

#[test]
fn the_data_of_a_push_message_costs_no_more_than_one_source() {
    let values: Vec<(String, String)> = (0..65).map(|n| (format!("k{n}"), "{{a}}".repeat(40))).collect();
    let of = |count: usize| {
        let data: Vec<(&str, &str)> =
            values[..count].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        push("t", "b", &data)
    };
    let fields = |content: &Content| -> Vec<String> {
        let errors = Compiled::new(content, "", &Limits::default()).err().unwrap_or_default();
        errors.into_iter().map(|error| error.to_string()).collect()
    };
    assert!(at_once("64 names", || fields(&of(64))).is_empty());
    assert_eq!(fields(&of(65)), ["push.data: 65 names; at most 64"]);
}

proptest! {
    /// The structure is what was written: whatever text goes in comes out as that text, in its place, and nothing else.
    #[test]
    fn a_value_never_breaks_out_of_its_string(a in "(?s).{0,40}", b in r#"["\\\\{}\[\],:\n\r\u{0}-\u{1f}a\u{2028}]{0,40}"#, c in any::<i64>()) {
        let source = r#"{"a": "{{a}}", "list": ["{{b}}", "x{{a}}-{{b}}y", {{c}}], "{{b}}!": {{#each all}}"{{this}}"{{/each}}}"#;
        let data = json!({"a": a, "b": b, "c": c, "all": [a]});
        let expected = {
            let mut expected = json!({"a": a, "list": [b, format!("x{a}-{b}y"), c]});
            expected[format!("{b}!")] = json!(a);
            expected
        };
        prop_assert_eq!(payload(source, &data), Ok(expected));
    }

    /// Outside of quotes a value is one scalar or an error; it never adds a key or an item.
    #[test]
    fn a_value_outside_of_quotes_adds_nothing(text in r#"(?s).{0,12}|[0-9\[\]{},:"trufalsen ]{0,12}|-?[0-9]{1,4}(, ?[0-9])?"#) {
        if let Ok(found) = payload("[{{v}}]", &json!({"v": text})) {
            let items = found.as_array().unwrap();
            prop_assert_eq!(items.len(), 1);
            prop_assert!(items[0].is_number() || items[0].is_boolean() || items[0].is_null());
        }
    }
}
