//! A person to be told something: who they are, and the addresses at which they can be reached.

mod address;

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;

use super::channel::Channel;
use super::id::RecipientId;
use address::invalid;

pub use address::{ChatId, EmailAddress, InvalidAddress, PhoneNumber, PushToken, WebhookUrl};

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
    /// Where push messages go.
    pub push_token: Option<PushToken>,
    /// Where chat messages go.
    pub chat_id: Option<ChatId>,
    /// Where events are posted.
    pub webhook_url: Option<WebhookUrl>,
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
            push_token: None,
            chat_id: None,
            webhook_url: None,
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
            Channel::Push => self.push_token.as_ref().map(PushToken::as_str),
            Channel::Chat => self.chat_id.as_ref().map(ChatId::as_str),
            Channel::Webhook => self.webhook_url.as_ref().map(WebhookUrl::as_str),
        }
    }

    /// Whether the request itself says how to reach them, so that the directory need not be asked.
    #[must_use]
    pub fn has_address(&self) -> bool {
        Channel::ALL.iter().any(|channel| self.address(*channel).is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        recipient.push_token = Some(PushToken::parse("fcm-device-7").unwrap());
        recipient.chat_id = Some(ChatId::parse("C0123ADA").unwrap());
        recipient.webhook_url = Some(WebhookUrl::parse("https://hooks.example.com/T0/secret").unwrap());
        let shown = format!("{recipient:?}");
        for channel in Channel::ALL {
            assert!(!shown.contains(recipient.address(channel).unwrap()), "{channel}: {shown}");
        }
    }
}
