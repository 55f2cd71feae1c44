//! The table of refusals: every row is a reply that some server gives at some point.

use super::Stage::{Data, End, Greeting, Hello, Login, Recipient, Sender, StartTls};
use super::*;

/// Of an outcome what matters to the flow.
fn kind(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted { .. } => "accepted",
        Outcome::RateLimited { .. } => "rate limited",
        Outcome::Unavailable { .. } => "unavailable",
        Outcome::Rejected { kind, .. } => kind.name(),
        Outcome::Unknown { .. } => "unknown",
    }
}

fn judge(stage: Stage, reply: &str) -> Outcome {
    let (code, text) = reply.split_at(3);
    let reply = Reply { code: code.parse().unwrap(), lines: vec![text.trim().to_owned()] };
    Failure::Refused(stage, reply).outcome()
}

/// Where a conversation was, what the server said, and what it comes to.
const TABLE: &[(Stage, &str, &str)] = &[
    // Not now.
    (Greeting, "421 mail.example.com Service not available", "unavailable"),
    (Greeting, "421 4.3.2 System not accepting network messages", "unavailable"),
    (Greeting, "421 4.7.0 mail.example.com Error: too many connections from 192.0.2.1", "rate limited"),
    (Hello, "421 4.7.28 Our system has detected an unusual rate of mail", "rate limited"),
    (StartTls, "454 4.7.0 TLS not available due to local problem", "unavailable"),
    (StartTls, "454 TLS not available due to temporary reason", "unavailable"),
    (Login, "454 4.7.0 Temporary authentication failure", "unavailable"),
    (Login, "432 4.7.12 A password transition is needed", "provider"),
    (Login, "432 4.3.2 Concurrent connections limit exceeded", "rate limited"),
    (Sender, "432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded", "rate limited"),
    (Sender, "450 4.7.1 Error: too much mail from 192.0.2.1", "rate limited"),
    (Sender, "451 4.3.0 Temporary system problem", "unavailable"),
    (Sender, "452 4.3.1 Insufficient system storage", "unavailable"),
    (Sender, "454 Throttling failure: Maximum sending rate exceeded.", "rate limited"),
    (Data, "454 Throttling failure: Daily message quota exceeded.", "rate limited"),
    (End, "454 Throttling failure: Daily message quota exceeded.", "rate limited"),
    (Recipient, "450 4.2.0 Greylisted", "unavailable"),
    (Recipient, "451 4.7.1 Greylisting in action, please come back later", "unavailable"),
    (Recipient, "450 4.2.1 The user you are trying to contact is receiving mail too quickly", "unavailable"),
    (Recipient, "452 4.2.2 The email account is over quota", "unavailable"),
    (Recipient, "421 4.7.0 Try again later, closing connection", "rate limited"),
    (End, "451 4.3.5 Server configuration error", "unavailable"),
    (End, "452 4.3.1 Out of memory", "unavailable"),
    (End, "421 4.4.2 Timeout", "unavailable"),
    // Never, for anybody.
    (Greeting, "554 5.7.1 Your host is blocked", "provider"),
    (Greeting, "554 No SMTP service here", "provider"),
    (Greeting, "521 mail.example.com does not accept mail", "provider"),
    (Hello, "501 5.5.4 Invalid domain name", "provider"),
    (StartTls, "501 5.5.4 Syntax error", "provider"),
    (Login, "535 5.7.8 Authentication credentials invalid", "provider"),
    (Login, "534 5.7.9 Authentication mechanism is too weak", "provider"),
    (Login, "538 5.7.11 Encryption required for requested authentication mechanism", "provider"),
    (Login, "504 5.5.4 Unrecognized authentication type", "provider"),
    (Login, "535 Incorrect authentication data", "provider"),
    (Sender, "530 5.7.0 Must issue a STARTTLS command first", "provider"),
    (Sender, "530 Authentication required", "provider"),
    (Recipient, "530 5.7.1 Authentication required", "provider"),
    (End, "535 Authentication expired", "provider"),
    // The sender.
    (Sender, "553 5.7.1 Sender address rejected: not owned by user", "provider"),
    (Sender, "550 5.1.8 Sender address rejected: Domain not found", "provider"),
    (Sender, "501 5.1.7 Bad sender address syntax", "provider"),
    (Sender, "550 5.1.0 Address rejected", "provider"),
    (Sender, "550 5.2.1 Mailbox disabled", "provider"),
    (Sender, "550 5.4.5 Daily user sending limit exceeded", "rate limited"),
    (Sender, "553 5.6.7 Non-ASCII addresses not permitted", "provider"),
    (Sender, "550 Sender rejected", "provider"),
    (Sender, "552 5.3.4 Message size exceeds fixed limit", "message"),
    (Sender, "552 Message size exceeds maximum permitted", "message"),
    (Sender, "555 5.5.4 Unsupported option", "provider"),
    (Recipient, "553 5.1.8 Sender address rejected: Domain not found", "provider"),
    (Recipient, "554 5.7.1 <ada@example.com>: Relay access denied", "provider"),
    (Recipient, "550 5.7.23 SPF validation failed", "provider"),
    (Recipient, "550 5.7.25 Reverse DNS validation failed", "provider"),
    (Recipient, "554 Relay access denied", "provider"),
    (Recipient, "503 5.5.1 Error: need MAIL command", "provider"),
    (Recipient, "550 5.3.5 System incorrectly configured", "provider"),
    (End, "554 5.2.252 SendAsDenied; not allowed to send as", "provider"),
    (End, "550 5.7.26 This mail is unauthenticated", "provider"),
    (End, "550 5.7.20 No passing DKIM signature found", "provider"),
    (Data, "503 5.5.1 Bad sequence of commands", "provider"),
    (Data, "502 Command not implemented", "provider"),
    // The recipient.
    (Recipient, "550 5.1.1 <ada@example.com>: User unknown", "recipient"),
    (Recipient, "550 5.1.2 Host unknown", "recipient"),
    (Recipient, "501 5.1.3 Bad recipient address syntax", "recipient"),
    (Recipient, "551 5.1.6 Mailbox has moved", "recipient"),
    (Recipient, "556 5.1.10 Recipient address has null MX", "recipient"),
    (Recipient, "550 5.2.1 Mailbox disabled, not accepting messages", "recipient"),
    (Recipient, "550 5.4.1 Recipient address rejected: Access denied", "recipient"),
    (Recipient, "550 5.4.4 Unable to route: no mail hosts", "recipient"),
    (Recipient, "501 5.5.2 Syntax error in parameters", "recipient"),
    (Recipient, "553 5.6.7 Non-ASCII addresses not permitted for that recipient", "recipient"),
    (Recipient, "550 5.7.17 Mailbox owner has changed", "recipient"),
    (Recipient, "550 5.0.0 Unknown", "recipient"),
    (Recipient, "550 No such user here", "recipient"),
    (Recipient, "551 User not local", "recipient"),
    (Recipient, "553 Mailbox name not allowed", "recipient"),
    (End, "550 5.1.1 User unknown", "recipient"),
    (Recipient, "552 5.2.2 Mailbox full", "unavailable"),
    (End, "554 5.2.2 mailbox full; QuotaExceededException", "unavailable"),
    (Recipient, "552 Mailbox exceeded storage allocation", "unavailable"),
    // The message.
    (Recipient, "552 5.2.3 Message length exceeds administrative limit", "message"),
    (Data, "554 5.6.0 Message content rejected", "message"),
    (Data, "554 No", "message"),
    (End, "550 5.7.1 Message contains spam or virus", "message"),
    (End, "552 5.7.0 This message was blocked because its content presents a potential security issue", "message"),
    (End, "554 5.6.0 Eight bit data not allowed", "message"),
    (End, "552 5.3.4 Message too big for system", "message"),
    (End, "552 Message size exceeds maximum permitted", "message"),
    (End, "554 Transaction failed", "message"),
    (End, "550 Rejected", "message"),
    (End, "554 5.2.0 Something", "message"),
    (End, "554 5.9.9 Something", "message"),
    // Out of turn.
    (Greeting, "250 Ok", "unavailable"),
    (Hello, "220 Hello", "unavailable"),
    (StartTls, "250 Ok", "unavailable"),
    (Sender, "354 Go on", "unavailable"),
    (Data, "250 Ok", "unavailable"),
    (End, "354 Go on", "unknown"),
];

