//! What a refusal means: a table from where the conversation was and what the server said to an outcome.
//!
//! The reply codes are those of RFC 5321, RFC 3207 (STARTTLS), RFC 4954 (AUTH) and RFC 7504; the enhanced codes those of the
//! registry that RFC 5248 founded (<https://www.iana.org/assignments/smtp-enhanced-status-codes>). What servers of some makers
//! mean beyond that stands beside the row.

use super::reply::{Enhanced, Reply};
use crate::domain::outcome::{Outcome, Problem, RejectionKind};

/// Where a conversation is: what the server is to answer next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The connection: its greeting is awaited.
    Greeting,
    /// `EHLO`.
    Hello,
    /// `STARTTLS`, and the handshake.
    StartTls,
    /// `AUTH`.
    Login,
    /// `MAIL FROM`.
    Sender,
    /// `RCPT TO`.
    Recipient,
    /// `DATA`, and the message up to its last line.
    Data,
    /// The dot that ends the message. From here on the server may have it.
    End,
}

impl Stage {
    /// What was put to the server.
    fn subject(self) -> &'static str {
        match self {
            Self::Greeting => "the connection",
            Self::Hello => "EHLO",
            Self::StartTls => "STARTTLS",
            Self::Login => "the login",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Data | Self::End => "the message",
        }
    }
}

/// Why a message was not handed over, or not for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// The server said something else than yes.
    Refused(Stage, Reply),
    /// The connection ended, was not made, or what came over it is no SMTP.
    Broken(Stage, String),
    /// The server took longer than it may.
    Slow(Stage, u128),
    /// It was given up before the server was asked.
    Impossible(RejectionKind, Problem),
}

impl Failure {
    /// What it comes to.
    pub(super) fn outcome(self) -> Outcome {
        match self {
            Self::Refused(stage, reply) => refused(stage, &reply),
            Self::Broken(stage, problem) => without_answer(stage, "smtp.connection", problem),
            Self::Slow(stage, waited_ms) => {
                let problem = format!("the server did not answer {} within {waited_ms} ms", stage.subject());
                without_answer(stage, "smtp.timeout", problem)
            }
            Self::Impossible(kind, problem) => Outcome::Rejected { kind, problem },
        }
    }

    /// Whether the connection may be used again: the server is where it is thought to be.
    pub(super) fn leaves_order(&self) -> bool {
        match self {
            Self::Refused(_, reply) => reply.code != 421 && (reply.is_class(4) || reply.is_class(5)),
            Self::Impossible(..) => true,
            Self::Broken(..) | Self::Slow(..) => false,
        }
    }

    /// Whether it only says that a connection went stale while it was idle: before anything about this message was answered,
    /// the server was gone, or was just leaving (RFC 5321 section 3.8).
    pub(super) fn is_stale(&self) -> bool {
        match self {
            Self::Refused(Stage::Sender, reply) => reply.code == 421,
            Self::Broken(stage, _) | Self::Slow(stage, _) => *stage == Stage::Sender,
            _ => false,
        }
    }
}

/// A server must not deliver a message whose last line it has not seen (RFC 5321 section 4.1.1.4), so only after the dot
/// silence leaves a doubt.
pub(super) fn without_answer(stage: Stage, code: &str, problem: String) -> Outcome {
    match stage {
        Stage::End => Outcome::Unknown { problem: Problem::coded(code, problem) },
        _ => Outcome::Unavailable { retry_after_ms: None, problem: Problem::coded(code, problem) },
    }
}

/// What is to be done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Later,
    Slower,
    Never(RejectionKind),
    /// The server is somewhere else in the conversation than we are.
    Confused,
}

/// The outcome of a reply that was not the one hoped for.
fn refused(stage: Stage, reply: &Reply) -> Outcome {
    let (subject, text) = (stage.subject(), reply.text());
    let problem = |does: String| {
        let message = match text.is_empty() {
            true => format!("the server {does}, without a reason"),
            false => format!("the server {does} and says: {text}"),
        };
        Problem::coded(reply.codes(), message)
    };
    match verdict(stage, reply.code, reply.enhanced()) {
        Verdict::Later => {
            let problem = problem(format!("does not take {subject} for now"));
            Outcome::Unavailable { retry_after_ms: None, problem }
        }
        Verdict::Slower => {
            let problem = problem(format!("wants fewer messages, puts off {subject}"));
            Outcome::RateLimited { retry_after_ms: None, problem }
        }
        Verdict::Never(kind) => Outcome::Rejected { kind, problem: problem(format!("refuses {subject}")) },
        Verdict::Confused => {
            let problem = format!("the server answered {subject} out of turn, with {reply}");
            without_answer(stage, "smtp.protocol", problem)
        }
    }
}

/// Judges a reply that was not the one hoped for.
fn verdict(stage: Stage, code: u16, enhanced: Option<Enhanced>) -> Verdict {
    // X.0.0 says nothing.
    let enhanced =
        enhanced.filter(|enhanced| enhanced.subject != 0).map(|enhanced| (enhanced.subject, enhanced.detail));
    match (code / 100, enhanced) {
        (4, enhanced) => not_now(stage, code, enhanced),
        // Without credentials, with too weak or wrong ones, or without encryption (RFC 4954 section 6).
        (5, _) if matches!(code, 530 | 534 | 535 | 538) => Verdict::Never(RejectionKind::Provider),
        // Who refuses before the first word about a message refuses everybody.
        (5, _) if matches!(stage, Stage::Greeting | Stage::Hello | Stage::StartTls | Stage::Login) => {
            Verdict::Never(RejectionKind::Provider)
        }
        (5, Some((subject, detail))) => no_with_reason(stage, subject, detail),
        (5, None) => no(stage, code),
        _ => Verdict::Confused,
    }
}

