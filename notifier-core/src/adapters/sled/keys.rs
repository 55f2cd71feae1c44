//! Where everything is: one tree, and in it one prefix byte for each kind of key.
//!
//! | prefix | rest of the key | value |
//! |---|---|---|
//! | `0x01` | 1 format, 2 progress | [bookkeeping records](super::records::bookkeeping) |
//! | `0x10` | tenant, notification | notification record |
//! | `0x11` | tenant, notification, channel | delivery record, with the facts of its timeline; none as long as nothing has happened to it, and not while it is being sent |
//! | `0x20`, `0x21` | | reserved: the due and the sending entries of format 1 |
//! | `0x22` | day of expiry or, far ahead, one up to a month later; tenant, idempotency key | idempotency record |
//! | `0x23` | provider, its id of a message | notification, channel, tenant |
//! | `0x24` | provider, its id of a message, hash of the report's identity | receipt record: a report about nothing that is known |
//! | `0x25` | channel, lane (and `0x80` where it has a time of its own), tenant, due time, notification | the queue: one entry for each delivery that is pending (nothing) or being sent (its delivery record as it is) |
//! | `0x26` | tenant, recipient, collapse key | the newest notification under that key, as long as something of it waits |
//! | `0x27` | tenant, time of death, notification, channel | nothing; one for each dead letter |
//! | `0x30` | tenant, recipient | preferences record |
//! | `0x31` | tenant, template, version | template record |
//! | `0x32` | tenant, channel, address | suppression record |
//! | `0x33` | provider | provider state record |
//! | `0xf0` | a key, number of a part | a part of a value that is too large for one key |
//! | `0xf1` | a key | quarantine: a copy of a value that could not be read |
//!
//! How a delivery stands follows from three places ([`super::present`]): its record, or else what the notification says about
//! its first delivery on that channel; and if that is pending and its queue entry has a body, that body.
//!
//! Numbers are big-endian and times have their sign bit flipped, so that the order of keys is the order of numbers and
//! times; the identifiers of notifications are ordered by time themselves. Names of variable length are preceded by
//! their length wherever something follows them. Prefixes `0x22`, `0x23`, `0x26`, `0x27` and the entries of pending
//! deliveries are indexes: they can be rebuilt from records. A prefix that falls out of use stays reserved: it is struck from
//! the table by a note, never given away.

use jiff::Timestamp;

use super::records::numbers;
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::{
    CollapseKey, DeliveryId, IdempotencyKey, NotificationId, ProviderName, RecipientId, TemplateName, TenantId,
};
use crate::domain::lane::{Lane, Timing};
use crate::domain::receipt::Receipt;
use crate::domain::suppression::KEYED_BYTES_MAX;
use crate::ports::store::DeadLetterPlace;

#[cfg(test)]
mod tests;

/// Which layout of keys and values the store has.
pub(super) const FORMAT: &[u8] = &[0x01, 1];
/// How far the store has come.
pub(super) const PROGRESS: &[u8] = &[0x01, 2];

pub(super) const NOTIFICATION: u8 = 0x10;
pub(super) const DELIVERY: u8 = 0x11;
/// Of format 1.
pub(super) const DUE: u8 = 0x20;
/// Of format 1.
pub(super) const SENDING: u8 = 0x21;
pub(super) const IDEMPOTENCY: u8 = 0x22;
pub(super) const MESSAGE: u8 = 0x23;
pub(super) const UNMATCHED: u8 = 0x24;
pub(super) const QUEUE: u8 = 0x25;
pub(super) const COLLAPSE: u8 = 0x26;
pub(super) const DEAD: u8 = 0x27;
pub(super) const PREFERENCES: u8 = 0x30;
pub(super) const TEMPLATE: u8 = 0x31;
pub(super) const SUPPRESSION: u8 = 0x32;
pub(super) const PROVIDER_STATE: u8 = 0x33;
pub(super) const PART: u8 = 0xf0;
pub(super) const QUARANTINE: u8 = 0xf1;

const ID_BYTES: usize = 16;
/// Beside the lane in a queue key.
const SCHEDULED: u8 = 0x80;
const SIGN: u64 = 1 << 63;
const DAY_MICROS: i64 = 24 * 3_600_000_000;
/// Longer identifiers of messages stand in keys by their hash.
const MESSAGE_ID_BYTES_MAX: usize = 200;
/// Before the hash of an address that is too long for a key. No text in UTF-8 has this byte, and it comes after all of them.
const LONG_ADDRESS: u8 = 0xff;

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

/// What a [`notification`] key says; `None` when it is no such key.
pub(super) fn parse_notification(key: &[u8]) -> Option<(TenantId, NotificationId)> {
    let (tenant, id) = split_tenant(key.strip_prefix(&[NOTIFICATION])?)?;
    Some((tenant, NotificationId::from_bytes(id.try_into().ok()?)))
}

