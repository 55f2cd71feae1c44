//! Identifiers: each kind its own type, so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::channel::Channel;

/// The text cannot be an identifier of that kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct InvalidId {
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// A short name that people choose: lower-case letters, digits, `-`, `_`, `.`; starts with a letter or digit.
fn check_name(text: &str, length_max: usize) -> Result<(), InvalidId> {
    let first_is_fine = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest_is_fine = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
    if first_is_fine && rest_is_fine && text.len() <= length_max {
        return Ok(());
    }
    Err(InvalidId {
        problem: format!(
            "must be 1 to {length_max} lower-case letters, digits, `-`, `_` or `.`, and start with a letter or digit"
        ),
    })
}

/// An identifier from another system: anything printable.
fn check_opaque(text: &str, length_max: usize) -> Result<(), InvalidId> {
    let length = text.chars().count();
    if length == 0 || length > length_max {
        return Err(InvalidId { problem: format!("must be 1 to {length_max} characters, not {length}") });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId { problem: "must not contain control characters".into() });
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(InvalidId { problem: "must not start or end with a space".into() });
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:ident, $length_max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The longest accepted, in characters.
            pub const LENGTH_MAX: usize = $length_max;

            /// Checks the text.
            ///
            /// # Errors
            /// Says which rule the text breaks.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                $check(&text, Self::LENGTH_MAX)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }
    };
}

text_id!(
    /// A customer of the operator. Every record belongs to one.
    TenantId, check_name, 64
);
text_id!(
    /// A kind of message, as `rent-reminder`.
    CategoryName, check_name, 64
);
text_id!(
    /// A template, without its version.
    TemplateName, check_name, 64
);
text_id!(
    /// A configured provider.
    ProviderName, check_name, 64
);
text_id!(
    /// A person, as the user database knows them.
    RecipientId, check_opaque, 128
);
text_id!(
    /// What a notification is about, as the catalog knows it.
    SubjectId, check_opaque, 128
);
text_id!(
    /// The caller's key for one request: the same key with the same request is the same notification.
    IdempotencyKey, check_opaque, 255
);

text_id!(
    /// What a notification is the newest word on: while it waits, a newer one to the same recipient takes its place.
    CollapseKey, check_opaque, 128
);

impl TenantId {
    /// The tenant of requests that name none.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("default".into())
    }
}

impl CategoryName {
    /// The category of requests that name none.
    #[must_use]
    pub fn unnamed() -> Self {
        Self("default".into())
    }
}

/// A notification: a UUID of version 7 (RFC 9562), so that order by id is order of acceptance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NotificationId(Uuid);

impl NotificationId {
    /// The identifier with these 16 bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Builds a version 7 UUID from milliseconds since 1970 and ten random bytes.
    #[must_use]
    pub fn from_parts(unix_ms: u64, random: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid())
    }

    /// The 16 bytes; their order is the order of the identifiers.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for NotificationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for NotificationId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Exactly the form that we print: other spellings of a UUID would make two names for one thing.
        let id = Uuid::try_parse(text).ok().filter(|id| id.as_hyphenated().to_string() == text);
        id.map(Self).ok_or_else(|| InvalidId {
            problem: "must be a notification id, as `0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11`".into(),
        })
    }
}

/// One notification on one channel, written `<notification>.<channel>`. Also the idempotency key of every attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeliveryId {
    /// The notification.
    pub notification: NotificationId,
    /// The channel.
    pub channel: Channel,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.notification, self.channel)
    }
}

impl FromStr for DeliveryId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.split_once('.').and_then(|(notification, channel)| {
            Some(Self { notification: notification.parse().ok()?, channel: channel.parse().ok()? })
        });
        parsed.ok_or_else(|| InvalidId {
            problem: "must be a delivery id, as `0199b5a2-7c1e-7d30-8f1a-5b0c9f3e2d11.email`".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_strict() {
        for good in ["default", "rent-reminder", "a", "9lives", "a.b_c"] {
            assert!(TemplateName::new(good).is_ok(), "{good}");
        }
        for bad in ["", "Rent", "-a", "a b", "é", &"a".repeat(65), "a\n"] {
            assert!(TemplateName::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn opaque_ids_are_printable() {
        for good in ["1", "user|42", "Zoë Ünlü", &"é".repeat(128)] {
            assert!(RecipientId::new(good).is_ok(), "{good}");
        }
        for bad in ["", " 1", "1 ", "a\r\nb", &"a".repeat(129)] {
            assert!(RecipientId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_delivery_id_reads_back() {
        let id = DeliveryId { notification: NotificationId::from_parts(1, [7; 10]), channel: Channel::Sms };
        assert_eq!(id.to_string().parse::<DeliveryId>().as_ref(), Ok(&id));
        for bad in ["", "x.sms", &format!("{}.fax", id.notification), &id.notification.to_string()] {
            assert!(bad.parse::<DeliveryId>().is_err(), "{bad}");
        }
        let upper = id.notification.to_string().to_uppercase();
        assert!(upper.parse::<NotificationId>().is_err() || upper == id.notification.to_string());
    }

    #[test]
    fn later_ids_sort_later() {
        assert!(NotificationId::from_parts(1, [255; 10]) < NotificationId::from_parts(2, [0; 10]));
    }
}
