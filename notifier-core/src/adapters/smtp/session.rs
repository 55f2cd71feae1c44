//! A session: one message after the other over one connection.

use std::sync::atomic::{AtomicBool, Ordering};

use super::compose::Mail;
use super::open::expect;
use super::reply::Reply;
use super::verdict::{Failure, Stage};
use super::wire::Wire;
use crate::domain::outcome::{Problem, RejectionKind};

/// What a server offers (RFC 5321 section 4.1.1.1), as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    /// RFC 3207.
    pub(super) starttls: bool,
    /// RFC 6531.
    pub(super) smtputf8: bool,
    /// RFC 1870: whether it is there, and the largest message that is taken, where it is said.
    pub(super) size: Option<Option<u64>>,
    /// RFC 4954: the mechanisms, in capitals.
    pub(super) mechanisms: Vec<String>,
}

impl Extensions {
    /// Reads the answer to `EHLO`. Its first line is a greeting.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut extensions = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // There are servers that write `AUTH=PLAIN`, as was once proposed.
            let mut words = line.split([' ', '=', '\t']).filter(|word| !word.is_empty());
            match words.next() {
                Some("STARTTLS") => extensions.starttls = true,
                Some("SMTPUTF8") => extensions.smtputf8 = true,
                // Zero stands for no limit.
                Some("SIZE") => {
                    let size = words.next().and_then(|size| size.parse().ok());
                    extensions.size = Some(size.filter(|size| *size > 0));
                }
                Some("AUTH") => extensions.mechanisms.extend(words.map(str::to_owned)),
                _ => {}
            }
        }
        extensions
    }
}

/// A connection that is ready for a message.
pub(super) struct Session {
    wire: Wire,
    extensions: Extensions,
    /// Whether a message was begun and not ended.
    is_begun: bool,
    /// Whether the server is where it is thought to be.
    is_in_order: bool,
}

impl Session {
    pub(super) fn new(wire: Wire, extensions: Extensions) -> Self {
        Self { wire, extensions, is_begun: false, is_in_order: true }
    }

    /// Whether it can take another message.
    pub(super) fn is_in_order(&self) -> bool {
        self.is_in_order
    }

