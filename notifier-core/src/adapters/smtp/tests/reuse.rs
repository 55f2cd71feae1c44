//! Connections that are used again, and those that must not be.

use super::*;

/// The next message on the same connection.
const AGAIN: &[&str] = &[
    "C: MAIL FROM:<office@example.com>",
    "S: 250 Ok",
    "C: RCPT TO:<ada@example.net>",
    "S: 250 Ok",
    "C: DATA",
    "S: 354 Go",
    "C* message",
    "S: 250 Ok: queued as 2ND",
];

const TO_RECIPIENT: &[&str] = &["C: MAIL FROM:<office@example.com>", "S: 250 Ok", "C: RCPT TO:<ada@example.net>"];

#[tokio::test]
async fn one_connection_for_many_messages() {
    let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN, AGAIN, AGAIN]]);
    for expected in ["accepted: 4XyZ", "accepted: 2ND", "accepted: 2ND"] {
        assert_eq!(short(&fixture.send(email()).await), expected);
    }
    assert_eq!(fixture.finish().await.len(), 3);
}

#[tokio::test]
async fn a_refused_message_does_not_cost_the_connection() {
    let refused: &[&str] = &["S: 550 5.1.1 Nobody"];
    let reset: &[&str] = &["C: RSET", "S: 250 Ok"];
    let too_bad: &[&[&str]] = &[OPEN, TO_RECIPIENT, refused, reset, TO_RECIPIENT, refused, reset, AGAIN, AGAIN];
    let fixture = Fixture::new(plain(), &[too_bad]);
    for expected in ["recipient: 550 5.1.1", "recipient: 550 5.1.1", "accepted: 2ND", "accepted: 2ND"] {
        assert_eq!(short(&fixture.send(email()).await), expected);
    }
    fixture.finish().await;
}

/// The ways in which a connection can turn out to be stale, before the server took a word of the next message.
#[tokio::test]
async fn a_stale_connection_is_replaced_once() {
    let sender = AGAIN[0];
    let stale: [&[&str]; 6] = [
        // Seen without asking.
        &["CLOSE"],
        &["S: 421 4.4.2 Idle for too long"],
        &["S: 421 4.4.2 Idle for too long", "CLOSE"],
        // Seen when asking.
        &[sender, "CLOSE"],
        &[sender, "S: 421 4.7.0 Too many messages", "CLOSE"],
        &[sender, "S: nonsense"],
    ];
    for stale in stale {
        let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN, stale], &[OPEN, AGAIN]]);
        assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
        fixture.scripts.rest().await;
        assert_eq!(short(&fixture.send(email()).await), "accepted: 2ND", "{stale:?}");
        assert_eq!(fixture.finish().await.len(), 2);
    }
}

#[tokio::test]
async fn a_stale_connection_that_says_nothing_is_replaced_after_a_while() {
    let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN, &[AGAIN[0], "HANG"]], &[OPEN, AGAIN]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    assert_eq!(short(&fixture.send_patiently().await), "accepted: 2ND");
    fixture.finish().await;
}

#[tokio::test]
async fn a_reset_that_fails_is_a_stale_connection() {
    let refused: &[&str] = &["S: 450 Later", "C: RSET", "CLOSE"];
    let fixture = Fixture::new(plain(), &[&[OPEN, TO_RECIPIENT, refused], &[OPEN, AGAIN]]);
    assert_eq!(short(&fixture.send(email()).await), "unavailable: 450");
    assert_eq!(short(&fixture.send(email()).await), "accepted: 2ND");
    fixture.finish().await;
}

#[tokio::test]
async fn a_new_connection_is_not_tried_twice() {
    for (end, expected) in [("CLOSE", "unavailable: smtp.connection"), ("S: 421 Bye", "unavailable: 421")] {
        let fixture = Fixture::new(plain(), &[&[OPEN, &[AGAIN[0], end]]]);
        assert_eq!(short(&fixture.send(email()).await), expected);
        fixture.finish().await;
    }
}

