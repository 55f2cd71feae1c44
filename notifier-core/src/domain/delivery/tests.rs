//! Tables of what becomes of a delivery.

mod unfit;

use super::*;
use crate::domain::category::UnknownPolicy;
use crate::domain::channel::Channel;
use crate::domain::id::NotificationId;
use crate::domain::outcome::{LookUp, Outcome, RejectionKind};
use crate::domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
use crate::domain::retry::RetryPolicy;

fn pending() -> Delivery {
    let id = DeliveryId { notification: NotificationId::from_parts(1, [0; 10]), channel: Channel::Sms };
    let reason = Reason::new("schedule.now", "accepted");
    Delivery::new(id, TenantId::unnamed(), Lane::Normal, reason, Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
}

fn sending(number: u32) -> Delivery {
    let attempt = Attempt {
        number,
        provider: ProviderName::new("twilio").unwrap(),
        started_at: at(0),
        send_at: at(0),
        address: "+14155550101".into(),
        sender: None,
        content: "inline".into(),
        content_sha256: String::new(),
        provider_message_id: None,
        problem: None,
    };
    pending().begin(attempt, Vec::new(), at(0)).unwrap().delivery
}

fn cancel(delivery: &Delivery) -> Result<Change, InvalidTransition> {
    delivery.cancel(Reason::new("cancel.requested", "cancelled"), at(20))
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn category(unknown_policy: UnknownPolicy) -> Category {
    let retry = RetryPolicy { attempts_max: 3, delay_min_ms: 100, delay_base_ms: 1_000, ..RetryPolicy::default() };
    Category { unknown_policy, retry, ..Category::default() }
}

fn settle(delivery: &Delivery, outcome: &Outcome, policy: UnknownPolicy, expires_ms: i64) -> Change {
    settle_with(delivery, outcome, policy, expires_ms, false)
}

fn settle_with(
    delivery: &Delivery,
    outcome: &Outcome,
    policy: UnknownPolicy,
    expires_ms: i64,
    has_alternative: bool,
) -> Change {
    let category = category(policy);
    delivery.settle(outcome, Settling { has_alternative, ..settling(&category, expires_ms, 10, 0) }).unwrap()
}

fn settling(category: &Category, expires_ms: i64, now_ms: i64, random: u64) -> Settling<'_> {
    Settling {
        category,
        retry: &category.retry,
        expires_at: at(expires_ms),
        has_alternative: false,
        may_ask_again: true,
        is_anyone_left: true,
        is_another_left: false,
        now: at(now_ms),
        random,
    }
}

fn problem() -> Problem {
    Problem::coded("42", "no")
}

#[test]
fn outcomes_decide() {
    use DeliveryState as S;
    use UnknownPolicy::{Hold, Resend};
    let accepted = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
    let limited = Outcome::RateLimited { retry_after_ms: Some(7_000), problem: problem() };
    let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
    let rejected = Outcome::Rejected { kind: RejectionKind::Recipient, problem: problem() };
    let refused = Outcome::Rejected { kind: RejectionKind::Provider, problem: problem() };
    let unknown = Outcome::Unknown { problem: problem() };
    let far = 1_000_000;
    // outcome, attempts so far, policy, expiry -> state, due, code
    let cases = [
        (&accepted, 1, Resend, far, S::Sent, None, "attempt.accepted"),
        (&limited, 1, Resend, far, S::Pending, Some(7_010), "attempt.rate_limited"),
        (&limited, 3, Resend, far, S::Failed, None, "retry.exhausted"),
        (&limited, 1, Resend, 5_000, S::Failed, None, "retry.expired"),
        (&down, 1, Resend, far, S::Pending, Some(110), "attempt.unavailable"),
        (&down, 3, Resend, far, S::Failed, None, "retry.exhausted"),
        (&rejected, 1, Resend, far, S::Failed, None, "attempt.rejected.recipient"),
        (&refused, 1, Resend, far, S::Pending, Some(110), "attempt.rejected.provider"),
        (&refused, 3, Resend, far, S::Failed, None, "retry.exhausted"),
        (&unknown, 1, Resend, far, S::Pending, Some(110), "unknown.resend"),
        (&unknown, 3, Resend, far, S::Unknown, None, "unknown.exhausted"),
        (&unknown, 1, Resend, 50, S::Unknown, None, "unknown.exhausted"),
        (&unknown, 1, Hold, far, S::Unknown, None, "unknown.hold"),
    ];
    for (outcome, attempts, policy, expires_ms, state, due_ms, code) in cases {
        let change = settle(&sending(attempts), outcome, policy, expires_ms);
        let context = format!("{outcome:?} after {attempts}, {policy:?}");
        assert_eq!(change.delivery.state, state, "{context}");
        assert_eq!(change.delivery.reason.code, code, "{context}");
        if let Some(due_ms) = due_ms {
            assert_eq!(change.delivery.due_at, at(due_ms), "{context}");
        }
        let last = change.facts.last().unwrap();
        assert_eq!((last.state, &last.reason), (state, &change.delivery.reason), "{context}");
        if !matches!(outcome, Outcome::Accepted { .. }) {
            assert_eq!(change.facts[0].detail("vendor_code"), Some("42"), "{context}");
        }
    }
}

#[test]
fn what_may_have_been_sent_never_ends_as_if_it_had_not() {
    let unknown = Outcome::Unknown { problem: problem() };
    let doubtful = settle(&sending(1), &unknown, UnknownPolicy::Resend, 1_000_000).delivery;
    assert_eq!((doubtful.state, doubtful.doubtful_attempts), (DeliveryState::Pending, 1));
    let told = |change: Change| {
        assert!(change.delivery.reason.text.ends_with("may have been sent"), "{}", change.delivery.reason.text);
        change.delivery.state
    };
    assert_eq!(told(cancel(&doubtful).unwrap()), DeliveryState::Cancelled);
    assert_eq!(told(doubtful.expire(at(20), at(20)).unwrap()), DeliveryState::Expired);
    let attempt = Attempt { number: 3, ..doubtful.last_attempt.clone().unwrap() };
    let again = doubtful.begin(attempt, Vec::new(), at(20)).unwrap().delivery;
    for outcome in [
        Outcome::Unavailable { retry_after_ms: None, problem: problem() },
        Outcome::Rejected { kind: RejectionKind::Message, problem: problem() },
    ] {
        let change = settle(&again, &outcome, UnknownPolicy::Resend, 1_000_000);
        assert_eq!(told(change), DeliveryState::Unknown, "{outcome:?}");
    }
    let accepted = Outcome::Accepted { provider_message_id: None };
    let change = settle(&again, &accepted, UnknownPolicy::Resend, 1_000_000);
    assert_eq!(change.delivery.state, DeliveryState::Sent);
}

#[test]
fn an_accepted_attempt_keeps_the_vendors_id() {
    let outcome = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
    let change = settle(&sending(1), &outcome, UnknownPolicy::Resend, 1_000);
    assert_eq!(change.delivery.last_attempt.unwrap().provider_message_id.as_deref(), Some("SM1"));
    assert_eq!(change.facts[0].detail("provider_message_id"), Some("SM1"));
}

#[test]
fn deferring_backs_off_and_ends_at_the_expiry() {
    let category = category(UnknownPolicy::Resend);
    let mut delivery = pending();
    let mut waits = Vec::new();
    for _ in 0..5 {
        let reason = Reason::new("directory.unavailable", "down");
        delivery = delivery.defer(reason, settling(&category, 9_000, 0, u64::MAX)).unwrap().delivery;
        waits.push(delivery.due_at.as_millisecond());
    }
    assert_eq!(waits, [1_000, 2_000, 4_000, 8_000, 9_000]);
    assert_eq!(delivery.attempts, 0);
}

#[test]
fn what_is_being_sent_cannot_be_cancelled() {
    assert!(cancel(&pending()).is_ok());
    assert!(cancel(&sending(1)).is_err());
    let sent = settle(&sending(1), &Outcome::Accepted { provider_message_id: None }, UnknownPolicy::Hold, 99);
    assert!(cancel(&sent.delivery).is_err());
    assert!(sent.delivery.expire(at(0), at(1)).is_err());
}

#[test]
fn with_another_provider_at_hand_it_is_tried_at_once() {
    let down = Outcome::Unavailable { retry_after_ms: Some(60_000), problem: problem() };
    let change = settle_with(&sending(1), &down, UnknownPolicy::Resend, 1_000_000, true);
    let delivery = change.delivery;
    assert_eq!((delivery.state, delivery.due_at, delivery.rounds), (DeliveryState::Pending, at(10), 0));
    assert_eq!(delivery.tried, [ProviderName::new("twilio").unwrap()]);
    assert!(change.facts[0].detail("failover").is_some());
    // Once all were tried, it waits, and begins with the first again.
    let attempt = Attempt { number: 2, ..delivery.last_attempt.clone().unwrap() };
    let again = delivery.begin(attempt, Vec::new(), at(10)).unwrap().delivery;
    let delivery = settle_with(&again, &down, UnknownPolicy::Resend, 1_000_000, false).delivery;
    assert_eq!((delivery.rounds, delivery.tried.len()), (1, 0));
    assert!(delivery.due_at >= at(60_010));
    // What is wrong with the message is wrong with every provider.
    let rejected = Outcome::Rejected { kind: RejectionKind::Message, problem: problem() };
    let change = settle_with(&sending(1), &rejected, UnknownPolicy::Resend, 1_000_000, true);
    assert_eq!(change.delivery.state, DeliveryState::Failed);
    // Doubt stays with the one who may know the key.
    let unknown = Outcome::Unknown { problem: problem() };
    let change = settle_with(&sending(1), &unknown, UnknownPolicy::Resend, 1_000_000, true);
    assert!(change.delivery.tried.is_empty() && change.delivery.due_at > at(10));
}

#[test]
fn doubt_stays_with_one_provider_for_one_more_try() {
    let unknown = Outcome::Unknown { problem: problem() };
    let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
    let (twilio, vonage) = (ProviderName::new("twilio").unwrap(), ProviderName::new("vonage").unwrap());
    let begin = |delivery: &Delivery, provider: &ProviderName| {
        let last = delivery.last_attempt.clone().unwrap();
        let attempt = Attempt { number: last.number + 1, provider: provider.clone(), ..last };
        delivery.begin(attempt, Vec::new(), at(20)).unwrap().delivery
    };
    let resend = |delivery: &Delivery, outcome: &Outcome, has_alternative| {
        settle_with(delivery, outcome, UnknownPolicy::Resend, 1_000_000, has_alternative).delivery
    };
    for has_alternative in [true, false] {
        let first = resend(&sending(1), &unknown, has_alternative);
        assert_eq!((first.asked_in_doubt(), first.rounds, first.tried.len()), (Some(&twilio), 1, 0));
        assert!(first.due_at > at(10), "it is given the time to think of it");
        let again = begin(&first, &twilio);
        assert_eq!(again.tried, std::slice::from_ref(&twilio), "this was its second chance");
        assert_eq!(again.not_called(at(20)).unwrap().delivery.asked_in_doubt(), Some(&twilio), "which it did not have");
        assert_eq!(resend(&again, &down, true).tried, std::slice::from_ref(&twilio));
    }
    let again = begin(&resend(&sending(1), &unknown, true), &twilio);
    let next = resend(&again, &unknown, true);
    assert_eq!((next.state, next.asked_in_doubt(), next.due_at), (DeliveryState::Pending, None, at(10)));
    assert_eq!((next.rounds, next.doubtful_attempts), (1, 2), "the round is not over");
    // With nobody else, it is asked in the next round.
    let waits = resend(&again, &unknown, false);
    assert_eq!((waits.asked_in_doubt(), waits.rounds, waits.tried.len()), (Some(&twilio), 2, 0));
    assert!(waits.due_at > at(10));
    // Whoever is passed over for being ill is not the alternative of the one that was called instead.
    let instead = begin(&resend(&sending(1), &unknown, true), &vonage);
    assert_eq!(instead.tried, std::slice::from_ref(&twilio));
    assert_eq!(resend(&instead, &down, true).tried, [twilio, vonage]);
    let held = settle_with(&again, &unknown, UnknownPolicy::Hold, 1_000_000, true);
    assert_eq!(held.delivery.state, DeliveryState::Unknown);
    assert!(held.facts.iter().all(|fact| fact.detail("failover").is_none()));
}

#[test]
fn a_replay_begins_with_all_attempts_anew() {
    let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
    let dead = settle(&sending(3), &down, UnknownPolicy::Resend, 1_000_000).delivery;
    assert_eq!(dead.state, DeliveryState::Failed);
    let replayed = dead.replay(at(50)).unwrap().delivery;
    assert_eq!((replayed.state, replayed.due_at, replayed.attempts_forgiven), (DeliveryState::Pending, at(50), 3));
    let attempt = Attempt { number: 4, ..replayed.last_attempt.clone().unwrap() };
    let again = replayed.begin(attempt, Vec::new(), at(50)).unwrap().delivery;
    assert_eq!(settle(&again, &down, UnknownPolicy::Resend, 1_000_000).delivery.state, DeliveryState::Pending);
    assert!(replayed.replay(at(60)).is_err(), "only what is dead");
}

#[test]
fn an_intent_ahead_of_its_moment_is_no_attempt() {
    let mut delivery = sending(1);
    delivery.last_attempt.as_mut().unwrap().send_at = at(100);
    assert!(was_not_called(&delivery, at(99)));
    assert!(!was_not_called(&delivery, at(100)));
    assert!(!was_not_called(&delivery, at(-1)), "the clock was set back");
    let change = delivery.not_called(at(50)).unwrap();
    assert_eq!((change.delivery.state, change.delivery.due_at), (DeliveryState::Pending, at(100)));
    assert_eq!((change.delivery.doubtful_attempts, change.delivery.attempts_forgiven), (0, 1));
}

#[test]
fn the_same_reason_to_wait_is_told_once() {
    let wait = |delivery: &Delivery, code: &'static str| {
        delivery.postpone(Reason::new(code, "later"), at(100), at(0)).unwrap()
    };
    let first = wait(&pending(), "limit.per_second");
    assert_eq!(first.facts.len(), 1);
    let second = wait(&first.delivery, "limit.per_second");
    assert_eq!((second.facts.len(), second.delivery.due_at), (0, at(100)));
    assert_eq!(wait(&second.delivery, "limit.per_day").facts.len(), 1);
}