#[test]
fn replies_by_stage() {
    for (stage, reply, expected) in TABLE {
        assert_eq!(kind(&judge(*stage, reply)), *expected, "{stage:?} {reply}");
    }
}

#[test]
fn a_problem_names_the_codes_and_repeats_the_words() {
    let Outcome::Rejected { problem, .. } = judge(Recipient, "550 5.1.1 User unknown") else { panic!("not rejected") };
    assert_eq!(problem.code.as_deref(), Some("550 5.1.1"));
    assert_eq!(problem.message, "the server refuses the recipient and says: 5.1.1 User unknown");
    let Outcome::Unavailable { problem, retry_after_ms } = judge(Sender, "451") else { panic!("not unavailable") };
    assert_eq!((problem.code.as_deref(), retry_after_ms), (Some("451"), None));
    assert_eq!(problem.message, "the server does not take the sender for now, without a reason");
    let Outcome::RateLimited { problem, .. } = judge(Sender, "454 Slow down") else { panic!("not limited") };
    assert_eq!(problem.message, "the server wants fewer messages, puts off the sender and says: Slow down");
}

#[test]
fn silence_leaves_a_doubt_only_after_the_dot() {
    for stage in [Greeting, Hello, StartTls, Login, Sender, Recipient, Data] {
        assert_eq!(kind(&Failure::Broken(stage, "gone".into()).outcome()), "unavailable", "{stage:?}");
        assert_eq!(kind(&Failure::Slow(stage, 7).outcome()), "unavailable", "{stage:?}");
    }
    assert_eq!(kind(&Failure::Broken(End, "gone".into()).outcome()), "unknown");
    assert_eq!(kind(&Failure::Slow(End, 7).outcome()), "unknown");
}

/// For every stage and every code there is an answer, and no reply after the dot but a clear one leaves no doubt.
#[test]
fn every_refusal_has_a_verdict() {
    let enhanced = (0..10).flat_map(|subject| (0..32).map(move |detail| format!(" {subject}.{detail}")));
    let enhanced: Vec<String> = enhanced.collect();
    let bare = (200..600).map(|code| format!("{code}"));
    let rich = [421, 432, 450, 454, 500, 535, 550, 552, 554];
    let rich =
        rich.iter().flat_map(|code| enhanced.iter().map(move |more| format!("{code} {}.{}", code / 100, &more[1..])));
    for reply in bare.chain(rich) {
        for stage in [Greeting, Hello, StartTls, Login, Sender, Recipient, Data, End] {
            let actual = kind(&judge(stage, &reply));
            let is_right = match reply.as_bytes()[0] {
                b'4' => ["unavailable", "rate limited", "provider"].contains(&actual),
                b'5' => !["unknown", "accepted", "suppressed"].contains(&actual),
                _ if stage == End => actual == "unknown",
                _ => actual == "unavailable",
            };
            assert!(is_right, "{stage:?} {reply}: {actual}");
        }
    }
}
