//! The lock file of a directory of plugins: which component is meant by a name, to the byte, and what it may do.
//!
//! It is read by people and kept under version control by some, so it is TOML in a fixed order. Changes are made here, to a value;
//! whoever calls writes it. Others can write it, too: what would not be shown as it is is refused, so that whoever has read it may
//! print what it says.

use std::fmt::Write as _;

use config::{ConfigError, File, FileFormat};
use serde::Deserialize;

use super::portrait::{HOST_CHARS_MAX, WORD_CHARS_MAX};
use super::{PROBLEM_CHARS_MAX, plain};

/// The version of the format that this reads and writes.
const FORMAT: u32 = 1;

/// How many versions of a plugin are kept to go back to.
const PREVIOUS_MAX: usize = 5;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lock {
    /// By name.
    plugins: Vec<Installed>,
}

/// A plugin that is installed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Installed {
    pub(crate) name: String,
    /// Whether another version may only be installed after it is released.
    #[serde(default)]
    pub(crate) pinned: bool,
    /// The public key that has signed a version of it: from then on, and until it is removed, only what this key signed is
    /// installed. Going back to a version from before that does not change it.
    #[serde(default)]
    pub(crate) signer: Option<String>,
    pub(crate) current: Version,
    /// The latest first.
    #[serde(default)]
    pub(crate) previous: Vec<Version>,
}

/// One component.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    pub(crate) version: String,
    /// Of the file, in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// As `notifier:provider@0.1.0`.
    pub(crate) contract: String,
    /// The public key whose signature was found right.
    #[serde(default)]
    pub(crate) signer: Option<String>,
    /// An RFC 3339 timestamp.
    pub(crate) installed_at: String,
    /// What it asked for when it was installed.
    pub(crate) asks: Access,
    /// What it may do. Goes with the version, so that whoever goes back to one goes back to what it was allowed.
    pub(crate) granted: Access,
}

/// What a component may reach beyond the sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Access {
    pub(crate) hosts: Vec<String>,
    /// By their names.
    pub(crate) secrets: Vec<String>,
}

/// Why a lock file cannot be used, or not be changed like that.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LockError {
    #[error("the lock file cannot be read: {0}")]
    Unreadable(String),
    #[error("the format of the lock file is {found}: this can read format {FORMAT}")]
    Format { found: u32 },
    #[error(
        "the lock file is of an earlier form, which did not tell what a plugin asks for from what it is granted: move the file \
         away, and install again what is in it: `{}`",
        names.join("`, `")
    )]
    Earlier { names: Vec<String> },
    #[error("the lock file has two plugins named `{0}`")]
    Twice(String),
    #[error("the lock file says `{text}` of `{name}`: want SHA-256 as 64 lower-case hexadecimal digits")]
    NoDigest { name: String, text: String },
    #[error(
        "the lock file says \"{text}\" as `{field}` of `{name}`: want 1 to {chars_max} characters of ASCII that can be seen, \
         without spaces"
    )]
    NoWord { name: String, field: String, text: String, chars_max: usize },
    #[error("`{0}` is no name for a plugin: want lower-case letters, digits and hyphens, at most 64")]
    NoName(String),
    #[error("no plugin `{name}` is installed; there are {}", listed(known))]
    Absent { name: String, known: Vec<String> },
    #[error("`{name}` is pinned to {version}: release it first, with `notifier plugin pin {name} --release`")]
    Pinned { name: String, version: String },
    #[error("there is no earlier version of `{0}` to go back to")]
    NoPrevious(String),
    #[error(
        "the signer of `{name}` was {was}, and is now {}: remove it first if that is right",
        now.as_deref().unwrap_or("nobody")
    )]
    OtherSigner { name: String, was: String, now: Option<String> },
    #[error("the component of `{name}` has the digest {found}, and the lock file says {locked}: it is not used")]
    Digest { name: String, found: String, locked: String },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { format!("`{}`", names.join("`, `")) }
}

/// As it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "format")]
    _format: u32,
    #[serde(default)]
    plugin: Vec<Installed>,
}

/// A plugin as it stood in files of the earlier form, which had what it may do beside its versions.
#[derive(Deserialize)]
struct Earlier {
    name: String,
    #[serde(rename = "hosts")]
    _hosts: Vec<String>,
    #[serde(rename = "secrets")]
    _secrets: Vec<String>,
}

impl Lock {
    /// Of a directory without plugins.
    pub(super) fn new() -> Self {
        Self { plugins: Vec::new() }
    }