fn receipt(status: ReceiptStatus) -> Receipt {
    let event = ReceiptEvent {
        event_id: Some(status.name().into()),
        provider_message_id: "SM1".into(),
        status,
        recipient: None,
        occurred_at_ms: Some(5),
        problem: (status == ReceiptStatus::Bounced).then(problem),
        attributes: Vec::new(),
    };
    Receipt { provider: ProviderName::new("twilio").unwrap(), delivery: None, event, received_at: at(30) }
}

#[test]
fn receipts_decide() {
    use DeliveryState as S;
    use ReceiptStatus as R;
    let accepted = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
    let unknown = Outcome::Unknown { problem: problem() };
    let sent = settle(&sending(1), &accepted, UnknownPolicy::Resend, 1_000_000).delivery;
    let doubtful = settle(&sending(1), &unknown, UnknownPolicy::Resend, 1_000_000).delivery;
    let held = settle(&sending(1), &unknown, UnknownPolicy::Hold, 1_000_000).delivery;
    let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
    let retried = settle(&sending(1), &down, UnknownPolicy::Resend, 1_000_000).delivery;
    let failed = settle(&sending(3), &down, UnknownPolicy::Resend, 1_000_000).delivery;
    let sending_again = Delivery { doubtful_attempts: 1, ..sending(2) };
    let as_state = |delivery: &Delivery, status| delivery.receive(&receipt(status), &[]).unwrap().delivery;
    let delivered = as_state(&sent, R::Delivered);
    let bounced = as_state(&sent, R::Bounced);
    let cases = [
        (&sent, R::Accepted, S::Sent),
        (&sent, R::Delivered, S::Delivered),
        (&sent, R::Failed, S::Failed),
        (&sent, R::Bounced, S::Bounced),
        (&sent, R::Opened, S::Delivered),
        (&sent, R::Complained, S::Sent),
        (&sent, R::Other, S::Sent),
        // Out of order: what says less changes nothing.
        (&delivered, R::Accepted, S::Delivered),
        (&delivered, R::Failed, S::Delivered),
        (&delivered, R::Clicked, S::Delivered),
        (&delivered, R::Bounced, S::Bounced),
        (&bounced, R::Delivered, S::Bounced),
        // Doubt is settled.
        (&doubtful, R::Accepted, S::Sent),
        (&doubtful, R::Delivered, S::Delivered),
        (&doubtful, R::Failed, S::Pending),
        (&held, R::Accepted, S::Sent),
        (&held, R::Delivered, S::Delivered),
        (&held, R::Failed, S::Failed),
        // What certainly failed waits for its retry, unless it arrived.
        (&retried, R::Accepted, S::Pending),
        (&retried, R::Delivered, S::Delivered),
        // News outruns the answer of the call; bad news may be of an earlier attempt, if there was one that may have been taken.
        (&sending(1), R::Accepted, S::Sent),
        (&sending(1), R::Delivered, S::Delivered),
        (&sending(1), R::Failed, S::Failed),
        (&sending(1), R::Bounced, S::Bounced),
        (&sending_again, R::Delivered, S::Delivered),
        (&sending_again, R::Failed, S::Sending),
        (&sending_again, R::Bounced, S::Sending),
        (&failed, R::Delivered, S::Delivered),
    ];
    for (delivery, status, expected) in cases {
        let change = delivery.receive(&receipt(status), &[]).unwrap();
        let context = format!("{} + {status:?}", delivery.state);
        assert_eq!(change.delivery.state, expected, "{context}");
        assert_eq!((change.facts.len(), change.facts[0].state), (1, expected), "{context}");
        assert_eq!(change.facts[0].detail("status"), Some(status.name()), "{context}");
    }
    for status in [R::Failed, R::Bounced] {
        let mut earlier = receipt(status);
        earlier.event.provider_message_id = "SM0".into();
        let change = sent.receive(&earlier, &[]).unwrap();
        assert_eq!((change.delivery.state, change.facts.len()), (S::Sent, 1), "{status:?} of an earlier attempt");
    }
    let change = sent.receive(&receipt(R::Bounced), &[]).unwrap();
    assert_eq!(change.delivery.last_attempt.unwrap().problem, Some(problem()));
    assert_eq!(change.facts[0].detail("vendor_code"), Some("42"));
}

