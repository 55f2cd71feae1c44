//! What may be relied on in virtual time.

use std::time::Duration;

use async_trait::async_trait;
use jiff::ToSpan;

use super::*;
use crate::domain::category::{Category, UnknownPolicy};
use crate::domain::channel::Channel;
use crate::domain::id::TenantId;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::message::Message;
use crate::domain::outcome::{Outcome, RejectionKind};
use crate::domain::receipt::ReceiptStatus;
use crate::domain::route::{Chain, Route};
use crate::domain::schedule::ScheduleRequest;
use crate::domain::template::{ChatSource, Content, EmailSource, PushSource, SmsSource, WebhookSource};
use crate::ports::provider::{Provider, ProviderDescription, SendContext};
use crate::testing::{Trouble, VirtualProvider};

const START: &str = "2027-01-01T00:00:00Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(time(START)))
}

fn sms() -> NotificationRequest {
    let mut request = NotificationRequest::to("1");
    request.recipient.phone = Some("+14155550101".into());
    request.content = Some(Content { sms: Some(SmsSource { text: "Hello".into() }), ..Content::default() });
    request
}

fn sms_at(at: Timestamp) -> NotificationRequest {
    let schedule = ScheduleRequest { at: Some(at.to_string()), ..ScheduleRequest::default() };
    NotificationRequest { schedule: Some(schedule), ..sms() }
}

fn engine_with(clock: &Arc<ManualClock>, provider: &Arc<VirtualProvider>) -> VirtualEngine {
    let builder = Notifier::builder().provider("sms", Arc::clone(provider) as _).route(Channel::Sms, "sms");
    VirtualEngine::start(Arc::clone(clock), builder).unwrap()
}

fn engine() -> (VirtualEngine, Arc<VirtualProvider>) {
    let clock = clock();
    let provider = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
    (engine_with(&clock, &provider), provider)
}

fn state(engine: &VirtualEngine, submitted: &Submitted) -> DeliveryState {
    let status = engine.block_on(engine.notifier().status(&TenantId::unnamed(), submitted.id));
    status.unwrap().unwrap().deliveries[0].state
}

#[test]
fn ten_thousand_notifications_of_a_year_go_out_on_time() {
    let (engine, provider) = engine();
    let mut due = Vec::new();
    for minute in 0..10_000 {
        due.push(time(START) + (minute * 52).minutes());
        engine.submit(sms_at(due[due.len() - 1])).unwrap();
    }
    engine.advance(SignedDuration::from_hours(24 * 365));
    assert_eq!(provider.sent().iter().map(|call| call.at).collect::<Vec<_>>(), due);
    assert_eq!(engine.now(), time("2028-01-01T00:00:00Z"));
}

