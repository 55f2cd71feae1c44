//! What a person is asked before a component is trusted.

use std::fmt::Write as _;
use std::io::{self, BufRead, Write};

use notifier_core::wasm::rehearsal::Portrait;

use super::grants::{Fate, Grants};
use super::lock::Installed;

/// What a component asks for, what of that it gets, and what changes with it. Its own sentences stand last and in quotes, so that
/// none of them passes for a word of ours; names can be shown, those of the portrait and those of the lock file, which are refused
/// otherwise.
pub(super) fn asks_for(
    portrait: &Portrait,
    sha256: &str,
    signer: Option<&str>,
    installed: Option<&Installed>,
    grants: &Grants,
) -> String {
    let Portrait { name, version, summary, .. } = portrait;
    let mut text = format!("{name} {version}: {summary:?}\n");
    push(&mut text, format_args!("sha256    {sha256}\n"));
    push(&mut text, format_args!("signed by {}\n", signer.unwrap_or("nobody")));
    if let Some(installed) = installed {
        push(&mut text, format_args!("replaces  {}\n", installed.current.version));
    }
    push(&mut text, format_args!("channels  {}\n", portrait.channels.join(", ")));
    for (host, fate) in &grants.hosts {
        push(&mut text, format_args!("host      {host}{}\n", mark(*fate)));
    }
    for (name, fate) in &grants.secrets {
        let described = portrait.secrets.iter().find(|secret| secret.name == *name);
        let description = described.map(|secret| format!("  {:?}", secret.description)).unwrap_or_default();
        push(&mut text, format_args!("secret    {name}{}{description}\n", mark(*fate)));
    }
    text
}

fn mark(fate: Fate) -> &'static str {
    match fate {
        Fate::Granted => "",
        Fate::New => "  NEW",
        Fate::ByHand => "  not asked for: was granted by hand, and stays so",
        Fate::Withheld => "  not granted with this: see `notifier plugin grant`",
        Fate::Dropped => "  DROPPED: not asked for any more",
    }
}

/// Asks a question that only `y` or `yes` answers with yes.
pub(super) fn confirm(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
    write!(output, "{question} [y/N] ")?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use notifier_core::wasm::rehearsal::SecretWanted;

    use super::super::lock::{Access, Version};
    use super::*;

    fn access(hosts: &[&str], secrets: &[&str]) -> Access {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Access { hosts: texts(hosts), secrets: texts(secrets) }
    }

    fn portrait(asks: &Access) -> Portrait {
        let secret =
            |name: &String| SecretWanted { name: name.clone(), is_required: true, description: "API token".into() };
        Portrait {
            name: "acme".into(),
            version: "1.1.0".into(),
            summary: "SMS through Acme".into(),
            channels: vec!["sms".into()],
            settings_schema: "{}".into(),
            hosts: asks.hosts.clone(),
            secrets: asks.secrets.iter().map(secret).collect(),
            receipts: vec![],
            attributes: vec![],
        }
    }

    #[test]
    fn what_changes_is_marked() {
        let asks = access(&["api.acme.example", "eu.acme.example", "*"], &["token", "webhook_key"]);
        let first = asks_for(&portrait(&asks), "00ff", None, None, &Grants::of(&asks, None));
        assert!(!first.contains("NEW") && !first.contains("DROPPED"), "{first}");
        assert!(first.contains("signed by nobody\n") && first.contains("secret    token  \"API token\"\n"), "{first}");
        let current = Version {
            version: "1.0.0".into(),
            sha256: "aa".into(),
            contract: "notifier:provider@0.1.0".into(),
            signer: None,
            installed_at: "2026-01-01T00:00:00Z".into(),
            asks: access(&["api.acme.example", "old.acme.example"], &["token", "old"]),
            granted: access(&["api.acme.example", "old.acme.example", "10.0.0.7"], &["token", "old"]),
        };
        let grants = Grants::of(&asks, Some(&current));
        let installed = Installed { name: "acme".into(), pinned: false, signer: None, current, previous: vec![] };
        let second = asks_for(&portrait(&asks), "00ff", Some("key"), Some(&installed), &grants);
        assert!(second.contains("replaces  1.0.0\n") && second.contains("signed by key\n"), "{second}");
        let marked: Vec<_> =
            second.lines().filter(|line| line.starts_with("host") || line.starts_with("secret")).collect();
        let expected = [
            "host      api.acme.example",
            "host      eu.acme.example  NEW",
            "host      *  not granted with this: see `notifier plugin grant`",
            "host      old.acme.example  DROPPED: not asked for any more",
            "host      10.0.0.7  not asked for: was granted by hand, and stays so",
            "secret    token  \"API token\"",
            "secret    webhook_key  NEW  \"API token\"",
            "secret    old  DROPPED: not asked for any more",
        ];
        assert_eq!(marked, expected);
    }

    #[test]
    fn no_sentence_of_a_component_passes_for_a_mark() {
        let asks = access(&[], &["token"]);
        let told = "API token\"  not granted with this: see `notifier plugin grant`";
        let mut portrait = portrait(&asks);
        portrait.summary = told.into();
        portrait.secrets[0].description = told.into();
        let text = asks_for(&portrait, "00ff", None, None, &Grants::of(&asks, None));
        let quoted = r#""API token\"  not granted with this: see `notifier plugin grant`""#;
        assert!(text.starts_with(&format!("acme 1.1.0: {quoted}\n")), "{text}");
        assert!(text.ends_with(&format!("secret    token  {quoted}\n")), "{text}");
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