#[test]
fn a_receipt_is_told_once_and_only_about_what_was_sent() {
    let accepted = Outcome::Accepted { provider_message_id: Some("SM1".into()) };
    let sent = settle(&sending(1), &accepted, UnknownPolicy::Resend, 1_000_000).delivery;
    let first = sent.receive(&receipt(ReceiptStatus::Opened), &[]).unwrap();
    assert!(first.delivery.receive(&receipt(ReceiptStatus::Opened), &first.facts).is_none());
    assert!(first.delivery.receive(&receipt(ReceiptStatus::Clicked), &first.facts).is_some());
    assert!(pending().receive(&receipt(ReceiptStatus::Delivered), &[]).is_none());
    let unnumbered = |at_ms| {
        let mut receipt = receipt(ReceiptStatus::Opened);
        receipt.event.event_id = None;
        receipt.event.occurred_at_ms = Some(at_ms);
        receipt
    };
    let first = sent.receive(&unnumbered(1), &[]).unwrap();
    assert!(sent.receive(&unnumbered(1), &first.facts).is_none());
    assert!(sent.receive(&unnumbered(2), &first.facts).is_some());
    let many: Vec<_> = (0..100).flat_map(|at_ms| sent.receive(&unnumbered(at_ms), &[]).unwrap().facts).collect();
    assert!(sent.receive(&unnumbered(101), &many).is_none(), "not more than a timeline can hold");
    assert!(sent.receive(&receipt(ReceiptStatus::Unsubscribed), &many).is_some(), "but this is never lost");
}

