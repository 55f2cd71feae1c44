//! What is said when all goes well, and when the server says no.

use super::*;

#[tokio::test]
async fn one_message_from_the_greeting_to_the_dot() {
    let fixture = Fixture::new(plain(), &[&[OPEN, TAKEN]]);
    let outcome = fixture.send(email()).await;
    assert_eq!(short(&outcome), "accepted: 4XyZ");
    let heard = fixture.finish().await;
    let (head, body) = heard[0].split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("Date: Sat, 01 Jun 2030 12:00:00 +0000\r\nMessage-ID: <key-1@example.com>\r\n"), "{head}");
    assert_eq!(body, "..\r\nHello, Ada.\r\n..\r\n\r\n.\r\n");
}

#[tokio::test]
async fn without_a_queue_id_the_message_id_counts() {
    for answer in ["S: 250 Ok", "S: 250", "S: 251 Ok", "S: 250 2.6.0 <a@b> [InternalId=7] Queued mail for delivery"] {
        let taken = &[&TAKEN[..7], &[answer]].concat();
        let fixture = Fixture::new(plain(), &[&[OPEN, taken]]);
        assert_eq!(short(&fixture.send(email()).await), "accepted: <key-1@example.com>");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn the_client_says_where_it_comes_from_when_it_has_no_name() {
    let open = &["S: 220 h", "C: EHLO [192.0.2.7]", "S: 250 h"];
    let fixture = Fixture::new(SmtpOptions { hello_name: None, ..plain() }, &[&[open, TAKEN]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    fixture.finish().await;
}

#[tokio::test]
async fn answers_of_many_lines_and_any_letters() {
    let open = &[
        "S: 220-mail.example.com welcomes you",
        "S: 220 to a long greeting",
        "C: EHLO client.example.com",
        "S* 250-mail.example.com gr\u{fc}\u{df}t\r\n250-SIZE\r\n250-HELP\r\n",
        "S: 250 8BITMIME",
    ];
    let taken = &[
        "C| MAIL FROM",
        "S: 250 Ok",
        "C: RCPT TO:<ada@example.net>",
        "S: 252-Cannot tell,",
        "S: 252 but will try",
        "C: DATA",
        "S: 354",
        "C* message",
        "S* 250 2.0.0 sch\u{f6}n: queued as AB12\r\n",
    ];
    let fixture = Fixture::new(plain(), &[&[open, taken]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: AB12");
    fixture.finish().await;
}

/// How far a conversation goes, the refusal, and what it comes to.
const REFUSALS: &[(usize, &[&str], &str)] = &[
    (0, &["S: 421 4.3.2 Not now"], "unavailable: 421 4.3.2"),
    (0, &["S: 554 5.7.1 Not you"], "provider: 554 5.7.1"),
    (2, &["S: 502 What"], "provider: 502"),
    (4, &["S: 451 4.3.0 Later"], "unavailable: 451 4.3.0"),
    (4, &["S: 553 5.7.1 Not yours"], "provider: 553 5.7.1"),
    (6, &["S: 450 Greylisted"], "unavailable: 450"),
    (6, &["S: 550-5.1.1 No such", "S: 550 5.1.1 user"], "recipient: 550 5.1.1"),
    (8, &["S: 554 5.6.0 No"], "message: 554 5.6.0"),
    (8, &["S: 250 Ok"], "unavailable: smtp.protocol"),
    (10, &["S: 550 5.7.1 Spam"], "message: 550 5.7.1"),
    (10, &["S: 451 4.3.0 Later"], "unavailable: 451 4.3.0"),
    (10, &["S: 354 Go on"], "unknown: smtp.protocol"),
];

#[tokio::test]
async fn refusals() {
    let whole = [OPEN, TAKEN].concat();
    for (so_far, refusal, expected) in REFUSALS {
        let fixture = Fixture::new(plain(), &[&[&whole[..*so_far], refusal]]);
        assert_eq!(short(&fixture.send(email()).await), *expected, "{refusal:?}");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn what_the_server_cannot_take_is_not_begun() {
    let open = &["S: 220 h", "C| EHLO", "S: 250-h", "S: 250 SIZE 300"];
    let fixture = Fixture::new(plain(), &[&[open]]);
    let outcome = fixture.send(EmailMessage { text: Some("a".repeat(400)), ..email() }).await;
    assert_eq!(short(&outcome), "unfit: smtp.too_large");
    assert!(words(&outcome).ends_with("the server takes 300 at most"), "{}", words(&outcome));
    fixture.finish().await;

    let zoe = || Mailbox::parse("zoë@example.net").unwrap();
    let cases = [
        (EmailMessage { recipient: zoe(), ..email() }, "unfit: smtp.smtputf8"),
        (EmailMessage { sender: zoe(), ..email() }, "provider: smtp.smtputf8"),
        (EmailMessage { reply_to: Some(zoe()), ..email() }, "unfit: smtp.smtputf8"),
    ];
    for (email, expected) in cases {
        let fixture = Fixture::new(plain(), &[&[OPEN]]);
        let outcome = fixture.send(email).await;
        assert_eq!(short(&outcome), expected);
        assert!(words(&outcome).ends_with("the server does not offer SMTPUTF8"), "{}", words(&outcome));
        fixture.finish().await;
    }
}

#[tokio::test]
async fn extensions_are_used_where_they_are_offered_and_needed() {
    let open = &["S: 220 h", "C| EHLO", "S: 250-h", "S: 250-SIZE 100000", "S: 250 SMTPUTF8"];
    let rest = &["S: 250 Ok", "C: DATA", "S: 354 Go", "C* message", "S: 250 Ok"];
    let ascii: &[&str] = &["C| MAIL", "S: 250 Ok", "C: RCPT TO:<ada@example.net>"];
    let fixture = Fixture::new(plain(), &[&[open, ascii, rest]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: <key-1@example.com>");
    let heard = fixture.finish().await;
    // The size in advance is that of the message, without the doubled dots and the last one.
    let size = heard[2].len() - 2 - ".\r\n".len();
    assert_eq!(heard[1], format!("MAIL FROM:<office@example.com> SIZE={size}"));

    let beyond: &[&str] = &["C| MAIL", "S: 250 Ok", "C: RCPT TO:<zoë@xn--bcher-kva.example>"];
    let fixture = Fixture::new(plain(), &[&[open, beyond, rest]]);
    let recipient = Mailbox::parse("zoë@bücher.example").unwrap();
    assert_eq!(short(&fixture.send(EmailMessage { recipient, ..email() }).await), "accepted: <key-1@example.com>");
    let heard = fixture.finish().await;
    assert!(heard[1].ends_with(" SMTPUTF8"), "{}", heard[1]);
    assert!(heard[2].contains("\r\nTo: zoë@xn--bcher-kva.example\r\n"), "{}", heard[2]);
}

#[tokio::test]
async fn only_email_is_taken() {
    let fixture = Fixture::new(plain(), &[]);
    let sms = SmsMessage {
        sender: None,
        recipient: PhoneNumber::checked_before("+14155550100".into()),
        text: "Hello".into(),
        media_urls: Vec::new(),
    };
    let outcome = fixture.provider.send(&message(MessageContent::Sms(sms)), &context()).await;
    assert_eq!(short(&outcome), "unfit");
    assert_eq!(fixture.provider.describe().channels, [Channel::Email]);
    assert_eq!(fixture.provider.describe().hosts, ["localhost:25"]);
    assert_eq!(fixture.provider.describe().concurrent_calls_max, 10);
    fixture.finish().await;
}
