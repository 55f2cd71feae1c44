//! `notifier plugin install`, `list`, `remove`, `grant`, `pin` and `rollback`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use notifier_core::egress::EgressPolicy;
use notifier_core::wasm::rehearsal::{Portrait, Rehearsal, inspect};

use super::check::contract_of;
use super::directory::Directory;
use super::grants::Grants;
use super::lock::{Access, Lock, LockError, Version};
use super::portrait::{HOST_CHARS_MAX, WORD_CHARS_MAX, portrait};
use super::{Done, PluginKitError, engine, now, plain, prompt, read, sha256, signature};

/// Characters that are shown of a list.
const LIST_CHARS_MAX: usize = 10_000;

/// What `install` is told.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Install {
    /// The component
    component: PathBuf,
    /// Under which name, in place of its own
    #[arg(long)]
    name: Option<String>,
    /// A detached Ed25519 signature of the file, in base64
    #[arg(long, value_name = "FILE", requires = "key")]
    signature: Option<PathBuf>,
    /// The public key that has to have signed it, in base64
    #[arg(long, value_name = "KEY", requires = "signature")]
    key: Option<String>,
    /// Grant what it asks for without asking back
    #[arg(long)]
    yes: bool,
}

/// What `grant` is told. What is not named is not granted any more.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct Grant {
    /// The plugin
    name: String,
    /// A host that it may call
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// The name of a secret that it may use
    #[arg(long = "secret", value_name = "NAME")]
    secrets: Vec<String>,
}

pub(super) fn install(directory: &Directory, asked: &Install) -> Result<Done, PluginKitError> {
    let bytes = read(&asked.component)?;
    let (signer, digest) = (signer(asked, &bytes)?, sha256(&bytes));
    let seen = directory.lock()?;
    let check = |name: &str| match notifier_plugins::find(name) {
        Some(_) => Err(PluginKitError::BuiltIn(name.to_owned())),
        None => Ok(seen.check(name, &digest, signer.as_deref())?),
    };
    // Where the name is known, so is all that this can be refused for, before anything of the component is compiled.
    asked.name.as_deref().map_or(Ok(()), check)?;
    let (portrait, contract) = look_at(asked, &bytes)?;
    let name = asked.name.clone().unwrap_or_else(|| portrait.name.clone());
    check(&name)?;
    let before = seen.get(&name).ok().cloned();
    let secrets = portrait.secrets.iter().map(|secret| secret.name.clone()).collect();
    let asks = Access { hosts: portrait.hosts.clone(), secrets };
    let grants = Grants::of(&asks, before.as_ref().map(|before| &before.current));
    let asks_for = prompt::asks_for(&portrait, &digest, signer.as_deref(), before.as_ref(), &grants);
    if !asked.yes && !is_wanted(&asks_for)? {
        return Ok(Done { text: "Nothing was installed.\n".into(), is_sound: false });
    }
    let granted = grants.granted();
    let version = portrait.version;
    let version = Version { version, sha256: digest, contract, signer, installed_at: now(), asks, granted };
    let mut change = directory.change()?;
    // Somebody agreed to what was shown, and to nothing else.
    if change.lock.get(&name).ok() != before.as_ref() {
        return Err(PluginKitError::ChangedMeanwhile(name));
    }
    change.lock.install(&name, version)?;
    change.keep(&bytes)?;
    change.write(before.as_slice())?;
    let shown = if asked.yes { asks_for } else { String::new() };
    Ok(Done { text: format!("{shown}Installed `{name}`.\n"), is_sound: true })
}

/// What the component says about itself, and for which contract it was built.
fn look_at(asked: &Install, bytes: &[u8]) -> Result<(Portrait, String), PluginKitError> {
    let refused = |source| PluginKitError::Component { path: asked.component.clone(), source };
    let engine = engine()?;
    let inspection = inspect(&engine, bytes).map_err(refused)?;
    let rehearsal = Rehearsal::load(&engine, bytes).map_err(refused)?;
    Ok((portrait(&asked.component, &rehearsal)?, contract_of(&inspection.exports)))
}

/// Before anything of the component is compiled.
fn signer(asked: &Install, component: &[u8]) -> Result<Option<String>, PluginKitError> {
    let (Some(file), Some(key)) = (&asked.signature, &asked.key) else { return Ok(None) };
    let text = String::from_utf8_lossy(&read(file)?).into_owned();
    Ok(Some(signature::verify(component, &text, key)?))
}

