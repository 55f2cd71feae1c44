//! The secrets of one provider: filled in on the way out, removed from what comes back.
//!
//! A plugin names secrets and never holds one. The hole in that is a server that repeats what it was sent; so every
//! response, and every word that the plugin hands on, is searched for the values and for their usual disguises.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::error::PluginError;

/// Shorter values would be found everywhere.
const SECRET_BYTES_MIN: usize = 4;

const REMOVED: &[u8] = b"[secret]";

pub(super) struct Keyring {
    secrets: BTreeMap<String, SecretString>,
    needles: Needles,
}

impl Keyring {
    pub(super) fn new(secrets: BTreeMap<String, SecretString>) -> Result<Self, PluginError> {
        let mut needles = Needles::default();
        for (name, secret) in &secrets {
            let value = secret.expose_secret();
            if value.len() < SECRET_BYTES_MIN {
                let problem = format!("it needs at least {SECRET_BYTES_MIN} bytes");
                return Err(PluginError::SecretUnusable { name: name.clone(), problem });
            }
            needles.add_disguises(value.as_bytes());
        }
        Ok(Self { secrets, needles })
    }

    /// The value of a secret; `None` when there is none of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(ExposeSecret::expose_secret)
    }

    /// Takes the secrets out of bytes that a plugin will see. `sent` is a further text that held one.
    pub(super) fn scrub<'a>(&self, bytes: &'a [u8], sent: Option<&str>) -> Cow<'a, [u8]> {
        let Some(sent) = sent else { return self.needles.remove_from(bytes) };
        // The longer text first: without the secret in it, it would not be recognised any more.
        let mut needles = Needles::default();
        needles.add_disguises(sent.as_bytes());
        match needles.remove_from(bytes) {
            Cow::Borrowed(bytes) => self.needles.remove_from(bytes),
            Cow::Owned(bytes) => Cow::Owned(self.needles.remove_from(&bytes).into_owned()),
        }
    }

    /// Takes the secrets out of words that people will see.
    pub(super) fn scrub_text(&self, text: String) -> String {
        match self.needles.remove_from(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// What to look for, with a table of first bytes so that a search passes over most of the text at once.
struct Needles {
    /// The longest first: a disguise may begin with another.
    forms: Vec<Vec<u8>>,
    first_bytes: [bool; 256],
}

impl Default for Needles {
    fn default() -> Self {
        Self { forms: Vec::new(), first_bytes: [false; 256] }
    }
}

impl Needles {
    /// The value as it is, in base64, percent-encoded, and as it stands in JSON.
    fn add_disguises(&mut self, value: &[u8]) {
        let mut forms = vec![
            value.to_vec(),
            STANDARD.encode(value).into_bytes(),
            STANDARD_NO_PAD.encode(value).into_bytes(),
            URL_SAFE.encode(value).into_bytes(),
            URL_SAFE_NO_PAD.encode(value).into_bytes(),
            percent_encode(value, b"0123456789ABCDEF", false),
            percent_encode(value, b"0123456789abcdef", false),
            percent_encode(value, b"0123456789ABCDEF", true),
        ];
        if let Ok(text) = std::str::from_utf8(value) {
            let json = serde_json::Value::from(text).to_string();
            forms.push(json.trim_matches('"').as_bytes().to_vec());
            forms.push(json.trim_matches('"').replace('/', "\\/").into_bytes());
        }
        forms.extend((0..3).filter_map(|offset| base64_core(value, offset)));
        for form in forms {
            self.first_bytes[usize::from(form[0])] = true;
            self.forms.push(form);
        }
        self.forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        self.forms.dedup();
    }

    fn remove_from<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let mut kept: Option<Vec<u8>> = None;
        let mut copied_to = 0;
        let mut at = 0;
        while at < bytes.len() {
            match self.match_at(&bytes[at..]) {
                Some(length) => {
                    let kept = kept.get_or_insert_with(|| Vec::with_capacity(bytes.len()));
                    kept.extend_from_slice(&bytes[copied_to..at]);
                    kept.extend_from_slice(REMOVED);
                    at += length;
                    copied_to = at;
                }
                None => at += 1,
            }
        }
        match kept {
            None => Cow::Borrowed(bytes),
            Some(mut kept) => {
                kept.extend_from_slice(&bytes[copied_to..]);
                Cow::Owned(kept)
            }
        }
    }

    fn match_at(&self, rest: &[u8]) -> Option<usize> {
        if !self.first_bytes[usize::from(rest[0])] {
            return None;
        }
        self.forms.iter().find(|form| rest.starts_with(form)).map(Vec::len)
    }
}

/// What is certain of the base64 form of a longer text that has the value in it, as in basic authentication: the
/// characters that depend on nothing before or after. `offset` is where in a group of three bytes the value begins.
fn base64_core(value: &[u8], offset: usize) -> Option<Vec<u8>> {
    let mut shifted = vec![0; offset];
    shifted.extend_from_slice(value);
    let whole_groups = shifted.len() / 3 * 4;
    let first_certain = [0, 2, 3][offset];
    let encoded = STANDARD.encode(shifted);
    let core = encoded.as_bytes().get(first_certain..whole_groups)?;
    (core.len() >= SECRET_BYTES_MIN).then(|| core.to_vec())
}

/// RFC 3986 section 2.3 leaves letters, digits and `-._~` as they are; HTML forms write a space as `+`.
fn percent_encode(value: &[u8], digits: &[u8; 16], space_as_plus: bool) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(value.len());
    for &byte in value {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte),
            b' ' if space_as_plus => encoded.push(b'+'),
            _ => encoded.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]),
        }
    }
    encoded
}