    /// Whether the server is still there, as far as can be seen without asking.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.wire.is_quiet()
    }

    /// Hands one message over: the server's reply when it took it. `is_in_doubt` is set before the first byte is written after
    /// which the server may have the message, for whoever drops this.
    pub(super) async fn hand_over(&mut self, mail: &Mail, is_in_doubt: &AtomicBool) -> Result<Reply, Failure> {
        // Who drops this half-way leaves a connection behind that is good for nothing.
        self.is_in_order = false;
        let result = self.try_hand_over(mail, is_in_doubt).await;
        self.is_in_order = match &result {
            Ok(_) => true,
            Err(failure) => failure.leaves_order(),
        };
        result
    }

    async fn try_hand_over(&mut self, mail: &Mail, is_in_doubt: &AtomicBool) -> Result<Reply, Failure> {
        self.check(mail)?;
        if self.is_begun {
            let answer = self.wire.ask(Stage::Sender, "RSET").await?;
            expect(Stage::Sender, 250, answer)?;
        }
        let mut command = format!("MAIL FROM:<{}>", mail.sender);
        if self.extensions.size.is_some() {
            command.push_str(&format!(" SIZE={}", mail.content.len()));
        }
        if mail.needs_utf8.is_some() {
            command.push_str(" SMTPUTF8");
        }
        self.is_begun = true;
        let answer = self.wire.ask(Stage::Sender, &command).await?;
        expect(Stage::Sender, 250, answer)?;
        let answer = self.wire.ask(Stage::Recipient, &format!("RCPT TO:<{}>", mail.recipient)).await?;
        // 251 and 252: it will pass it on, or cannot tell and tries.
        if !matches!(answer.code, 250..=252) {
            return Err(Failure::Refused(Stage::Recipient, answer));
        }
        let answer = self.wire.ask(Stage::Data, "DATA").await?;
        expect(Stage::Data, 354, answer)?;
        self.wire.write(Stage::Data, &dotted(&mail.content)).await?;
        is_in_doubt.store(true, Ordering::Release);
        self.wire.write(Stage::End, b".\r\n").await?;
        let answer = self.wire.read_reply(Stage::End).await?;
        let answer = if answer.is_class(2) { answer } else { return Err(Failure::Refused(Stage::End, answer)) };
        self.is_begun = false;
        Ok(answer)
    }

    /// What can be known before the server is asked.
    fn check(&self, mail: &Mail) -> Result<(), Failure> {
        let impossible = |kind, code: &str, problem: String| Failure::Impossible(kind, Problem::coded(code, problem));
        if let Some(need) = mail.needs_utf8.filter(|_| !self.extensions.smtputf8) {
            let problem = format!(
                "{} has letters beyond ASCII before the `@`, and the server does not offer SMTPUTF8",
                match need {
                    RejectionKind::Provider => "the sender's address",
                    RejectionKind::Recipient => "the recipient's address",
                    _ => "the address for answers",
                }
            );
            // An address that this server cannot write down is not wrong.
            let kind = if need == RejectionKind::Recipient { RejectionKind::Unfit } else { need };
            return Err(impossible(kind, "smtp.smtputf8", problem));
        }
        let size = u64::try_from(mail.content.len()).unwrap_or(u64::MAX);
        match self.extensions.size.flatten() {
            Some(size_max) if size > size_max => {
                let problem = format!("the message has {size} bytes, and the server takes {size_max} at most");
                Err(impossible(RejectionKind::Unfit, "smtp.too_large", problem))
            }
            _ => Ok(()),
        }
    }

    /// Says good-bye, which servers like better than silence.
    pub(super) async fn quit(mut self) {
        let _ = self.wire.ask(Stage::Greeting, "QUIT").await;
    }
}

/// The content with every dot at the beginning of a line doubled (RFC 5321 section 4.5.2), ending with the end of a line.
fn dotted(content: &[u8]) -> Vec<u8> {
    let mut dotted = Vec::with_capacity(content.len() + content.len() / 64);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            dotted.push(b'.');
        }
        dotted.extend_from_slice(line);
    }
    if !dotted.ends_with(b"\r\n") {
        dotted.extend_from_slice(b"\r\n");
    }
    dotted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions() {
        let reply = |lines: &[&str]| Reply { code: 250, lines: lines.iter().map(|line| (*line).to_owned()).collect() };
        let all =
            reply(&["STARTTLS at your service", "size 35882577", "StartTLS", "AUTH plain LOGIN", "SMTPUTF8", "X"]);
        assert_eq!(
            Extensions::of(&all),
            Extensions {
                starttls: true,
                smtputf8: true,
                size: Some(Some(35_882_577)),
                mechanisms: vec!["PLAIN".into(), "LOGIN".into()],
            }
        );
        assert_eq!(Extensions::of(&reply(&["STARTTLS"])), Extensions::default());
        assert_eq!(Extensions::of(&reply(&["h", "SIZE 0"])).size, Some(None));
        assert_eq!(Extensions::of(&reply(&["h", "SIZE"])).size, Some(None));
        assert_eq!(Extensions::of(&reply(&["h", "AUTH=LOGIN"])).mechanisms, ["LOGIN"]);
        assert_eq!(Extensions::of(&reply(&["h", "", " "])), Extensions::default());
    }

    #[test]
    fn dots() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"a\r\n", b"a\r\n"),
            (b".\r\n.a\r\n..\r\na.\r\n", b"..\r\n..a\r\n...\r\na.\r\n"),
            (b"a\r\n.", b"a\r\n..\r\n"),
            (b"a", b"a\r\n"),
            (b"a\n.b\r\n", b"a\n..b\r\n"),
            (b"", b"\r\n"),
        ];
        for (content, expected) in cases {
            assert_eq!(dotted(content), expected, "{:?}", String::from_utf8_lossy(content));
        }
    }
}
