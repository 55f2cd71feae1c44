//! What is rendered, and what is refused when it is stored.

mod channels;

use super::*;
use serde_json::json;

fn email(subject: &str, text: Option<&str>, html: Option<&str>) -> Content {
    let email = EmailSource { subject: subject.into(), text: text.map(Into::into), html: html.map(Into::into) };
    Content { email: Some(email), ..Content::default() }
}

fn sms(text: &str) -> Content {
    Content { sms: Some(SmsSource { text: text.into() }), ..Content::default() }
}

fn push(title: &str, body: &str, data: &[(&str, &str)]) -> Content {
    let data = data.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Content { push: Some(PushSource { title: title.into(), body: body.into(), data }), ..Content::default() }
}

fn chat(text: &str, layout: Option<&str>) -> Content {
    let layout = layout.map(str::to_owned);
    Content { chat: Some(ChatSource { text: text.into(), layout }), ..Content::default() }
}

fn webhook(kind: &str, payload: &str) -> Content {
    Content { webhook: Some(WebhookSource { kind: kind.into(), payload: payload.into() }), ..Content::default() }
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
        (push(" ", "b", &[]), "push.title"),
        (push("a\nb", "b", &[]), "push.title"),
        (push("t", " ", &[]), "push.body"),
        (push("t", "{{", &[]), "push.body"),
        (push("t", "b", &[("unit", "{{#if}}")]), "push.data.unit"),
        (push("t", "b", &[("", "x")]), "push.data."),
        (push("t", "b", &[("a\r\nb", "x")]), "push.data.ab"),
        (push("t", "b", &[("a", &long[..16_384])]), "push.data"),
        (chat(" ", None), "chat.text"),
        (chat("t", Some("{{")), "chat.layout"),
        (chat("t", Some("")), "chat.layout"),
        (chat("t", Some("\"text\"")), "chat.layout"),
        (chat("t", Some("[1,]")), "chat.layout"),
        (chat("t", Some("{\"a\": {{{b}}}}")), "chat.layout"),
        (chat("t", Some("{{#if a}}[\"{{&b}}\"]{{/if}}")), "chat.layout"),
        (chat("t", Some("[\"{{a}}\u{2}\"]")), "chat.layout"),
        (webhook("", "{}"), "webhook.kind"),
        (webhook("Rent.Due", "{}"), "webhook.kind"),
        (webhook("rent due", "{}"), "webhook.kind"),
        (webhook(&long[..129], "{}"), "webhook.kind"),
        (webhook("rent.due", "null"), "webhook.payload"),
        (webhook("rent.due", "{a: 1}"), "webhook.payload"),
    ];
    for (content, field) in cases {
        let errors = Compiled::new(&content, "content", &Limits::default()).err().unwrap_or_default();
        let fields: Vec<&str> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(fields, [format!("content.{field}")], "{content:?}");
    }
}

fn problem_of(source: &str) -> String {
    let errors =
        Compiled::new(&email("s", Some(source), None), "content", &Limits::default()).err().unwrap_or_default();
    assert_eq!(errors.len(), 1, "{source:.100}");
    assert_eq!(errors[0].field, "content.email.text");
    errors[0].problem.clone()
}

#[test]
fn only_known_helpers_are_stored() {
    let cases = [
        ("{{#foreach x}}{{/foreach}}", "there is no helper `foreach`; there are `if`, `unless`, `each`, `with`"),
        ("{{money a}}", "there is no helper `money`; there are `lookup`"),
        ("{{#if (odd a)}}x{{/if}}", "there is no helper `odd`"),
        ("{{#if a}}{{else foreach b}}{{/if}}", "there is no helper `foreach`"),
        ("{{lookup (first a) 0}}", "there is no helper `first`"),
        ("{{log a}}", "there is no helper `log`"),
        ("{{#raw}}{{/raw}}", "there is no helper `raw`"),
        ("{{{{raw}}}} {{a}} {{{{/raw}}}}", "raw blocks"),
        ("{{each a}}", "`each` is a block"),
        ("{{#eq a b}}x{{/eq}}", "`eq` is not a block: write `{{#if (eq …)}}`"),
        ("{{len}}", "a variable of that name is `{{this.len}}`"),
        ("{{lookup a}}", "`lookup` takes 2 parameters; 1 is given"),
        ("{{#if}}x{{/if}}", "`if` takes 1 parameter; 0 are given"),
        ("{{#if a b}}x{{/if}}", "`if` takes 1 parameter; 2 are given"),
        ("{{#each (lookup a 0)}}x{{/each}}", "`each` takes a variable"),
        ("{{#each [1,2]}}x{{/each}}", "`each` takes a variable"),
        ("{{#if a strict=true}}x{{/if}}", "no option `strict`"),
        ("{{len a unit=1}}", "no option"),
        ("{{(lookup a 0)}}", "starts with the name"),
        ("{{#if (a)}}x{{/if}}", "brackets hold a helper"),
    ];
    for (source, expected) in cases {
        let problem = problem_of(source);
        assert!(problem.contains(expected), "{source}: {problem}");
    }
}