#[test]
fn its_turn_begins_with_the_first_thing_that_is_done_about_it_and_stays_so() {
    let category = category(UnknownPolicy::Resend);
    let defer = |delivery: &Delivery, code: &'static str, now_ms: i64| {
        delivery.defer(Reason::new(code, "waits"), settling(&category, 100_000, now_ms, 0)).unwrap().delivery
    };
    assert_eq!(pending().turn_since, None);
    assert_eq!(sending(1).turn_since, Some(at(0)), "when the provider is called");
    let ahead = sending(1).last_attempt.map(|attempt| Attempt { send_at: at(70), ..attempt }).unwrap();
    assert_eq!(pending().begin(ahead.clone(), Vec::new(), at(20)).unwrap().delivery.turn_since, Some(at(70)));
    assert_eq!(defer(&pending(), crate::domain::strategy::WAITS, 20).turn_since, None, "it is not its turn");
    let put_off = defer(&pending(), "directory.unavailable", 20);
    assert_eq!(put_off.turn_since, Some(at(20)));
    let prepared = Delivery { due_at: at(90), ..pending() };
    assert_eq!(defer(&prepared, "directory.unavailable", 20).turn_since, Some(at(90)), "it is looked at ahead of it");
    assert_eq!(
        defer(&prepared, "directory.unavailable", -50_000).due_at,
        at(90),
        "not even when the clock is set back"
    );
    assert_eq!(defer(&put_off, "route.none_takes_calls", 50).turn_since, Some(at(20)));
    let begun = put_off.begin(ahead, Vec::new(), at(60)).unwrap().delivery;
    let down = Outcome::Unavailable { retry_after_ms: None, problem: problem() };
    let retried = settle(&begun, &down, UnknownPolicy::Resend, 100_000).delivery;
    assert_eq!((retried.state, retried.turn_since), (DeliveryState::Pending, Some(at(20))));
    assert_eq!(begun.not_called(at(61)).unwrap().delivery.turn_since, Some(at(20)));
    assert_eq!(retried.reschedule(at(500), at(70)).unwrap().delivery.turn_since, None);
    let failed = retried.fail(Reason::new("route.none", "no way"), at(80)).unwrap().delivery;
    assert_eq!(failed.turn_since, Some(at(20)));
    assert_eq!(failed.replay(at(90)).unwrap().delivery.turn_since, None);
}

