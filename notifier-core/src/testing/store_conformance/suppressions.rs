//! Addresses that nothing may be sent to.

use std::sync::Arc;

use super::sample::{Sample, address, at, attempt, begin_claimed, claim_one, failed, opted_out, reported, sent};
use crate::domain::channel::Channel;
use crate::domain::id::TenantId;
use crate::domain::outcome::Problem;
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::domain::suppression::{ADDRESS_BYTES_MAX, KEYED_BYTES_MAX, Suppression, SuppressionCause, normalized};
use crate::ports::store::{Received, Store, StoreError};

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn entry(owner: &str, channel: Channel, address: &str) -> Suppression {
    Suppression {
        tenant: tenant(owner),
        channel,
        address: address.into(),
        cause: SuppressionCause::Manual,
        note: "asked for by phone".into(),
        provider: None,
        delivery: None,
        created_at: at(5),
    }
}

/// Every field comes back; the last word counts; taking off is once.
pub async fn an_address_is_put_on_the_list_and_taken_off(store: Arc<dyn Store>) {
    let (owner, channel, address) = (tenant("t"), Channel::Email, "ada@example.com");
    assert_eq!(store.suppression(&owner, channel, address).await.unwrap(), None);
    assert!(!store.remove_suppression(&owner, channel, address).await.unwrap());
    let first = entry("t", channel, address);
    store.put_suppression(first.clone()).await.unwrap();
    assert_eq!(store.suppression(&owner, channel, address).await.unwrap(), Some(first.clone()));
    for (ms, cause) in (10..).zip(SuppressionCause::ALL) {
        let second = Suppression {
            cause,
            note: String::new(),
            provider: Some("twilio".parse().unwrap()),
            delivery: Some(Sample::new(1).delivery_id(channel)),
            created_at: at(ms),
            ..first.clone()
        };
        store.put_suppression(second.clone()).await.unwrap();
        assert_eq!(store.suppression(&owner, channel, address).await.unwrap(), Some(second.clone()));
        assert_eq!(store.suppressions(&owner, None, 10).await.unwrap(), [second]);
    }
    assert!(store.remove_suppression(&owner, channel, address).await.unwrap());
    assert_eq!(store.suppression(&owner, channel, address).await.unwrap(), None);
    assert_eq!(store.suppressions(&owner, None, 10).await.unwrap(), []);
    assert!(!store.remove_suppression(&owner, channel, address).await.unwrap());
}

/// Of one tenant, on one channel; addresses that begin alike are different ones.
pub async fn an_entry_is_about_one_address_only(store: Arc<dyn Store>) {
    let entries = [
        entry("t", Channel::Email, "a@example.com"),
        entry("t", Channel::Email, "a@example.com.au"),
        entry("t", Channel::Sms, "a@example.com"),
        entry("ta", Channel::Email, "@example.com"),
        entry("u", Channel::Email, "zoë@bücher.example"),
        entry("t", Channel::Push, &long("a")),
        entry("t", Channel::Push, &long("b")),
        entry("t", Channel::Webhook, &long("a")),
        entry("t", Channel::Chat, "a@example.com"),
    ];
    for entry in &entries {
        store.put_suppression(entry.clone()).await.unwrap();
    }
    for entry in &entries {
        let found = store.suppression(&entry.tenant, entry.channel, &entry.address).await.unwrap();
        assert_eq!(found.as_ref(), Some(entry));
    }
    for (owner, channel, address) in [
        ("t", Channel::Email, "a@example.co"),
        ("t", Channel::Email, ""),
        ("t", Channel::Sms, "a@example.com.au"),
        ("u", Channel::Email, "a@example.com"),
        ("t", Channel::Push, &long("c")),
        ("t", Channel::Push, &long("a")[1..]),
        ("t", Channel::Chat, &long("a")),
    ] {
        assert_eq!(store.suppression(&tenant(owner), channel, address).await.unwrap(), None, "{owner} {address}");
    }
    assert!(store.remove_suppression(&tenant("t"), Channel::Email, "a@example.com").await.unwrap());
    for entry in &entries[1..] {
        assert!(store.suppression(&entry.tenant, entry.channel, &entry.address).await.unwrap().is_some());
    }
}

/// As long as an address may be: it differs from others of the same length in its last letter only.
fn long(end: &str) -> String {
    "x".repeat(ADDRESS_BYTES_MAX - end.len()) + end
}

