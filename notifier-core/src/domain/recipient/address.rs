//! The addresses at which a person can be reached, one type for each channel. What has such a type was checked.

use std::fmt;

use email_address::EmailAddress as Rfc5321Address;

/// The value cannot be used as that kind of address or attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidAddress {
    /// What is wrong, and what would be right.
    pub problem: String,
}

pub(super) fn invalid(problem: impl Into<String>) -> InvalidAddress {
    InvalidAddress { problem: problem.into() }
}

/// A syntactically valid email address, at most 254 bytes (RFC 5321 section 4.5.3.1, with erratum 1690).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Checks the address. It is kept as written: the local part may be case sensitive.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > 254 {
            return Err(invalid(format!("an email address has at most 254 bytes, this one has {}", text.len())));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(invalid("an email address holds no space, line break or control character"));
        }
        // Quoted local parts, comments and address literals are valid and useless: nobody's mailbox has one, and
        // they are the classic way to slip something past a parser.
        let options =
            email_address::Options::default().with_required_tld().without_display_text().without_domain_literal();
        match Rfc5321Address::parse_with_options(text, options) {
            Ok(_) if text.starts_with('"') => Err(invalid("quoted local parts are not accepted")),
            Ok(_) => Ok(Self(text.to_owned())),
            Err(error) => Err(invalid(format!("not an email address: {error}"))),
        }
    }
}

/// A telephone number in E.164 form (ITU-T E.164): `+`, country code, number, at most 15 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

impl PhoneNumber {
    /// Checks the form, the country code, and that numbers of this length exist there.
    ///
    /// Whether the number is assigned is not checked: numbering plans change faster than their published metadata, and
    /// a refused tenant is worse than a refused call.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let digits = text
            .strip_prefix('+')
            .ok_or_else(|| invalid("a phone number starts with `+` and the country code (E.164), as `+14155550100`"))?;
        if !(7..=15).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.starts_with('0') {
            return Err(invalid(
                "a phone number has 7 to 15 digits after the `+`, nothing else (E.164), as `+14155550100`",
            ));
        }
        let numbering = &rlibphonenumber::PHONE_NUMBER_UTIL;
        let number = numbering.parse(text, None).map_err(|error| invalid(format!("not a phone number: {error}")))?;
        if !numbering.is_possible_number(&number) {
            return Err(invalid("no phone number with this country code has this length"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where a push message goes: a device token as the vendor gave it to the application, or the subscription of a browser
/// as JSON (`PushSubscription.toJSON()`, W3C Push API).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PushToken(String);

impl PushToken {
    /// The most characters that a token may have. Those of devices have a few hundred, a browser's subscription less than a
    /// thousand; no vendor names a limit.
    pub const CHARS_MAX: usize = 4_096;

    /// Checks the length, and that it can stand in a header or a path. What is in it only the vendor understands.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        check_opaque("a push token", text, Self::CHARS_MAX)?;
        Ok(Self(text.to_owned()))
    }
}

/// Where a chat message goes: a channel, a conversation or a person, by the id that the vendor has for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ChatId(String);

impl ChatId {
    /// The most characters that an id may have.
    pub const CHARS_MAX: usize = 256;

    /// Checks the length, and that it is one line.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        check_opaque("a chat id", text, Self::CHARS_MAX)?;
        Ok(Self(text.to_owned()))
    }
}

fn check_opaque(what: &str, text: &str, chars_max: usize) -> Result<(), InvalidAddress> {
    // Bytes first: counting characters takes as long as the text is.
    let is_long = text.len() > chars_max * 4 || text.chars().count() > chars_max;
    if text.is_empty() || is_long {
        return Err(invalid(format!("{what} has 1 to {chars_max} characters")));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(format!("{what} holds no line break or control character")));
    }
    if text.trim().len() < text.len() {
        return Err(invalid(format!("{what} neither starts nor ends with a space")));
    }
    Ok(())
}

/// Where an event is posted: an absolute URL, `https`, or `http` to this machine.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// The most bytes that a URL may have.
    pub const BYTES_MAX: usize = 2_048;