#[test]
fn helpers_do_what_they_say() {
    let data = json!({"list": ["a", "b"], "map": {"k": "v", "n": 2}, "one": 1, "two": 2, "no": false, "s": "x"});
    let cases = [
        ("{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", "0a,1b"),
        ("{{#each list as |item i|}}{{i}}{{item}}{{/each}}", "0a1b"),
        ("{{#each map as |item|}}{{@key}}={{item}};{{/each}}", "k=v;n=2;"),
        ("{{#each map as |item key|}}{{key}}={{item}}{{../s}};{{/each}}", "k=vx;n=2x;"),
        ("{{#each list}}{{#each ../map}}{{@../index}}{{@key}}{{/each}}{{/each}}", "0k0n1k1n"),
        ("{{#each list}}{{#with ../map}}{{@index}}{{k}}{{/with}}{{/each}}", "0v1v"),
        ("{{#with map as |m|}}{{m.k}}{{k}}{{../s}}{{@root.s}}{{/with}}", "vvxx"),
        ("{{#with no}}a{{else}}b{{/with}}", "b"),
        ("{{#if no}}a{{else if one}}b{{else}}c{{/if}}", "b"),
        ("{{#if (and one (gt two one))}}a{{/if}}{{#if (or no (lte two one))}}b{{/if}}", "a"),
        ("{{#if (eq s \"x\")}}a{{/if}}{{#if (not no)}}b{{/if}}{{#if (ne one two)}}c{{/if}}", "abc"),
        ("{{lookup list one}}{{lookup map \"k\"}}{{len list}}{{len map}}", "bv22"),
        ("{{eq one 1}} {{lt one two}} {{gte one two}}", "true true false"),
        ("\\{{one}} \\\\{{one}}", "{{one}} \\1"),
        ("{{!-- {{#each}} }} --}}a{{! b }}{{~ s ~}} c", "axc"),
        ("{{#if one}}\n  yes\n{{/if}}\n", "  yes\n"),
    ];
    for (source, expected) in cases {
        assert_eq!(render_sms(source, &data).as_deref(), Ok(expected), "{source}");
    }
    assert!(render_sms("{{#each absent}}{{/each}}", &data).is_err());
    assert!(render_sms("{{lookup list 9}}", &data).unwrap_err().contains("missing"));
    assert_eq!(render_sms("{{#each absent}}a{{else}}b{{/each}}", &data).as_deref(), Ok("b"));
}

/// What a fast machine does in 50 ms, this build of a test does in less than a second.
fn at_once<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let started = tokio::time::Instant::now();
    let result = work();
    println!("{:>9.3} ms  {what}", started.elapsed().as_secs_f64() * 1000.0);
    assert!(started.elapsed().as_millis() < 1_000, "{what}: {:?}", started.elapsed());
    result
}

#[test]
fn no_source_keeps_the_parser_busy() {
    let fill = |unit: &str, bytes: usize| unit.repeat(bytes / unit.len());
    let bytes_max = Limits::default().template_source_bytes_max;
    let text = " ".repeat(bytes_max - 200 * 24);
    let cases = [
        fill("{{a}}", 65_000),
        fill("{{^x}}", 65_000),
        fill("\\", 65_000),
        fill("\\\\\\\\\\\\\\\\x", 65_000),
        fill("\\{{", 65_000),
        fill("{{#if a}}", 65_000),
        fill("{{! --x}}", 65_000),
        format!("{{{{a {}", fill("(b ", 65_000)),
        format!("{{{{a {}", fill("[", 65_000)),
        format!("{{{{a {}", fill("{\"a\":", 65_000)),
        format!("{text}{}", fill("{{a}}", 200 * 5)),
        format!("{text}{}", fill("{{a b c d}}", 200 * 11)),
        format!("{text}{}", fill("{{a [b}}", 200 * 8)),
        format!("{text}{}", fill("{{lookup a \"b}}", 200 * 15)),
        format!("{}{text}", fill("{{a.[x}}", 200 * 8)),
        format!("{}{text}", fill("{{! x}}", 200 * 7)),
        format!("{text}{}", fill("{{#if a}}{{/if}}", 200 * 8)),
        format!("{text}{}", fill("\\{{ ", 200 * 4)),
        format!("{text}{{{{#if a}}}}{}{{{{/if}}}}", fill("{{else if a}}", 13 * 190)),
        format!("{text}{}", fill(&format!("{{{{#if (and {})}}}}{{{{/if}}}}", "a ".repeat(6)), 100 * 32)),
        format!("{{{{a{}}}}}", fill(" (b c", 500)),
        format!("{{{{a {}}}}}", fill("[", 500)),
        fill("é", bytes_max),
    ];
    for source in cases {
        let what: String = source.trim_start().chars().take(24).collect();
        at_once(&what, || Compiled::new(&email("s", Some(&source), None), "", &Limits::default()).is_ok());
    }
}

