//! What is rendered, and what is refused when it is stored.

use super::*;
use serde_json::json;

fn email(subject: &str, text: Option<&str>, html: Option<&str>) -> Content {
    let email = EmailSource { subject: subject.into(), text: text.map(Into::into), html: html.map(Into::into) };
    Content { email: Some(email), sms: None }
}

fn sms(text: &str) -> Content {
    Content { email: None, sms: Some(SmsSource { text: text.into() }) }
}

fn render_sms(source: &str, data: &Value) -> Result<String, String> {
    let limits = Limits::default();
    let compiled = Compiled::new(&sms(source), "content", &limits).map_err(|errors| errors[0].problem.clone())?;
    match compiled.render(Channel::Sms, data, &limits) {
        Ok(Words::Sms { text }) => Ok(text),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.problem),
    }
}

#[test]
fn html_is_escaped_and_text_is_not() {
    let limits = Limits::default();
    let content = email("Re: {{x}}", Some("Dear {{x}}"), Some("<p>{{x}}</p>"));
    let compiled = Compiled::new(&content, "", &limits).unwrap();
    let words = compiled.render(Channel::Email, &json!({"x": "<b>&\"A\""}), &limits).unwrap();
    let expected = Words::Email {
        subject: "Re: <b>&\"A\"".into(),
        text: Some("Dear <b>&\"A\"".into()),
        html: Some("<p>&lt;b&gt;&amp;&quot;A&quot;</p>".into()),
    };
    assert_eq!(words, expected);
}

#[test]
fn a_subject_stays_one_line() {
    let limits = Limits::default();
    let compiled = Compiled::new(&email("Hi {{x}}", Some("t"), None), "", &limits).unwrap();
    let words = compiled.render(Channel::Email, &json!({"x": "a\r\nBcc: b@example.com"}), &limits).unwrap();
    assert!(matches!(words, Words::Email { subject, .. } if subject == "Hi a Bcc: b@example.com"));
}

#[test]
fn strict_about_what_is_missing() {
    assert_eq!(render_sms("{{a}} {{#if b}}b{{/if}}", &json!({"a": 1, "b": false})), Ok("1 ".into()));
    let error = render_sms("Hello {{name}}", &json!({})).unwrap_err();
    assert!(error.contains("`name`"), "{error}");
    assert!(render_sms("{{recipient.name}}", &json!({"recipient": {}})).is_err());
}

#[test]
fn results_are_bounded() {
    let long = json!({"items": vec!["0123456789"; 200]});
    let error = render_sms("{{#each items}}{{this}}{{/each}}", &long).unwrap_err();
    assert!(error.contains("1600"), "{error}");
    let limits = Limits { rendered_bytes_max: 1_000, ..Limits::default() };
    let compiled = Compiled::new(&email("s", Some("{{#each items}}{{this}}{{/each}}"), None), "", &limits).unwrap();
    let error = compiled.render(Channel::Email, &long, &limits).unwrap_err();
    assert!(error.problem.contains("1000 bytes"), "{error}");
    assert!(render_sms("{{x}}", &json!({"x": "  "})).is_err());
}

#[test]
fn what_is_refused_when_stored() {
    let nested = "{{#each a}}".repeat(3) + &"{{/each}}".repeat(3);
    let deep = "{{#if a}}".repeat(18) + &"{{/if}}".repeat(18);
    let long = "x".repeat(200_000);
    let cases = [
        (sms("{{"), "sms.text"),
        (sms("{{> other}}"), "sms.text"),
        (sms("{{#> other}}{{/other}}"), "sms.text"),
        (sms("{{#*inline \"a\"}}{{/inline}}"), "sms.text"),
        (sms(&nested), "sms.text"),
        (sms(&deep), "sms.text"),
        (sms(&long), "sms.text"),
        (sms(" "), "sms.text"),
        (email("", Some("t"), None), "email.subject"),
        (email("a\nb", Some("t"), None), "email.subject"),
        (email("s", None, None), "email"),
        (email("s", Some("{{#if}}"), None), "email.text"),
        (email("s", None, Some("{{/each}}")), "email.html"),
    ];
    for (content, field) in cases {
        let errors = Compiled::new(&content, "content", &Limits::default()).err().unwrap_or_default();
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, [format!("content.{field}")], "{content:?}");
    }
}

#[test]
fn locales_fall_back_per_channel() {
    let template = Template {
        name: TemplateName::new("t").unwrap(),
        version: 1,
        content: sms("en"),
        locales: [(Locale::parse("es").unwrap(), sms("es"))].into(),
        variables: BTreeMap::new(),
    };
    let pick = |tag: Option<&str>, channel| {
        let locale = tag.map(|tag| Locale::parse(tag).unwrap());
        template.content_for(locale.as_ref(), channel).0.map(|l| l.to_string())
    };
    assert_eq!(pick(Some("es-MX"), Channel::Sms).as_deref(), Some("es"));
    assert_eq!(pick(Some("es-MX"), Channel::Email), None);
    assert_eq!(pick(Some("fr"), Channel::Sms), None);
    assert_eq!(pick(None, Channel::Sms), None);
}

#[test]
fn variables_are_checked() {
    let declared = |kind, required| Variable { kind, required };
    let template = Template {
        name: TemplateName::new("t").unwrap(),
        version: 3,
        content: sms("x"),
        locales: BTreeMap::new(),
        variables: [
            ("amount".to_owned(), declared(VariableKind::Number, true)),
            ("note".to_owned(), declared(VariableKind::String, false)),
        ]
        .into(),
    };
    let fields = |variables: Value| -> Vec<String> {
        let errors = template.check_variables(variables.as_object().unwrap());
        errors.into_iter().map(|e| e.field).collect()
    };
    assert!(fields(json!({"amount": 1})).is_empty());
    assert!(fields(json!({"amount": 1, "note": null, "other": 1})).is_empty());
    assert_eq!(fields(json!({})), ["variables.amount"]);
    assert_eq!(fields(json!({"amount": null})), ["variables.amount"]);
    assert_eq!(fields(json!({"amount": "1", "note": 2})), ["variables.amount", "variables.note"]);
}