fn is_wanted(asks_for: &str) -> Result<bool, PluginKitError> {
    let (input, mut output) = (io::stdin(), io::stderr());
    if !input.is_terminal() {
        return Err(PluginKitError::NobodyToAsk);
    }
    let question = format!("{asks_for}\nGrant that, and install it?");
    prompt::confirm(&question, &mut input.lock(), &mut output).map_err(PluginKitError::Prompt)
}

pub(super) fn list(directory: &Directory) -> Result<Done, PluginKitError> {
    let mut text = String::new();
    for plugin in directory.lock()?.plugins() {
        let (current, pinned) = (&plugin.current, if plugin.pinned { ", pinned" } else { "" });
        let earlier: Vec<_> = plugin.previous.iter().map(|previous| previous.version.as_str()).collect();
        push(&mut text, format_args!("{} {}{pinned}\n", plugin.name, current.version));
        for (name, value) in [
            ("sha256", current.sha256.clone()),
            ("contract", current.contract.clone()),
            ("installed", current.installed_at.clone()),
            ("signed by", current.signer.clone().unwrap_or_else(|| "nobody".into())),
            ("only from", plugin.signer.clone().unwrap_or_else(|| "anybody".into())),
            ("hosts", current.granted.hosts.join(", ")),
            ("secrets", current.granted.secrets.join(", ")),
            ("earlier", earlier.join(", ")),
        ] {
            // All of it can be shown, or the lock file would not have been read; but there may be much of it.
            push(&mut text, format_args!("  {name:<10} {}\n", plain::line(&value, LIST_CHARS_MAX)));
        }
    }
    if text.is_empty() {
        text.push_str("No plugin is installed.\n");
    }
    Ok(Done { text, is_sound: true })
}

/// Changes what the lock file says of a plugin.
fn change<T>(
    directory: &Directory,
    name: &str,
    make: impl FnOnce(&mut Lock) -> Result<T, LockError>,
) -> Result<T, PluginKitError> {
    // Where nothing is installed, no directory is made either.
    directory.installed(name)?;
    let mut change = directory.change()?;
    let before = change.lock.get(name)?.clone();
    let made = make(&mut change.lock)?;
    change.write(&[before])?;
    Ok(made)
}

pub(super) fn remove(directory: &Directory, name: &str) -> Result<Done, PluginKitError> {
    change(directory, name, |lock| lock.remove(name))?;
    Ok(Done { text: format!("Removed `{name}`.\n"), is_sound: true })
}

pub(super) fn grant(directory: &Directory, asked: Grant) -> Result<Done, PluginKitError> {
    let Grant { name, hosts, secrets } = asked;
    // A server that finds one in the lock file that cannot be read would not start again.
    EgressPolicy::new(&hosts).map_err(PluginKitError::Host)?;
    for (text, chars_max) in
        hosts.iter().map(|host| (host, HOST_CHARS_MAX)).chain(secrets.iter().map(|secret| (secret, WORD_CHARS_MAX)))
    {
        if !plain::is_word(text, chars_max) {
            return Err(PluginKitError::NoGrant(plain::line(text, WORD_CHARS_MAX)));
        }
    }
    let granted = Access { hosts, secrets };
    let text = format!("`{name}` {}.\n", may(&granted));
    change(directory, &name, |lock| lock.grant(&name, granted))?;
    Ok(Done { text, is_sound: true })
}

pub(super) fn pin(directory: &Directory, name: &str, is_released: bool) -> Result<Done, PluginKitError> {
    change(directory, name, |lock| lock.pin(name, !is_released))?;
    let what = if is_released { "released" } else { "pinned" };
    Ok(Done { text: format!("`{name}` is {what}.\n"), is_sound: true })
}

pub(super) fn roll_back(directory: &Directory, name: &str) -> Result<Done, PluginKitError> {
    let version = change(directory, name, |lock| Ok(lock.roll_back(name)?.current.clone()))?;
    let may = may(&version.granted);
    let text = format!("`{name}` is {} again: it {may}.\n", version.version);
    Ok(Done { text, is_sound: true })
}

fn may(granted: &Access) -> String {
    let text = format!("may call {}, and use the secrets {}", listed(&granted.hosts), listed(&granted.secrets));
    plain::line(&text, LIST_CHARS_MAX)
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests;
