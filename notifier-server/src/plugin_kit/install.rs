//! `notifier plugin install`, `list`, `remove`, `grant`, `pin` and `rollback`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};
use std::path::PathBuf;

use clap::Args;
use notifier_core::egress::EgressPolicy;
use notifier_core::wasm::rehearsal::{Rehearsal, inspect};

use super::check::contract_of;
use super::directory::Directory;
use super::lock::Version;
use super::{Done, PluginKitError, engine, now, prompt, read, sha256, signature};

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
    let signer = signer(asked, &bytes)?;
    let mut lock = directory.lock()?;
    let refused = |source| PluginKitError::Component { path: asked.component.clone(), source };
    let engine = engine()?;
    let inspection = inspect(&engine, &bytes).map_err(refused)?;
    let portrait = Rehearsal::load(&engine, &bytes).and_then(|rehearsal| rehearsal.describe()).map_err(refused)?;
    let name = asked.name.clone().unwrap_or_else(|| portrait.name.clone());
    if notifier_plugins::find(&name).is_some() {
        return Err(PluginKitError::BuiltIn(name));
    }
    let digest = sha256(&bytes);
    let asks_for = prompt::asks_for(&portrait, &digest, signer.as_deref(), lock.get(&name).ok());
    if !asked.yes && !is_wanted(&asks_for)? {
        return Ok(Done { text: "Nothing was installed.\n".into(), is_sound: false });
    }
    let version = Version {
        version: portrait.version,
        sha256: digest,
        contract: contract_of(&inspection.exports),
        signer,
        installed_at: now(),
    };
    let before = lock.get(&name).ok().cloned();
    let secrets = portrait.secrets.into_iter().map(|secret| secret.name).collect();
    // As with a plugin that is built in, public names are granted with it, and anything else by hand.
    let hosts = portrait.hosts.into_iter().filter(|host| EgressPolicy::is_public_name(host)).collect();
    lock.install(&name, version, hosts, secrets)?;
    directory.keep(&bytes)?;
    directory.write(&lock, before.as_slice())?;
    let shown = if asked.yes { asks_for } else { String::new() };
    Ok(Done { text: format!("{shown}Installed `{name}`.\n"), is_sound: true })
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
        let signer = current.signer.as_deref().unwrap_or("nobody");
        let earlier: Vec<_> = plugin.previous.iter().map(|previous| previous.version.as_str()).collect();
        push(&mut text, format_args!("{} {}{pinned}\n", plugin.name, current.version));
        for (name, value) in [
            ("sha256", current.sha256.clone()),
            ("contract", current.contract.clone()),
            ("installed", current.installed_at.clone()),
            ("signed by", signer.to_owned()),
            ("hosts", plugin.hosts.join(", ")),
            ("secrets", plugin.secrets.join(", ")),
            ("earlier", earlier.join(", ")),
        ] {
            push(&mut text, format_args!("  {name:<10} {value}\n"));
        }
    }
    if text.is_empty() {
        text.push_str("No plugin is installed.\n");
    }
    Ok(Done { text, is_sound: true })
}

pub(super) fn remove(directory: &Directory, name: &str) -> Result<Done, PluginKitError> {
    let mut lock = directory.lock()?;
    let dropped = lock.remove(name)?;
    directory.write(&lock, &[dropped])?;
    Ok(Done { text: format!("Removed `{name}`.\n"), is_sound: true })
}

pub(super) fn grant(directory: &Directory, asked: Grant) -> Result<Done, PluginKitError> {
    let Grant { name, hosts, secrets } = asked;
    let text = format!("`{name}` may call {}, and use the secrets {}.\n", listed(&hosts), listed(&secrets));
    let mut lock = directory.lock()?;
    lock.grant(&name, hosts, secrets)?;
    directory.write(&lock, &[])?;
    Ok(Done { text, is_sound: true })
}

pub(super) fn pin(directory: &Directory, name: &str, is_released: bool) -> Result<Done, PluginKitError> {
    let mut lock = directory.lock()?;
    lock.pin(name, !is_released)?;
    directory.write(&lock, &[])?;
    let what = if is_released { "released" } else { "pinned" };
    Ok(Done { text: format!("`{name}` is {what}.\n"), is_sound: true })
}

pub(super) fn roll_back(directory: &Directory, name: &str) -> Result<Done, PluginKitError> {
    let mut lock = directory.lock()?;
    let version = lock.roll_back(name)?.current.version.clone();
    directory.write(&lock, &[])?;
    Ok(Done { text: format!("`{name}` is {version} again.\n"), is_sound: true })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn asked(component: &Path) -> Install {
        let name = Some("texts".to_owned());
        Install { component: component.to_owned(), name, signature: None, key: None, yes: true }
    }

    #[test]
    fn a_component_is_installed_granted_pinned_and_removed() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path().join("plugins"));
        let component = place.path().join("twilio.wasm");
        std::fs::write(&component, notifier_plugins::TWILIO.component).unwrap();
        assert_eq!(list(&directory).unwrap().text, "No plugin is installed.\n");
        let done = install(&directory, &asked(&component)).unwrap();
        assert!(done.text.ends_with("Installed `texts`.\n") && done.text.contains("api.twilio.com"), "{}", done.text);
        assert_eq!(directory.component("texts").unwrap().0, notifier_plugins::TWILIO.component);
        let grants = Grant { name: "texts".into(), hosts: vec![], secrets: vec!["auth_token".into()] };
        assert_eq!(grant(&directory, grants).unwrap().text, "`texts` may call none, and use the secrets auth_token.\n");
        pin(&directory, "texts", false).unwrap();
        let shown = list(&directory).unwrap().text;
        assert!(shown.contains(", pinned\n") && shown.contains("  secrets    auth_token\n"), "{shown}");
        assert!(roll_back(&directory, "texts").is_err());
        remove(&directory, "texts").unwrap();
        assert!(remove(&directory, "texts").is_err());
        let own = Install { name: None, ..asked(&component) };
        let error = install(&directory, &own).err().unwrap();
        assert!(matches!(&error, PluginKitError::BuiltIn(name) if name == "twilio"), "{error}");
    }

    #[test]
    fn what_is_signed_wrongly_is_never_compiled() {
        let place = tempfile::tempdir().unwrap();
        let (component, file) = (place.path().join("a.wasm"), place.path().join("a.sig"));
        std::fs::write(&component, "no component at all").unwrap();
        std::fs::write(&file, "A".repeat(86) + "==").unwrap();
        let key = Some("A".repeat(43) + "=");
        let asked = Install { signature: Some(file), key, ..asked(&component) };
        let error = install(&Directory::new(place.path()), &asked).err().unwrap();
        assert!(matches!(error, PluginKitError::Signature(_)), "{error}");
    }
}