    /// Checks the form (RFC 3986 section 3): a scheme, a host, perhaps a port, a path and a query. A user with a password
    /// has no place in an address that is shown, and a fragment is never sent.
    ///
    /// Whether the host may be called is not checked here: that is for the provider's grants to say.
    ///
    /// # Errors
    /// Names the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        if text.len() > Self::BYTES_MAX {
            return Err(invalid(format!(
                "a webhook URL has at most {} bytes, this one has {}",
                Self::BYTES_MAX,
                text.len()
            )));
        }
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte);
        if !text.bytes().all(is_plain) {
            return Err(invalid("a webhook URL is written in the characters of RFC 3986: percent-encode all others"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| invalid(NOT_ABSOLUTE))?;
        let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if after.contains('#') {
            return Err(invalid("a webhook URL has no fragment (`#…`): it would not be sent"));
        }
        if authority.contains('@') {
            return Err(invalid("a webhook URL has no user and password before its host"));
        }
        let host = host_of(authority)?;
        match scheme.to_ascii_lowercase().as_str() {
            "https" => Ok(Self(text.to_owned())),
            "http" if is_this_machine(host) => Ok(Self(text.to_owned())),
            "http" => {
                Err(invalid("a webhook URL starts with `https://`; `http://` is for `localhost` and its addresses"))
            }
            _ => Err(invalid(NOT_ABSOLUTE)),
        }
    }
}

const NOT_ABSOLUTE: &str = "a webhook URL is absolute and starts with `https://`, as `https://example.com/hooks/7`";

/// The host in front of a port, an IPv6 address in its brackets.
fn host_of(authority: &str) -> Result<&str, InvalidAddress> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => authority.split_at(end + 1),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let port_is_fine = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
        });
    if !port_is_fine {
        return Err(invalid("the port of a webhook URL is a number from 1 to 65535"));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let host_is_fine = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => {
            address.contains(':') && address.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
        }
        None => host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label),
    };
    if host_is_fine { Ok(host) } else { Err(invalid("a webhook URL names a host, as `example.com`")) }
}

/// `localhost` and the loopback addresses (RFC 6761 section 6.3, RFC 1122 section 3.2.1.3, RFC 4291 section 2.5.3).
fn is_this_machine(host: &str) -> bool {
    let octets = || host.split('.').map(|octet| octet.parse::<u8>().ok()).collect::<Option<Vec<u8>>>();
    host.eq_ignore_ascii_case("localhost")
        || host == "[::1]"
        || octets().is_some_and(|octets| octets.len() == 4 && octets[0] == 127)
}

