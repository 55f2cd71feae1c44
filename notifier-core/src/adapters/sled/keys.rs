//! Where everything is: one tree, and in it one prefix byte for each kind of key.
//!
//! | prefix | rest of the key | value |
//! |---|---|---|
//! | `0x01` | 1 format, 2 progress | [bookkeeping records](super::records::bookkeeping) |
//! | `0x10` | tenant, notification | notification record |
//! | `0x11` | tenant, notification, channel | delivery record, with the facts of its timeline |
//! | `0x20` | due time, notification, channel | tenant; one for each pending delivery |
//! | `0x21` | notification, channel | tenant; one for each delivery being sent |
//! | `0x22` | day of expiry, tenant, idempotency key | idempotency record |
//! | `0x30` | tenant, recipient | preferences record |
//! | `0x31` | tenant, template, version | template record |
//! | `0xf0` | a key, number of a part | a part of a value that is too large for one key |
//! | `0xf1` | a key | quarantine: a copy of a value that could not be read |
//!
//! Numbers are big-endian and times have their sign bit flipped, so that the order of keys is the order of numbers and
//! times; the identifiers of notifications are ordered by time themselves. Names of variable length are preceded by
//! their length wherever something follows them. Prefixes `0x20` to `0x22` are indexes: they can be rebuilt from
//! records. A prefix that falls out of use stays reserved: it is struck from the table by a note, never given away.

use jiff::Timestamp;

use super::records::numbers;
use crate::domain::id::{DeliveryId, IdempotencyKey, NotificationId, RecipientId, TemplateName, TenantId};

/// Which layout of keys and values the store has.
pub(super) const FORMAT: &[u8] = &[0x01, 1];
/// How far the store has come.
pub(super) const PROGRESS: &[u8] = &[0x01, 2];

pub(super) const NOTIFICATION: u8 = 0x10;
pub(super) const DELIVERY: u8 = 0x11;
pub(super) const DUE: u8 = 0x20;
pub(super) const SENDING: u8 = 0x21;
pub(super) const IDEMPOTENCY: u8 = 0x22;
pub(super) const PREFERENCES: u8 = 0x30;
pub(super) const TEMPLATE: u8 = 0x31;
pub(super) const PART: u8 = 0xf0;
pub(super) const QUARANTINE: u8 = 0xf1;

const ID_BYTES: usize = 16;
const SIGN: u64 = 1 << 63;
const DAY_MICROS: i64 = 24 * 3_600_000_000;

/// Every notification of the tenant.
pub(super) fn notifications(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![NOTIFICATION];
    push_name(&mut key, tenant.as_str());
    key
}

pub(super) fn notification(tenant: &TenantId, id: NotificationId) -> Vec<u8> {
    let mut key = notifications(tenant);
    key.extend_from_slice(id.as_bytes());
    key
}

/// The identifier at the end of a [`notification`] key.
pub(super) fn notification_id(key: &[u8]) -> Option<NotificationId> {
    key.last_chunk::<ID_BYTES>().map(|bytes| NotificationId::from_bytes(*bytes))
}

/// Every delivery of the notification, in the order of channels.
pub(super) fn deliveries(tenant: &TenantId, notification: NotificationId) -> Vec<u8> {
    let mut key = vec![DELIVERY];
    push_name(&mut key, tenant.as_str());
    key.extend_from_slice(notification.as_bytes());
    key
}

pub(super) fn delivery(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut key = deliveries(tenant, id.notification);
    key.push(numbers::channel(id.channel));
    key
}

pub(super) fn due(at: Timestamp, id: DeliveryId) -> Vec<u8> {
    let mut key = vec![DUE];
    key.extend_from_slice(&(at.as_microsecond().cast_unsigned() ^ SIGN).to_be_bytes());
    push_delivery(&mut key, id);
    key
}

