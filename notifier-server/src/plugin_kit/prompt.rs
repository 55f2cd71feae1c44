//! What a person is asked before a component is trusted.

use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use notifier_core::egress::EgressPolicy;
use notifier_core::wasm::rehearsal::Portrait;

use super::lock::Installed;

/// What a component asks for, and what is new about that.
pub(super) fn asks_for(
    portrait: &Portrait,
    sha256: &str,
    signer: Option<&str>,
    installed: Option<&Installed>,
) -> String {
    let Portrait { name, version, summary, .. } = portrait;
    let mut text = format!("{} {}: {}\n", plain(name), plain(version), plain(summary));
    push(&mut text, format_args!("sha256    {sha256}\n"));
    push(&mut text, format_args!("signed by {}\n", signer.unwrap_or("nobody")));
    if let Some(installed) = installed {
        push(&mut text, format_args!("replaces  {}\n", installed.current.version));
    }
    push(&mut text, format_args!("channels  {}\n", portrait.channels.join(", ")));
    let known = |list: fn(&Installed) -> &[String], item: &str| {
        installed.is_none_or(|installed| list(installed).iter().any(|known| known == item))
    };
    for host in &portrait.hosts {
        let mark = match (EgressPolicy::is_public_name(host), known(|installed| &installed.hosts, host)) {
            (false, _) => "  not granted with this: see `notifier plugin grant`",
            (true, false) => "  NEW",
            (true, true) => "",
        };
        push(&mut text, format_args!("host      {}{mark}\n", plain(host)));
    }
    for secret in &portrait.secrets {
        let mark = if known(|installed| &installed.secrets, &secret.name) { "" } else { "  NEW" };
        let (name, description) = (plain(&secret.name), plain(&secret.description));
        push(&mut text, format_args!("secret    {name}: {description}{mark}\n"));
    }
    text
}

/// Asks a question that only `y` or `yes` answers with yes.
pub(super) fn confirm(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A component must not write to the terminal what it likes.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use notifier_core::wasm::rehearsal::SecretWanted;

    use super::super::lock::Version;
    use super::*;

    fn portrait() -> Portrait {
        let secret =
            |name: &str| SecretWanted { name: name.into(), is_required: true, description: "API token".into() };
        Portrait {
            name: "acme".into(),
            version: "1.1.0".into(),
            summary: "SMS\u{1b}[2J through Acme".into(),
            channels: vec!["sms".into()],
            settings_schema: "{}".into(),
            hosts: vec!["api.acme.example".into(), "eu.acme.example".into(), "*".into()],
            secrets: vec![secret("token"), secret("webhook_key")],
            receipts: vec![],
            attributes: vec![],
        }
    }

    #[test]
    fn what_is_new_is_marked() {
        let first = asks_for(&portrait(), "00ff", None, None);
        assert!(!first.contains("NEW") && !first.contains('\u{1b}'), "{first}");
        assert!(first.contains("signed by nobody\n"), "{first}");
        let installed = Installed {
            name: "acme".into(),
            pinned: false,
            hosts: vec!["api.acme.example".into()],
            secrets: vec!["token".into()],
            current: Version {
                version: "1.0.0".into(),
                sha256: "aa".into(),
                contract: "notifier:provider@0.1.0".into(),
                signer: None,
                installed_at: "2026-01-01T00:00:00Z".into(),
            },
            previous: vec![],
        };
        let second = asks_for(&portrait(), "00ff", Some("key"), Some(&installed));
        let new: Vec<_> = second.lines().filter(|line| line.ends_with("NEW")).collect();
        assert_eq!(new, ["host      eu.acme.example  NEW", "secret    webhook_key: API token  NEW"]);
        assert!(second.contains("host      *  not granted with this"), "{second}");
        assert!(second.contains("replaces  1.0.0\n") && second.contains("signed by key\n"), "{second}");
    }

    #[test]
    fn only_yes_is_yes() {
        for (answer, is_yes) in [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("yep\n", false)] {
            let mut shown = Vec::new();
            assert_eq!(confirm("Install it?", &mut answer.as_bytes(), &mut shown).unwrap(), is_yes, "{answer:?}");
            assert_eq!(shown, b"Install it? [y/N] ");
        }
    }
}
