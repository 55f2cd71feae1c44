//! What has to hold of calls, whatever the vendor: that they can be given up, repeat themselves, and keep secrets.

use std::sync::Arc;
use std::time::Duration;

use notifier_core::wasm::rehearsal::{Answer, Asked, Scene};
use notifier_plugin_exchanges::{Body, Context, Outcome, Reply, Response};
use serde_json::json;

use super::report::Group;
use super::stage::{Stage, said};
use super::vendor::Documented;

/// How long a vendor is waited for that says nothing. Of it the last tenth is the plugin's, to say what that means: a quarter of a
/// second, the most that it ever gets, so that a busy machine is not taken for a slow plugin.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// A call that runs out of time, and the one after it.
pub(super) async fn cancellation(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("a call that runs out of time leaves nothing behind");
    // What comes before the last request may only have asked for leave, as for a token: then nothing was handed over.
    let last = stage.model.exchanges.len().saturating_sub(1);
    for silent in 0..=last {
        let vendor = Documented::but_at_the_end(&stage.model.exchanges[..=silent], Answer::Silence);
        let scene = Scene { timeout: PATIENCE, ..stage.scene(Arc::new(vendor)) };
        let played = said(stage.rehearsal.send(&scene, &stage.model.message, &stage.model.context).await);
        let result = played.and_then(|(outcome, _)| match outcome {
            Outcome::Unknown { .. } => Ok(()),
            Outcome::Unavailable { .. } if silent < last => Ok(()),
            other => Err(format!("want unknown\ngot  {other:?}")),
        });
        group.case(format!("a vendor that says nothing to request {}", silent + 1), result);
    }
    let next = said(stage.varied(stage.model).await).and_then(|(outcome, _)| match outcome == stage.model.outcome {
        true => Ok(()),
        false => Err(format!("want {:?}\ngot  {outcome:?}", stage.model.outcome)),
    });
    group.case("the next call", next);
    group
}

/// The same message twice. Where the vendor is told the key of the delivery, a later attempt must ask for the same in the same
/// words, which some compare; where it is not, it may be told which attempt this is.
pub(super) async fn repetition(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("a message is asked for in the same words each time");
    let now_ms = stage.model.now_ms;
    let first = asked(stage, now_ms, |_| {}).await;
    let again = asked(stage, now_ms, |_| {}).await;
    group.case("the same call twice", same(&first, &again));
    let Ok(requests) = &first else { return group };
    let key = &stage.model.context.idempotency_key;
    if requests.iter().any(|request| shows(request, key)) {
        let retried = asked(stage, now_ms + 60_000, |context| context.attempt = 2).await;
        group.case("a minute later, the second attempt under the same key", same(&first, &retried));
        let other = "another-key-7f3c";
        let result =
            asked(stage, now_ms, |context| context.idempotency_key = other.into()).await.and_then(|requests| {
                match requests.iter().any(|request| shows(request, other)) {
                    true => Ok(()),
                    false => Err(format!("the requests show the key `{key}` where it is the key, and not `{other}`")),
                }
            });
        group.case("another key", result);
    }
    group
}

async fn asked(stage: &Stage<'_>, now_ms: u64, change: impl FnOnce(&mut Context)) -> Result<Vec<Asked>, String> {
    let mut send = stage.model.clone();
    send.now_ms = now_ms;
    change(&mut send.context);
    said(stage.varied(&send).await).map(|(_, played)| played.asked)
}

fn same(first: &Result<Vec<Asked>, String>, second: &Result<Vec<Asked>, String>) -> Result<(), String> {
    match (first, second) {
        (Err(problem), _) | (_, Err(problem)) => Err(problem.clone()),
        (Ok(first), Ok(second)) if first == second => Ok(()),
        (Ok(first), Ok(second)) => Err(format!("first  {}\nsecond {}", told(first), told(second))),
    }
}

fn told(requests: &[Asked]) -> String {
    let told = |request: &Asked| {
        let body = String::from_utf8_lossy(&request.body);
        format!("{} {} {:?} {body}", request.method, request.url, request.headers)
    };
    requests.iter().map(told).collect::<Vec<_>>().join("; ")
}

fn shows(request: &Asked, text: &str) -> bool {
    let in_headers = request.headers.iter().any(|(_, value)| value.contains(text));
    in_headers || request.url.contains(text) || String::from_utf8_lossy(&request.body).contains(text)
}

/// Secrets stay with the host, also where the vendor repeats what it was sent.
pub(super) async fn secrets(stage: &Stage<'_>) -> Group {
    let mut group = Group::new("no secret is in a request, in the log, or in what is said");
    let echo = stage.canaries.values().cloned().collect::<Vec<_>>().join(" ");
    let headers = [
        ("x-echo".to_owned(), echo.clone()),
        ("location".to_owned(), format!("https://x.example/{}", echo.replace(' ', "/"))),
    ];
    let mut answers = vec![("as documented".to_owned(), stage.taken().cloned())];
    for status in [200, 302, 400, 401, 429, 500] {
        let json =
            json!({ "message": echo, "error": { "message": echo, "code": echo }, "errors": [{ "message": echo }] });
        for (form, body) in [("text", Body::Text(echo.clone())), ("JSON", Body::Json(json))] {
            let response = Response { status, headers: headers.clone().into(), body: Some(body) };
            answers.push((format!("{status} that repeats them as {form}"), Some(response)));
        }
    }
    for (name, response) in answers {
        let Some(response) = response else { continue };
        let played = stage.answered(Answer::Reply(Reply::Response(response))).await;
        let result = played.map_err(|error| error.to_string()).and_then(|played| {
            let outcome = played.said.as_ref().map(|outcome| format!("{outcome:?}")).unwrap_or_default();
            match stage.canaries.iter().find(|(_, value)| outcome.contains(value.as_str())) {
                Some((secret, _)) => Err(format!("the value of the secret `{secret}` is in the outcome")),
                None => stage.leak(&played),
            }
        });
        group.case(name, result);
    }
    group
}