pub(super) fn delivery(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut key = vec![DELIVERY];
    push_name(&mut key, tenant.as_str());
    push_delivery(&mut key, id);
    key
}

/// Those who take turns in a lane: each tenant once with what is to go out at once, and once with what has a time.
pub(super) type Party = (TenantId, Timing);

/// A place in the queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct QueueEntry {
    pub(super) channel: Channel,
    pub(super) timing: Timing,
    pub(super) lane: Lane,
    pub(super) tenant: TenantId,
    /// In whole microseconds.
    pub(super) due_at: Timestamp,
    pub(super) notification: NotificationId,
}

impl QueueEntry {
    /// Where a delivery that is pending stands.
    pub(super) fn of(delivery: &Delivery) -> Self {
        let due_at = Timestamp::from_microsecond(delivery.due_at.as_microsecond()).unwrap_or(delivery.due_at);
        let DeliveryId { notification, channel } = delivery.id;
        let (lane, timing) = (delivery.lane, delivery.timing());
        Self { channel, lane, timing, tenant: delivery.tenant.clone(), due_at, notification }
    }

    /// Where an entry could be left of a delivery that has ended. What it waited for does not show any more.
    pub(super) fn leftovers(delivery: &Delivery) -> [Self; 2] {
        Timing::ALL.map(|timing| Self { timing, ..Self::of(delivery) })
    }

    /// Who has a turn with it.
    pub(super) fn party(&self) -> Party {
        (self.tenant.clone(), self.timing)
    }

    pub(super) fn id(&self) -> DeliveryId {
        DeliveryId { notification: self.notification, channel: self.channel }
    }

    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = queue_of(self.channel, self.lane, self.timing, &self.tenant);
        push_time(&mut key, self.due_at);
        key.extend_from_slice(self.notification.as_bytes());
        key
    }

    /// What a key says; `None` when it is no key of the queue.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let [channel, lane, rest @ ..] = key.strip_prefix(&[QUEUE])? else { return None };
        let (tenant, rest) = split_tenant(rest)?;
        let (due_at, id) = split_time(rest)?;
        Some(Self {
            channel: numbers::parse_channel(*channel).ok()?,
            lane: numbers::parse_lane(lane & !SCHEDULED).ok()?,
            timing: if lane & SCHEDULED == 0 { Timing::Prompt } else { Timing::Scheduled },
            tenant,
            due_at,
            notification: NotificationId::from_bytes(id.try_into().ok()?),
        })
    }
}

/// Every queue entry of that channel, lane and timing, tenant by tenant.
pub(super) fn queue_lane(channel: Channel, lane: Lane, timing: Timing) -> Vec<u8> {
    let flag = if timing == Timing::Scheduled { SCHEDULED } else { 0 };
    vec![QUEUE, numbers::channel(channel), numbers::lane(lane) | flag]
}

/// Every queue entry of that channel, lane, timing and tenant, by time.
pub(super) fn queue_of(channel: Channel, lane: Lane, timing: Timing, tenant: &TenantId) -> Vec<u8> {
    let mut key = queue_lane(channel, lane, timing);
    push_name(&mut key, tenant.as_str());
    key
}

/// The first key after everything that begins like that.
pub(super) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}

/// The bucket of an idempotency key: the day (in UTC) on which it is forgotten. Random keys would touch the whole tree,
/// keys of one day lie together, and a past day is removed as one range. What is remembered for longer than a month may stay
/// for another: every bucket is one more place to look for a key, and there are notifications that are due in years.
pub(super) fn key_bucket(created_at: Timestamp, expires_at: Timestamp) -> u32 {
    const MONTH_DAYS: u32 = 32;
    let last = day(expires_at);
    if last.saturating_sub(day(created_at)) <= MONTH_DAYS { last } else { last.next_multiple_of(MONTH_DAYS) }
}

/// The number of a day (in UTC).
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
    split_tenant(rest).map(|(tenant, _)| tenant)
}

/// Where it stands to which delivery a vendor's message belongs.
pub(super) fn message(provider: &ProviderName, message_id: &str) -> Vec<u8> {
    let mut key = vec![MESSAGE];
    push_message(&mut key, provider, message_id);
    key
}

/// The value under a [`message`] key.
pub(super) fn message_value(tenant: &TenantId, id: DeliveryId) -> Vec<u8> {
    let mut value = Vec::with_capacity(ID_BYTES + 1 + tenant.as_str().len());
    push_delivery(&mut value, id);
    value.extend_from_slice(tenant.as_str().as_bytes());
    value
}