/// Tokens may be longer than a key: those come after all others of their channel, each once.
pub async fn long_addresses_are_paged_behind_the_others(store: Arc<dyn Store>) {
    let owner = tenant("t");
    let whole = "y".repeat(KEYED_BYTES_MAX);
    let short = [entry("t", Channel::Push, "a"), entry("t", Channel::Push, &whole)];
    let long: Vec<_> = ["a", "b", "c"].map(|end| entry("t", Channel::Push, &long(end))).into();
    let next = entry("t", Channel::Chat, "a");
    for entry in short.iter().chain(&long).chain([&next]) {
        store.put_suppression(entry.clone()).await.unwrap();
    }
    let mut found: Vec<Suppression> = Vec::new();
    loop {
        let after = found.last().map(|last| (last.channel, last.address.clone()));
        let after = after.as_ref().map(|(channel, address)| (*channel, address.as_str()));
        let page = store.suppressions(&owner, after, 1).await.unwrap();
        let Some(one) = page.into_iter().next() else { break };
        found.push(one);
        assert!(found.len() <= 6, "each is listed once");
    }
    assert_eq!(found[..2], short);
    assert!(long.iter().all(|entry| found[2..5].contains(entry)), "{} are listed", found.len());
    assert_eq!(found[5..], [next]);
    for entry in &long {
        assert!(store.remove_suppression(&owner, entry.channel, &entry.address).await.unwrap());
        assert_eq!(store.suppression(&owner, entry.channel, &entry.address).await.unwrap(), None);
    }
    assert_eq!(store.suppressions(&owner, None, 9).await.unwrap().len(), 3);
}

/// By channel, then by address; of one tenant.
pub async fn the_list_is_paged_by_channel_and_address(store: Arc<dyn Store>) {
    let (owner, email, sms) = (tenant("t"), Channel::Email, Channel::Sms);
    let expected = [
        entry("t", email, "a"),
        entry("t", email, "a-b"),
        entry("t", email, "ab"),
        entry("t", email, "zoë"),
        entry("t", sms, "+14155550101"),
        entry("t", sms, "+141555501010"),
        entry("t", sms, "+14155550102"),
    ];
    for index in [4, 2, 6, 0, 3, 5, 1] {
        store.put_suppression(expected[index].clone()).await.unwrap();
    }
    for owner in ["s", "tt", "u"] {
        store.put_suppression(entry(owner, email, "aa")).await.unwrap();
    }
    for (after, limit, from, to) in [
        (None, 99, 0, 7),
        (None, 7, 0, 7),
        (None, 3, 0, 3),
        (Some((email, "a")), 2, 1, 3),
        (Some((email, "aa")), 1, 2, 3),
        (Some((email, "ab")), 2, 3, 5),
        (Some((email, "zz")), 99, 4, 7),
        (Some((sms, "")), 1, 4, 5),
        (Some((sms, "+14155550101")), 99, 5, 7),
        (Some((sms, "+14155550102")), 99, 7, 7),
    ] {
        let found = store.suppressions(&owner, after, limit).await.unwrap();
        assert_eq!(found, expected[from..to], "{limit} after {after:?}");
    }
    assert_eq!(store.suppressions(&tenant("nobody"), None, 99).await.unwrap(), []);
}

/// What came back, was called spam, or is not wanted; and nothing else.
pub async fn reports_put_addresses_on_the_list(store: Arc<dyn Store>) {
    for (number, status) in (0..).zip(ReceiptStatus::ALL) {
        for channel in Channel::ALL {
            let owner = format!("t{number}-{channel}");
            let place = Channel::ALL.iter().position(|other| *other == channel).unwrap();
            let sample = Sample::new(number * 10 + u32::try_from(place).unwrap()).of(&owner).on(&[channel]);
            sample.accepted_by(&store).await;
            let delivery = attempt(&store, channel, at(1), sent).await;
            store.receive(vec![reported(delivery.id, status, at(50))]).await.unwrap();
            let listed = store.suppressions(sample.tenant(), None, 10).await.unwrap();
            let Some(cause) = status.suppresses() else {
                assert_eq!(listed, [], "{status:?}");
                continue;
            };
            let expected = normalized(channel, address(channel));
            assert_eq!(listed.len(), 1, "{status:?}");
            assert_eq!(
                (&listed[0].tenant, listed[0].channel, &listed[0].address),
                (sample.tenant(), channel, &expected)
            );
            assert_eq!((listed[0].cause, listed[0].created_at), (cause, at(50)));
            assert_eq!(listed[0].provider, Some("twilio".parse().unwrap()));
            assert_eq!(listed[0].delivery, Some(delivery.id));
            let found = store.suppression(sample.tenant(), channel, &expected).await.unwrap();
            assert_eq!(found.as_ref(), Some(&listed[0]));
        }
    }
}

