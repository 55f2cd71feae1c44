//! Servers that break off, keep quiet, or are none.

use super::*;

/// A conversation with every step that the server takes.
fn whole() -> Vec<&'static str> {
    [OPEN, TAKEN].concat()
}

/// The places where the server has just heard something, or nothing yet, and could break off.
fn breaks() -> Vec<usize> {
    let whole = whole();
    let is_next_said = |at: &usize| whole.get(*at).is_some_and(|line| line.starts_with('S'));
    (0..whole.len()).filter(is_next_said).collect()
}

#[tokio::test]
async fn a_connection_that_is_lost() {
    let breaks = breaks();
    for at in &breaks {
        let script = [&whole()[..*at], &["CLOSE"]].concat();
        let fixture = Fixture::new(plain(), &[&[&script]]);
        let outcome = fixture.send(email()).await;
        // Only behind the dot nobody knows.
        let expected = if at == breaks.last().unwrap() { "unknown" } else { "unavailable" };
        assert_eq!(short(&outcome), format!("{expected}: smtp.connection"), "{script:?}");
        fixture.finish().await;
    }
    assert_eq!(breaks.len(), 6);
}

#[tokio::test]
async fn a_server_that_keeps_quiet() {
    let breaks = breaks();
    for at in &breaks {
        let script = [&whole()[..*at], &["HANG"]].concat();
        let fixture = Fixture::new(plain(), &[&[&script]]);
        let began_at = fixture.clock.now();
        let outcome = fixture.send_patiently().await;
        let waited = fixture.clock.now().duration_since(began_at).as_secs();
        // For the last answer it may use what is left of the attempt.
        let (expected, patience) = if at == breaks.last().unwrap() { ("unknown", 30) } else { ("unavailable", 20) };
        assert_eq!(short(&outcome), format!("{expected}: smtp.timeout"), "{script:?}");
        assert_eq!(waited, patience, "{script:?}");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn a_server_that_stops_listening_in_the_middle_of_a_message() {
    let script = [&whole()[..whole().len() - 2], &["HANG", "WAIT"]].concat();
    for ends_it in [true, false] {
        let fixture = Fixture::new(plain(), &[&[&script]]);
        // More than the pipe holds: the dot cannot be written.
        let email = EmailMessage { text: Some("a".repeat(200_000)), ..email() };
        let provider = Arc::clone(&fixture.provider);
        let message = message(MessageContent::Email(email));
        let sending = tokio::spawn(async move { provider.send(&message, &context()).await });
        fixture.scripts.hangs().await;
        let expected = if ends_it {
            fixture.scripts.abort();
            "unavailable: smtp.connection"
        } else {
            assert!(fixture.clock.advance_to_next_deadline());
            "unavailable: smtp.timeout"
        };
        assert_eq!(short(&sending.await.unwrap()), expected);
        fixture.scripts.abort();
    }
}

#[tokio::test]
async fn what_is_no_mail_server() {
    let long: &'static str = Box::leak(format!("S* 220 {}", "a".repeat(5_000)).into_boxed_str());
    let endless: &'static str = Box::leak(format!("S* {}", "220-a\r\n".repeat(200)).into_boxed_str());
    for script in [
        &["S: HTTP/1.1 400 Bad Request"],
        &["S: +OK POP3 ready"],
        &["S: "],
        &["S* \u{16}\u{3}\u{1}\u{0}\r\n"],
        &["S: 2200 h"],
        &["S* 220-a\r\n250 b\r\n"],
        &[long],
        &[endless],
    ] {
        let fixture = Fixture::new(plain(), &[&[script]]);
        let outcome = fixture.send(email()).await;
        assert_eq!(short(&outcome), "unavailable: smtp.connection", "{script:?}");
        assert!(words(&outcome).starts_with("what answers is no mail server: "), "{}", words(&outcome));
        fixture.finish().await;
    }
}

#[tokio::test]
async fn nonsense_behind_the_dot_leaves_a_doubt() {
    for answer in ["S: Ok", "S* 250-a\r\n550 b\r\n", "S* 250 cut off"] {
        let script = [&whole()[..whole().len() - 1], &[answer, "CLOSE"]].concat();
        let fixture = Fixture::new(plain(), &[&[&script]]);
        assert_eq!(short(&fixture.send(email()).await), "unknown: smtp.connection", "{answer}");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let fixture = Fixture::new(plain(), &[]);
    let outcome = fixture.send(email()).await;
    assert_eq!(short(&outcome), "unavailable: smtp.connection");
    assert_eq!(words(&outcome), "`localhost:25` cannot be reached: connection refused");
    fixture.finish().await;
}