pub(super) fn parse_message_value(value: &[u8]) -> Option<(TenantId, DeliveryId)> {
    let (id, tenant) = value.split_at_checked(ID_BYTES + 1)?;
    Some((parse_tenant(tenant)?, parse_delivery(id)?))
}

/// Every report that is kept about a vendor's message.
pub(super) fn unmatched_of(provider: &ProviderName, message_id: &str) -> Vec<u8> {
    let mut key = vec![UNMATCHED];
    push_message(&mut key, provider, message_id);
    key
}

pub(super) fn unmatched(receipt: &Receipt) -> Vec<u8> {
    let mut key = unmatched_of(&receipt.provider, &receipt.event.provider_message_id);
    let hash = ring::digest::digest(&ring::digest::SHA256, receipt.identity().as_bytes());
    key.extend(hash.as_ref().iter().take(ID_BYTES));
    key
}

/// Which notification is the newest under a collapse key.
pub(super) fn collapse(tenant: &TenantId, recipient: &RecipientId, text: &CollapseKey) -> Vec<u8> {
    let mut key = vec![COLLAPSE];
    push_name(&mut key, tenant.as_str());
    // At most 128 characters of four bytes each.
    let length = u16::try_from(recipient.as_str().len()).unwrap_or(u16::MAX);
    key.extend_from_slice(&length.to_be_bytes());
    key.extend_from_slice(recipient.as_str().as_bytes());
    key.extend_from_slice(text.as_str().as_bytes());
    key
}

/// The tenant in a [`collapse`] key.
pub(super) fn parse_collapse_tenant(key: &[u8]) -> Option<TenantId> {
    split_tenant(key.strip_prefix(&[COLLAPSE])?).map(|(tenant, _)| tenant)
}

/// Every dead letter of the tenant, by time.
pub(super) fn dead_letters(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![DEAD];
    push_name(&mut key, tenant.as_str());
    key
}

pub(super) fn dead_letter(tenant: &TenantId, place: DeadLetterPlace) -> Vec<u8> {
    let mut key = dead_letters(tenant);
    push_time(&mut key, place.died_at);
    push_delivery(&mut key, place.delivery);
    key
}

/// What a [`dead_letter`] key says; `None` when it is no such key.
pub(super) fn parse_dead_letter(key: &[u8]) -> Option<(TenantId, DeadLetterPlace)> {
    let (tenant, rest) = split_tenant(key.strip_prefix(&[DEAD])?)?;
    let (died_at, id) = split_time(rest)?;
    Some((tenant, DeadLetterPlace { died_at, delivery: parse_delivery(id)? }))
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

/// Every suppression of the tenant.
pub(super) fn suppressions(tenant: &TenantId) -> Vec<u8> {
    let mut key = vec![SUPPRESSION];
    push_name(&mut key, tenant.as_str());
    key
}

pub(super) fn suppression(tenant: &TenantId, channel: Channel, address: &str) -> Vec<u8> {
    let mut key = suppressions(tenant);
    key.push(numbers::channel(channel));
    if address.len() <= KEYED_BYTES_MAX {
        key.extend_from_slice(address.as_bytes());
    } else {
        key.push(LONG_ADDRESS);
        key.extend_from_slice(ring::digest::digest(&ring::digest::SHA256, address.as_bytes()).as_ref());
    }
    key
}

pub(super) fn provider_state(provider: &ProviderName) -> Vec<u8> {
    let mut key = vec![PROVIDER_STATE];
    key.extend_from_slice(provider.as_str().as_bytes());
    key
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

fn parse_tenant(value: &[u8]) -> Option<TenantId> {
    TenantId::new(std::str::from_utf8(value).ok()?).ok()
}

/// A tenant with its length before it, and what follows.
fn split_tenant(bytes: &[u8]) -> Option<(TenantId, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (tenant, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((parse_tenant(tenant)?, rest))
}

fn split_time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (time, rest) = bytes.split_first_chunk::<8>()?;
    let micros = (u64::from_be_bytes(*time) ^ SIGN).cast_signed();
    Some((Timestamp::from_microsecond(micros).ok()?, rest))
}

fn push_time(key: &mut Vec<u8>, at: Timestamp) {
    key.extend_from_slice(&(at.as_microsecond().cast_unsigned() ^ SIGN).to_be_bytes());
}

fn push_message(key: &mut Vec<u8>, provider: &ProviderName, message_id: &str) {
    push_name(key, provider.as_str());
    if message_id.len() <= MESSAGE_ID_BYTES_MAX {
        return push_name(key, message_id);
    }
    let hash = ring::digest::digest(&ring::digest::SHA256, message_id.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    push_name(key, &hex);
}

fn push_name(key: &mut Vec<u8>, name: &str) {
    // Tenants, templates and providers have at most 64 ASCII characters; a longer name would only lose its place in the order.
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
