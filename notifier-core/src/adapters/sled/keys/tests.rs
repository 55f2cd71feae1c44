//! The order of keys is the order of what they say.

use proptest::prelude::*;

use super::*;
use crate::domain::receipt::{ReceiptEvent, ReceiptStatus};

fn id(bytes: [u8; 16], channel: Channel) -> DeliveryId {
    DeliveryId { notification: NotificationId::from_bytes(bytes), channel }
}

fn tenant(text: &str) -> TenantId {
    TenantId::new(text).unwrap()
}

const MICROS: std::ops::Range<i64> = -377_000_000_000_000_000..253_000_000_000_000_000;

fn channel() -> impl Strategy<Value = Channel> {
    prop::sample::select(Channel::ALL.to_vec())
}

fn entry() -> impl Strategy<Value = QueueEntry> {
    let queue = (channel(), prop::sample::select(Lane::ALL.to_vec()), prop::sample::select(Timing::ALL.to_vec()));
    (queue, "[a-z]", MICROS, any::<[u8; 16]>()).prop_map(|((channel, lane, timing), name, micros, bytes)| QueueEntry {
        channel,
        lane,
        timing,
        tenant: tenant(&name),
        due_at: Timestamp::from_microsecond(micros).unwrap(),
        notification: NotificationId::from_bytes(bytes),
    })
}

proptest! {
    #[test]
    fn the_order_of_queue_keys_is_the_order_of_time(a in entry(), b in entry()) {
        prop_assert_eq!(a.key().cmp(&b.key()), a.cmp(&b));
        prop_assert_eq!(QueueEntry::parse(&a.key()), Some(a));
    }

    #[test]
    fn the_order_of_dead_letters_is_the_order_of_time(
        a in (MICROS, any::<[u8; 16]>(), channel()),
        b in (MICROS, any::<[u8; 16]>(), channel()),
    ) {
        let place = |(micros, bytes, channel)| DeadLetterPlace {
            died_at: Timestamp::from_microsecond(micros).unwrap(),
            delivery: id(bytes, channel),
        };
        let (a, b, north) = (place(a), place(b), tenant("north"));
        prop_assert_eq!(dead_letter(&north, a).cmp(&dead_letter(&north, b)), a.cmp(&b));
        prop_assert_eq!(parse_dead_letter(&dead_letter(&north, a)), Some((north, a)));
    }

    #[test]
    fn names_that_begin_alike_do_not_mix(a in "[a-z]{1,5}", b in "[a-z]{1,5}", bytes: [u8; 16]) {
        let (a, b) = (tenant(&a), tenant(&b));
        let notification_id = NotificationId::from_bytes(bytes);
        let other = notification(&b, notification_id);
        prop_assert_eq!(other.starts_with(&notifications(&a)), a == b);
        prop_assert_eq!(parse_notification(&other), Some((b, notification_id)));
    }

    #[test]
    fn nothing_lies_between_a_prefix_and_its_end(prefix in "[a-z]{1,3}", rest: Vec<u8>) {
        let mut inside = prefix.clone().into_bytes();
        inside.extend(&rest);
        prop_assert!(inside < end_of(prefix.as_bytes()));
        prop_assert!(!end_of(prefix.as_bytes()).starts_with(prefix.as_bytes()));
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
    let good = QueueEntry {
        channel: Channel::Sms,
        lane: Lane::Bulk,
        timing: Timing::Prompt,
        tenant: tenant("north"),
        due_at: Timestamp::UNIX_EPOCH,
        notification: NotificationId::from_bytes([7; 16]),
    };
    let good = good.key();
    for bad in [&good[..good.len() - 1], &good[1..], &[], &[QUEUE]] {
        assert_eq!(QueueEntry::parse(bad), None, "{bad:?}");
    }
    for (place, value) in [(1, 99), (2, 99), (3, 200), (4, b'N')] {
        let mut unknown = good.clone();
        unknown[place] = value;
        assert_eq!(QueueEntry::parse(&unknown), None, "{place}");
    }
}

#[test]
fn long_identifiers_of_messages_fit_into_a_key() {
    let provider = ProviderName::new("twilio").unwrap();
    let (long, other) = ("a".repeat(100_000), "b".repeat(100_000));
    assert!(message(&provider, &long).len() < 100);
    assert_ne!(message(&provider, &long), message(&provider, &other));
    let longest_whole = "c".repeat(MESSAGE_ID_BYTES_MAX);
    assert!(message(&provider, &longest_whole).ends_with(longest_whole.as_bytes()));
    let (north, delivery) = (tenant("north"), id([7; 16], Channel::Sms));
    assert_eq!(parse_message_value(&message_value(&north, delivery)), Some((north, delivery)));
    assert_eq!(parse_message_value(b"short"), None);
}

/// Stores were written with short ones as they are; no other address can look like the hash of a long one.
#[test]
fn long_addresses_fit_into_a_key() {
    let key = |address: &str| suppression(&tenant("north"), Channel::Push, address);
    let whole = "a".repeat(KEYED_BYTES_MAX);
    assert!(key(&whole).ends_with(whole.as_bytes()));
    let long = whole.clone() + "a";
    assert!(key(&long).len() < 60 && key(&long).starts_with(&suppressions(&tenant("north"))));
    assert_ne!(key(&long), key(&(whole.clone() + "b")));
    assert!(key("\u{10ffff}") < key(&long) && key(&long) < suppression(&tenant("north"), Channel::Chat, "a"));
    assert!(std::str::from_utf8(key(&long).strip_prefix(key("").as_slice()).unwrap()).is_err());
}

/// Reports about one message lie together, apart from those about a message whose identifier begins alike.
#[test]
fn reports_lie_beside_their_message() {
    let receipt = |message_id: &str, event_id: &str| Receipt {
        provider: ProviderName::new("twilio").unwrap(),
        delivery: None,
        event: ReceiptEvent {
            event_id: Some(event_id.to_owned()),
            provider_message_id: message_id.to_owned(),
            status: ReceiptStatus::Delivered,
            recipient: None,
            occurred_at_ms: None,
            problem: None,
            attributes: Vec::new(),
        },
        received_at: Timestamp::UNIX_EPOCH,
    };
    let of = |message_id: &str| unmatched_of(&ProviderName::new("twilio").unwrap(), message_id);
    assert!(unmatched(&receipt("SM1", "a")).starts_with(&of("SM1")));
    assert!(!unmatched(&receipt("SM12", "a")).starts_with(&of("SM1")));
    assert_ne!(unmatched(&receipt("SM1", "a")), unmatched(&receipt("SM1", "b")));
}
