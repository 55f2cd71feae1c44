//! The inbox: order, bounds, counters, waiting.

use http::StatusCode;

use super::super::{Channel, Filter, Inbox, Service};
use super::fixture::{Fixture, PATIENCE, SMS, is_pending, mail, options};

fn seqs(inbox: &Inbox, filter: &Filter) -> Vec<u64> {
    inbox.select(filter).iter().map(|message| message.seq).collect()
}

#[tokio::test]
async fn the_oldest_make_room_but_stay_counted() {
    let mut options = options();
    options.inbox_capacity = 3;
    let fixture = Fixture::with(options).await;
    let inbox = fixture.sandbox.inbox();
    for _ in 0..5 {
        assert_eq!(fixture.send_sms(SMS).await.status, StatusCode::CREATED);
    }
    assert_eq!(inbox.messages().iter().map(|message| message.seq).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(inbox.message(2).map(|message| message.seq), None);
    assert_eq!(inbox.message(3).map(|message| message.seq), Some(3));
    assert_eq!(inbox.message(6).map(|message| message.seq), None);
    assert_eq!(inbox.counters(Service::Twilio).accepted, 5);
    assert_eq!(seqs(inbox, &Filter { after: Some(0), ..Filter::default() }), [3, 4, 5]);
    assert_eq!(seqs(inbox, &Filter { after: Some(4), ..Filter::default() }), [5]);
    assert_eq!(seqs(inbox, &Filter { after: Some(u64::MAX), ..Filter::default() }), [0; 0]);
}

#[test]
fn ten_thousand_are_kept_unless_told_otherwise() {
    assert_eq!(options().inbox_capacity, 10_000);
}

#[tokio::test]
async fn filters_narrow_and_limits_choose_an_end() {
    let fixture = Fixture::start().await;
    let inbox = fixture.sandbox.inbox();
    for _ in 0..2 {
        fixture.send_sms(SMS).await;
        fixture.send_mail(&mail()).await;
    }
    let all = Filter::default();
    assert_eq!(seqs(inbox, &all), [1, 2, 3, 4]);
    assert_eq!(seqs(inbox, &Filter { provider: Some(Service::Twilio), ..all.clone() }), [1, 3]);
    assert_eq!(seqs(inbox, &Filter { channel: Some(Channel::Email), ..all.clone() }), [2, 4]);
    assert_eq!(seqs(inbox, &Filter { to: Some("ANA@example.com".to_owned()), ..all.clone() }), [2, 4]);
    assert_eq!(seqs(inbox, &Filter { limit: 1, ..all.clone() }), [4]);
    assert_eq!(seqs(inbox, &Filter { limit: 1, after: Some(0), ..all.clone() }), [1]);
    assert_eq!(seqs(inbox, &Filter { limit: 1, after: Some(1), channel: Some(Channel::Sms), ..all }), [3]);
}

#[tokio::test]
async fn clearing_forgets_all_but_the_sequence() {
    let fixture = Fixture::start().await;
    let inbox = fixture.sandbox.inbox();
    fixture.send_sms(SMS).await;
    fixture.send_sms("Body=Hello").await;
    inbox.clear();
    assert_eq!(inbox.messages().len(), 0);
    assert_eq!(inbox.message(1).map(|message| message.seq), None);
    assert_eq!(inbox.counters(Service::Twilio), Default::default());
    fixture.send_sms(SMS).await;
    assert_eq!(fixture.only_message().seq, 2);
    assert_eq!(seqs(inbox, &Filter { after: Some(1), ..Filter::default() }), [2]);
}

#[tokio::test]
async fn waiting_ends_with_the_last_message() {
    let fixture = Fixture::start().await;
    let inbox = fixture.sandbox.inbox();
    let mut waiting = Box::pin(inbox.wait_for(2));
    assert!(is_pending(waiting.as_mut()).await);
    fixture.send_sms(SMS).await;
    assert!(is_pending(waiting.as_mut()).await);
    fixture.send_mail(&mail()).await;
    tokio::time::timeout(PATIENCE, waiting).await.unwrap();
}