/// The vendor knows better than we where it went: an alias, or a forwarding.
pub async fn the_address_in_the_report_counts(store: Arc<dyn Store>) {
    let sample = Sample::new(1).on(&[Channel::Email]);
    sample.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Email, at(1), sent).await;
    let receipt = reported(delivery.id, ReceiptStatus::Bounced, at(50));
    let event = ReceiptEvent {
        recipient: Some("Alias@Example.com".into()),
        problem: Some(Problem::coded("550", "no such user")),
        ..receipt.event
    };
    store.receive(vec![Receipt { event, ..receipt }]).await.unwrap();
    let listed = store.suppressions(sample.tenant(), None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.address.as_str()).collect::<Vec<_>>(), ["alias@example.com"]);
    assert!(listed[0].note.contains("no such user"), "{}", listed[0].note);
}

/// In the same commit as the outcome: the next message does not even reach the vendor. A refusal of another kind says nothing
/// about the address.
pub async fn a_vendor_that_refuses_an_address_for_good_puts_it_on_the_list(store: Arc<dyn Store>) {
    let (email, sms) = (Sample::new(1).on(&[Channel::Email]), Sample::new(2));
    email.accepted_by(&store).await;
    attempt(&store, Channel::Email, at(1), failed).await;
    assert_eq!(store.suppressions(email.tenant(), None, 10).await.unwrap(), []);
    sms.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(2), opted_out).await;
    let expected = Suppression {
        tenant: sms.tenant().clone(),
        channel: Channel::Sms,
        address: address(Channel::Sms).into(),
        cause: SuppressionCause::Unsubscribed,
        note: "STOP (21610)".into(),
        provider: Some("twilio".parse().unwrap()),
        delivery: Some(delivery.id),
        created_at: at(2),
    };
    assert_eq!(store.suppressions(sms.tenant(), None, 10).await.unwrap(), std::slice::from_ref(&expected));
    let found = store.suppression(sms.tenant(), Channel::Sms, address(Channel::Sms)).await.unwrap();
    assert_eq!(found, Some(expected));
    // They opted in again, and somebody says so.
    assert!(store.remove_suppression(sms.tenant(), Channel::Sms, address(Channel::Sms)).await.unwrap());
    assert_eq!(store.suppressions(sms.tenant(), None, 10).await.unwrap(), []);
}

/// A sender that lost its lease does not have the say about the address either.
pub async fn a_stale_refusal_puts_nothing_on_the_list(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let sending = begin_claimed(&store, &claimed, at(1), at(10)).await;
    assert_eq!(store.reclaim(at(20), 10, at(1_000)).await.unwrap().len(), 1);
    let settled = store.settle(claimed.lease, opted_out(&sending, at(30))).await;
    assert_eq!(settled, Err(StoreError::LeaseLost(sending.id)));
    assert_eq!(store.suppressions(sample.tenant(), None, 10).await.unwrap(), []);
}

/// Once an operator took the address off, a vendor that repeats itself does not put it back; another report does.
pub async fn a_repeated_report_does_not_put_an_address_back(store: Arc<dyn Store>) {
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(1), sent).await;
    let (channel, address) = (Channel::Sms, address(Channel::Sms));
    let receipt = reported(delivery.id, ReceiptStatus::Bounced, at(50));
    store.receive(vec![receipt.clone()]).await.unwrap();
    assert!(store.remove_suppression(sample.tenant(), channel, address).await.unwrap());
    assert_eq!(store.receive(vec![receipt]).await.unwrap(), [Received::Repeated(delivery.id)]);
    assert_eq!(store.suppression(sample.tenant(), channel, address).await.unwrap(), None);
    store.receive(vec![reported(delivery.id, ReceiptStatus::Complained, at(60))]).await.unwrap();
    let listed = store.suppression(sample.tenant(), channel, address).await.unwrap().unwrap();
    assert_eq!(listed.cause, SuppressionCause::Complained);
}