macro_rules! checked_text {
    ($($name:ident),*) => {$(
        impl $name {
            /// A value that was checked when it was accepted. Rules and metadata change; what was accepted stays readable.
            #[must_use]
            pub fn checked_before(text: String) -> Self {
                Self(text)
            }

            /// The address, as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// Addresses are personal data, and some are as good as a key: a log that prints a request with `{:?}` must not hold
        /// them.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}

checked_text!(EmailAddress, PhoneNumber, PushToken, ChatId, WebhookUrl);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn email_addresses() {
        for good in ["ada@example.com", "a.b+c@sub.example.co.uk", "zoë@example.com", "o'neil@example.org"] {
            assert!(EmailAddress::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for bad in [
            "",
            "ada",
            "@example.com",
            "ada@",
            "ada@example",
            "a b@example.com",
            "ada@example.com\r\nBcc: x@y.zz",
            "\"a b\"@example.com",
            "ada@[127.0.0.1]",
            "Ada <ada@example.com>",
            "a@b@c.com",
            "ada@-example.com",
            &long,
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn phone_numbers() {
        for good in ["+14155550101", "+15005550006", "+442079460958", "+34600000000", "+4930123456"] {
            assert!(PhoneNumber::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "4155550101",
            "+1415555010",
            "+1 415 555 0101",
            "+0155550101",
            "+1415555010199999",
            "+999123456789",
            "+1415555O101",
            "+14155550101\n",
            "+١٤١٥٥٥٥٠١٠١",
            "++14155550101",
        ] {
            assert!(PhoneNumber::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn push_tokens_and_chat_ids() {
        let subscription = r#"{"endpoint":"https://push.example.com/send/x","keys":{"p256dh":"BNc","auth":"tBH"}}"#;
        for good in
            ["a", "fcm:APA91bHun4MxP5egoKMwt2KZFBaFUH", subscription, "C0123", "-100123", "@name", "19:a b@thread"]
        {
            assert!(PushToken::parse(good).is_ok() && ChatId::parse(good).is_ok(), "{good}");
        }
        for bad in ["", " ", "a\n", "a\u{0}b", "\u{7f}", "a\u{85}b", " a", "a "] {
            assert!(PushToken::parse(bad).is_err() && ChatId::parse(bad).is_err(), "{bad:?}");
        }
        for (letter, chars) in [("a", 256), ("é", 256), ("🏠", 256)] {
            assert!(ChatId::parse(&letter.repeat(chars)).is_ok() && ChatId::parse(&letter.repeat(chars + 1)).is_err());
            let chars = chars * 16;
            assert!(
                PushToken::parse(&letter.repeat(chars)).is_ok() && PushToken::parse(&letter.repeat(chars + 1)).is_err()
            );
        }
    }

    #[test]
    fn webhook_urls() {
        for good in [
            "https://example.com",
            "https://example.com/",
            "https://example.com?key=1",
            "HTTPS://Example.COM:8443/hooks/7?a=%20&b=@c",
            "https://10.0.0.7/hook",
            "https://[2001:db8::1]:443/hook",
            "http://localhost:8080/hook",
            "http://127.0.0.1:1",
            "http://[::1]/",
        ] {
            assert!(WebhookUrl::parse(good).is_ok(), "{good}");
        }
        let long = format!("https://example.com/{}", "a".repeat(2_029));
        assert!(WebhookUrl::parse(&long[..2_048]).is_ok());
        for bad in [
            "",
            "example.com/hook",
            "/hook",
            "ftp://example.com/",
            "javascript:alert(1)",
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "http://localhost.example.com/",
            "http://127.1/",
            "http://10.0.0.7/",
            "https://",
            "https:///hook",
            "https://user:pass@example.com/",
            "https://user@example.com/",
            "http://localhost@example.com/",
            "https://example.com/#top",
            "https://example.com#top",
            "https://example.com:0/",
            "https://example.com:65536/",
            "https://example.com:+80/",
            "https://example.com:/",
            "https://a..example.com/",
            "https://exa mple.com/",
            "https://example.com/a b",
            "https://example.com/\r\nHost: x",
            "https://exämple.com/",
            "https://example.com\\@evil.com/",
            "https://[::1/",
            "https://[localhost]/",
            "https://[]/",
            &long,
        ] {
            assert!(WebhookUrl::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        /// Whatever is taken is kept as it was written, and can stand in a header.
        #[test]
        fn what_is_taken_is_one_line_of_a_bounded_length(text in "(https?://[a-z0-9.@:#/-]{0,40}|\\PC{0,300}|(?s).{0,40})") {
            for (taken, chars_max) in [
                (PushToken::parse(&text).map(|it| it.as_str().to_owned()), PushToken::CHARS_MAX),
                (ChatId::parse(&text).map(|it| it.as_str().to_owned()), ChatId::CHARS_MAX),
                (WebhookUrl::parse(&text).map(|it| it.as_str().to_owned()), WebhookUrl::BYTES_MAX),
            ] {
                let Ok(taken) = taken else { continue };
                prop_assert_eq!(&taken, &text);
                prop_assert!((1..=chars_max).contains(&taken.chars().count()) && !taken.chars().any(char::is_control));
            }
            if let Ok(url) = WebhookUrl::parse(&text) {
                let lower = url.as_str().to_ascii_lowercase();
                prop_assert!(lower.starts_with("https://") || lower.starts_with("http://"));
                prop_assert!(!lower.contains('#') && !lower.split('/').nth(2).unwrap_or_default().contains('@'));
            }
        }
    }
}
