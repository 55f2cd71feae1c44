//! What providers report later, and what follows from it.

use notifier_core::testing::Answer;
use notifier_core::{
    Category, Channel, DeliveryState, FactKind, FlowOptions, Outcome, Problem, ReceiptError, ReceiptEvent,
    ReceiptStatus, ReceiveError, ReceiveReport, RejectionKind, SuppressionCause, UnknownPolicy, Webhook,
};

use super::vendor::*;
use super::world::*;

pub(super) fn webhook(url: &str) -> Webhook {
    Webhook { method: "POST".into(), url: url.into(), headers: Vec::new(), body: Vec::new() }
}

/// A report about the vendor's message with that id.
pub(super) fn event(message: &str, status: ReceiptStatus) -> ReceiptEvent {
    ReceiptEvent {
        event_id: None,
        provider_message_id: message.into(),
        status,
        recipient: None,
        occurred_at_ms: None,
        problem: None,
        attributes: Vec::new(),
    }
}

async fn told(world: &World, vendor: &Vendor, url: &str, events: Vec<ReceiptEvent>) -> ReceiveReport {
    vendor.will_read(Ok(events));
    let report = world.notifier.receive(&vendor.id(), &webhook(url)).await.unwrap();
    world.idle().await;
    report
}

const URL: &str = "https://n.example.com/v1/receipts/only";

fn counts(report: ReceiveReport) -> (usize, usize, usize) {
    (report.told, report.repeated, report.kept)
}

#[tokio::test]
async fn a_report_moves_the_delivery_and_is_in_the_timeline() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    let delivered = ReceiptEvent {
        occurred_at_ms: Some(1_767_225_599_000),
        problem: Some(Problem::coded("250", "ok")),
        ..event("only-1", ReceiptStatus::Delivered)
    };
    assert_eq!(counts(told(&world, &only, URL, vec![delivered]).await), (1, 0, 0));
    assert_eq!(world.state(id).await, DeliveryState::Delivered);
    let last = world.timeline(id).await.pop().unwrap();
    assert_eq!((last.kind, last.state), (FactKind::Delivered, DeliveryState::Delivered));
    assert_eq!(last.detail("occurred_at"), Some("2025-12-31T23:59:59Z"));
    assert_eq!(last.detail("vendor_code"), Some("250"));
    assert_eq!(world.notifier.stats().await.unwrap().receipts, 1);
}

#[tokio::test]
async fn a_report_that_comes_twice_is_told_once() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    let opened =
        |event_id: &str| ReceiptEvent { event_id: Some(event_id.into()), ..event("only-1", ReceiptStatus::Opened) };
    assert_eq!(counts(told(&world, &only, URL, vec![opened("a"), opened("a")]).await), (1, 1, 0));
    let before = world.timeline(id).await;
    world.advance_ms(60_000).await;
    assert_eq!(counts(told(&world, &only, URL, vec![opened("a")]).await), (0, 1, 0));
    assert_eq!(world.timeline(id).await, before);
    assert_eq!(counts(told(&world, &only, URL, vec![opened("b")]).await), (1, 0, 0), "another event");
}

#[tokio::test]
async fn reports_in_the_wrong_order_end_where_the_right_order_does() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    for status in [ReceiptStatus::Delivered, ReceiptStatus::Accepted, ReceiptStatus::Failed, ReceiptStatus::Opened] {
        told(&world, &only, URL, vec![event("only-1", status)]).await;
        assert_eq!(world.state(id).await, DeliveryState::Delivered, "{status:?}");
    }
    assert_eq!(world.timeline(id).await.iter().filter(|fact| fact.detail("receipt").is_some()).count(), 4);
}

#[tokio::test]
async fn a_report_that_comes_before_the_answer_is_told_when_the_answer_comes() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([accepted_later()]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let report = told(&world, &only, URL, vec![event("only-1", ReceiptStatus::Delivered)]).await;
    assert_eq!(counts(report), (0, 0, 1));
    assert_eq!(world.state(id).await, DeliveryState::Sending);
    assert_eq!(world.notifier.stats().await.unwrap().now.unmatched_receipts, 1);
    only.let_go(1);
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Delivered);
    assert_eq!(world.notifier.stats().await.unwrap().now.unmatched_receipts, 0);
    let last = world.timeline(id).await.pop().unwrap();
    assert_eq!(last.kind, FactKind::Delivered);
}

