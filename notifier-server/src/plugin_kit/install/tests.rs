//! The commands, one after the other as an operator gives them.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::*;

/// Components, and the directory that they are installed in under the name `texts`.
struct Place {
    root: tempfile::TempDir,
    directory: Directory,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let directory = Directory::new(root.path().join("plugins"));
        Self { root, directory }
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    fn asked(&self, component: &[u8]) -> Install {
        let (component, name) = (self.file("texts.wasm", component), Some("texts".to_owned()));
        Install { component, name, signature: None, key: None, yes: true }
    }

    fn signed(&self, component: &[u8], seed: u8) -> Install {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let signature = self.file("texts.wasm.sig", STANDARD.encode(pair.sign(component)).as_bytes());
        Install { signature: Some(signature), key: Some(key(seed)), ..self.asked(component) }
    }

    fn install(&self, asked: &Install) -> Result<String, PluginKitError> {
        install(&self.directory, asked).map(|done| done.text)
    }

    fn current(&self) -> Version {
        self.directory.installed("texts").unwrap().current
    }
}

fn key(seed: u8) -> String {
    STANDARD.encode(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap().public_key())
}

fn component() -> &'static [u8] {
    notifier_plugins::TWILIO.component
}

/// Another edition of a component: each of these texts, which are as long as each other, in place of the first.
fn edition(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut edition = component().to_vec();
    for (from, to) in changes {
        let found = edition.windows(from.len()).enumerate().filter(|(_, text)| *text == from.as_bytes());
        let places: Vec<usize> = found.map(|(at, _)| at).collect();
        assert!(!places.is_empty() && from.len() == to.len(), "{from}");
        for place in places {
            edition[place..place + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    edition
}

fn grants(hosts: &[&str], secrets: &[&str]) -> Grant {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    Grant { name: "texts".into(), hosts: texts(hosts), secrets: texts(secrets) }
}

#[test]
fn a_component_is_installed_granted_pinned_and_removed() {
    let place = Place::new();
    let directory = &place.directory;
    assert_eq!(list(directory).unwrap().text, "No plugin is installed.\n");
    let text = place.install(&place.asked(component())).unwrap();
    assert!(text.ends_with("Installed `texts`.\n") && text.contains("api.twilio.com"), "{text}");
    assert_eq!(directory.component("texts").unwrap().0, component());
    let granted = grant(directory, grants(&[], &["auth_token"])).unwrap().text;
    assert_eq!(granted, "`texts` may call none, and use the secrets auth_token.\n");
    pin(directory, "texts", false).unwrap();
    let shown = list(directory).unwrap().text;
    assert!(shown.contains(", pinned\n") && shown.contains("  secrets    auth_token\n"), "{shown}");
    assert!(roll_back(directory, "texts").is_err());
    remove(directory, "texts").unwrap();
    assert!(remove(directory, "texts").is_err());
    let own = Install { name: None, ..place.asked(component()) };
    let error = place.install(&own).unwrap_err();
    assert!(matches!(&error, PluginKitError::BuiltIn(name) if name == "twilio"), "{error}");
}

#[test]
fn where_nothing_is_installed_no_directory_is_made() {
    let place = Place::new();
    assert!(remove(&place.directory, "texts").is_err() && grant(&place.directory, grants(&[], &[])).is_err());
    assert!(!place.root.path().join("plugins").exists());
}

#[test]
fn what_is_signed_wrongly_is_never_compiled() {
    let place = Place::new();
    let asked = Install { component: place.file("other.wasm", b"no component"), ..place.signed(component(), 1) };
    let error = place.install(&asked).unwrap_err();
    assert!(matches!(error, PluginKitError::Signature(_)), "{error}");
}

/// No component at all would be refused otherwise, once somebody compiles it.
#[test]
fn what_is_pinned_or_anothers_is_refused_before_it_is_compiled() {
    let place = Place::new();
    place.install(&place.signed(component(), 1)).unwrap();
    for asked in [place.asked(b"no component"), place.signed(b"no component", 2)] {
        let error = place.install(&asked).unwrap_err();
        assert!(matches!(error, PluginKitError::Lock(LockError::OtherSigner { .. })), "{error}");
    }
    pin(&place.directory, "texts", false).unwrap();
    let error = place.install(&place.signed(b"no component", 1)).unwrap_err();
    assert!(matches!(error, PluginKitError::Lock(LockError::Pinned { .. })), "{error}");
    let named = Install { name: Some("twilio".into()), ..place.asked(b"no component") };
    assert!(matches!(place.install(&named).unwrap_err(), PluginKitError::BuiltIn(_)));
    let fresh = Install { name: Some("others".into()), ..place.asked(b"no component") };
    assert!(matches!(place.install(&fresh).unwrap_err(), PluginKitError::Component { .. }));
}

#[test]
fn whoever_signed_once_signs_until_it_is_removed() {
    let place = Place::new();
    let (second, third) = (edition(&[("/2010-04-01/", "/2010-04-02/")]), edition(&[("/2010-04-01/", "/2010-04-03/")]));
    place.install(&place.asked(component())).unwrap();
    let text = place.install(&place.signed(&second, 1)).unwrap();
    assert!(text.contains(&format!("signed by {}\n", key(1))), "{text}");
    roll_back(&place.directory, "texts").unwrap();
    let shown = list(&place.directory).unwrap().text;
    assert!(shown.contains("signed by  nobody\n") && shown.contains(&format!("only from  {}\n", key(1))), "{shown}");
    for asked in [place.asked(&third), place.signed(&third, 2)] {
        let error = place.install(&asked).unwrap_err().to_string();
        assert!(error.contains(&format!("the signer of `texts` was {}, and is now ", key(1))), "{error}");
    }
    assert_eq!(place.current().sha256, sha256(component()));
    place.install(&place.signed(&third, 1)).unwrap();
    remove(&place.directory, "texts").unwrap();
    place.install(&place.signed(&third, 2)).unwrap();
    assert_eq!(place.current().signer, Some(key(2)));
}

#[test]
fn an_update_keeps_what_was_granted_by_hand_and_going_back_restores_it() {
    let place = Place::new();
    let second = edition(&[("api.twilio.com", "api.twilio.org")]);
    place.install(&place.asked(component())).unwrap();
    grant(&place.directory, grants(&["api.twilio.com", "10.0.0.7:8080", "*"], &["auth_token", "mine"])).unwrap();
    let before = place.current().granted;
    let text = place.install(&place.asked(&second)).unwrap();
    for line in [
        "host      api.twilio.org  NEW\n",
        "host      api.twilio.com  DROPPED: not asked for any more\n",
        "host      10.0.0.7:8080  not asked for: was granted by hand, and stays so\n",
        "host      *  not asked for: was granted by hand, and stays so\n",
        "secret    mine  not asked for: was granted by hand, and stays so\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
    let now = place.current().granted;
    assert_eq!(now.hosts, ["api.twilio.org", "10.0.0.7:8080", "*"]);
    assert!(now.secrets.contains(&"mine".to_owned()) && now.secrets.contains(&"auth_token".to_owned()), "{now:?}");
    let text = roll_back(&place.directory, "texts").unwrap().text;
    assert!(text.contains("again: it may call api.twilio.com, 10.0.0.7:8080, *, and use the secrets"), "{text}");
    assert_eq!(place.current().granted, before);
}

#[test]
fn what_no_server_could_start_with_is_not_granted() {
    let place = Place::new();
    place.install(&place.asked(component())).unwrap();
    let before = place.current();
    for hosts in [["https://api.twilio.com"], ["not a host"], [""]] {
        let error = grant(&place.directory, grants(&hosts, &[])).err().unwrap();
        assert!(matches!(error, PluginKitError::Host(_)), "{error}");
    }
    for secret in ["", "a\u{1b}b", "a b", "t\u{43e}ken", "token\u{200b}", &"a".repeat(65)] {
        let error = grant(&place.directory, grants(&[], &[secret])).err().unwrap();
        assert!(matches!(error, PluginKitError::NoGrant(_)), "{error}");
    }
    assert_eq!(place.current(), before);
}

/// What a component says goes to a terminal and into the lock file.
#[test]
fn a_component_cannot_write_to_the_terminal() {
    let place = Place::new();
    let escape = edition(&[("SMS and MMS", "SMS\u{1b}[2JMMS\n"), ("auth_token", "auth\u{1b}token")]);
    let error = place.install(&place.asked(&escape)).unwrap_err().to_string();
    assert!(error.contains("secrets: want") && plain::is_line(&error, 1_000), "{error:?}");
    let escape = edition(&[("SMS and MMS", "SMS\u{1b}[2JMMS\n")]);
    let text = place.install(&place.asked(&escape)).unwrap();
    assert!(text.lines().all(|line| plain::is_line(line, 1_000)) && text.contains("SMS [2JMMS "), "{text:?}");
}

/// As after a file that somebody else wrote.
#[test]
fn a_lock_file_cannot_write_to_the_terminal() {
    let place = Place::new();
    place.install(&place.asked(component())).unwrap();
    let file = place.root.path().join("plugins/plugins.lock");
    let toml = std::fs::read_to_string(&file).unwrap();
    let version = format!("version = \"{}\"", place.current().version);
    let granted = "granted = { hosts = [";
    for (field, from, to) in [
        ("current.version", version.as_str(), "version = \"1\\u001B[2J\\n2\""),
        ("current.granted.hosts", granted, "granted = { hosts = [\"x\\u001B[1A\\u001B[2K\", "),
    ] {
        assert!(toml.contains(from), "{toml}");
        std::fs::write(&file, toml.replace(from, to)).unwrap();
        let update = place.install(&place.asked(&edition(&[("/2010-04-01/", "/2010-04-02/")])));
        let shown = list(&place.directory).map(|done| done.text);
        for told in [update, shown, roll_back(&place.directory, "texts").map(|done| done.text)] {
            let told = told.unwrap_err().to_string();
            assert!(told.contains(&format!("`{field}` of `texts`")) && plain::is_line(&told, 1_000), "{told:?}");
        }
    }
}
