//! One channel after the other: when the next has its turn, and when it is not needed.

use std::sync::Arc;

use notifier_core::{
    Category, Channel, DeliveryState, FactKind, Goal, NotificationId, NotificationRequest, Preferences, ReceiptEvent,
    ReceiptStatus, RejectionKind, Strategy, UnknownPolicy,
};

use super::receipts::{event, webhook};
use super::vendor::*;
use super::world::*;

const WAIT_MS: i64 = 600_000;

/// Text message first, then email.
fn sequence(until: Goal) -> Category {
    let strategy = Strategy::Sequence { until, wait_ms: u64::try_from(WAIT_MS).unwrap() };
    Category { strategy, channels: vec![Channel::Sms, Channel::Email], ..category(UnknownPolicy::Hold) }
}

/// Text messages go to the vendor, email to the scripted provider of the world.
async fn until(goal: Goal) -> (World, Arc<Vendor>) {
    one_vendor(|builder| builder.category(sequence(goal))).await
}

fn request() -> NotificationRequest {
    both()
}

async fn states(world: &World, id: NotificationId) -> (DeliveryState, DeliveryState) {
    (world.on_channel(id, Channel::Sms).await.state, world.on_channel(id, Channel::Email).await.state)
}

/// How many went out by text message and by email.
fn sent(world: &World, vendor: &Vendor) -> (usize, usize) {
    (vendor.count(), world.provider.calls().len())
}

async fn report(world: &World, vendor: &Vendor, status: ReceiptStatus) {
    let event: ReceiptEvent = event("only-1", status);
    vendor.will_read(Ok(vec![event]));
    world.notifier.receive(&vendor.id(), &webhook("https://n.example.com/v1/receipts/only")).await.unwrap();
    world.idle().await;
}

#[tokio::test]
async fn until_sent_the_first_channel_that_works_is_the_only_one() {
    let (world, vendor) = until(Goal::Sent).await;
    let id = world.submit(request()).await.id;
    world.idle().await;
    assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Suppressed));
    assert_eq!(world.on_channel(id, Channel::Email).await.reason.code, "strategy.reached");
    world.advance_in_steps(WAIT_MS, 5).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn until_sent_the_next_channel_goes_out_at_once_when_the_first_fails() {
    let (world, vendor) = until(Goal::Sent).await;
    vendor.will([refused(RejectionKind::Recipient)]);
    let id = world.submit(request()).await.id;
    world.idle().await;
    assert_eq!(states(&world, id).await, (DeliveryState::Failed, DeliveryState::Sent));
    assert_eq!(sent(&world, &vendor), (1, 1));
    let timeline = world.timeline(id).await;
    assert!(timeline.iter().any(|fact| fact.reason.code == "strategy.next"), "{timeline:?}");
}

#[tokio::test]
async fn the_next_channel_waits_while_the_first_is_tried_again() {
    let (world, vendor) = until(Goal::Sent).await;
    vendor.will([unavailable(), unavailable()]);
    let id = world.submit(request()).await.id;
    world.idle().await;
    assert_eq!(states(&world, id).await, (DeliveryState::Pending, DeliveryState::Pending));
    world.advance_in_steps(500, 20).await;
    assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Suppressed));
    assert_eq!(sent(&world, &vendor), (3, 0));
}

#[tokio::test]
async fn without_a_receipt_the_next_channel_goes_out_exactly_when_the_wait_is_over() {
    for goal in [Goal::Delivered, Goal::Acknowledged] {
        let (world, vendor) = until(goal).await;
        let mut scheduled = request();
        scheduled.schedule = at("2026-01-01T00:01:00Z");
        let id = world.submit(scheduled).await.id;
        world.clock.set(time("2026-01-01T00:01:00Z"));
        world.idle().await;
        assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Pending));
        world.advance_ms(WAIT_MS - 1).await;
        assert_eq!(sent(&world, &vendor), (1, 0), "not early, {goal:?}");
        world.advance_ms(1).await;
        assert_eq!(sent(&world, &vendor), (1, 1), "on time, {goal:?}");
        assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Sent));
    }
}

