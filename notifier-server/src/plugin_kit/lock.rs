//! The lock file of a directory of plugins: which component is meant by a name, to the byte, and what it may do.
//!
//! It is read by people and kept under version control by some, so it is TOML in a fixed order. Changes are made here, to a value;
//! whoever calls writes it.

use std::fmt::Write as _;

use config::{ConfigError, File, FileFormat};
use serde::Deserialize;

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
    /// Hosts that it may call.
    pub(crate) hosts: Vec<String>,
    /// Names of secrets that it may use.
    pub(crate) secrets: Vec<String>,
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
}

/// Why a lock file cannot be used, or not be changed like that.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LockError {
    #[error("the lock file cannot be read: {0}")]
    Unreadable(String),
    #[error("the format of the lock file is {found}: this can read format {FORMAT}")]
    Format { found: u32 },
    #[error("the lock file has two plugins named `{0}`")]
    Twice(String),
    #[error("the lock file says `{text}` of `{name}`: want SHA-256 as 64 lower-case hexadecimal digits")]
    NoDigest { name: String, text: String },
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

impl Lock {
    /// Of a directory without plugins.
    pub(super) fn new() -> Self {
        Self { plugins: Vec::new() }
    }

    /// Reads a file.
    pub(super) fn read(toml: &str) -> Result<Self, LockError> {
        let unreadable = |error: ConfigError| LockError::Unreadable(error.to_string());
        let source = config::Config::builder().add_source(File::from_str(toml, FileFormat::Toml));
        let values = source.build().map_err(unreadable)?;
        let format = values.get::<u32>("format").map_err(unreadable)?;
        if format != FORMAT {
            return Err(LockError::Format { found: format });
        }
        let Document { _format: _, plugin: mut plugins } = values.try_deserialize().map_err(unreadable)?;
        plugins.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(pair) = plugins.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(LockError::Twice(pair[0].name.clone()));
        }
        for plugin in &plugins {
            check_name(&plugin.name)?;
            let versions = std::iter::once(&plugin.current).chain(&plugin.previous);
            if let Some(version) = versions.into_iter().find(|version| !is_digest(&version.sha256)) {
                return Err(LockError::NoDigest { name: plugin.name.clone(), text: version.sha256.clone() });
            }
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
            push(&mut text, format_args!("hosts = {}\n", list(&plugin.hosts)));
            push(&mut text, format_args!("secrets = {}\n", list(&plugin.secrets)));
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

    /// Installs a component under a name, in place of the one that was there, which is kept. What is granted is granted anew.
    pub(super) fn install(
        &mut self,
        name: &str,
        version: Version,
        hosts: Vec<String>,
        secrets: Vec<String>,
    ) -> Result<(), LockError> {
        check_name(name)?;
        let Ok(installed) = self.get_mut(name) else {
            let installed = Installed {
                name: name.to_owned(),
                pinned: false,
                hosts,
                secrets,
                current: version,
                previous: Vec::new(),
            };
            let place = self.plugins.partition_point(|plugin| plugin.name.as_str() < name);
            self.plugins.insert(place, installed);
            return Ok(());
        };
        if installed.pinned && installed.current.sha256 != version.sha256 {
            let pinned = installed.current.version.clone();
            return Err(LockError::Pinned { name: name.to_owned(), version: pinned });
        }
        // Whoever can replace a file must not become its author by leaving the signature away.
        if let Some(was) = installed.current.signer.clone().filter(|was| Some(was) != version.signer.as_ref()) {
            return Err(LockError::OtherSigner { name: name.to_owned(), was, now: version.signer });
        }
        (installed.hosts, installed.secrets) = (hosts, secrets);
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

    /// Says anew what a plugin may do.
    pub(super) fn grant(&mut self, name: &str, hosts: Vec<String>, secrets: Vec<String>) -> Result<(), LockError> {
        let plugin = self.get_mut(name)?;
        (plugin.hosts, plugin.secrets) = (hosts, secrets);
        Ok(())
    }

    /// Keeps a plugin at its version, or releases it.
    pub(super) fn pin(&mut self, name: &str, pinned: bool) -> Result<(), LockError> {
        self.get_mut(name)?.pinned = pinned;
        Ok(())
    }

    /// Goes back to the version before; what was current can be gone back to in turn.
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
        let versions = self.plugins.iter().flat_map(|plugin| std::iter::once(&plugin.current).chain(&plugin.previous));
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
}

fn check_name(name: &str) -> Result<(), LockError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_name = (1..=64).contains(&name.len()) && name.chars().all(is_plain);
    if is_name { Ok(()) } else { Err(LockError::NoName(name.to_owned())) }
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
mod tests {
    use super::*;

    fn component(version: &str, digit: char, signer: Option<&str>) -> Version {
        Version {
            version: version.into(),
            sha256: digit.to_string().repeat(64),
            contract: "notifier:provider@0.1.0".into(),
            signer: signer.map(str::to_owned),
            installed_at: "2026-01-01T00:00:00Z".into(),
        }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn install(lock: &mut Lock, name: &str, version: Version) -> Result<(), LockError> {
        lock.install(name, version, texts(&["api.acme.example"]), texts(&["token"]))
    }

    fn lock() -> Lock {
        let mut lock = Lock::new();
        install(&mut lock, "zeta", component("0.1.0", 'd', None)).unwrap();
        install(&mut lock, "acme", component("1.0.0", 'a', Some("key-of-acme"))).unwrap();
        install(&mut lock, "acme", component("1.1.0", 'b', Some("key-of-acme"))).unwrap();
        lock.pin("zeta", true).unwrap();
        lock
    }

    #[test]
    fn the_file_is_the_golden_one_and_reads_back() {
        let toml = lock().to_toml();
        assert_eq!(toml, include_str!("golden/plugins.lock"));
        assert_eq!(Lock::read(&toml).unwrap(), lock());
        assert_eq!(Lock::read(&Lock::new().to_toml()).unwrap(), Lock::new());
    }

    #[test]
    fn strange_texts_read_back() {
        let mut lock = lock();
        let strange = texts(&["quote\" and \\ and \u{7f}\u{1}", "ünï\ncode"]);
        lock.grant("acme", vec![], strange.clone()).unwrap();
        assert_eq!(Lock::read(&lock.to_toml()).unwrap().get("acme").unwrap().secrets, strange);
    }

    #[test]
    fn files_that_are_none() {
        let other = lock().to_toml().replace("format = 1", "format = 2");
        assert_eq!(Lock::read(&other), Err(LockError::Format { found: 2 }));
        let short = lock().to_toml().replace(&"b".repeat(64), "bb");
        assert_eq!(Lock::read(&short), Err(LockError::NoDigest { name: "acme".into(), text: "bb".into() }));
        let twice = lock().to_toml().replace("\"zeta\"", "\"acme\"");
        assert_eq!(Lock::read(&twice), Err(LockError::Twice("acme".into())));
        let climbing = lock().to_toml().replace("\"zeta\"", "\"../zeta\"");
        assert_eq!(Lock::read(&climbing), Err(LockError::NoName("../zeta".into())));
        let unknown = lock().to_toml().replace("pinned = true", "pined = true");
        for wrong in ["", "format = 1\n[[plugin]]\nname = \"a\"\n", &unknown] {
            assert!(matches!(Lock::read(wrong), Err(LockError::Unreadable(_))), "{wrong}");
        }
    }

    #[test]
    fn going_back_and_forth() {
        let mut lock = lock();
        assert_eq!(lock.roll_back("acme").unwrap().current.version, "1.0.0");
        assert_eq!(lock.roll_back("acme").unwrap().current.version, "1.1.0");
        assert_eq!(
            lock.roll_back("zeta").unwrap_err().to_string(),
            LockError::Pinned { name: "zeta".into(), version: "0.1.0".into() }.to_string()
        );
        lock.pin("zeta", false).unwrap();
        assert_eq!(lock.roll_back("zeta"), Err(LockError::NoPrevious("zeta".into())));
        let absent = lock.roll_back("beta").unwrap_err().to_string();
        assert_eq!(absent, "no plugin `beta` is installed; there are `acme`, `zeta`");
    }

    #[test]
    fn the_same_component_again_is_no_earlier_version() {
        let mut lock = lock();
        install(&mut lock, "acme", component("1.1.0", 'b', Some("key-of-acme"))).unwrap();
        assert_eq!(lock.get("acme").unwrap().previous.len(), 1);
        for digit in "123456789".chars() {
            install(&mut lock, "acme", component("2", digit, Some("key-of-acme"))).unwrap();
        }
        assert_eq!(lock.get("acme").unwrap().previous.len(), PREVIOUS_MAX);
        assert!(lock.refers_to(&"8".repeat(64)) && !lock.refers_to(&"a".repeat(64)));
        lock.remove("acme").unwrap();
        assert!(!lock.refers_to(&"8".repeat(64)));
    }

    #[test]
    fn what_is_pinned_or_signed_stays_so() {
        let mut lock = lock();
        let pinned = install(&mut lock, "zeta", component("0.2.0", 'e', None)).unwrap_err().to_string();
        assert!(pinned.starts_with("`zeta` is pinned to 0.1.0: "), "{pinned}");
        assert_eq!(install(&mut lock, "zeta", component("0.1.0", 'd', None)), Ok(()), "the same component");
        for other in [None, Some("another-key")] {
            let refused = install(&mut lock, "acme", component("1.2.0", 'c', other)).unwrap_err();
            assert!(matches!(refused, LockError::OtherSigner { .. }), "{refused}");
        }
        assert_eq!(lock.get("acme").unwrap().current.version, "1.1.0");
    }

    #[test]
    fn a_component_of_another_digest_is_not_used() {
        let lock = lock();
        let acme = lock.get("acme").unwrap();
        assert_eq!(acme.check_digest(&"b".repeat(64)), Ok(()));
        let told = acme.check_digest(&"c".repeat(64)).unwrap_err().to_string();
        assert!(told.contains(&"b".repeat(64)) && told.contains(&"c".repeat(64)), "{told}");
    }
}
