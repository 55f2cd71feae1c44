//! What a guest can do with ordinary code.

use std::hint::black_box;

use notifier_plugin_sdk::webhook::is_signed;
use notifier_plugin_sdk::{
    Algorithm, Attributes, Auth, Finding, Form, HttpError, Key, Problem, ReceiptEvent, ReceiptStatus, ReceiveError,
    Request, Response, SendError, Sigv4Auth, Webhook, log,
};

use crate::{Disguise, Settings};

const HUGE_BYTES: usize = 32 * 1024 * 1024;
const LOG_LINES: u32 = 1_000_000;
const REQUESTS: u32 = 10_000;

type Outcome = Result<Attributes, SendError>;

pub(crate) fn spin() -> Outcome {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Touches every page, so that a host which only reserves address space is hurt as well. Ends in a trap.
pub(crate) fn fill_memory() -> Outcome {
    let mut held = Vec::new();
    loop {
        held.push(black_box(vec![0xA5_u8; 1024 * 1024]));
    }
}

/// Takes the host's stack and not the guest's: no local of this needs an address, and multiplication by what varies keeps
/// the compiler from making it a loop.
#[inline(never)]
pub(crate) fn descend(depth: u64) -> u64 {
    if depth == u64::MAX { 1 } else { descend(depth + 1).rotate_left(7).wrapping_mul(depth | 1) }
}

pub(crate) fn flood_log() -> Outcome {
    for line in 0..LOG_LINES {
        log::info(&format!("line {line} of a flood"));
    }
    Ok(vec![("lines".into(), LOG_LINES.to_string())])
}

pub(crate) fn write_huge_log_line() -> Outcome {
    log::error(&huge_text());
    Ok(vec![])
}

pub(crate) fn huge_text() -> String {
    "h".repeat(HUGE_BYTES)
}

/// Reports status, size and where a redirect points.
pub(crate) fn call(request: Request) -> Outcome {
    let response = request.send().map_err(|error| refused(&error))?;
    let mut attributes =
        vec![("status".into(), response.status.to_string()), ("bytes".into(), response.body.len().to_string())];
    attributes.extend(response.header("location").map(|to| ("location".into(), to.to_owned())));
    Ok(attributes)
}

pub(crate) fn call_many(url: &str) -> Outcome {
    let (mut answered, mut failed, mut last_error) = (0_u32, 0_u32, String::new());
    for _ in 0..REQUESTS {
        match Request::get(url).send() {
            Ok(_) => answered += 1,
            Err(error) => {
                failed += 1;
                last_error = in_words(&error);
            }
        }
    }
    Ok(vec![
        ("answered".into(), answered.to_string()),
        ("failed".into(), failed.to_string()),
        ("last-error".into(), last_error),
    ])
}

/// A server that echoes the request hands the secret back, in headers or body: the host must have removed it.
pub(crate) fn leak_secret(settings: &Settings) -> Outcome {
    let response = with_secret(settings).send().map_err(|error| refused(&error))?;
    log::error(&told(&response));
    Err(SendError::message(None, told(&response)))
}

/// Asks without the secret: what comes back of it is from an earlier request.
pub(crate) fn tell_secret(settings: &Settings) -> Finding {
    let message = match Request::get(settings.url.as_str()).send() {
        Ok(response) => told(&response),
        Err(error) => in_words(&error),
    };
    Finding::Unclear(Problem { code: None, message })
}

fn told(response: &Response) -> String {
    let headers: Vec<_> = response.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{} {}\n\n{}", response.status, headers.join("\n"), String::from_utf8_lossy(&response.body))
}

fn with_secret(settings: &Settings) -> Request {
    let url = settings.url.as_str();
    match settings.auth {
        Disguise::Bearer => Request::get(url).bearer("canary"),
        Disguise::Basic => Request::get(url).basic("user", "canary"),
        Disguise::Header => Request::get(url).secret_header("x-key", "canary"),
        Disguise::AwsSigv4 => Request::get(url).auth(Auth::AwsSigv4(Sigv4Auth {
            service: "ses".into(),
            region: "eu-west-1".into(),
            access_key_id: "canary".into(),
            secret_access_key: "canary".into(),
            session_token: Some("canary".into()),
        })),
        Disguise::JwtBearer => Request::get(url).jwt_bearer("canary", settings.token_url.as_str(), "a-scope"),
        Disguise::Vapid => Request::get(url).vapid("canary", "mailto:ops@example.com"),
        Disguise::StandardWebhook => {
            Request::post(url).header("webhook-id", "msg_1").standard_webhook(["canary"]).body("text/plain", "{}")
        }
        Disguise::Path => Request::get(format!("{url}{{secret}}/send")).secret_path("canary"),
        Disguise::FormField => Request::post(url).form(Form::new().with("a", "b")).secret_form_field("key", "canary"),
    }
}

/// Makes a request before it knows who posted, and another when it does; the events say what came of them.
pub(crate) fn read(settings: &Settings, webhook: &Webhook) -> Result<Vec<ReceiptEvent>, ReceiveError> {
    let ask = || match Request::get(settings.url.as_str()).send() {
        Ok(response) => response.status.to_string(),
        Err(error) => in_words(&error),
    };
    let before = ask();
    let (algorithm, key) = match &settings.certificate {
        Some(url) => (Algorithm::RsaPkcs1Sha256, Key::Certificate(url.clone())),
        None => (Algorithm::HmacSha256, Key::Secret("canary".into())),
    };
    let signature = webhook.header("x-signature").unwrap_or_default();
    if !is_signed(algorithm, &key, &webhook.body, signature)? {
        return Err(ReceiveError::Unverified(format!("the signature is wrong; {}", ask())));
    }
    Ok(vec![ReceiptEvent {
        event_id: None,
        provider_message_id: "hostile-1".into(),
        status: ReceiptStatus::Other,
        recipient: None,
        occurred_at_ms: None,
        problem: None,
        attributes: vec![("before".into(), before), ("after".into(), ask())],
    }])
}

fn refused(error: &HttpError) -> SendError {
    SendError::message(None, in_words(error))
}

fn in_words(error: &HttpError) -> String {
    match error {
        HttpError::Denied(reason) => format!("denied: {reason}"),
        HttpError::Invalid(reason) => format!("invalid: {reason}"),
        HttpError::Unreachable(reason) => format!("unreachable: {reason}"),
        HttpError::Interrupted(reason) => format!("interrupted: {reason}"),
        HttpError::TooLarge(status) => format!("too-large: {status}"),
    }
}