#[tokio::test]
async fn a_receipt_that_it_arrived_stops_the_fallback() {
    let (world, vendor) = until(Goal::Delivered).await;
    let id = world.submit(request()).await.id;
    world.advance_ms(WAIT_MS / 2).await;
    report(&world, &vendor, ReceiptStatus::Delivered).await;
    assert_eq!(states(&world, id).await, (DeliveryState::Delivered, DeliveryState::Suppressed));
    world.advance_in_steps(WAIT_MS, 5).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn a_receipt_in_the_last_moment_stops_the_fallback_that_is_prepared_already() {
    let (world, vendor) = until(Goal::Delivered).await;
    let id = world.submit(request()).await.id;
    world.idle().await;
    world.advance_ms(WAIT_MS - 50).await;
    report(&world, &vendor, ReceiptStatus::Delivered).await;
    world.advance_in_steps(10, 30).await;
    assert_eq!(states(&world, id).await, (DeliveryState::Delivered, DeliveryState::Suppressed));
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn a_receipt_that_it_will_not_arrive_makes_the_next_due_at_once() {
    for status in [ReceiptStatus::Failed, ReceiptStatus::Bounced] {
        let (world, vendor) = until(Goal::Delivered).await;
        let id = world.submit(request()).await.id;
        world.advance_ms(1_000).await;
        assert_eq!(sent(&world, &vendor), (1, 0));
        report(&world, &vendor, status).await;
        assert_eq!(sent(&world, &vendor), (1, 1), "{status:?}");
        assert_eq!(world.on_channel(id, Channel::Email).await.state, DeliveryState::Sent);
    }
}

#[tokio::test]
async fn a_receipt_that_says_too_little_neither_stops_nor_hastens_the_fallback() {
    let (world, vendor) = until(Goal::Delivered).await;
    world.submit(request()).await;
    world.advance_ms(1_000).await;
    report(&world, &vendor, ReceiptStatus::Accepted).await;
    world.advance_ms(WAIT_MS - 1_001).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
    world.advance_ms(1).await;
    assert_eq!(sent(&world, &vendor), (1, 1));
}

#[tokio::test]
async fn that_it_arrived_does_not_stop_what_waits_to_be_acknowledged() {
    let (world, vendor) = until(Goal::Acknowledged).await;
    let id = world.submit(request()).await.id;
    world.advance_ms(1_000).await;
    report(&world, &vendor, ReceiptStatus::Delivered).await;
    world.advance_ms(WAIT_MS - 1_001).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
    world.advance_ms(1).await;
    assert_eq!(states(&world, id).await, (DeliveryState::Delivered, DeliveryState::Sent));
}

#[tokio::test]
async fn acknowledging_stops_the_escalation_and_doing_it_again_changes_nothing() {
    let (world, vendor) = until(Goal::Acknowledged).await;
    let id = world.submit(request()).await.id;
    world.advance_ms(1_000).await;
    let first = world.notifier.acknowledge(&tenant(), id, Some("ada".into())).await.unwrap().unwrap();
    assert_eq!(first.changed.len(), 1);
    assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Suppressed));
    let told = world.timeline(id).await;
    let again = world.notifier.acknowledge(&tenant(), id, Some("bob".into())).await.unwrap().unwrap();
    assert_eq!((again.changed, again.status), (Vec::new(), first.status));
    assert_eq!(world.timeline(id).await, told);
    let acknowledged: Vec<_> = told.iter().filter(|fact| fact.kind == FactKind::Acknowledged).collect();
    assert_eq!(acknowledged.len(), 1);
    assert!(acknowledged[0].reason.text.contains("ada"), "{}", acknowledged[0].reason);
    world.advance_in_steps(WAIT_MS, 5).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn acknowledging_in_the_last_moment_stops_what_is_prepared_already() {
    let (world, vendor) = until(Goal::Acknowledged).await;
    let id = world.submit(request()).await.id;
    world.idle().await;
    world.advance_ms(WAIT_MS - 50).await;
    world.notifier.acknowledge(&tenant(), id, None).await.unwrap();
    world.advance_in_steps(10, 30).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn acknowledging_leaves_alone_what_does_not_wait_for_it() {
    let (world, vendor) = until(Goal::Delivered).await;
    let id = world.submit(request()).await.id;
    world.idle().await;
    world.notifier.acknowledge(&tenant(), id, None).await.unwrap();
    world.advance_ms(WAIT_MS).await;
    assert_eq!(sent(&world, &vendor), (1, 1));
    assert!(world.timeline(id).await.iter().any(|fact| fact.kind == FactKind::Acknowledged));
}

#[tokio::test]
async fn a_channel_that_the_recipient_switched_off_counts_as_ended() {
    for goal in [Goal::Sent, Goal::Delivered, Goal::Acknowledged] {
        let (world, vendor) = until(goal).await;
        let off = Preferences { channels: [(Channel::Sms, false)].into(), ..Preferences::default() };
        world.notifier.put_preferences(&tenant(), &person("1").id, off).await.unwrap();
        let id = world.submit(request()).await.id;
        world.idle().await;
        assert_eq!(states(&world, id).await, (DeliveryState::Suppressed, DeliveryState::Sent), "{goal:?}");
        assert_eq!(sent(&world, &vendor), (0, 1), "{goal:?}");
    }
}

#[tokio::test]
async fn a_message_of_which_nobody_knows_whether_it_was_sent_has_its_time_before_the_next_channel() {
    let (world, vendor) = until(Goal::Delivered).await;
    vendor.will([unknown()]);
    let id = world.submit(request()).await.id;
    world.idle().await;
    assert_eq!(states(&world, id).await, (DeliveryState::Unknown, DeliveryState::Pending));
    world.advance_ms(WAIT_MS - 1).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
    world.advance_ms(1).await;
    assert_eq!(sent(&world, &vendor), (1, 1));
}

#[tokio::test]
async fn a_sequence_goes_on_after_a_crash() {
    let (world, _) = until(Goal::Delivered).await;
    let id = world.submit(request()).await.id;
    world.advance_ms(1_000).await;
    let again = Vendor::new("only", &world.clock);
    let world = world
        .killed_and_restarted([], |builder| {
            again.join(builder).route_by(in_order(&["only"])).category(sequence(Goal::Delivered))
        })
        .await;
    world.advance_ms(WAIT_MS - 1_001).await;
    assert_eq!(sent(&world, &again), (0, 0));
    world.advance_ms(1).await;
    assert_eq!(sent(&world, &again), (0, 1));
    assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Sent));
}

