//! `notifier plugin run`: one message, handed over for real, and shown.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use notifier_core::egress::EgressPolicy;
use notifier_core::wasm::rehearsal::{Answer, Asked, Exchanged, Played, Rehearsal, Scene, StandIn};
use notifier_core::{Clock as _, Entropy as _, Secrets as _, SystemClock, SystemEntropy, SystemSecrets};
use notifier_plugin_exchanges::{Context, Message, Outcome, RejectionKind};
use secrecy::ExposeSecret as _;
use serde_json::Value;

use super::{Done, PluginKitError, engine, plain, read};

/// Bytes of a body that are shown.
const SHOWN_BYTES_MAX: usize = 4_000;

/// What `run` is told.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The component
    component: PathBuf,
    /// The message as JSON, as in a file of exchanges: {"sms": {"recipient": "+14155550100", "text": "Hi"}}
    #[arg(long, value_name = "FILE")]
    message: PathBuf,
    /// The settings as JSON; none unless told otherwise
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// A secret, as NAME=env:VARIABLE or NAME=file:PATH
    #[arg(long = "secret", value_name = "NAME=REFERENCE", value_parser = secret)]
    secrets: Vec<(String, String)>,
    /// Put into the setting `base_url`, and granted
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// A host that may be called; those of --base-url only unless told otherwise
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// By which a vendor knows a repeat; a new one unless told otherwise
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
    /// Milliseconds that it may take
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout_ms: u64,
}

/// A value on the command line would be in the history of the shell and in the list of processes.
fn secret(text: &str) -> Result<(String, String), String> {
    let wanted = || "want NAME=env:VARIABLE or NAME=file:PATH".to_owned();
    let (name, reference) = text.split_once('=').ok_or_else(wanted)?;
    let is_reference = reference.starts_with("env:") || reference.starts_with("file:");
    if is_reference && !name.is_empty() { Ok((name.to_owned(), reference.to_owned())) } else { Err(wanted()) }
}

pub(super) fn run(asked: &Run) -> Result<Done, PluginKitError> {
    let refused = |source| PluginKitError::Component { path: asked.component.clone(), source };
    let bytes = read(&asked.component)?;
    let message: Message = serde_json::from_slice(&read(&asked.message)?)
        .map_err(|error| PluginKitError::Input { path: asked.message.clone(), problem: error.to_string() })?;
    let scene = scene(asked)?;
    let rehearsal = Rehearsal::load(&engine()?, &bytes).map_err(refused)?;
    let problems = rehearsal.check_settings(&scene).map_err(refused)?;
    if !problems.is_empty() {
        let lines: Vec<_> =
            problems.iter().map(|problem| format!("{}\n", shown(problem.to_string().as_bytes()))).collect();
        return Ok(Done { text: format!("The settings are wrong:\n{}", lines.concat()), is_sound: false });
    }
    let policy = EgressPolicy::new(hosts(asked)).map_err(PluginKitError::Host)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(PluginKitError::Runtime)?;
    // A key that was used before would have a vendor drop the message.
    let key = asked.idempotency_key.clone().unwrap_or_else(|| format!("{:016x}", SystemEntropy::new().number()));
    let context = Context { idempotency_key: key, ..Context::default() };
    let sending = rehearsal.send_for_real(&scene, policy, &message, &context);
    let played = runtime.block_on(sending).map_err(refused)?;
    let is_sound = matches!(played.said, Ok(Outcome::Accepted { .. }));
    Ok(Done { text: told(&played), is_sound })
}

fn scene(asked: &Run) -> Result<Scene, PluginKitError> {
    let mut settings = match &asked.settings {
        None => Value::Object(serde_json::Map::new()),
        Some(path) => serde_json::from_slice(&read(path)?)
            .map_err(|error| PluginKitError::Input { path: path.clone(), problem: error.to_string() })?,
    };
    if let (Some(url), Some(settings)) = (&asked.base_url, settings.as_object_mut()) {
        settings.insert("base_url".into(), url.as_str().into());
    }
    let mut secrets = BTreeMap::new();
    for (name, reference) in &asked.secrets {
        let value = SystemSecrets.resolve(reference);
        let value = value.map_err(|source| PluginKitError::Secret { name: name.clone(), source })?;
        secrets.insert(name.clone(), value.expose_secret().to_owned());
    }
    let timeout = Duration::from_millis(asked.timeout_ms);
    Ok(Scene {
        settings,
        secrets,
        now_ms: 0,
        occurred_at_ms: u64::try_from(SystemClock.now().as_millisecond()).ok(),
        certificates: BTreeMap::new(),
        vendor: Arc::new(Nobody),
        timeout,
    })
}

/// Not asked: the world is the real one.
struct Nobody;

impl StandIn for Nobody {
    fn answer(&self, _: &Asked) -> Answer {
        Answer::Silence
    }
}

/// What may be called: what is said, and the host of the base URL.
fn hosts(asked: &Run) -> Vec<String> {
    let of_url = asked.base_url.as_deref().and_then(|url| url.split_once("://")?.1.split(['/', '?', '#']).next());
    asked.hosts.iter().cloned().chain(of_url.map(str::to_owned)).collect()
}

fn told(played: &Played<Outcome>) -> String {
    let mut text = String::new();
    for exchanged in &played.exchanged {
        exchange(&mut text, exchanged);
    }
    for line in &played.log {
        push(&mut text, format_args!("log: {}\n", shown(line.as_bytes())));
    }
    match &played.said {
        Ok(outcome) => push(&mut text, format_args!("{}\n", in_words(outcome, !played.exchanged.is_empty()))),
        Err(fault) => push(&mut text, format_args!("The plugin failed: {}\n", shown(fault.to_string().as_bytes()))),
    }
    for words in &played.words {
        push(&mut text, format_args!("It says: {}\n", shown(words.as_bytes())));
    }
    text
}

