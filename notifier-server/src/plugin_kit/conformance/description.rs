//! What the component says about itself, compared with what it was seen to do.

use std::collections::BTreeSet;

use notifier_core::egress::EgressPolicy;
use notifier_core::wasm::rehearsal::{Portrait, Rehearsal};
use notifier_plugin_exchanges::{Exchanges, Message};

use super::super::plain;
use super::super::portrait::SENTENCE_CHARS_MAX;
use super::replay::Noticed;
use super::report::Group;
use super::stage::{channel, is_taken};

pub(super) fn description(rehearsal: &Rehearsal, portrait: &Portrait, file: &Exchanges, noticed: &Noticed) -> Group {
    let mut group = Group::new("it describes itself in full, and the same each time");
    let again = rehearsal.describe().map_err(|error| error.to_string());
    let same =
        again.and_then(|again| if again == *portrait { Ok(()) } else { Err(format!("{portrait:?}\n{again:?}")) });
    group.case("asked twice", same);
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = !portrait.name.is_empty() && portrait.name.chars().all(is_plain);
    group.case("its name", wants(is_name, "lower-case letters, digits and hyphens", &portrait.name));
    group.case("its version", wants(!portrait.version.is_empty(), "one", &portrait.version));
    group.case("its summary", sentence(&portrait.summary));
    let described: BTreeSet<&str> = portrait.channels.iter().map(String::as_str).collect();
    // Of others nobody knows whether anything arrives there.
    let taken: BTreeSet<&str> =
        file.sends.iter().filter(|send| is_taken(send)).map(|send| channel(&send.message)).collect();
    let served =
        file.sends.iter().filter(|send| matches!(send.outcome, notifier_plugin_exchanges::Outcome::Accepted { .. }));
    let served: BTreeSet<&str> = served.map(|send| channel(&send.message)).collect();
    group.case("channels that are served are described", contained(&served, &described));
    group.case("channels that are described have a documented message that is accepted", contained(&described, &taken));
    let secrets: BTreeSet<&str> = portrait.secrets.iter().map(|secret| secret.name.as_str()).collect();
    let named = noticed.asked.iter().flat_map(|asked| &asked.secrets).map(String::as_str).collect();
    group.case("secrets that are named in requests are described", contained(&named, &secrets));
    for secret in &portrait.secrets {
        group.case(format!("the secret `{}`", secret.name), sentence(&secret.description));
    }
    let statuses = portrait.receipts.iter().map(String::as_str).collect();
    // What is told as `other` is not understood.
    let seen = noticed.statuses.iter().map(String::as_str).filter(|status| *status != "other").collect();
    group.case("statuses of receipts are described", contained(&seen, &statuses));
    group.case("hosts that are called are described", hosts(portrait, file, noticed));
    group
}

/// Hosts that the operator names are the operator's. Those that a message names are the recipient's, which has to be said: the
/// host counts their failures otherwise.
fn hosts(portrait: &Portrait, file: &Exchanges, noticed: &Noticed) -> Result<(), String> {
    let policy = EgressPolicy::new(&portrait.hosts).map_err(|error| error.to_string())?;
    let mut settings = file.settings.to_string();
    let mut messages = String::new();
    for send in &file.sends {
        settings.push_str(&send.settings.as_ref().map(ToString::to_string).unwrap_or_default());
        match &send.message {
            Message::Webhook(event) => messages.push_str(&event.url),
            Message::Push(push) => messages.push_str(&push.token),
            Message::Email(_) | Message::Sms(_) | Message::Chat(_) => {}
        }
    }
    let calls_recipients = portrait.attributes.iter().any(|(name, value)| name == "calls" && value == "recipient");
    let called: BTreeSet<&str> = noticed.asked.iter().filter_map(|asked| host_of(&asked.url)).collect();
    for host in called.into_iter().filter(|host| !policy.covers(host) && !settings.contains(host)) {
        if !messages.contains(&format!("//{host}")) {
            return Err(format!("`{host}` is called, and the hosts are {:?}", portrait.hosts));
        }
        if !calls_recipients {
            return Err(format!(
                "`{host}` is the recipient's: describe the attribute `calls` with the value `recipient`"
            ));
        }
    }
    Ok(())
}

/// Without port and without user.
fn host_of(url: &str) -> Option<&str> {
    let authority = url.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    host.split(':').next()
}

fn contained(some: &BTreeSet<&str>, all: &BTreeSet<&str>) -> Result<(), String> {
    let missing: Vec<_> = some.difference(all).map(|name| format!("`{name}`")).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("missing: {}", missing.join(", "))) }
}

/// Operators read it on a terminal.
fn sentence(text: &str) -> Result<(), String> {
    let is_sentence = !text.is_empty() && plain::is_line(text, SENTENCE_CHARS_MAX);
    wants(is_sentence, "a sentence of at most 500 characters, none of them invisible or a control character", text)
}

fn wants(is_right: bool, wanted: &str, got: &str) -> Result<(), String> {
    if is_right { Ok(()) } else { Err(format!("want {wanted}, got {got:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url() {
        for (url, host) in [
            ("https://api.example.com/a?b", Some("api.example.com")),
            ("https://api.example.com:8443", Some("api.example.com")),
            ("https://user@api.example.com/", Some("api.example.com")),
            ("nothing", None),
        ] {
            assert_eq!(host_of(url), host, "{url}");
        }
    }

    #[test]
    fn a_sentence_can_be_shown() {
        assert_eq!(sentence("SMS through Acme"), Ok(()));
        for wrong in ["", "SMS\u{1b}[2J", "SMS\u{200b}", &"a".repeat(SENTENCE_CHARS_MAX + 1)] {
            assert!(sentence(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let all = BTreeSet::from(["a", "b"]);
        assert_eq!(contained(&BTreeSet::from(["a"]), &all), Ok(()));
        assert_eq!(contained(&BTreeSet::from(["a", "c"]), &all), Err("missing: `c`".into()));
    }
}
