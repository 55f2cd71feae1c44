//! The lock file: its golden form, and what is refused.

use super::*;

fn component(version: &str, digit: char, signer: Option<&str>) -> Version {
    Version {
        version: version.into(),
        sha256: digit.to_string().repeat(64),
        contract: "notifier:provider@0.1.0".into(),
        signer: signer.map(str::to_owned),
        installed_at: "2026-01-01T00:00:00Z".into(),
        asks: access(&["api.acme.example"], &["token"]),
        granted: access(&["api.acme.example"], &["token"]),
    }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn access(hosts: &[&str], secrets: &[&str]) -> Access {
    Access { hosts: texts(hosts), secrets: texts(secrets) }
}

fn lock() -> Lock {
    let mut lock = Lock::new();
    lock.install("zeta", component("0.1.0", 'd', None)).unwrap();
    lock.install("acme", component("1.0.0", 'a', Some("key-of-acme"))).unwrap();
    lock.install("acme", component("1.1.0", 'b', Some("key-of-acme"))).unwrap();
    lock.pin("zeta", true).unwrap();
    lock
}

#[test]
fn the_file_is_the_golden_one_and_reads_back() {
    let toml = lock().to_toml();
    assert_eq!(toml, include_str!("../golden/plugins.lock"));
    assert_eq!(Lock::read(&toml).unwrap(), lock());
    assert_eq!(Lock::read(&Lock::new().to_toml()).unwrap(), Lock::new());
}

#[test]
fn strange_texts_read_back() {
    let mut lock = lock();
    let strange = texts(&["quote\"and\\and'", "#{a=[b,c]}", "\\u001b"]);
    lock.grant("acme", Access { hosts: vec![], secrets: strange.clone() }).unwrap();
    assert_eq!(Lock::read(&lock.to_toml()).unwrap().get("acme").unwrap().current.granted.secrets, strange);
}

/// Whoever has read the file prints what it says, right above a question.
#[test]
fn texts_that_would_not_be_shown_as_they_are_are_refused() {
    type Change = fn(&mut Installed);
    let changes: [(&str, Change); 13] = [
        ("signer", |plugin| plugin.signer = Some("key\u{1b}[2J".into())),
        ("current.version", |plugin| plugin.current.version = "1.1.0\nhost      api.acme.example".into()),
        ("current.version", |plugin| plugin.current.version.clear()),
        ("current.contract", |plugin| plugin.current.contract.push('\u{9b}')),
        ("current.installed_at", |plugin| plugin.current.installed_at.push_str(" by the vendor")),
        ("current.signer", |plugin| plugin.current.signer = Some("key-of-\u{430}cme".into())),
        ("current.asks.hosts", |plugin| plugin.current.asks.hosts[0].push('\u{202e}')),
        ("current.asks.secrets", |plugin| plugin.current.asks.secrets[0].push('\u{200b}')),
        ("current.granted.hosts", |plugin| plugin.current.granted.hosts.push("a".repeat(HOST_CHARS_MAX + 1))),
        ("current.granted.secrets", |plugin| plugin.current.granted.secrets[0].push_str("  NEW")),
        ("previous[0].version", |plugin| plugin.previous[0].version.push('\u{7f}')),
        ("previous[0].granted.hosts", |plugin| plugin.previous[0].granted.hosts[0].push('\r')),
        ("previous[0].granted.secrets", |plugin| plugin.previous[0].granted.secrets.push(String::new())),
    ];
    for (place, change) in changes {
        let mut lock = lock();
        change(lock.get_mut("acme").unwrap());
        let error = Lock::read(&lock.to_toml()).unwrap_err();
        let is_told = matches!(&error, LockError::NoWord { name, field, .. } if name == "acme" && field == place);
        assert!(is_told && plain::is_line(&error.to_string(), 300), "{place}: {error:?}");
    }
}

/// Errors quote the file as well.
#[test]
fn what_is_wrong_with_a_file_is_told_on_one_plain_line() {
    let good = lock().to_toml();
    let earlier = "format = 1\n[[plugin]]\nname = \"\\u001b[2J\"\nhosts = []\nsecrets = []\n";
    let escapes = [
        good.replace(&"b".repeat(64), "\\u001b[2J"),
        good.replace("\"acme\"", "\"\\u001b[2J\\nacme\""),
        good.replace("\"acme\"", "\"\\u001b[2J\"").replace("\"zeta\"", "\"\\u001b[2J\""),
        good.replace("pinned = true", "\"\\u001b[2J\\n\" = true"),
        good.replace("pinned = true", "pinned = \"\\u001b[2J\\n\""),
        good.replace("pinned = true", "pinned = \u{1b}[2J"),
        good.replace("format = 1", "format = \"\\u001b[2J\""),
        earlier.to_owned(),
    ];
    for toml in escapes {
        assert_ne!(toml, good);
        let told = Lock::read(&toml).unwrap_err().to_string();
        assert!(plain::is_line(&told, PROBLEM_CHARS_MAX + 100), "{told:?}");
    }
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

/// As it was before what is asked for and what is granted were kept with each version.
#[test]
fn a_file_of_the_earlier_form_says_what_to_do() {
    let plugin = |name: &str| {
        format!(
            "[[plugin]]\nname = \"{name}\"\nhosts = [\"api.acme.example\"]\nsecrets = [\"token\"]\n\n[plugin.current]\n\
             version = \"1.1.0\"\nsha256 = \"{}\"\ncontract = \"notifier:provider@0.1.0\"\n\
             installed_at = \"2026-01-01T00:00:00Z\"\n\n",
            "b".repeat(64)
        )
    };
    let error = Lock::read(&format!("format = 1\n\n{}{}", plugin("acme"), plugin("zeta"))).unwrap_err();
    assert_eq!(error, LockError::Earlier { names: texts(&["acme", "zeta"]) });
    let told = error.to_string();
    assert!(told.contains("move the file away, and install again what is in it: `acme`, `zeta`"), "{told}");
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
    lock.install("acme", component("1.1.0", 'b', Some("key-of-acme"))).unwrap();
    assert_eq!(lock.get("acme").unwrap().previous.len(), 1);
    for digit in "123456789".chars() {
        lock.install("acme", component("2", digit, Some("key-of-acme"))).unwrap();
    }
    assert_eq!(lock.get("acme").unwrap().previous.len(), PREVIOUS_MAX);
    assert!(lock.refers_to(&"8".repeat(64)) && !lock.refers_to(&"a".repeat(64)));
    lock.remove("acme").unwrap();
    assert!(!lock.refers_to(&"8".repeat(64)));
}

#[test]
fn what_is_pinned_or_signed_stays_so() {
    let mut lock = lock();
    let pinned = lock.install("zeta", component("0.2.0", 'e', None)).unwrap_err().to_string();
    assert!(pinned.starts_with("`zeta` is pinned to 0.1.0: "), "{pinned}");
    assert_eq!(lock.install("zeta", component("0.1.0", 'd', None)), Ok(()), "the same component");
    for other in [None, Some("another-key")] {
        let refused = lock.install("acme", component("1.2.0", 'c', other)).unwrap_err();
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

/// Going back to a version that was not signed takes nothing away from what was decided when one was.
#[test]
fn who_signed_once_signs_until_it_is_removed() {
    let mut lock = Lock::new();
    lock.install("acme", component("1.0.0", 'a', None)).unwrap();
    lock.install("acme", component("1.1.0", 'b', Some("key-of-acme"))).unwrap();
    assert_eq!(lock.roll_back("acme").unwrap().current.signer, None);
    for other in [None, Some("another-key")] {
        let refused = lock.install("acme", component("1.2.0", 'c', other)).unwrap_err();
        let was = "key-of-acme".to_owned();
        assert_eq!(refused, LockError::OtherSigner { name: "acme".into(), was, now: other.map(str::to_owned) });
    }
    assert_eq!(lock.install("acme", component("1.2.0", 'c', Some("key-of-acme"))), Ok(()));
    lock.remove("acme").unwrap();
    assert_eq!(lock.install("acme", component("1.0.0", 'a', None)), Ok(()));
}

#[test]
fn going_back_goes_back_to_what_was_granted() {
    let mut lock = lock();
    let (before, now) = (access(&["api.acme.example"], &["token"]), access(&["eu.acme.example"], &["key"]));
    lock.grant("acme", now.clone()).unwrap();
    assert_eq!(lock.roll_back("acme").unwrap().current.granted, before);
    assert_eq!(lock.roll_back("acme").unwrap().current.granted, now);
}
