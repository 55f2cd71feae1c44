//! What is taken out of what plugins see and say.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::error::PluginError;
use super::super::keyring::Keyring;
use super::super::words::{tidy, without_addresses};
use super::secret;

fn keyring(values: &[&str]) -> Result<Keyring, PluginError> {
    let secrets = values.iter().enumerate().map(|(n, value)| (format!("secret-{n}"), secret(value)));
    Keyring::new(secrets.collect::<BTreeMap<_, _>>())
}

fn scrub(keyring: &Keyring, text: &str, sent: &[&str]) -> String {
    let sent: Vec<_> = sent.iter().map(|sent| (*sent).to_owned()).collect();
    String::from_utf8(keyring.scrubber(&sent).scrub(text.as_bytes()).into_owned()).unwrap()
}

#[test]
fn values_and_their_disguises() {
    let keyring = keyring(&["p\"ass/w+rd ä", "token-2"]).unwrap();
    let table = [
        ("nothing", "nothing"),
        ("", ""),
        ("p\"ass/w+rd ä", "[secret]"),
        ("<p\"ass/w+rd äp\"ass/w+rd ä>", "<[secret][secret]>"),
        ("a token-2 b", "a [secret] b"),
        ("tokentoken-2", "token[secret]"),
        ("token-", "token-"),
        // As JSON, with and without the slash escaped.
        ("{\"a\":\"p\\\"ass/w+rd ä\"}", "{\"a\":\"[secret]\"}"),
        ("{\"a\":\"p\\\"ass\\/w+rd ä\"}", "{\"a\":\"[secret]\"}"),
        // Percent-encoded, both cases, and as in a form.
        ("p%22ass%2Fw%2Brd%20%C3%A4", "[secret]"),
        ("p%22ass%2fw%2brd%20%c3%a4", "[secret]"),
        ("p%22ass%2Fw%2Brd+%C3%A4", "[secret]"),
        // Base64, with and without padding.
        ("cCJhc3MvdytyZCDDpA==", "[secret]"),
        ("cCJhc3MvdytyZCDDpA", "[secret]"),
        ("dG9rZW4tMg==", "[secret]"),
    ];
    for (text, expected) in table {
        assert_eq!(scrub(&keyring, text, &[]), expected, "{text}");
        assert_eq!(keyring.scrub_text(text.to_owned()), expected, "{text}");
    }
    assert!(matches!(keyring.scrubber(&[]).scrub(b"clean"), Cow::Borrowed(_)));
}

#[test]
fn what_was_sent_goes_whole() {
    let keyring = keyring(&["pass-word"]).unwrap();
    // base64 of `user:pass-word`
    let sent = "dXNlcjpwYXNzLXdvcmQ=";
    assert_eq!(scrub(&keyring, "Basic dXNlcjpwYXNzLXdvcmQ= and pass-word", &[sent]), "Basic [secret] and [secret]");
}

#[test]
fn short_values_are_refused() {
    for value in ["", "a", "abc"] {
        assert!(matches!(keyring(&[value]), Err(PluginError::SecretUnusable { .. })), "{value}");
    }
    assert!(keyring(&["abcd"]).is_ok());
}

proptest! {
    /// Wherever a secret stands, nothing of it is left.
    #[test]
    fn no_secret_survives(value in "[a-zA-Z0-9/+=_.-]{8,40}", before in "[^A-Z]{0,30}", after in ".{0,30}") {
        use base64::Engine as _;
        let keyring = keyring(&[&value]).unwrap();
        let plain = format!("{before}{value}{after}");
        prop_assert!(!scrub(&keyring, &plain, &[]).contains(&value) || before.contains(&value) || after.contains(&value));
        let encoded = base64::engine::general_purpose::STANDARD.encode(&plain);
        let scrubbed = scrub(&keyring, &encoded, &[]);
        prop_assert!(scrubbed.contains("[secret]"), "{encoded} became {scrubbed}");
    }
}

#[test]
fn tidy_words() {
    let table = [
        ("fine", 10, "fine"),
        ("two\nlines\tand\r\nmore", 30, "two lines and  more"),
        ("bell\u{7} and \u{1b}[31mred\u{9b}", 30, "bell and [31mred"),
        ("exactly10!", 10, "exactly10!"),
        ("more than ten", 10, "more than…"),
        ("ääääääääääää", 10, "äääääääää…"),
        ("", 10, ""),
    ];
    for (text, chars_max, expected) in table {
        assert_eq!(tidy(text, chars_max), expected, "{text:?}");
    }
}

#[test]
fn addresses_in_logs() {
    let table = [
        ("sent to +14155550100 at 12:30", "sent to [address] at 12:30"),
        ("to=ada@example.com, ok", "to=[address], ok"),
        ("<ada@example.com>", "<[address]>"),
        ("To=%2B14155550100&Body=Hi", "To=[address]&Body=Hi"),
        ("ada%40example.com", "[address]"),
        ("error 21610 after 350 ms", "error 21610 after 350 ms"),
    ];
    for (text, expected) in table {
        assert_eq!(without_addresses(text), expected, "{text}");
    }
}
