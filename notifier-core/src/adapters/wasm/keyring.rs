//! The secrets of one provider: filled in on the way out, removed from what comes back.
//!
//! A plugin names secrets and never holds one. The hole in that is a server that repeats what it was sent; so every
//! response, and every word that the plugin hands on, is searched for the values and for their usual disguises.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::error::PluginError;

/// Shorter values would be found everywhere.
const SECRET_BYTES_MIN: usize = 4;

const REMOVED: &[u8] = b"[secret]";

/// What keys of Standard Webhooks begin with.
const STANDARD_WEBHOOK_PREFIXES: [&str; 2] = ["whsec_", "whsk_"];

/// At most how many learned texts are looked for; of more, the latest. As many as may be of use at the same time, twice.
const LEARNED_MAX: usize = 64;

pub(super) struct Keyring {
    secrets: Arc<BTreeMap<String, SecretString>>,
    needles: Arc<Needles>,
    learned: Mutex<Learned>,
}

/// What came to be a secret while the provider was at work, as an access token.
#[derive(Default)]
struct Learned {
    texts: VecDeque<SecretString>,
    needles: Arc<Needles>,
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
            // Whoever knows such a key may write it without the prefix.
            let bare = STANDARD_WEBHOOK_PREFIXES.iter().find_map(|prefix| value.strip_prefix(prefix));
            if let Some(bare) = bare.filter(|bare| bare.len() >= SECRET_BYTES_MIN) {
                needles.add_disguises(bare.as_bytes());
            }
        }
        Ok(Self { secrets: Arc::new(secrets), needles: Arc::new(needles), learned: Mutex::default() })
    }

    /// The same secrets, and nothing learned.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn anew(&self) -> Self {
        let (secrets, needles) = (Arc::clone(&self.secrets), Arc::clone(&self.needles));
        Self { secrets, needles, learned: Mutex::default() }
    }

    /// The value of a secret; `None` when there is none of that name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.secrets.get(name).map(ExposeSecret::expose_secret)
    }

    /// From now on the text is a secret as well.
    pub(super) fn learn(&self, text: &str) {
        if text.len() < SECRET_BYTES_MIN {
            return;
        }
        let mut learned = self.learned();
        if learned.texts.iter().any(|known| known.expose_secret() == text) {
            return;
        }
        learned.texts.truncate(LEARNED_MAX - 1);
        learned.texts.push_front(SecretString::from(text.to_owned()));
        let mut needles = Needles::default();
        for text in &learned.texts {
            needles.add_disguises(text.expose_secret().as_bytes());
        }
        learned.needles = Arc::new(needles);
    }

    fn learned(&self) -> MutexGuard<'_, Learned> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What takes the secrets out of an answer. `sent` are further texts that held one.
    pub(super) fn scrubber(&self, sent: &[String]) -> Scrubber<'_> {
        let learned = Arc::clone(&self.learned().needles);
        Scrubber { sent: Needles::of_sent(sent), learned, secrets: &self.needles }
    }

    /// Takes the secrets out of words that people will see.
    pub(super) fn scrub_text(&self, text: String) -> String {
        match self.scrubber(&[]).scrub(text.as_bytes()) {
            Cow::Borrowed(_) => text,
            Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        }
    }
}

/// Everything that must not be seen in one answer.
pub(super) struct Scrubber<'a> {
    sent: Needles,
    learned: Arc<Needles>,
    secrets: &'a Needles,
}

impl Scrubber<'_> {
    /// Takes the secrets out of bytes that a plugin will see.
    pub(super) fn scrub<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        remove(bytes, &self.all())
    }

    /// Whether the text has a secret in it, its letters large or small: names of headers come in small ones.
    pub(super) fn is_told_in_any_case(&self, text: &str) -> bool {
        self.all().iter().any(|needles| needles.are_in_any_case(text.as_bytes()))
    }

    fn all(&self) -> [&Needles; 3] {
        [&self.sent, &self.learned, self.secrets]
    }
}

/// Replaces what is found of any of the needles. Where several begin at one place, the longest goes: a text with a secret in
/// it begins with it or before it, and would not be recognised any more without it.
fn remove<'a>(bytes: &'a [u8], needles: &[&Needles]) -> Cow<'a, [u8]> {
    let mut kept: Option<Vec<u8>> = None;
    let mut copied_to = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        match needles.iter().filter_map(|needles| needles.match_at(rest)).max() {
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

/// What to look for, by the first byte, so that a search passes over most of the text at once.
#[derive(Default)]
struct Needles {
    /// 256 lists, or none while there is nothing to look for; in each the longest first, for a disguise may begin with another.
    by_first_byte: Vec<Vec<Vec<u8>>>,
}

impl Needles {
    fn of_sent(sent: &[String]) -> Self {
        let mut needles = Self::default();
        for sent in sent.iter().filter(|sent| sent.len() >= SECRET_BYTES_MIN) {
            needles.add_disguises(sent.as_bytes());
        }
        needles
    }

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
            form_encode(value),
        ];
        if let Ok(text) = std::str::from_utf8(value) {
            let json = serde_json::Value::from(text).to_string();
            forms.push(json.trim_matches('"').as_bytes().to_vec());
            forms.push(json.trim_matches('"').replace('/', "\\/").into_bytes());
        }
        forms.extend((0..3).filter_map(|offset| base64_core(value, offset)));
        self.by_first_byte.resize_with(256, Vec::new);
        for form in forms {
            let list = &mut self.by_first_byte[usize::from(form[0])];
            if !list.contains(&form) {
                list.push(form);
                list.sort_by_key(|form| Reverse(form.len()));
            }
        }
    }

    fn are_in_any_case(&self, text: &[u8]) -> bool {
        let is_in = |form: &Vec<u8>| text.windows(form.len()).any(|part| part.eq_ignore_ascii_case(form));
        self.by_first_byte.iter().flatten().any(is_in)
    }

    fn match_at(&self, rest: &[u8]) -> Option<usize> {
        let forms = self.by_first_byte.get(usize::from(*rest.first()?))?;
        forms.iter().find(|form| rest.starts_with(form)).map(Vec::len)
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

/// As an HTML form is sent.
pub(super) fn form_encode(value: &[u8]) -> Vec<u8> {
    percent_encode(value, b"0123456789ABCDEF", true)
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