/// As from an account that another application uses too: what it reports is about nothing that we know.
#[tokio::test]
async fn a_flood_of_reports_about_foreign_messages_is_counted_and_costs_no_early_one() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([accepted_later()]);
    let id = world.submit(sms()).await.id;
    world.idle().await;
    let flood = (0..100_000).map(|number| event(&format!("foreign-{number}"), ReceiptStatus::Delivered));
    assert_eq!(counts(told(&world, &only, URL, flood.collect()).await), (0, 0, 100_000));
    world.advance_ms(1).await;
    let report = told(&world, &only, URL, vec![event("only-1", ReceiptStatus::Delivered)]).await;
    assert_eq!((counts(report), report.forgotten), ((0, 0, 1), 1));
    let stats = world.notifier.stats().await.unwrap();
    assert_eq!((stats.now.unmatched_receipts, stats.receipts_forgotten), (100_000, 1));
    only.let_go(1);
    world.idle().await;
    assert_eq!(world.state(id).await, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_report_that_names_the_delivery_settles_what_was_unknown() {
    let held = || category(UnknownPolicy::Hold);
    let by_url = |id: &str| (format!("{URL}?delivery={id}"), Vec::new());
    let by_key = |id: &str| (URL.to_owned(), vec![("notifier_key".to_owned(), id.to_owned())]);
    for name in [by_url as fn(&str) -> _, by_key] {
        for (status, expected) in [
            (ReceiptStatus::Accepted, DeliveryState::Sent),
            (ReceiptStatus::Delivered, DeliveryState::Delivered),
            (ReceiptStatus::Failed, DeliveryState::Failed),
        ] {
            let (world, only) = one_vendor(|builder| builder.category(held())).await;
            only.will([unknown()]);
            let submitted = world.submit(sms()).await;
            assert_eq!(world.settled(submitted.id).await.deliveries[0].state, DeliveryState::Unknown);
            let (url, attributes) = name(&submitted.deliveries[0].to_string());
            let about = ReceiptEvent { attributes, ..event("never-heard-of", status) };
            assert_eq!(counts(told(&world, &only, &url, vec![about]).await), (1, 0, 0));
            assert_eq!(world.state(submitted.id).await, expected);
            // From now on the vendor's id is known.
            let later = event("never-heard-of", ReceiptStatus::Opened);
            assert_eq!(told(&world, &only, URL, vec![later]).await.told, 1, "{status:?}");
        }
    }
}

/// As with SendGrid, which signs the body alone: whoever caught a post can send it again to any address.
#[tokio::test]
async fn an_address_that_is_not_signed_names_no_delivery() {
    let (world, only) = one_vendor(|builder| builder).await;
    let (first, other) = (world.submit(sms()).await, world.submit(sms()).await);
    world.settled(first.id).await;
    world.settled(other.id).await;
    let altered = webhook(&format!("{URL}?delivery={}", other.deliveries[0]));
    only.will_read_the_body(vec![event("only-1", ReceiptStatus::Bounced), event("stranger", ReceiptStatus::Bounced)]);
    assert_eq!(counts(world.notifier.receive(&only.id(), &altered).await.unwrap()), (1, 0, 1));
    assert_eq!(world.state(first.id).await, DeliveryState::Bounced);
    assert_eq!(world.state(other.id).await, DeliveryState::Sent);
    assert_eq!(world.timeline(other.id).await.iter().filter(|fact| fact.detail("receipt").is_some()).count(), 0);
}

#[tokio::test]
async fn our_own_key_in_a_report_counts_more_than_the_address() {
    let (world, only) = one_vendor(|builder| builder.category(category(UnknownPolicy::Hold))).await;
    only.will([unknown(), unknown()]);
    let (first, other) = (world.submit(sms()).await, world.submit(sms()).await);
    world.settled(first.id).await;
    world.settled(other.id).await;
    let attributes = vec![("notifier_key".to_owned(), first.deliveries[0].to_string())];
    let keyed = ReceiptEvent { attributes, ..event("x", ReceiptStatus::Delivered) };
    told(&world, &only, &format!("{URL}?delivery={}", other.deliveries[0]), vec![keyed]).await;
    assert_eq!(world.state(first.id).await, DeliveryState::Delivered);
    assert_eq!(world.state(other.id).await, DeliveryState::Unknown);
}

#[tokio::test]
async fn a_retry_after_an_unclear_answer_is_called_off_by_a_report_that_it_arrived() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([unknown()]);
    let submitted = world.submit(sms()).await;
    world.idle().await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Pending);
    let url = format!("{URL}?delivery={}", submitted.deliveries[0]);
    told(&world, &only, &url, vec![event("x", ReceiptStatus::Delivered)]).await;
    assert_eq!(world.state(submitted.id).await, DeliveryState::Delivered);
    world.advance_in_steps(1_000, 60).await;
    assert_eq!(only.count(), 1);
}

