//! A person to be told something: who they are, and the addresses at which they can be reached.

use std::collections::BTreeMap;
use std::fmt;

use email_address::EmailAddress as Rfc5321Address;
use jiff::tz::TimeZone;

use super::channel::Channel;
use super::id::RecipientId;

/// The value cannot be used as that kind of address or attribute.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidAddress {
    /// What is wrong, and what would be right.
    pub problem: String,
}

fn invalid(problem: impl Into<String>) -> InvalidAddress {
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

    /// A value that was checked when it was accepted. Rules and metadata change; what was accepted stays readable.
    #[must_use]
    pub fn checked_before(text: String) -> Self {
        Self(text)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
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

    /// A value that was checked when it was accepted. Rules and metadata change; what was accepted stays readable.
    #[must_use]
    pub fn checked_before(text: String) -> Self {
        Self(text)
    }

    /// The number, with its `+`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A language tag (BCP 47), in lower case: `en`, `pt-br`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Locale(String);

impl Locale {
    /// Checks the form: subtags of one to eight letters or digits, the first of two or three letters.
    ///
    /// # Errors
    /// When the text has another form.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let lower = text.to_ascii_lowercase().replace('_', "-");
        let mut subtags = lower.split('-');
        let language = subtags.next().unwrap_or_default();
        let language_is_fine = (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_alphabetic());
        let rest_is_fine = subtags.all(|s| (1..=8).contains(&s.len()) && s.bytes().all(|b| b.is_ascii_alphanumeric()));
        if lower.len() <= 35 && language_is_fine && rest_is_fine {
            Ok(Self(lower))
        } else {
            Err(invalid("a locale is a BCP 47 language tag, as `en` or `pt-BR`"))
        }
    }

    /// A value that was checked when it was accepted. Rules and metadata change; what was accepted stays readable.
    #[must_use]
    pub fn checked_before(text: String) -> Self {
        Self(text)
    }

    /// The tag, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This locale, then each with one subtag fewer: `pt-br`, `pt` (RFC 4647 lookup).
    pub fn fallbacks(&self) -> impl Iterator<Item = Locale> {
        let mut next = Some(self.0.as_str());
        std::iter::from_fn(move || {
            let current = next?;
            next = current.rsplit_once('-').map(|(shorter, _)| shorter);
            Some(Locale(current.to_owned()))
        })
    }
}

impl fmt::Display for Locale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time zone of the IANA database, as `America/New_York`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneName(String);

impl ZoneName {
    /// Checks that the zone exists.
    ///
    /// # Errors
    /// When the IANA database has no zone of that name.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let known = text.len() <= 64 && jiff::tz::db().get(text).is_ok();
        if known {
            Ok(Self(text.to_owned()))
        } else {
            Err(invalid("not a time zone of the IANA database: use a name such as `America/New_York` or `UTC`"))
        }
    }

    /// A value that was checked when it was accepted. Rules and metadata change; what was accepted stays readable.
    #[must_use]
    pub fn checked_before(text: String) -> Self {
        Self(text)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The zone's rules; UTC should the database have lost the zone since it was checked.
    #[must_use]
    pub fn rules(&self) -> TimeZone {
        jiff::tz::db().get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

/// A person and how to reach them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The id in the user database, or the caller's own.
    pub id: RecipientId,
    /// Where email goes.
    pub email: Option<EmailAddress>,
    /// Where text messages go.
    pub phone: Option<PhoneNumber>,
    /// Which language they read.
    pub locale: Option<Locale>,
    /// Where their clock is.
    pub time_zone: Option<ZoneName>,
    /// Other facts, for templates.
    pub attributes: serde_json::Map<String, serde_json::Value>,
    /// Channels for which the user database has an address that cannot be used, and what is wrong with it.
    pub unusable: BTreeMap<Channel, String>,
}

impl Recipient {
    /// Someone about whom nothing but the id is known.
    #[must_use]
    pub fn with_id(id: RecipientId) -> Self {
        Self {
            id,
            email: None,
            phone: None,
            locale: None,
            time_zone: None,
            attributes: serde_json::Map::new(),
            unusable: BTreeMap::new(),
        }
    }

    /// The address on that channel.
    #[must_use]
    pub fn address(&self, channel: Channel) -> Option<&str> {
        match channel {
            Channel::Email => self.email.as_ref().map(EmailAddress::as_str),
            Channel::Sms => self.phone.as_ref().map(PhoneNumber::as_str),
        }
    }

    /// Whether the request itself says how to reach them, so that the directory need not be asked.
    #[must_use]
    pub fn has_address(&self) -> bool {
        Channel::ALL.iter().any(|channel| self.address(*channel).is_some())
    }
}

macro_rules! redacted_debug {
    ($($name:ident),*) => {$(
        /// Addresses are personal data: a log that prints a request with `{:?}` must not hold them.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(redacted)"))
            }
        }
    )*};
}

redacted_debug!(EmailAddress, PhoneNumber);

#[cfg(test)]
mod tests {
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
    fn locales_fall_back() {
        let tags: Vec<String> = Locale::parse("zh_Hant-TW").unwrap().fallbacks().map(|l| l.to_string()).collect();
        assert_eq!(tags, ["zh-hant-tw", "zh-hant", "zh"]);
        for bad in ["", "e", "english", "en-", "en-toolongsubtag", "12"] {
            assert!(Locale::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn zones() {
        assert!(ZoneName::parse("Europe/Madrid").is_ok());
        for bad in ["", "Mars/Olympus", "EST5EDT4", "../../etc/passwd", "+02:00"] {
            assert!(ZoneName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_output_holds_no_address() {
        let mut recipient = Recipient::with_id(RecipientId::new("1").unwrap());
        recipient.email = Some(EmailAddress::parse("ada@example.com").unwrap());
        recipient.phone = Some(PhoneNumber::parse("+14155550101").unwrap());
        let shown = format!("{recipient:?}");
        assert!(!shown.contains("ada") && !shown.contains("4155550101"), "{shown}");
    }
}
