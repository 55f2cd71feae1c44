//! Answers that any vendor may give on a bad day, whatever its documentation says.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifier_core::wasm::rehearsal::Answer;
use notifier_plugin_exchanges::{Body, Failure, Outcome, Reply, Response};
use serde_json::{Value, json};

use super::report::Group;
use super::stage::{Stage, said};

/// What an outcome may be, and how that is said.
type Rule = (fn(&Outcome) -> bool, &'static str);

const NOT_ACCEPTED: Rule = (|outcome| !matches!(outcome, Outcome::Accepted { .. }), "anything but accepted");
const TO_BE_TRIED_AGAIN: Rule = (
    |outcome| matches!(outcome, Outcome::Unavailable { .. } | Outcome::Unknown { .. } | Outcome::RateLimited { .. }),
    "unavailable, unknown or rate-limited",
);
const SLOWED_DOWN: Rule = (
    |outcome| matches!(outcome, Outcome::RateLimited { .. } | Outcome::Unavailable { .. }),
    "rate-limited or unavailable",
);
const OBEYED: Rule = (
    |outcome| {
        let (Outcome::RateLimited { retry_after_ms, .. } | Outcome::Unavailable { retry_after_ms, .. }) = outcome
        else {
            return false;
        };
        retry_after_ms.is_some_and(|wait| wait >= 7_000)
    },
    "rate-limited or unavailable for the 7,000 ms that Retry-After asks for",
);
const TAKEN_OR_NOBODY_KNOWS: Rule = (
    |outcome| matches!(outcome, Outcome::Accepted { .. } | Outcome::Unknown { .. }),
    "accepted or unknown: a 2xx that cannot be read is no reason to send again",
);
const NOBODY_KNOWS: Rule = (|outcome| matches!(outcome, Outcome::Unknown { .. }), "unknown");
const NOT_PROCESSED: Rule = (|outcome| matches!(outcome, Outcome::Unavailable { .. }), "unavailable");

const PAGE: &str = "<!doctype html><html><head><title>Error</title></head><body><h1>Sorry</h1></body></html>";

/// Status codes with bodies that say nothing.
pub(super) async fn statuses(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("an answer means at least what its status means");
    for (status, rule) in [
        (400, NOT_ACCEPTED),
        (401, NOT_ACCEPTED),
        (403, NOT_ACCEPTED),
        (404, NOT_ACCEPTED),
        (413, NOT_ACCEPTED),
        (302, NOT_ACCEPTED),
        (429, SLOWED_DOWN),
        (500, TO_BE_TRIED_AGAIN),
        (502, TO_BE_TRIED_AGAIN),
        (503, TO_BE_TRIED_AGAIN),
        (504, TO_BE_TRIED_AGAIN),
    ] {
        for (body, what) in [(None, "no body"), (Some(PAGE), "a page in HTML"), (Some("{}"), "an empty object")] {
            let answer = response(status, &[], body.map(|body| Body::Text(body.into())));
            let case = format!("{status} with {what}");
            group.case(case, check(stage, answer, rule).await);
        }
    }
    for status in [429, 503] {
        let answer = response(status, &[("retry-after", "7")], None);
        group.case(format!("{status} with Retry-After: 7"), check(stage, answer, OBEYED).await);
    }
    group
}

/// No answer at all.
pub(super) async fn failures(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("a request without an answer is unknown, one that was not sent is unavailable");
    for (failure, name, rule) in [
        (Failure::Interrupted, "interrupted", NOBODY_KNOWS),
        (Failure::Unreachable, "unreachable", NOT_PROCESSED),
        (Failure::Denied, "denied", NOT_ACCEPTED),
        (Failure::TooLarge(200), "too large, with status 200", TAKEN_OR_NOBODY_KNOWS),
        (Failure::TooLarge(500), "too large, with status 500", TO_BE_TRIED_AGAIN),
    ] {
        group.case(name, check(stage, Answer::Reply(Reply::Failure(failure)), rule).await);
    }
    group
}

/// Bodies that are not what they should be, under the status of success.
pub(super) async fn garbage(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("a 2xx that cannot be read is accepted or unknown, and breaks nothing");
    let Some(taken) = stage.taken().cloned() else { return group };
    let mut bodies: Vec<(String, Option<Body>)> = vec![
        ("no body".into(), None),
        ("a page in HTML".into(), Some(Body::Text(PAGE.into()))),
        ("a megabyte of spaces".into(), Some(Body::Text(" ".repeat(1_000_000)))),
        ("deeply nested arrays".into(), Some(Body::Text("[".repeat(100_000)))),
        ("bytes that are not UTF-8".into(), Some(Body::Base64(STANDARD.encode([0xff, 0xfe, 0x7b, 0x22, 0x80])))),
    ];
    bodies
        .extend(["null", "true", "7", "\"text\"", "[]", "{}"].map(|text| (text.into(), Some(Body::Text(text.into())))));
    if let Some(Body::Json(json)) = &taken.body {
        let whole = json.to_string();
        let cut: String = whole.chars().take(whole.chars().count() / 2).collect();
        bodies.push(("JSON that breaks off".into(), Some(Body::Text(cut))));
    }
    for (name, body) in bodies {
        let answer = Answer::Reply(Reply::Response(Response { body, ..taken.clone() }));
        group.case(format!("{} with {name}", taken.status), check(stage, answer, TAKEN_OR_NOBODY_KNOWS).await);
    }
    group
}

/// The documented answer with each field of another type: nothing is asked but that it says something.
pub(super) async fn other_types(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("fields of other types break nothing");
    let Some(taken) = stage.taken().cloned() else { return group };
    let Some(Body::Json(json)) = &taken.body else { return group };
    for pointer in pointers(json, "") {
        for value in
            [Value::Null, json!(true), json!(-7), json!(1e300), json!("text"), json!([]), json!([[1]]), json!({})]
        {
            let mut body = json.clone();
            let Some(place) = body.pointer_mut(&pointer) else { continue };
            let case = format!("`{pointer}` is {value}");
            *place = value;
            for status in [taken.status, 400] {
                let changed = Response { status, body: Some(Body::Json(body.clone())), ..taken.clone() };
                let played = stage.answered(Answer::Reply(Reply::Response(changed))).await;
                group.case(format!("{status}: {case}"), said(played).map(drop));
            }
        }
    }
    group
}

/// The places in a document, as JSON pointers (RFC 6901), without the whole.
fn pointers(json: &Value, at: &str) -> Vec<String> {
    let children: Vec<(String, &Value)> = match json {
        Value::Object(fields) => {
            let escaped = |name: &String| name.replace('~', "~0").replace('/', "~1");
            fields.iter().map(|(name, value)| (escaped(name), value)).collect()
        }
        Value::Array(items) => items.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    children
        .into_iter()
        .flat_map(|(name, value)| {
            let pointer = format!("{at}/{name}");
            let below = pointers(value, &pointer);
            std::iter::once(pointer).chain(below)
        })
        .collect()
}

fn response(status: u16, headers: &[(&str, &str)], body: Option<Body>) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Answer::Reply(Reply::Response(Response { status, headers: headers.collect::<BTreeMap<_, _>>(), body }))
}

async fn check(stage: &Stage<'_>, answer: Answer, (is_right, wanted): Rule) -> Result<(), String> {
    let (outcome, _) = said(stage.answered(answer).await)?;
    if is_right(&outcome) { Ok(()) } else { Err(format!("want {wanted}\ngot  {outcome:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_a_document_is_found() {
        let json = json!({ "a": [{ "b/c": 1 }], "d": "e" });
        assert_eq!(pointers(&json, ""), ["/a", "/a/0", "/a/0/b~1c", "/d"]);
        assert!(pointers(&json, "").iter().all(|pointer| json.pointer(pointer).is_some()));
    }

    #[test]
    fn what_retry_after_asks_for_is_at_least_waited() {
        let limited = |retry_after_ms| Outcome::RateLimited { retry_after_ms, code: None };
        assert!((OBEYED.0)(&limited(Some(7_000))) && (OBEYED.0)(&limited(Some(60_000))));
        assert!(!(OBEYED.0)(&limited(Some(6_999))) && !(OBEYED.0)(&limited(None)));
    }
}