/// What a [`due`] key says; `None` when it is no such key.
pub(super) fn parse_due(key: &[u8]) -> Option<(Timestamp, DeliveryId)> {
    let (time, id) = key.strip_prefix(&[DUE])?.split_first_chunk::<8>()?;
    let micros = (u64::from_be_bytes(*time) ^ SIGN).cast_signed();
    Some((Timestamp::from_microsecond(micros).ok()?, parse_delivery(id)?))
}

pub(super) fn sending(id: DeliveryId) -> Vec<u8> {
    let mut key = vec![SENDING];
    push_delivery(&mut key, id);
    key
}

/// What a [`sending`] key says; `None` when it is no such key.
pub(super) fn parse_sending(key: &[u8]) -> Option<DeliveryId> {
    parse_delivery(key.strip_prefix(&[SENDING])?)
}

/// The bucket of an idempotency key: the day (in UTC) on which it is forgotten. Random keys would touch the whole tree,
/// keys of one day lie together, and a past day is removed as one range.
pub(super) fn day(expires_at: Timestamp) -> u32 {
    u32::try_from(expires_at.as_microsecond().div_euclid(DAY_MICROS)).unwrap_or(0)
}

/// Every idempotency key of that day.
pub(super) fn idempotency_day(day: u32) -> Vec<u8> {
    let mut key = vec![IDEMPOTENCY];
    key.extend_from_slice(&day.to_be_bytes());
    key
}

pub(super) fn idempotency(day: u32, tenant: &TenantId, text: &IdempotencyKey) -> Vec<u8> {
    let mut key = idempotency_day(day);
    push_name(&mut key, tenant.as_str());
    key.extend_from_slice(text.as_str().as_bytes());
    key
}

/// The day in an [`idempotency`] key.
pub(super) fn parse_idempotency_day(key: &[u8]) -> Option<u32> {
    let (day, _) = key.strip_prefix(&[IDEMPOTENCY])?.split_first_chunk::<4>()?;
    Some(u32::from_be_bytes(*day))
}

/// The tenant in an [`idempotency`] key.
pub(super) fn parse_idempotency_tenant(key: &[u8]) -> Option<TenantId> {
    let (_, rest) = key.strip_prefix(&[IDEMPOTENCY])?.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first()?;
    parse_tenant(rest.get(..usize::from(*length))?)
}

pub(super) fn preferences(tenant: &TenantId, recipient: &RecipientId) -> Vec<u8> {
    let mut key = vec![PREFERENCES];
    push_name(&mut key, tenant.as_str());
    key.extend_from_slice(recipient.as_str().as_bytes());
    key
}

/// Every version of every template of the tenant.
pub(super) fn templates(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![TEMPLATE];
    push_name(&mut key, tenant.as_str());
    key
}

/// Every version of the template, oldest first.
pub(super) fn template_versions(tenant: &TenantId, name: &TemplateName) -> Vec<u8> {
    let mut key = templates(tenant);
    push_name(&mut key, name.as_str());
    key
}

pub(super) fn template(tenant: &TenantId, name: &TemplateName, version: u32) -> Vec<u8> {
    let mut key = template_versions(tenant, name);
    key.extend_from_slice(&version.to_be_bytes());
    key
}

/// The version in a [`template`] key.
pub(super) fn template_version(key: &[u8]) -> Option<u32> {
    key.last_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The name in a [`template`] key that starts with those [`templates`].
pub(super) fn template_name<'k>(key: &'k [u8], templates: &[u8]) -> &'k [u8] {
    // Its length stands before it.
    key.get(templates.len() + 1..key.len().saturating_sub(4)).unwrap_or_default()
}

pub(super) fn part(of: &[u8], number: u32) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + of.len() + 4);
    key.push(PART);
    key.extend_from_slice(of);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The key that a [`part`] belongs to, and its number.
pub(super) fn parse_part(key: &[u8]) -> Option<(&[u8], u32)> {
    let (of, number) = key.strip_prefix(&[PART])?.split_last_chunk::<4>()?;
    Some((of, u32::from_be_bytes(*number)))
}