#[tokio::test]
async fn cancelling_between_two_channels_prevents_the_second() {
    let (world, vendor) = until(Goal::Delivered).await;
    let id = world.submit(request()).await.id;
    world.advance_ms(1_000).await;
    world.notifier.cancel(&tenant(), id).await.unwrap();
    assert_eq!(states(&world, id).await, (DeliveryState::Sent, DeliveryState::Cancelled));
    world.advance_in_steps(WAIT_MS, 3).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
}

#[tokio::test]
async fn a_sequence_that_is_rescheduled_begins_later_as_a_whole() {
    let (world, vendor) = until(Goal::Delivered).await;
    let mut scheduled = request();
    scheduled.schedule = at("2026-01-01T01:00:00Z");
    let id = world.submit(scheduled).await.id;
    world.notifier.reschedule(&tenant(), id, &at("2026-01-03T01:00:00Z").unwrap()).await.unwrap();
    world.clock.set(time("2026-01-03T00:59:59.999Z"));
    world.idle().await;
    assert_eq!(sent(&world, &vendor), (0, 0));
    world.advance_ms(1).await;
    assert_eq!(sent(&world, &vendor), (1, 0));
    world.advance_ms(WAIT_MS).await;
    assert_eq!(sent(&world, &vendor), (1, 1));
}