/// Whatever else it comes to: in doubt about an earlier attempt as well.
#[test]
fn only_a_refusal_of_the_address_for_good_puts_it_on_the_list() {
    let in_doubt = Delivery { doubtful_attempts: 1, ..sending(2) };
    for (kind, is_listed) in [
        (RejectionKind::Message, false),
        (RejectionKind::Recipient, false),
        (RejectionKind::Suppressed, true),
        (RejectionKind::Provider, false),
        (RejectionKind::Unfit, false),
        (RejectionKind::Plugin, false),
    ] {
        for delivery in [&sending(1), &in_doubt] {
            let outcome = Outcome::Rejected { kind, problem: problem() };
            let change = settle(delivery, &outcome, UnknownPolicy::Resend, 1_000_000);
            let listed = change.suppression.map(|entry| (entry.address, entry.cause, entry.created_at));
            let expected = ("+14155550101".to_owned(), SuppressionCause::Unsubscribed, at(10));
            assert_eq!(listed, is_listed.then_some(expected), "{kind:?}");
        }
    }
}

#[test]
fn what_a_provider_says_when_it_is_asked_settles_doubt_about_that_attempt_and_no_other() {
    use DeliveryState as S;
    use UnknownPolicy::{Hold, Resend};
    let unknown = Outcome::Unknown { problem: problem() };
    let found = LookUp::Found { message_id: Some("SM1".into()) };
    let unclear = LookUp::Unclear(problem());
    let wanted_back = |delivery: Delivery| {
        let reason = Reason::new("cancel.requested", "cancelled");
        delivery.ask_to_cancel(reason, at(5)).unwrap().delivery
    };
    let doubted = |delivery: Delivery| Delivery { doubtful_attempts: 1, ..delivery };
    // delivery, policy, said -> state, doubt, code
    let cases = [
        (sending(1), Hold, &found, S::Sent, 0, "attempt.found"),
        (sending(3), Resend, &found, S::Sent, 0, "attempt.found"),
        (doubted(sending(2)), Resend, &found, S::Sent, 1, "attempt.found"),
        (wanted_back(sending(1)), Resend, &found, S::Sent, 0, "attempt.found"),
        (sending(1), Hold, &LookUp::NotFound, S::Pending, 0, "attempt.not_found"),
        (sending(3), Hold, &LookUp::NotFound, S::Failed, 0, "retry.exhausted"),
        (doubted(sending(3)), Resend, &LookUp::NotFound, S::Unknown, 1, "retry.exhausted"),
        (wanted_back(sending(1)), Hold, &LookUp::NotFound, S::Cancelled, 0, "cancel.while_sending"),
        (sending(1), Hold, &unclear, S::Unknown, 1, "unknown.hold"),
        (sending(1), Resend, &LookUp::Impossible, S::Pending, 1, "unknown.resend"),
    ];
    for (delivery, policy, said, state, doubt, code) in cases {
        let category = category(policy);
        let change = delivery.settle_asked(&unknown, said, settling(&category, 1_000_000, 10, 0)).unwrap();
        let settled = &change.delivery;
        let context = format!("{said:?} after {}, {policy:?}", delivery.attempts);
        assert_eq!((settled.state, settled.doubtful_attempts), (state, doubt), "{context}");
        assert_eq!(settled.reason.code, code, "{context}");
        let [seen, then] = &change.facts[..] else { panic!("{context}: {:?}", change.facts) };
        assert_eq!((seen.kind, seen.reason.code.as_ref()), (FactKind::Unknown, "attempt.unknown"), "{context}");
        assert_eq!((then.state, &then.reason), (state, &settled.reason), "{context}");
    }
    // Whoever answered is not doubted, whatever is said about it.
    let accepted = Outcome::Accepted { provider_message_id: None };
    let category = category(Hold);
    let change = sending(1).settle_asked(&accepted, &LookUp::NotFound, settling(&category, 1_000_000, 10, 0));
    assert_eq!(change.unwrap().delivery.reason.code, "attempt.accepted");
}