pub(super) fn quarantine(of: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + of.len());
    key.push(QUARANTINE);
    key.extend_from_slice(of);
    key
}

/// A key as text, for people: printable characters as they are, the rest in hexadecimal.
pub(super) fn printable(key: &[u8]) -> String {
    key.escape_ascii().to_string()
}

/// The value of an index entry: the tenant, without which the record cannot be found.
pub(super) fn parse_tenant(value: &[u8]) -> Option<TenantId> {
    TenantId::new(std::str::from_utf8(value).ok()?).ok()
}

fn push_name(key: &mut Vec<u8>, name: &str) {
    // Tenants and templates have at most 64 ASCII characters; a longer name would only lose its place in the order.
    key.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    key.extend_from_slice(name.as_bytes());
}

fn push_delivery(key: &mut Vec<u8>, id: DeliveryId) {
    key.extend_from_slice(id.notification.as_bytes());
    key.push(numbers::channel(id.channel));
}

fn parse_delivery(bytes: &[u8]) -> Option<DeliveryId> {
    let (notification, channel) = bytes.split_first_chunk::<ID_BYTES>()?;
    let [channel] = channel else { return None };
    Some(DeliveryId {
        notification: NotificationId::from_bytes(*notification),
        channel: numbers::parse_channel(*channel).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::channel::Channel;

    fn id(bytes: [u8; 16], sms: bool) -> DeliveryId {
        let channel = if sms { Channel::Sms } else { Channel::Email };
        DeliveryId { notification: NotificationId::from_bytes(bytes), channel }
    }

    const MICROS: std::ops::Range<i64> = -377_000_000_000_000_000..253_000_000_000_000_000;

    proptest! {
        #[test]
        fn the_order_of_due_keys_is_the_order_of_time(
            a in (MICROS, any::<[u8; 16]>(), any::<bool>()),
            b in (MICROS, any::<[u8; 16]>(), any::<bool>()),
        ) {
            let parts = |(micros, bytes, sms)| (Timestamp::from_microsecond(micros).unwrap(), id(bytes, sms));
            let (a, b) = (parts(a), parts(b));
            prop_assert_eq!(due(a.0, a.1).cmp(&due(b.0, b.1)), a.cmp(&b));
            prop_assert_eq!(parse_due(&due(a.0, a.1)), Some(a));
            prop_assert_eq!(parse_sending(&sending(a.1)), Some(a.1));
        }

        #[test]
        fn names_that_begin_alike_do_not_mix(a in "[a-z]{1,5}", b in "[a-z]{1,5}", bytes: [u8; 16]) {
            let (a, b) = (TenantId::new(a).unwrap(), TenantId::new(b).unwrap());
            let other = notification(&b, NotificationId::from_bytes(bytes));
            prop_assert_eq!(other.starts_with(&notifications(&a)), a == b);
        }
    }

    #[test]
    fn days() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        const DAY_MS: i64 = 24 * 3_600_000;
        assert_eq!(day(at(0)), 0);
        assert_eq!(day(at(DAY_MS - 1)), 0);
        assert_eq!(day(at(DAY_MS)), 1);
        assert_eq!(day(at(-1)), 0, "before 1970 there is no day; nothing expires there");
        assert_eq!(parse_idempotency_day(&idempotency_day(20_380)), Some(20_380));
    }

    #[test]
    fn what_is_no_key_is_not_read_as_one() {
        let good = due(Timestamp::UNIX_EPOCH, id([7; 16], true));
        for bad in [&good[..good.len() - 1], &good[1..], &[], &[DUE]] {
            assert_eq!(parse_due(bad), None, "{bad:?}");
        }
        let mut unknown_channel = good.clone();
        *unknown_channel.last_mut().unwrap() = 99;
        assert_eq!(parse_due(&unknown_channel), None);
    }
}