fn not_now(stage: Stage, code: u16, enhanced: Option<(u16, u16)>) -> Verdict {
    match (stage, code, enhanced) {
        // "A password transition is needed": nothing passes until somebody makes it (RFC 4954 section 4).
        (Stage::Login, 432, Some((7, 12))) => Verdict::Never(RejectionKind::Provider),
        // Exchange Online: 432 4.3.2, more than three connections at a time
        // (https://learn.microsoft.com/exchange/troubleshoot/send-emails/smtp-submission-improvements).
        (_, 432, _) => Verdict::Slower,
        // 454: no TLS, or no login, for a temporary reason (RFC 3207 section 4, RFC 4954 section 6).
        (Stage::StartTls | Stage::Login, ..) => Verdict::Later,
        // Amazon SES: "454 Throttling failure" for its rate and its daily quota
        // (https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html).
        (_, 454, _) => Verdict::Slower,
        // Policy about the client: Postfix's limits of connections and messages (smtpd(8), anvil(8)), Gmail's of unusual rates
        // (https://support.google.com/a/answer/3726730). About a recipient it is greylisting: not our pace, but our patience.
        (Stage::Greeting | Stage::Hello | Stage::Sender, _, Some((7, _))) | (_, 421, Some((7, _))) => Verdict::Slower,
        _ => Verdict::Later,
    }
}

/// By the enhanced code, which says more than the reply code.
fn no_with_reason(stage: Stage, subject: u16, detail: u16) -> Verdict {
    use RejectionKind::{Message, Provider, Recipient};
    let is_about_sender = stage == Stage::Sender;
    let kind = match (subject, detail) {
        // A sender that does not exist. The others are of the recipient: no such mailbox (1), no such host (2), bad syntax (3),
        // moved (6), no mail there (10, RFC 7505).
        (1, 7 | 8) => Provider,
        (1, _) => {
            if is_about_sender {
                Provider
            } else {
                Recipient
            }
        }
        // Full: permanent by its class, and yet it passes when somebody tidies up.
        (2, 2) => return Verdict::Later,
        (2, 3) => Message,
        (2, 1 | 4) if !is_about_sender => Recipient,
        // Exchange Online: SendAsDenied.
        (2, 252) => Provider,
        (2, _) => by_stage(stage),
        // Too large for the server; what else is wrong with it is not about this message.
        (3, 4) => Message,
        (3, _) => Provider,
        // Gmail: "daily user sending limit exceeded" (https://support.google.com/a/answer/3726730).
        (4, 5) => return Verdict::Slower,
        (4, _) => {
            if is_about_sender {
                Provider
            } else {
                Recipient
            }
        }
        // What we say is fixed but for the address.
        (5, 2 | 4) if stage == Stage::Recipient => Recipient,
        (5, _) => Provider,
        // Non-ASCII addresses are not permitted (RFC 6531 section 3.5).
        (6, 7) if is_about_sender => Provider,
        (6, 7) if stage == Stage::Recipient => Recipient,
        (6, _) => Message,
        // A list that the sender may not write to; an address that changed hands (RFC 7293).
        (7, 2 | 17 | 18) => Recipient,
        // Credentials, encryption, account (RFC 4954, RFC 5248); and the standing of the sender's domain or host: DKIM, SPF,
        // reverse DNS (RFC 7372), null MX (RFC 7505), a flood, ARC.
        (7, 8..=14 | 20..=29) => Provider,
        // Who refuses by policy before seeing the message refuses the client or the sender: a relay that is not open to us
        // looks just so. Where it was about this one recipient after all, another provider may do better.
        (7, _) if stage != Stage::End => Provider,
        (7, _) => Message,
        _ => by_stage(stage),
    };
    Verdict::Never(kind)
}

/// By the reply code alone.
fn no(stage: Stage, code: u16) -> Verdict {
    match (stage, code) {
        // Too large, as was said of it in advance (RFC 1870 section 6.1).
        (Stage::Sender, 552) => Verdict::Never(RejectionKind::Message),
        // "Exceeded storage allocation": of that mailbox.
        (Stage::Recipient, 552) => Verdict::Later,
        // 556: RFC 7504.
        (Stage::Recipient, 501 | 550 | 551 | 553 | 556) => Verdict::Never(RejectionKind::Recipient),
        (Stage::Recipient, _) | (Stage::Data, 500..=504) => Verdict::Never(RejectionKind::Provider),
        _ => Verdict::Never(by_stage(stage)),
    }
}

/// Whom a refusal is about when nothing else tells: what was just said.
fn by_stage(stage: Stage) -> RejectionKind {
    match stage {
        Stage::Greeting | Stage::Hello | Stage::StartTls | Stage::Login | Stage::Sender => RejectionKind::Provider,
        Stage::Recipient => RejectionKind::Recipient,
        Stage::Data | Stage::End => RejectionKind::Message,
    }
}

#[cfg(test)]
#[path = "tests/verdicts.rs"]
mod tests;