#[tokio::test]
async fn a_retry_that_is_prepared_already_is_called_off_too() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([unknown()]);
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let due_at = world.delivery(submitted.id).await.due_at;
    world.clock.set(due_at - jiff::SignedDuration::from_millis(20));
    world.idle().await;
    let url = format!("{URL}?delivery={}", submitted.deliveries[0]);
    told(&world, &only, &url, vec![event("x", ReceiptStatus::Delivered)]).await;
    world.advance_in_steps(10, 20).await;
    assert_eq!((only.count(), world.state(submitted.id).await), (1, DeliveryState::Delivered));
}

#[tokio::test]
async fn a_report_during_the_call_counts_more_than_the_answer() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([Answer::WhenLetGo(Outcome::Unknown { problem: Problem::plain("reset") })]);
    let submitted = world.submit(sms()).await;
    world.idle().await;
    let url = format!("{URL}?delivery={}", submitted.deliveries[0]);
    told(&world, &only, &url, vec![event("x", ReceiptStatus::Delivered)]).await;
    only.let_go(1);
    world.advance_in_steps(1_000, 60).await;
    assert_eq!((only.count(), world.state(submitted.id).await), (1, DeliveryState::Delivered));
}

#[tokio::test]
async fn an_address_that_bounced_complained_or_unsubscribed_is_not_written_to_until_it_is_allowed() {
    for (status, cause) in [
        (ReceiptStatus::Bounced, SuppressionCause::Bounced),
        (ReceiptStatus::Complained, SuppressionCause::Complained),
        (ReceiptStatus::Unsubscribed, SuppressionCause::Unsubscribed),
    ] {
        let mandatory = Category { mandatory: true, ..category(UnknownPolicy::Resend) };
        let (world, only) = one_vendor(|builder| builder.category(mandatory)).await;
        let id = world.submit(sms()).await.id;
        world.settled(id).await;
        told(&world, &only, URL, vec![event("only-1", status)]).await;
        let listed = world.notifier.suppression(&tenant(), Channel::Sms, "+14155550101").await.unwrap().unwrap();
        assert_eq!((listed.cause, listed.delivery), (cause, Some(world.delivery(id).await.id)));
        let next = world.submit(sms()).await.id;
        let status = world.settled(next).await;
        assert_eq!(status.deliveries[0].state, DeliveryState::Suppressed);
        assert_eq!(status.deliveries[0].reason.code, "suppression.listed");
        assert_eq!(only.count(), 1);
        assert!(world.notifier.allow(&tenant(), Channel::Sms, "+14155550101").await.unwrap());
        let last = world.submit(sms()).await.id;
        assert_eq!(world.settled(last).await.deliveries[0].state, DeliveryState::Sent);
        assert!(!world.notifier.allow(&tenant(), Channel::Sms, "+14155550101").await.unwrap());
    }
}

#[tokio::test]
async fn a_number_that_replied_stop_is_not_called_again_until_it_is_allowed() {
    let (world, only) = one_vendor(|builder| builder).await;
    only.will([refused(RejectionKind::Suppressed)]);
    let id = world.submit(sms()).await.id;
    let status = world.settled(id).await;
    assert_eq!(status.deliveries[0].state, DeliveryState::Failed);
    assert_eq!(status.deliveries[0].reason.code, "attempt.rejected.suppressed");
    let listed = world.notifier.suppression(&tenant(), Channel::Sms, "+14155550101").await.unwrap().unwrap();
    assert_eq!((listed.cause, listed.provider), (SuppressionCause::Unsubscribed, Some(only.id())));
    assert_eq!((listed.delivery, listed.note.as_str()), (Some(status.deliveries[0].id), "as scripted (20003)"));
    let next = world.submit(sms()).await.id;
    let status = world.settled(next).await;
    assert_eq!(status.deliveries[0].state, DeliveryState::Suppressed);
    assert_eq!(status.deliveries[0].reason.code, "suppression.listed");
    assert_eq!(only.count(), 1);
    assert!(world.notifier.allow(&tenant(), Channel::Sms, "+14155550101").await.unwrap());
    let last = world.submit(sms()).await.id;
    assert_eq!(world.settled(last).await.deliveries[0].state, DeliveryState::Sent);
}