    /// Reads a file.
    pub(super) fn read(toml: &str) -> Result<Self, LockError> {
        // It quotes the file.
        let unreadable = |error: ConfigError| LockError::Unreadable(plain::line(&error.to_string(), PROBLEM_CHARS_MAX));
        let source = config::Config::builder().add_source(File::from_str(toml, FileFormat::Toml));
        let values = source.build().map_err(unreadable)?;
        let format = values.get::<u32>("format").map_err(unreadable)?;
        if format != FORMAT {
            return Err(LockError::Format { found: format });
        }
        let entries = values.get_array("plugin").unwrap_or_default().into_iter();
        let earlier = entries.filter_map(|entry| entry.try_deserialize::<Earlier>().ok());
        let names: Vec<_> = earlier.map(|plugin| plugin.name).collect();
        if !names.is_empty() {
            names.iter().try_for_each(|name| check_name(name))?;
            return Err(LockError::Earlier { names });
        }
        let Document { _format: _, plugin: mut plugins } = values.try_deserialize().map_err(unreadable)?;
        plugins.iter().try_for_each(Installed::check)?;
        plugins.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = plugins.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(LockError::Twice(pair[0].name.clone()));
        }
        Ok(Self { plugins })
    }

    /// The file.
    pub(super) fn to_toml(&self) -> String {
        let mut text = format!(
            "# Written by `notifier plugin`. Components are the files named by their digests.\nformat = {FORMAT}\n"
        );
        for plugin in &self.plugins {
            push(&mut text, format_args!("\n[[plugin]]\nname = {}\n", quoted(&plugin.name)));
            if plugin.pinned {
                text.push_str("pinned = true\n");
            }
            if let Some(signer) = &plugin.signer {
                push(&mut text, format_args!("signer = {}\n", quoted(signer)));
            }
            text.push_str("\n[plugin.current]\n");
            version(&mut text, &plugin.current);
            for previous in &plugin.previous {
                text.push_str("\n[[plugin.previous]]\n");
                version(&mut text, previous);
            }
        }
        text
    }

    pub(super) fn plugins(&self) -> &[Installed] {
        &self.plugins
    }

    pub(super) fn get(&self, name: &str) -> Result<&Installed, LockError> {
        self.plugins.iter().find(|plugin| plugin.name == name).ok_or_else(|| self.absent(name))
    }

    fn get_mut(&mut self, name: &str) -> Result<&mut Installed, LockError> {
        let absent = self.absent(name);
        self.plugins.iter_mut().find(|plugin| plugin.name == name).ok_or(absent)
    }

    fn absent(&self, name: &str) -> LockError {
        let known = self.plugins.iter().map(|plugin| plugin.name.clone()).collect();
        LockError::Absent { name: name.to_owned(), known }
    }

    /// Whether that component may be installed under that name. Needs nothing but its bytes, so it can be asked before anything
    /// of it is compiled.
    pub(super) fn check(&self, name: &str, sha256: &str, signer: Option<&str>) -> Result<(), LockError> {
        check_name(name)?;
        let Ok(installed) = self.get(name) else { return Ok(()) };
        if installed.pinned && installed.current.sha256 != sha256 {
            let version = installed.current.version.clone();
            return Err(LockError::Pinned { name: name.to_owned(), version });
        }
        // Whoever can replace a file must not become its author by leaving the signature away.
        match &installed.signer {
            Some(was) if Some(was.as_str()) != signer => {
                let now = signer.map(str::to_owned);
                Err(LockError::OtherSigner { name: name.to_owned(), was: was.clone(), now })
            }
            _ => Ok(()),
        }
    }

    /// Installs a component under a name, in place of the one that was there, which is kept.
    pub(super) fn install(&mut self, name: &str, version: Version) -> Result<(), LockError> {
        self.check(name, &version.sha256, version.signer.as_deref())?;
        let signer = version.signer.clone();
        let Ok(installed) = self.get_mut(name) else {
            let previous = Vec::new();
            let installed = Installed { name: name.to_owned(), pinned: false, signer, current: version, previous };
            let place = self.plugins.partition_point(|plugin| plugin.name.as_str() < name);
            self.plugins.insert(place, installed);
            return Ok(());
        };
        installed.signer = signer.or(installed.signer.take());
        let digest = version.sha256.clone();
        let before = std::mem::replace(&mut installed.current, version);
        installed.previous.insert(0, before);
        installed.previous.retain(|previous| previous.sha256 != digest);
        installed.previous.truncate(PREVIOUS_MAX);
        Ok(())
    }

    /// Takes a plugin out.
    pub(super) fn remove(&mut self, name: &str) -> Result<Installed, LockError> {
        let place = self.plugins.iter().position(|plugin| plugin.name == name);
        place.map(|place| self.plugins.remove(place)).ok_or_else(|| self.absent(name))
    }

    /// Says anew what the current version of a plugin may do.
    pub(super) fn grant(&mut self, name: &str, granted: Access) -> Result<(), LockError> {
        self.get_mut(name)?.current.granted = granted;
        Ok(())
    }

    /// Keeps a plugin at its version, or releases it.
    pub(super) fn pin(&mut self, name: &str, pinned: bool) -> Result<(), LockError> {
        self.get_mut(name)?.pinned = pinned;
        Ok(())
    }

    /// Goes back to the version before, and to what that was granted; what was current can be gone back to in turn.
    pub(super) fn roll_back(&mut self, name: &str) -> Result<&Installed, LockError> {
        let plugin = self.get_mut(name)?;
        if plugin.pinned {
            return Err(LockError::Pinned { name: name.to_owned(), version: plugin.current.version.clone() });
        }
        let Some(before) = plugin.previous.first_mut() else { return Err(LockError::NoPrevious(name.to_owned())) };
        std::mem::swap(before, &mut plugin.current);
        Ok(plugin)
    }

    /// Whether some plugin, in some version, is this component: then its file must stay.
    pub(super) fn refers_to(&self, sha256: &str) -> bool {
        let versions = self.plugins.iter().flat_map(Installed::versions);
        versions.into_iter().any(|version| version.sha256 == sha256)
    }
}

