//! What a component says about itself, fit to be shown and to be written down. Everybody else here takes it from this module:
//! nothing is known of whoever wrote it.

use std::path::Path;

use notifier_core::wasm::rehearsal::{Portrait, Rehearsal, SecretWanted};
use serde_json::Value;

use super::{PluginKitError, plain};

/// Characters of a name or a version.
pub(super) const WORD_CHARS_MAX: usize = 64;
/// Characters of a host: the longest name there is, and a port (RFC 1035, section 2.3.4).
pub(super) const HOST_CHARS_MAX: usize = 261;
/// Characters of a sentence.
pub(super) const SENTENCE_CHARS_MAX: usize = 500;
/// Entries of a list.
const ENTRIES_MAX: usize = 100;

/// What the component in that file says about itself.
///
/// # Errors
/// It does not say it, or its names could not be told from others.
pub(super) fn portrait(path: &Path, rehearsal: &Rehearsal) -> Result<Portrait, PluginKitError> {
    let portrait =
        rehearsal.describe().map_err(|source| PluginKitError::Component { path: path.to_owned(), source })?;
    made_plain(portrait).map_err(|problem| PluginKitError::Portrait { path: path.to_owned(), problem })
}

/// Sentences are cut and made plain. Names are refused: one that was changed would be another.
fn made_plain(mut portrait: Portrait) -> Result<Portrait, String> {
    word("name", &portrait.name, WORD_CHARS_MAX)?;
    word("version", &portrait.version, WORD_CHARS_MAX)?;
    entries("hosts", portrait.hosts.len())?;
    entries("secrets", portrait.secrets.len())?;
    entries("attributes", portrait.attributes.len())?;
    portrait.hosts.iter().try_for_each(|host| word("hosts", host, HOST_CHARS_MAX))?;
    portrait.secrets.iter().try_for_each(|secret| word("secrets", &secret.name, WORD_CHARS_MAX))?;
    for (name, value) in &portrait.attributes {
        word("attributes", name, WORD_CHARS_MAX)?;
        if !plain::is_line(value, SENTENCE_CHARS_MAX) {
            return Err(format!("attributes: want at most {SENTENCE_CHARS_MAX} visible characters of `{name}`"));
        }
    }
    portrait.channels = without_repeats(portrait.channels);
    portrait.receipts = without_repeats(portrait.receipts);
    portrait.summary = sentence(&portrait.summary);
    portrait.settings_schema = match serde_json::from_str(&portrait.settings_schema) {
        Ok(schema) => plain_json(schema).to_string(),
        Err(_) => sentence(&portrait.settings_schema),
    };
    let plain_secret = |secret: SecretWanted| SecretWanted { description: sentence(&secret.description), ..secret };
    portrait.secrets = portrait.secrets.into_iter().map(plain_secret).collect();
    Ok(portrait)
}

fn sentence(text: &str) -> String {
    plain::line(text, SENTENCE_CHARS_MAX)
}

fn word(what: &str, text: &str, chars_max: usize) -> Result<(), String> {
    if plain::is_word(text, chars_max) {
        return Ok(());
    }
    let shown = plain::line(text, WORD_CHARS_MAX);
    Err(format!("{what}: want 1 to {chars_max} characters of ASCII that can be seen, without spaces, not \"{shown}\""))
}

fn entries(what: &str, number: usize) -> Result<(), String> {
    if number <= ENTRIES_MAX { Ok(()) } else { Err(format!("{what}: want at most {ENTRIES_MAX}, not {number}")) }
}

/// These are of few kinds, and a list of them may be long all the same.
fn without_repeats(texts: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for text in texts {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept
}

/// Every text in a document.
fn plain_json(json: Value) -> Value {
    match json {
        Value::String(text) => Value::String(sentence(&text)),
        Value::Array(items) => items.into_iter().map(plain_json).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (sentence(&name), plain_json(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw() -> Portrait {
        Portrait {
            name: "acme".into(),
            version: "1.0.0".into(),
            summary: "SMS\u{1b}[2J\nthrough Ac\u{200b}me".into(),
            channels: vec!["sms".into(), "sms".into()],
            settings_schema: r#"{"properties":{"from":{"description":"\u001b[31mWho\u009b2J sends"}}}"#.into(),
            hosts: vec!["api.acme.example".into()],
            secrets: vec![SecretWanted {
                name: "token".into(),
                is_required: true,
                description: "x".repeat(SENTENCE_CHARS_MAX + 1),
            }],
            receipts: vec![],
            attributes: vec![("calls".into(), "recipient".into())],
        }
    }

    #[test]
    fn sentences_are_made_plain_and_cut() {
        let plain = made_plain(raw()).unwrap();
        assert_eq!(plain.summary, "SMS [2J through Acme");
        assert_eq!(plain.channels, ["sms"]);
        assert_eq!(plain.settings_schema, r#"{"properties":{"from":{"description":" [31mWho 2J sends"}}}"#);
        assert_eq!(plain.secrets[0].description, "x".repeat(SENTENCE_CHARS_MAX) + "…");
        assert_eq!(made_plain(plain.clone()).map(|again| again.summary), Ok(plain.summary));
    }

    #[test]
    fn names_that_would_not_be_shown_as_they_are_are_refused() {
        type Change = fn(&mut Portrait);
        let changes: [(&str, Change); 13] = [
            ("name: ", |portrait| portrait.name.push('\n')),
            ("name: ", |portrait| portrait.name.clear()),
            ("name: ", |portrait| portrait.name = "\u{430}cme".into()),
            ("version: ", |portrait| portrait.version = "1.0.0 by the vendor".into()),
            ("version: ", |portrait| portrait.version = "1".repeat(WORD_CHARS_MAX + 1)),
            ("version: ", |portrait| portrait.version.push('\u{1b}')),
            ("hosts: ", |portrait| portrait.hosts[0].push('\u{202e}')),
            ("hosts: ", |portrait| portrait.hosts[0].insert(3, '\u{ad}')),
            ("hosts: ", |portrait| portrait.hosts.push(String::new())),
            ("hosts: want at most 100", |portrait| portrait.hosts = vec!["a.example".into(); ENTRIES_MAX + 1]),
            ("secrets: ", |portrait| portrait.secrets[0].name.push('\r')),
            ("secrets: ", |portrait| portrait.secrets[0].name.push_str("  NEW")),
            ("attributes: ", |portrait| portrait.attributes[0].1.push('\u{7}')),
        ];
        for (told, change) in changes {
            let mut portrait = raw();
            change(&mut portrait);
            let problem = made_plain(portrait).unwrap_err();
            assert!(problem.starts_with(told) && plain::is_line(&problem, 500), "{problem}");
        }
    }
}