#[tokio::test]
async fn a_bounce_stops_what_was_accepted_before_it_and_the_other_channel_goes_on() {
    let (world, only) = one_vendor(|builder| builder).await;
    let mut waiting = both();
    waiting.schedule = at("2026-01-01T01:00:00Z");
    let waiting = world.submit(waiting).await.id;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    told(&world, &only, URL, vec![event("only-1", ReceiptStatus::Bounced)]).await;
    assert_eq!(world.state(id).await, DeliveryState::Bounced);
    world.clock.set(time("2026-01-01T01:00:00Z"));
    world.idle().await;
    assert_eq!(world.on_channel(waiting, Channel::Sms).await.state, DeliveryState::Suppressed);
    assert_eq!(world.on_channel(waiting, Channel::Email).await.state, DeliveryState::Sent);
}

#[tokio::test]
async fn an_address_is_suppressed_for_its_own_tenant_only() {
    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    told(&world, &only, URL, vec![event("only-1", ReceiptStatus::Complained)]).await;
    let mut other = sms();
    other.tenant = Some("acme".into());
    world.submit(other).await;
    world.idle().await;
    assert_eq!(only.count(), 2);
}

#[tokio::test]
async fn the_vendor_is_told_where_to_report_when_that_is_known() {
    let (world, only) = one_vendor(|builder| {
        let mut options = FlowOptions::default();
        options.public_url = Some("https://n.example.com/".into());
        builder.options(options)
    })
    .await;
    let submitted = world.submit(sms()).await;
    world.settled(submitted.id).await;
    let expected = format!("https://n.example.com/v1/receipts/only?delivery={}", submitted.deliveries[0]);
    assert_eq!(only.calls()[0].context.receipt_url, Some(expected.clone()));
    assert_eq!(told(&world, &only, &expected, vec![event("x", ReceiptStatus::Delivered)]).await.told, 1);
    assert_eq!(world.state(submitted.id).await, DeliveryState::Delivered);

    let (world, only) = one_vendor(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    assert_eq!(only.calls()[0].context.receipt_url, None);
}

#[tokio::test]
async fn what_is_not_verified_changes_nothing() {
    let (world, only) = one_vendor(|builder| builder).await;
    let submitted = world.submit(sms()).await;
    world.settled(submitted.id).await;
    let before = (world.timeline(submitted.id).await, world.notifier.stats().await.unwrap());
    let url = format!("{URL}?delivery={}", submitted.deliveries[0]);
    for error in
        [ReceiveError::Unverified("no".into()), ReceiveError::Malformed("no".into()), ReceiveError::NotSupported]
    {
        only.will_read(Err(error.clone()));
        let refused = world.notifier.receive(&only.id(), &webhook(&url)).await;
        assert_eq!(refused, Err(ReceiptError::Receive(error)));
    }
    let nobody = world.notifier.receive(&provider_name("nobody"), &webhook(&url)).await;
    assert_eq!(nobody, Err(ReceiptError::UnknownProvider(provider_name("nobody"))));
    assert_eq!((world.timeline(submitted.id).await, world.notifier.stats().await.unwrap()), before);
}

#[tokio::test]
async fn the_same_vendors_id_of_another_provider_is_another_message() {
    let (world, first, second) = two_vendors(|builder| builder).await;
    let id = world.submit(sms()).await.id;
    world.settled(id).await;
    let report = told(&world, &second, URL, vec![event("first-1", ReceiptStatus::Bounced)]).await;
    assert_eq!((counts(report), world.state(id).await), ((0, 0, 1), DeliveryState::Sent));
    assert_eq!(told(&world, &first, URL, vec![event("first-1", ReceiptStatus::Bounced)]).await.told, 1);
}