#[test]
fn no_template_keeps_the_renderer_busy() {
    let limits = Limits::default();
    let heavy: Vec<Value> = (0..500).map(|_| json!(vec![0; 500])).collect();
    let data = json!({
        "a": vec![0; 1_000], "heavy": heavy, "long": "x".repeat(500_000), "same": "x".repeat(500_000),
        "keys": {"k".repeat(100_000): 1}, "empty": "", "map": {"b": {"c": {"d": ""}}}, "b": vec![0; 150],
    });
    let in_loop = |body: &str, times: usize| format!("{{{{#each a}}}}{}{{{{/each}}}}", body.repeat(times));
    let (steps, key) = ("more than 100000 steps", "at most 256");
    let cases = [
        ("{{#each a}}{{#each @root.a}}{{/each}}{{/each}}".into(), steps),
        (in_loop("{{#each @root.a}}{{/each}}", 1), steps),
        (in_loop("{{@root.empty}}", 190), steps),
        (in_loop("{{#if (eq @root.long @root.same)}}{{/if}}", 20), steps),
        (in_loop("{{#if (eq @root.heavy @root.heavy)}}{{/if}}", 20), steps),
        (in_loop("{{#if (lookup @root.heavy 1)}}{{/if}}", 20), steps),
        (in_loop("{{#if (lookup @root.map @root.long)}}{{/if}}", 20), "is missing"),
        ("{{#each keys}}{{#if @key}}{{/if}}{{/each}}".into(), key),
        (in_loop("{{#with @root.map}}{{#with this}}{{/with}}{{/with}}", 49), steps),
        (in_loop("{{#unless (or this this this (or this))}}{{/unless}}", 90), steps),
        // To the end of the budget, without a word.
        (in_loop("{{@root.empty}}", 90), "empty"),
        (in_loop("{{@root.map.b.c.d}}", 45), "empty"),
        (in_loop("{{#if this}}{{/if}}", 80), "empty"),
        (in_loop("{{#with @root.map}}{{#with b}}{{/with}}{{/with}}", 20), "empty"),
        (in_loop("{{#if (or this (or this this))}}{{/if}}", 18), "empty"),
        ("{{#each b}}{{#each @root.b}}{{/each}}{{/each}}".into(), "empty"),
        ("{{#each b as |x i|}}{{#each @root.b as |y j|}}{{/each}}{{/each}}".into(), "empty"),
    ];
    for (source, expected) in cases {
        let compiled =
            Compiled::new(&email("s", Some(&source), None), "", &limits).map_err(|e| e[0].to_string()).unwrap();
        let what: String = source.chars().take(60).collect();
        let error = at_once(&what, || compiled.render(Channel::Email, &data, &limits)).unwrap_err();
        assert!(error.part == "email.text" && error.problem.contains(expected), "{source:.80}: {error}");
    }
}

#[test]
fn the_budget_is_for_all_parts_of_a_message() {
    let limits = Limits { template_steps_max: 1_000, ..Limits::default() };
    let data = json!({"a": vec![0; 150]});
    let render = |text: &str, html: Option<&str>| {
        let compiled = Compiled::new(&email("s", Some(text), html), "", &limits).map_err(|e| e[0].to_string()).unwrap();
        compiled.render(Channel::Email, &data, &limits).map_err(|error| error.part)
    };
    let source = "{{#each a}}x{{/each}}";
    assert!(render(source, None).is_ok());
    assert_eq!(render(source, Some(source)), Err("email.html"));
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
