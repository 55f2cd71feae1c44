//! What SendGrid adds to a mail to see what becomes of it: `tracking_settings` of the API, passed on as the operator wrote it.

use notifier_plugin_sdk::SettingProblem;
use serde_json::{Map, Value};

/// The kinds of tracking, and what can be said of each (<https://github.com/twilio/sendgrid-oai>, `tsg_mail_v3`). Switches are
/// `true` or `false`, everything else is text.
pub(crate) const KINDS: &[(&str, &[&str])] = &[
    ("click_tracking", &[ENABLE, ENABLE_TEXT]),
    ("open_tracking", &[ENABLE, "substitution_tag"]),
    ("subscription_tracking", &[ENABLE, "text", "html", "substitution_tag"]),
    ("ganalytics", &[ENABLE, "utm_source", "utm_medium", "utm_term", "utm_content", "utm_campaign"]),
];

const ENABLE: &str = "enable";
const ENABLE_TEXT: &str = "enable_text";

pub(crate) fn problems(tracking: &Map<String, Value>) -> Vec<SettingProblem> {
    tracking.iter().flat_map(|(kind, said)| problems_of(kind, said)).collect()
}

fn problems_of(kind: &str, said: &Value) -> Vec<SettingProblem> {
    let path = format!("tracking_settings.{kind}");
    let Some((_, known)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        let kinds: Vec<_> = KINDS.iter().map(|(kind, _)| *kind).collect();
        return vec![SettingProblem::new(path, format!("is no kind of tracking: want one of {}", kinds.join(", ")))];
    };
    let Some(said) = said.as_object().filter(|said| said.contains_key(ENABLE)) else {
        return vec![SettingProblem::new(path, r#"does not say whether it is on: want {"enable": true} or false"#)];
    };
    let problem = |name: &str, value: &Value| match name {
        _ if !known.contains(&name) => Some(format!("is unknown: want one of {}", known.join(", "))),
        ENABLE | ENABLE_TEXT => (!value.is_boolean()).then(|| "want true or false".into()),
        _ => (!value.is_string()).then(|| "want text".into()),
    };
    let problems = said.iter().filter_map(|(name, value)| Some((name, problem(name, value)?)));
    problems.map(|(name, problem)| SettingProblem::new(format!("{path}.{name}"), problem)).collect()
}
