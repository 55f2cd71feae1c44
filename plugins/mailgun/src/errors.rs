//! What Mailgun's refusals mean. It has no codes: the sentence in `message` tells, and where that is not listed, the status.

use notifier_plugin_sdk::{Class, ErrorTable, Problem, Response, SendError};
use serde_json::Value;

/// Phrases of Mailgun's sentences, in lower case and without quotation marks; they stand for the codes that it does not have.
/// The first one that an answer holds counts. That an address is none Mailgun documents
/// (<https://documentation.mailgun.com/en/latest/api-sending.html>), and what it says of test accounts stands in its example of
/// a rejected event (<https://documentation.mailgun.com/docs/mailgun/api-reference/openapi-final/tag/Events>). The other
/// sentences are as its customers list them
/// (<https://help.audatemedia.com/en/articles/11074543-error-codes-library-mailgun>).
pub(crate) const REQUEST_ERRORS: ErrorTable = ErrorTable {
    #[rustfmt::skip]
    codes: &[
        // "Domain … is not allowed to send: recipient limit exceeded, try again after …": the domain's or the plan's allowance
        // is spent. Comes with 400, 420 and 429.
        ("request limit exceeded", Class::RateLimited),
        ("bytes limit exceeded", Class::RateLimited),
        ("recipient limit exceeded", Class::RateLimited),
        // "Domain … is not allowed to send: …": not verified, not activated, disabled, a sandbox or a free account. Comes
        // with 400 and 403.
        ("is not allowed to send", Class::Provider),
        // The same in rejected events, which name no domain.
        ("sandbox subdomains are for test purposes only", Class::Provider),
        ("free accounts are for test purposes only", Class::Provider),
        // "'to' parameter is not a valid address. please check documentation"
        ("to parameter is not a valid address", Class::Recipient),
        ("from parameter is not a valid address", Class::Provider),
        // The API's root answers 200 to every path that it does not know, and sends nothing.
        (WRONG_URL, Class::Provider),
    ],
    // Mailgun's own status for a spent allowance, beside 429.
    statuses: &[(420, Class::RateLimited)],
};

/// The whole answer of the API's root, as Mailgun's own libraries look for it
/// (<https://github.com/mailgun/mailgun.js/blob/master/lib/Classes/common/Request.ts>).
const WRONG_URL: &str = "mailgun magnificent api";

/// Whether a 2xx is none: nothing behind the URL takes messages.
pub(crate) fn is_wrong_url(response: &Response) -> bool {
    response.body.trim_ascii().eq_ignore_ascii_case(WRONG_URL.as_bytes())
}

/// The error that an answer means.
pub(crate) fn refusal(mut response: Response) -> SendError {
    let mut problem = problem(&response);
    let is_spent = |code: &&str| REQUEST_ERRORS.class(Some(code), response.status) == Class::RateLimited;
    // These statuses say that an allowance is spent, in whatever words the sentence goes on after "is not allowed to send".
    let is_limit = matches!(response.status, 420 | 429);
    problem.code = code(&problem.message).filter(|code| !is_limit || is_spent(code)).map(Into::into);
    // What the sentence says is meant for this request; a header may be a proxy's.
    if let Some(wait) = wait_in_words(&problem.message) {
        response.headers.insert(0, ("retry-after".into(), wait));
    }
    REQUEST_ERRORS.classify(&response, problem)
}

/// The phrase of the table that a sentence holds.
pub(crate) fn code(sentence: &str) -> Option<&'static str> {
    let plain: String = sentence.chars().filter(|c| !matches!(c, '\'' | '"' | '`' | '‘' | '’')).collect();
    // A phrase begins after a space, so that "reply-to parameter" is not taken for "to parameter".
    let plain = format!(" {}", plain.to_lowercase());
    REQUEST_ERRORS.codes.iter().map(|(phrase, _)| *phrase).find(|phrase| plain.contains(&format!(" {phrase}")))
}

/// `{"message": "…"}`, or text as `Forbidden`.
fn problem(response: &Response) -> Problem {
    let body: Value = response.json().unwrap_or_default();
    match body.get("message").and_then(Value::as_str).filter(|message| !message.is_empty()) {
        Some(message) => Problem { code: None, message: message.into() },
        None if is_wrong_url(response) => {
            let message = "Mailgun Magnificent API: nothing takes messages at this `base_url` and `domain`";
            Problem { code: None, message: message.into() }
        }
        None => Problem::of_response(response),
    }
}

/// "try again after Mon, 20 Dec 2021 20:33:21 UTC", or "… after 42 seconds", as a `Retry-After` header says it.
fn wait_in_words(sentence: &str) -> Option<String> {
    let (_, wait) = sentence.split_once("try again after ")?;
    let wait = wait.trim().trim_end_matches('.');
    let mut words = wait.split_whitespace();
    if let (Some(number), Some(unit)) = (words.next().and_then(|word| word.parse::<u32>().ok()), words.next()) {
        let unit_s = match unit.trim_end_matches(['s', ',']) {
            "second" => 1,
            "minute" => 60,
            "hour" => 60 * 60,
            _ => return None,
        };
        return Some((u64::from(number) * unit_s).to_string());
    }
    Some(format!("{} GMT", wait.strip_suffix(" UTC")?))
}