fn exchange(text: &mut String, Exchanged { asked, answer, took }: &Exchanged) {
    push(text, format_args!("> {} {}\n", asked.method, shown(asked.url.as_bytes())));
    for (name, value) in &asked.headers {
        push(text, format_args!("> {}: {}\n", shown(name.as_bytes()), shown(value.as_bytes())));
    }
    if let Some(auth) = &asked.auth {
        push(text, format_args!("> (authenticated by the host: {auth:?})\n"));
    }
    push(text, format_args!(">\n{}\n\n", shown(&asked.body)));
    match answer {
        Ok(answered) => {
            push(text, format_args!("< {} after {} ms\n", answered.status, took.as_millis()));
            for (name, value) in &answered.headers {
                push(text, format_args!("< {name}: {}\n", shown(value.as_bytes())));
            }
            push(text, format_args!("<\n{}\n\n", shown(&answered.body)));
        }
        Err(problem) => push(
            text,
            format_args!("< no answer after {} ms: {}\n\n", took.as_millis(), shown(problem.to_string().as_bytes())),
        ),
    }
}

/// What the server makes of it; of a message that was refused, that depends on whether the vendor was asked.
fn in_words(outcome: &Outcome, was_asked: bool) -> String {
    let code = |code: &Option<String>| {
        code.as_ref().map(|code| format!(" (code {})", shown(code.as_bytes()))).unwrap_or_default()
    };
    let wait = |wait: &Option<u64>| wait.map(|wait| format!(", not before {wait} ms")).unwrap_or_default();
    match outcome {
        Outcome::Accepted { provider_message_id: Some(id) } => {
            format!("Accepted: the vendor has the message, as {}.", shown(id.as_bytes()))
        }
        Outcome::Accepted { provider_message_id: None } => {
            "Accepted: the vendor has the message, without an id.".into()
        }
        Outcome::RateLimited { retry_after_ms, code: told } => {
            format!("Rate-limited{}: not processed; to be sent again{}.", code(told), wait(retry_after_ms))
        }
        Outcome::Unavailable { retry_after_ms, code: told } => {
            format!("Unavailable{}: certainly not processed; to be sent again{}.", code(told), wait(retry_after_ms))
        }
        Outcome::Rejected { kind, code: told } => {
            let whose = match kind {
                RejectionKind::Message if was_asked => "this message will never be taken",
                RejectionKind::Message => {
                    "this vendor cannot carry the message; another provider of the route is asked"
                }
                RejectionKind::Recipient => "the address is wrong",
                RejectionKind::Suppressed => "the recipient does not want it",
                RejectionKind::Provider => "credentials, account, sender or balance: an operator has to act",
            };
            format!("Rejected{}: {whose}.", code(told))
        }
        Outcome::Unknown { code: told } => format!("Unknown{}: the vendor may have the message.", code(told)),
    }
}

/// Text for a terminal, which must not be steered by it.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_BYTES_MAX)]).into_owned();
    let text = plain::lines(&text, SHOWN_BYTES_MAX);
    if bytes.len() > SHOWN_BYTES_MAX { format!("{text}… ({} bytes)", bytes.len()) } else { text }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use notifier_core::wasm::rehearsal::Answered;

    use super::*;

    #[test]
    fn secrets_are_references_only() {
        assert_eq!(secret("token=env:TOKEN"), Ok(("token".into(), "env:TOKEN".into())));
        assert_eq!(secret("token=file:/run/t"), Ok(("token".into(), "file:/run/t".into())));
        for wrong in ["token", "token=abc", "=env:TOKEN", ""] {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_exchange_is_shown_as_it_was() {
        let asked = Asked {
            method: "POST".into(),
            url: "https://api.acme.example/messages".into(),
            headers: vec![("accept".into(), "application/json".into())],
            auth: Some(notifier_plugin_exchanges::Auth::Bearer("token".into())),
            secrets: vec!["token".into()],
            body: b"{\"text\":\"\x1b[2JHi\"}".to_vec(),
            timeout_ms: None,
        };
        let answer = Ok(Answered { status: 202, headers: vec![("x-id".into(), "7".into())], body: b"ok".to_vec() });
        let exchanged = vec![Exchanged { asked, answer, took: Duration::from_millis(12) }];
        let said = Ok(Outcome::Accepted { provider_message_id: Some("7".into()) });
        let text = told(&Played { said, words: vec![], asked: vec![], exchanged, log: vec!["a line".into()] });
        let expected = "> POST https://api.acme.example/messages\n> accept: application/json\n\
            > (authenticated by the host: Bearer(\"token\"))\n>\n{\"text\":\" [2JHi\"}\n\n< 202 after 12 ms\n< x-id: 7\n<\nok\n\n\
            log: a line\nAccepted: the vendor has the message, as 7.\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn before_a_request_only_this_vendor_refuses() {
        let rejected = Outcome::Rejected { kind: RejectionKind::Message, code: Some("21617".into()) };
        let before =
            "Rejected (code 21617): this vendor cannot carry the message; another provider of the route is asked.";
        assert_eq!(in_words(&rejected, false), before);
        assert_eq!(in_words(&rejected, true), "Rejected (code 21617): this message will never be taken.");
    }

    #[test]
    fn long_bodies_are_cut() {
        let long = shown(&[b'x'; SHOWN_BYTES_MAX + 1]);
        assert!(long.ends_with("x… (4001 bytes)"), "{long}");
    }
}