#[test]
fn every_channel_is_sent_and_reported_about() {
    let clock = clock();
    let provider = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
    let builder = Notifier::builder().provider("all", Arc::clone(&provider) as _).sender_email("office@example.com");
    let builder = Channel::ALL.into_iter().fold(builder, |builder, channel| builder.route(channel, "all"));
    let engine = VirtualEngine::start(clock, builder).unwrap();
    let text = || "{{word}}".to_owned();
    let json = || r#"{"word": "{{word}}"}"#.to_owned();
    let mut request = sms();
    request.recipient.email = Some("ada@example.com".into());
    request.recipient.push_token = Some("device-7".into());
    request.recipient.chat_id = Some("C0123ADA".into());
    request.recipient.webhook_url = Some("https://example.com/hooks/7".into());
    request.content = Some(Content {
        email: Some(EmailSource { subject: text(), text: Some(text()), html: None }),
        sms: Some(SmsSource { text: text() }),
        push: Some(PushSource { title: text(), body: text(), data: [("word".to_owned(), text())].into() }),
        chat: Some(ChatSource { text: text(), layout: Some(json()) }),
        webhook: Some(WebhookSource { kind: "word.said".into(), payload: json() }),
    });
    request.variables.insert("word".into(), "Hi \"A\"".into());
    let submitted = engine.submit(request).unwrap();
    engine.advance(SignedDuration::from_secs(1));
    let mut calls = provider.sent();
    calls.sort_by_key(|call| call.delivery().channel);
    let sent: Vec<_> = calls.iter().map(|call| (call.message.content.channel(), call.address())).collect();
    let addresses = ["ada@example.com", "+14155550101", "device-7", "C0123ADA", "https://example.com/hooks/7"];
    assert_eq!(sent, Channel::ALL.into_iter().zip(addresses).collect::<Vec<_>>());
    let said = format!("{:?}", calls.iter().map(|call| &call.message.content).collect::<Vec<_>>());
    assert_eq!(said.matches(r#""Hi \"A\"""#).count(), 7, "{said}");
    let escaped = format!("{:?}", r#"{"word": "Hi \"A\""}"#);
    assert_eq!(said.matches(&escaped).count(), 2, "{said}");
    let all = "all".parse().unwrap();
    for call in &calls {
        engine.block_on(engine.notifier().receive(&all, &call.report(ReceiptStatus::Delivered))).unwrap();
    }
    let status = engine.block_on(engine.notifier().status(&TenantId::unnamed(), submitted.id)).unwrap().unwrap();
    let states: Vec<_> = status.deliveries.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Delivered; Channel::ALL.len()]);
}

#[test]
fn a_question_takes_no_time_and_a_wait_as_long_as_it_takes() {
    let (engine, _) = engine();
    let submitted = engine.submit(sms_at(time("2027-03-01T00:00:00Z"))).unwrap();
    assert_eq!(state(&engine, &submitted), DeliveryState::Pending);
    assert_eq!(engine.now(), time(START));
    let waited = engine.block_on(engine.notifier().wait(&TenantId::unnamed(), submitted.id)).unwrap().unwrap();
    assert_eq!(waited.deliveries[0].state, DeliveryState::Sent);
    assert_eq!(engine.now(), time("2027-03-01T00:00:00Z"));
}

#[test]
fn nothing_happens_before_its_time_and_everything_at_it() {
    let (engine, provider) = engine();
    let due = time("2027-02-01T00:00:00Z");
    engine.submit(sms_at(due)).unwrap();
    engine.advance_to(due - 1.milliseconds());
    assert_eq!(provider.calls_count(), 0);
    engine.advance(SignedDuration::from_millis(1));
    assert_eq!(provider.calls_count(), 1);
    engine.advance_to(time(START));
    assert_eq!(engine.now(), due, "time does not go back");
}

/// Gives way to others very often before it answers.
struct Polite;

#[async_trait]
impl Provider for Polite {
    fn describe(&self) -> &ProviderDescription {
        static DESCRIPTION: std::sync::OnceLock<ProviderDescription> = std::sync::OnceLock::new();
        DESCRIPTION.get_or_init(|| ProviderDescription::native("polite", vec![Channel::Sms]))
    }

    async fn send(&self, _: &Message, _: &SendContext) -> Outcome {
        for turn in 0..5_000 {
            match turn % 2 {
                0 => tokio::task::yield_now().await,
                _ => tokio::spawn(tokio::task::yield_now()).await.unwrap(),
            }
        }
        Outcome::Accepted { provider_message_id: None }
    }
}

#[test]
fn time_stands_still_until_nothing_can_be_done_without_it() {
    let builder = Notifier::builder().provider("sms", Arc::new(Polite)).route(Channel::Sms, "sms");
    let engine = VirtualEngine::start(clock(), builder).unwrap();
    let submitted = engine.submit(sms()).unwrap();
    engine.advance(SignedDuration::ZERO);
    assert_eq!(state(&engine, &submitted), DeliveryState::Sent);
    // Work that is woken again and again by what it started is not idle either.
    engine.block_on(async {
        for _ in 0..5_000 {
            tokio::spawn(tokio::task::yield_now()).await.unwrap();
        }
    });
    assert_eq!(engine.now(), time(START));
}

#[test]
fn the_same_test_has_the_same_story() {
    let story = || {
        let (engine, provider) = engine();
        provider.trouble_of_some_between(time(START), time("2027-01-20T00:00:00Z"), Trouble::Down, 60);
        for day in 0..40 {
            engine.submit(sms_at(time(START) + (24 * day).hours())).unwrap();
        }
        assert!(engine.run_until_idle().unwrap());
        (provider.calls(), engine.breaker_changes(), engine.now())
    };
    let first = story();
    assert!(first.0.len() > 45, "{} calls: some have to be repeated", first.0.len());
    assert!(first == story());
}

#[test]
fn those_who_wait_for_a_place_when_the_breaker_opens_go_on_in_the_order_in_which_they_came() {
    let story = || {
        let clock = clock();
        let provider = Arc::new(VirtualProvider::new(Arc::clone(&clock)).taking(20));
        provider.set_latency(Duration::from_millis(300));
        provider.down_between(time(START), time("2027-01-01T00:05:00Z"));
        let engine = engine_with(&clock, &provider);
        for _ in 0..150 {
            engine.submit(sms()).unwrap();
        }
        assert!(engine.run_until_idle().unwrap());
        assert!(!engine.breaker_changes().is_empty());
        provider.calls()
    };
    let first = story();
    // Whoever is woken in another order each time differs in one of these.
    assert!((0..5).all(|_| first == story()));
}

#[test]
fn it_is_idle_when_the_last_has_ended() {
    let (engine, provider) = engine();
    engine.submit(sms_at(time("2027-04-01T00:00:00Z"))).unwrap();
    provider.down_between(time(START), time("2027-04-01T02:00:00Z"));
    assert!(engine.run_until_idle().unwrap());
    let sent = provider.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(engine.now(), sent[0].at);
    assert!(engine.now() >= time("2027-04-01T02:00:00Z"));
}

#[test]
fn another_provider_takes_over_and_the_breaker_is_seen_to_open_and_close() {
    let clock = clock();
    let [first, second] = [(); 2].map(|()| Arc::new(VirtualProvider::new(Arc::clone(&clock))));
    let names = ["first", "second"].map(|name| ProviderName::new(name).unwrap());
    let builder = Notifier::builder()
        .provider("first", Arc::clone(&first) as _)
        .provider("second", Arc::clone(&second) as _)
        .route_by(Route::of(Channel::Sms, Chain::Ordered(names.to_vec())));
    let engine = VirtualEngine::start(clock, builder).unwrap();
    let (down, up) = (time("2027-01-02T00:00:00Z"), time("2027-01-03T00:00:00Z"));
    first.down_between(down, up);
    for minute in 0..3 * 24 * 60 {
        engine.submit(sms_at(time(START) + minute.minutes())).unwrap();
    }
    assert!(engine.run_until_idle().unwrap());
    let mut sent: Vec<_> = first.sent().into_iter().chain(second.sent()).collect();
    assert!(sent.iter().all(|call| call.at.as_second() % 60 == 0), "nobody waited");
    sent.sort_by_key(|call| call.at);
    sent.dedup_by_key(|call| call.delivery());
    assert_eq!(sent.len(), 3 * 24 * 60);
    assert!(second.sent().iter().all(|call| call.at >= down));
    let changes = engine.breaker_changes();
    assert!(matches!(changes[0].breaker, Breaker::Open { .. }) && changes[0].at >= down, "{changes:?}");
    let last = &changes[changes.len() - 1];
    assert!(last.breaker == Breaker::Closed && last.at >= up && last.provider == names[0], "{last:?}");
}

#[test]
fn each_trouble_comes_to_what_it_should() {
    let end = time("2027-01-01T00:00:20Z");
    let patience = Some(Duration::from_secs(40));
    let cases = [
        (Trouble::Down, DeliveryState::Sent, 1, 20..600),
        (Trouble::RateLimited { retry_after: patience }, DeliveryState::Sent, 1, 40..41),
        (Trouble::Slow(Duration::from_secs(15)), DeliveryState::Sent, 1, 0..1),
        // Given up after the 30 seconds that a call may take and a third of the margin of its lease.
        (Trouble::Hangs, DeliveryState::Sent, 1, 40..600),
        (Trouble::LosesAnswers, DeliveryState::Sent, 2, 0..1),
        (Trouble::RefusesAddress, DeliveryState::Failed, 0, 0..1),
        (Trouble::RefusesEverybody, DeliveryState::Sent, 1, 20..4_000),
    ];
    for (trouble, expected, times, seconds) in cases {
        let (engine, provider) = engine();
        provider.trouble_between(time(START), end, trouble);
        let submitted = engine.submit(sms()).unwrap();
        assert!(engine.run_until_idle().unwrap());
        assert_eq!(state(&engine, &submitted), expected, "{trouble:?}");
        let sent = provider.sent();
        assert!(sent.len() >= times && (times != 1 || sent.len() == 1), "{trouble:?}: sent {} times", sent.len());
        let is_in_time =
            |call: &crate::testing::VirtualCall| seconds.contains(&call.at.duration_since(time(START)).as_secs());
        assert!(sent.first().is_none_or(is_in_time), "{trouble:?}: {:?}", sent.first().map(|call| call.at));
    }
}

#[test]
fn an_answer_that_is_lost_may_be_held_instead_of_repeated() {
    let clock = clock();
    let provider = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
    provider.trouble_between(Timestamp::MIN, Timestamp::MAX, Trouble::LosesAnswers);
    let category = Category { unknown_policy: UnknownPolicy::Hold, ..Category::default() };
    let builder = Notifier::builder().provider("sms", Arc::clone(&provider) as _).route(Channel::Sms, "sms");
    let engine = VirtualEngine::start(clock, builder.category(category)).unwrap();
    let submitted = engine.submit(sms()).unwrap();
    assert!(engine.run_until_idle().unwrap());
    assert_eq!((state(&engine, &submitted), provider.sent().len()), (DeliveryState::Unknown, 1));
}

#[test]
fn addresses_can_be_refused_and_shares_are_about_right() {
    let (engine, provider) = engine();
    provider.reject("+14155550101", RejectionKind::Recipient);
    let refused = engine.submit(sms()).unwrap();
    provider.trouble_of_some_between(time(START), Timestamp::MAX, Trouble::RefusesAddress, 20);
    let others: Vec<_> = (0..1_000)
        .map(|number| {
            let mut request = sms();
            request.recipient.phone = Some(format!("+1415555{number:04}"));
            engine.submit(request).unwrap()
        })
        .collect();
    assert!(engine.run_until_idle().unwrap());
    assert_eq!(state(&engine, &refused), DeliveryState::Failed);
    let sent = others.iter().filter(|other| state(&engine, other) == DeliveryState::Sent).count();
    assert!((750..850).contains(&sent), "{sent} of 1000 with 20 percent refused");
    assert_eq!(sent, provider.sent().len());
}

/// Two providers of text messages, in that order.
fn engine_of_two() -> (VirtualEngine, [Arc<VirtualProvider>; 2]) {
    let clock = clock();
    let [first, second] = [(); 2].map(|()| Arc::new(VirtualProvider::new(Arc::clone(&clock))));
    let chain = Chain::Ordered(["first", "second"].map(|name| ProviderName::new(name).unwrap()).to_vec());
    let builder = Notifier::builder()
        .provider("first", Arc::clone(&first) as _)
        .provider("second", Arc::clone(&second) as _)
        .route_by(Route::of(Channel::Sms, chain));
    (VirtualEngine::start(clock, builder).unwrap(), [first, second])
}

#[test]
fn what_one_provider_cannot_carry_another_does_and_nobody_is_thought_ill_of() {
    let (engine, [first, second]) = engine_of_two();
    first.reject("+14155550101", RejectionKind::Unfit);
    let submitted: Vec<_> = (0..30).map(|_| engine.submit(sms()).unwrap()).collect();
    assert!(engine.run_until_idle().unwrap());
    assert!(submitted.iter().all(|submitted| state(&engine, submitted) == DeliveryState::Sent));
    assert_eq!((first.calls_count(), second.sent().len()), (30, 30));
    assert!(second.sent().iter().all(|call| call.at == time(START)), "at once");
    let calls = engine.notifier().providers().into_iter().map(|one| (one.good_calls_lately, one.bad_calls_lately));
    assert_eq!(calls.collect::<Vec<_>>(), [(0, 0), (30, 0)], "what one cannot carry says nothing about it");
    let timeline = engine.block_on(engine.notifier().timeline(&TenantId::unnamed(), submitted[0].id)).unwrap();
    let told = timeline.unwrap().into_iter().find(|fact| fact.reason.code == "attempt.rejected.unfit").unwrap();
    assert!(told.reason.text.starts_with("`first` cannot carry it, another provider may"), "{}", told.reason.text);
}

/// One that is ill for the moment is left all the same; when it cannot either, the delivery fails for that and nothing else.
#[test]
fn what_nobody_can_carry_fails_once_everybody_was_asked() {
    let (engine, [first, second]) = engine_of_two();
    first.reject("+14155550101", RejectionKind::Unfit);
    second.reject("+14155550101", RejectionKind::Unfit);
    second.down_between(time(START), time("2027-01-01T00:00:05Z"));
    let submitted = engine.submit(sms()).unwrap();
    assert!(engine.run_until_idle().unwrap());
    let explanation = engine.block_on(engine.notifier().explain(&TenantId::unnamed(), submitted.id)).unwrap().unwrap();
    let delivery = &explanation.deliveries[0];
    assert_eq!(
        (delivery.state, delivery.reason.code.as_ref()),
        (Some(DeliveryState::Failed), "attempt.rejected.unfit")
    );
    let expected = "`second` cannot carry it, and no other provider is left that may";
    assert!(delivery.reason.text.starts_with(expected), "{}", delivery.reason);
    assert_eq!(first.calls_count(), 1, "it is asked once");
    // A replay asks everybody anew: what they can carry may have changed.
    let replayed = engine.block_on(engine.notifier().replay(&TenantId::unnamed(), submitted.id, None));
    assert!(replayed.unwrap().is_some() && engine.run_until_idle().unwrap());
    assert_eq!(first.calls_count(), 2);
}

#[test]
fn a_provider_can_report_what_became_of_a_message() {
    let (engine, provider) = engine();
    let submitted = engine.submit(sms()).unwrap();
    assert!(engine.run_until_idle().unwrap());
    let webhook = provider.sent()[0].report(ReceiptStatus::Delivered);
    let report = engine.block_on(engine.notifier().receive(&ProviderName::new("sms").unwrap(), &webhook)).unwrap();
    assert_eq!((report.told, state(&engine, &submitted)), (1, DeliveryState::Delivered));
}

#[cfg(feature = "sled")]
#[test]
fn a_disk_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let error = VirtualEngine::start(clock(), Notifier::builder().data_dir(directory.path())).err().unwrap();
    assert!(error.to_string().starts_with("store: virtual time does not wait"), "{error}");
}

