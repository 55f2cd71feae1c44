//! Addresses and times in the words of vendors.

use notifier_plugin_sdk::Mailbox;
use notifier_plugin_sdk::mail_header::{is_printable, phrase, unstructured};
use notifier_plugin_sdk::time::rfc3339_ms;

fn name_addr(name: Option<&str>, address: &str) -> Result<String, String> {
    Mailbox { address: address.into(), name: name.map(Into::into) }.name_addr()
}

#[test]
fn names_are_quoted_where_they_have_to_be() {
    for (name, wanted) in [
        (None, "a@example.org"),
        (Some(""), "a@example.org"),
        (Some("  "), "a@example.org"),
        (Some("Office"), "Office <a@example.org>"),
        (Some("Müller & Söhne 🏠"), "Müller & Söhne 🏠 <a@example.org>"),
        (Some("مكتب الإيجار"), "مكتب الإيجار <a@example.org>"),
        (Some("Smith, Jr."), "\"Smith, Jr.\" <a@example.org>"),
        (Some("A \"B\" \\C"), "\"A \\\"B\\\" \\\\C\" <a@example.org>"),
        (Some("x <b@example.org>"), "\"x <b@example.org>\" <a@example.org>"),
        (Some("x\r\nBcc: b@example.org"), "\"xBcc: b@example.org\" <a@example.org>"),
    ] {
        assert_eq!(name_addr(name, "a@example.org").as_deref(), Ok(wanted), "{name:?}");
    }
}

#[test]
fn a_name_in_quotes() {
    let quoted = |name: Option<&str>| Mailbox { address: "a".into(), name: name.map(Into::into) }.quoted_name();
    assert_eq!((quoted(None), quoted(Some("")), quoted(Some("  "))), (None, None, None));
    for (name, wanted) in [
        ("Office", "\"Office\""),
        ("Müller, Söhne 🏠", "\"Müller, Söhne 🏠\""),
        ("A \"B\" \\C", "\"A \\\"B\\\" \\\\C\""),
        ("x\r\nBcc: b@example.org", "\"xBcc: b@example.org\""),
    ] {
        assert_eq!(quoted(Some(name)).as_deref(), Some(wanted), "{name:?}");
    }
}

#[test]
fn what_stands_in_a_header_is_ascii_on_one_line() {
    for (value, wanted) in [
        ("", ""),
        ("<https://n.example/u?a=1>, \"x\"", "<https://n.example/u?a=1>, \"x\""),
        ("Größe 5", "=?utf-8?b?R3LDtsOfZSA1?="),
        ("x\r\nBcc: b@example.org", "=?utf-8?b?eA0KQmNjOiBiQGV4YW1wbGUub3Jn?="),
    ] {
        assert_eq!(unstructured(value), wanted);
        assert_eq!(is_printable(value), value == wanted);
    }
    for (name, wanted) in [
        ("Office", "Office"),
        ("The Office", "\"The Office\""),
        ("Landlord, Ltd", "=?utf-8?b?TGFuZGxvcmQsIEx0ZA==?="),
        ("Müller & Söhne", "=?utf-8?b?TcO8bGxlciAmIFPDtmhuZQ==?="),
    ] {
        assert_eq!(phrase(name), wanted);
    }
    // A word has 75 characters at most (RFC 2047, 2), and is not cut within a character.
    let long = unstructured(&"Ж".repeat(60));
    assert!(long.split(' ').count() > 1 && long.split(' ').all(|word| word.len() <= 75), "{long}");
    assert!(long.split(' ').all(|word| word.starts_with("=?utf-8?b?") && word.ends_with("?=")), "{long}");
}

#[test]
fn an_address_stays_one_address() {
    for address in [
        "",
        "a@example.org,b@example.org",
        "a@example.org> <b@example.org",
        "a b@example.org",
        "a@example.org\n",
        "a:b",
    ] {
        assert!(name_addr(Some("Name"), address).is_err(), "{address}");
    }
    assert_eq!(name_addr(None, "o'neil+x=1@ümlaut.example").as_deref(), Ok("o'neil+x=1@ümlaut.example"));
}

#[test]
fn times() {
    for (text, wanted) in [
        ("1970-01-01T00:00:00Z", Some(0)),
        ("2026-01-01T00:00:00Z", Some(1_767_225_600_000)),
        ("2026-01-01T00:00:00.5Z", Some(1_767_225_600_500)),
        ("2026-01-01T00:00:00.1239999Z", Some(1_767_225_600_123)),
        ("2026-01-01 00:00:00.123456+00:00", Some(1_767_225_600_123)),
        ("2026-01-01 00:00:00.123456+00", Some(1_767_225_600_123)),
        ("2025-12-31T19:00:00-05:00", Some(1_767_225_600_000)),
        ("2026-01-01T05:30:00+0530", Some(1_767_225_600_000)),
        ("2024-02-29T12:00:00Z", Some(1_709_208_000_000)),
        ("2000-03-01T00:00:00Z", Some(951_868_800_000)),
        ("2016-12-31T23:59:60Z", Some(1_483_228_799_000)),
        ("9999-12-31T23:59:59.999Z", Some(253_402_300_799_999)),
        ("1970-01-01T00:00:00+01:00", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:00.Z", Some(1_767_225_600_000)),
        ("2026-01-01T00:00:00+xx:00", None),
        ("+026-01-01T00:00:00Z", None),
        ("2026-01-01T00:00:00Zü", None),
        ("ü026-01-01T00:00:00Z", None),
        ("", None),
    ] {
        assert_eq!(rfc3339_ms(text), wanted, "{text}");
    }
}
