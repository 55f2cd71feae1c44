//! What a component is granted when it is installed: what it asks for, as far as that can be had for the asking, and whatever
//! was decided about the version before.

use notifier_core::egress::EgressPolicy;

use super::lock::{Access, Version};

/// What becomes of one host or secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is asked for, and granted.
    Granted,
    /// As well; the version before did not ask for it.
    New,
    /// It is not asked for: the operator granted it by hand, and keeps it.
    ByHand,
    /// It is asked for, and not granted: it is not public, or the version before asked for it and does not have it.
    Withheld,
    /// The version before asked for it and has it; this one does not ask any more.
    Dropped,
}

/// What becomes of each host and each secret.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) hosts: Vec<(String, Fate)>,
    pub(super) secrets: Vec<(String, Fate)>,
}

impl Grants {
    pub(super) fn of(asks: &Access, before: Option<&Version>) -> Self {
        let lists = |list: fn(&Access) -> &[String]| before.map(|before| (list(&before.asks), list(&before.granted)));
        // As with a plugin that is built in, public names are granted with it, and anything else by hand.
        let hosts = fates(&asks.hosts, lists(|access| &access.hosts), EgressPolicy::is_public_name);
        let secrets = fates(&asks.secrets, lists(|access| &access.secrets), |_| true);
        Self { hosts, secrets }
    }

    pub(super) fn granted(&self) -> Access {
        let granted = |list: &[(String, Fate)]| {
            let is_granted = |fate: &Fate| matches!(fate, Fate::Granted | Fate::New | Fate::ByHand);
            list.iter().filter(|(_, fate)| is_granted(fate)).map(|(name, _)| name.clone()).collect()
        };
        Access { hosts: granted(&self.hosts), secrets: granted(&self.secrets) }
    }
}

/// `before` is what the version before asked for, and what it was granted.
fn fates(
    asks: &[String],
    before: Option<(&[String], &[String])>,
    is_for_the_asking: fn(&str) -> bool,
) -> Vec<(String, Fate)> {
    let (asked, granted) = before.unwrap_or_default();
    let mut fates: Vec<(String, Fate)> = Vec::new();
    for name in asks {
        let fate = if granted.contains(name) {
            Fate::Granted
        } else if asked.contains(name) || !is_for_the_asking(name) {
            Fate::Withheld
        } else if before.is_some() {
            Fate::New
        } else {
            Fate::Granted
        };
        if fates.iter().all(|(known, _)| known != name) {
            fates.push((name.clone(), fate));
        }
    }
    for name in granted.iter().filter(|name| !asks.contains(name)) {
        fates.push((name.clone(), if asked.contains(name) { Fate::Dropped } else { Fate::ByHand }));
    }
    fates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(hosts: &[&str], secrets: &[&str]) -> Access {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Access { hosts: texts(hosts), secrets: texts(secrets) }
    }

    fn before(asks: Access, granted: Access) -> Version {
        Version {
            version: "1.0.0".into(),
            sha256: "a".repeat(64),
            contract: "notifier:provider@0.1.0".into(),
            signer: None,
            installed_at: "2026-01-01T00:00:00Z".into(),
            asks,
            granted,
        }
    }

    fn fates(list: &[(String, Fate)]) -> Vec<(&str, Fate)> {
        list.iter().map(|(name, fate)| (name.as_str(), *fate)).collect()
    }

    #[test]
    fn at_first_what_is_public_is_granted() {
        let grants = Grants::of(&access(&["api.acme.example", "*", "10.0.0.7", "api.acme.example"], &["token"]), None);
        let expected =
            [("api.acme.example", Fate::Granted), ("*", Fate::Withheld), ("10.0.0.7", Fate::Withheld)].to_vec();
        assert_eq!(fates(&grants.hosts), expected);
        assert_eq!(grants.granted(), access(&["api.acme.example"], &["token"]));
    }

    #[test]
    fn an_update_keeps_what_was_decided() {
        let asked = access(&["api.acme.example", "old.acme.example", "telemetry.acme.example", "*"], &["token", "old"]);
        let granted = access(&["api.acme.example", "old.acme.example", "*", "10.0.0.7"], &["token", "old", "mine"]);
        let asks = access(&["api.acme.example", "telemetry.acme.example", "*", "eu.acme.example"], &["token", "key"]);
        let grants = Grants::of(&asks, Some(&before(asked, granted)));
        let hosts = [
            ("api.acme.example", Fate::Granted),
            ("telemetry.acme.example", Fate::Withheld),
            ("*", Fate::Granted),
            ("eu.acme.example", Fate::New),
            ("old.acme.example", Fate::Dropped),
            ("10.0.0.7", Fate::ByHand),
        ];
        assert_eq!(fates(&grants.hosts), hosts);
        let secrets =
            [("token", Fate::Granted), ("key", Fate::New), ("old", Fate::Dropped), ("mine", Fate::ByHand)].to_vec();
        assert_eq!(fates(&grants.secrets), secrets);
        let granted = access(&["api.acme.example", "*", "eu.acme.example", "10.0.0.7"], &["token", "key", "mine"]);
        assert_eq!(grants.granted(), granted);
    }
}