#[test]
fn what_a_provider_took_without_saying_so_is_found_and_sent_once_and_its_report_is_matched() {
    let clock = clock();
    let provider = Arc::new(VirtualProvider::new(Arc::clone(&clock)).looking_up());
    provider.trouble_between(time(START), time("2027-01-01T01:00:00Z"), Trouble::LosesAnswers);
    let engine = engine_with(&clock, &provider);
    let taken = engine.submit(sms()).unwrap();
    engine.advance(SignedDuration::from_hours(1));
    assert_eq!((state(&engine, &taken), provider.sent().len()), (DeliveryState::Sent, 1));
    let report = provider.sent()[0].report(ReceiptStatus::Delivered);
    let name = ProviderName::new("sms").unwrap();
    engine.block_on(engine.notifier().receive(&name, &report)).unwrap();
    assert_eq!(state(&engine, &taken), DeliveryState::Delivered);

    provider.trouble_between(engine.now(), time("2027-01-01T02:00:00Z"), Trouble::Hangs);
    let not_taken = engine.submit(sms()).unwrap();
    engine.advance(SignedDuration::from_hours(48));
    assert_eq!((state(&engine, &not_taken), provider.sent().len()), (DeliveryState::Sent, 2));
    let timeline = engine.block_on(engine.notifier().timeline(&TenantId::unnamed(), not_taken.id)).unwrap().unwrap();
    assert!(timeline.iter().any(|fact| fact.reason.code == "attempt.not_found"));
    assert!(timeline.iter().all(|fact| fact.reason.code != "unknown.resend"), "nothing is left in doubt");
}