/// From the recipient on, the server has heard of the message: no second try within the attempt, not even where it would be safe.
#[tokio::test]
async fn a_message_that_was_begun_is_not_begun_again() {
    let cases: [(&[&str], &str); 3] = [
        (&AGAIN[..3], "unavailable: smtp.connection"),
        (&AGAIN[..5], "unavailable: smtp.connection"),
        (&AGAIN[..7], "unknown: smtp.connection"),
    ];
    for (begun, expected) in cases {
        let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN, begun, &["CLOSE"]]]);
        assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
        assert_eq!(short(&fixture.send(email()).await), expected, "{begun:?}");
        assert_eq!(fixture.scripts.connections(), 1);
        fixture.finish().await;
    }
}

#[tokio::test]
async fn an_unused_connection_is_taken_leave_of() {
    let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN, &["C: QUIT", "S: 221 Bye"]], &[OPEN, AGAIN]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    tokio::task::yield_now().await;
    fixture.clock.advance(jiff::SignedDuration::from_secs(19));
    fixture.scripts.rest().await;
    assert!(fixture.clock.next_deadline().is_some(), "it waits still");
    fixture.clock.advance(jiff::SignedDuration::from_secs(1));
    fixture.scripts.played(1).await;
    assert_eq!(short(&fixture.send(email()).await), "accepted: 2ND");
    fixture.finish().await;
}

#[tokio::test]
async fn no_connection_is_kept_where_none_is_wanted() {
    let options = SmtpOptions { idle_timeout: Duration::ZERO, ..plain() };
    let quit: &[&str] = &["C: QUIT", "S: 221 Bye"];
    let fixture = Fixture::new(options, &[&[OPEN, TAKEN, quit], &[OPEN, AGAIN, quit]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    assert_eq!(short(&fixture.send(email()).await), "accepted: 2ND");
    fixture.scripts.played(2).await;
    fixture.finish().await;
}

#[tokio::test]
async fn a_call_that_is_dropped_takes_its_connection_along() {
    let dropped = &["HANG"];
    let fixture = Fixture::new(plain(), &[&[OPEN, &TAKEN[..3], dropped], &[OPEN, AGAIN]]);
    let provider = Arc::clone(&fixture.provider);
    let message = message(MessageContent::Email(email()));
    let sending = tokio::spawn(async move { provider.send(&message, &context()).await });
    fixture.scripts.hangs().await;
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    // The server sees the end of it.
    fixture.scripts.played(1).await;
    assert_eq!(short(&fixture.send(email()).await), "accepted: 2ND");
    fixture.finish().await;
}

#[tokio::test]
async fn there_are_no_more_connections_than_allowed() {
    let options = SmtpOptions { connections_max: 1, ..plain() };
    let first: &[&[&str]] = &[OPEN, &TAKEN[..7], &["HANG", "WAIT"], &TAKEN[7..], AGAIN];
    let fixture = Fixture::new(options, &[first]);
    let send = || {
        let provider = Arc::clone(&fixture.provider);
        let message = message(MessageContent::Email(email()));
        tokio::spawn(async move { provider.send(&message, &context()).await })
    };
    let (one, two) = (send(), send());
    fixture.scripts.hangs().await;
    assert_eq!(fixture.scripts.connections(), 1);
    fixture.scripts.go_on();
    assert_eq!(short(&one.await.unwrap()), "accepted: 4XyZ");
    assert_eq!(short(&two.await.unwrap()), "accepted: 2ND");
    fixture.finish().await;
}

#[tokio::test]
async fn who_waits_for_a_connection_waits_no_longer_than_the_attempt() {
    let options = SmtpOptions { connections_max: 1, ..plain() };
    let fixture = Fixture::new(options, &[&[OPEN, &TAKEN[..7], &["HANG"]]]);
    let send = |timeout_s| {
        let provider = Arc::clone(&fixture.provider);
        let message = message(MessageContent::Email(email()));
        let context = SendContext::new("key-1", Duration::from_secs(timeout_s));
        tokio::spawn(async move { provider.send(&message, &context).await })
    };
    let (one, two) = (send(30), send(10));
    fixture.scripts.hangs().await;
    fixture.clock.advance(jiff::SignedDuration::from_secs(10));
    // One may have been taken; the other was never written.
    assert_eq!(short(&two.await.unwrap()), "unavailable: smtp.timeout");
    fixture.clock.advance(jiff::SignedDuration::from_secs(20));
    assert_eq!(short(&one.await.unwrap()), "unknown: smtp.timeout");
    fixture.finish().await;
}