impl Installed {
    /// Whether this is the component that is meant. Asked before anything of it is compiled.
    pub(super) fn check_digest(&self, found: &str) -> Result<(), LockError> {
        if self.current.sha256 == found {
            return Ok(());
        }
        let (name, locked) = (self.name.clone(), self.current.sha256.clone());
        Err(LockError::Digest { name, found: found.to_owned(), locked })
    }

    /// Whether all that stands in the file of it can be shown, and the digests are some.
    fn check(&self) -> Result<(), LockError> {
        check_name(&self.name)?;
        if let Some(version) = self.versions().find(|version| !is_digest(&version.sha256)) {
            let text = plain::line(&version.sha256, WORD_CHARS_MAX);
            return Err(LockError::NoDigest { name: self.name.clone(), text });
        }
        let own = self.signer.iter().map(|signer| ("signer".to_owned(), signer.as_str(), WORD_CHARS_MAX));
        let places = std::iter::once("current".to_owned()).chain((0..).map(|index| format!("previous[{index}]")));
        let mut words = own.chain(places.zip(self.versions()).flat_map(|(place, version)| version.words(&place)));
        match words.find(|(_, text, chars_max)| !plain::is_word(text, *chars_max)) {
            Some((field, text, chars_max)) => {
                let (name, text) = (self.name.clone(), plain::line(text, WORD_CHARS_MAX));
                Err(LockError::NoWord { name, field, text, chars_max })
            }
            None => Ok(()),
        }
    }

    /// The current one first.
    pub(super) fn versions(&self) -> impl Iterator<Item = &Version> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

impl Version {
    /// Its texts but for the digest, with where they stand and how long they may be.
    fn words(&self, place: &str) -> Vec<(String, &str, usize)> {
        let own = [("version", &self.version), ("contract", &self.contract), ("installed_at", &self.installed_at)];
        let mut words: Vec<(String, &str, usize)> = Vec::new();
        for (field, text) in own.into_iter().chain(self.signer.iter().map(|signer| ("signer", signer))) {
            words.push((format!("{place}.{field}"), text, WORD_CHARS_MAX));
        }
        for (key, access) in [("asks", &self.asks), ("granted", &self.granted)] {
            words.extend(access.hosts.iter().map(|host| (format!("{place}.{key}.hosts"), &**host, HOST_CHARS_MAX)));
            let secrets = access.secrets.iter();
            words.extend(secrets.map(|secret| (format!("{place}.{key}.secrets"), &**secret, WORD_CHARS_MAX)));
        }
        words
    }
}

fn check_name(name: &str) -> Result<(), LockError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = (1..=64).contains(&name.len()) && name.chars().all(is_plain);
    if is_name { Ok(()) } else { Err(LockError::NoName(plain::line(name, WORD_CHARS_MAX))) }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn version(text: &mut String, version: &Version) {
    push(text, format_args!("version = {}\n", quoted(&version.version)));
    push(text, format_args!("sha256 = {}\n", quoted(&version.sha256)));
    push(text, format_args!("contract = {}\n", quoted(&version.contract)));
    if let Some(signer) = &version.signer {
        push(text, format_args!("signer = {}\n", quoted(signer)));
    }
    push(text, format_args!("installed_at = {}\n", quoted(&version.installed_at)));
    for (key, access) in [("asks", &version.asks), ("granted", &version.granted)] {
        let (hosts, secrets) = (list(&access.hosts), list(&access.secrets));
        push(text, format_args!("{key} = {{ hosts = {hosts}, secrets = {secrets} }}\n"));
    }
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
}

/// A basic string of TOML: what JSON escapes, TOML reads; what TOML wants escaped beyond that is the delete character.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests;
