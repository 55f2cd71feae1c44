//! Email to a mail server: MIME by `lettre`, the conversation (RFC 5321) our own.
//!
//! ```text
//! compose -> pool, or open (dial, greeting, STARTTLS, AUTH) -> session (MAIL, RCPT, DATA) -> verdict
//! ```
//!
//! What a message came to depends on where the conversation was when it ended, to the byte: before the dot that ends a message a
//! server has not got it, after the dot nobody knows without an answer. `lettre`'s connection does not tell these apart, keeps what
//! was read before TLS as if it came out of it (0.11.23: a reply slipped in behind that to `STARTTLS` answers the `EHLO` after
//! it), reads lines without a limit, and gives up a reply over a letter that is not UTF-8. So its builder writes the message, and
//! this module talks.
//!
//! One message has one recipient and is one transaction: the answer to `RCPT` is about that recipient, and nobody else's fate hangs
//! on it.
//!
//! The host is the operator's word, as that of the directory: the rules about where plugins may connect to do not apply to it.

mod compose;
mod dial;
mod open;
mod options;
mod pool;
mod reply;
mod session;
mod verdict;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use rustls::pki_types::ServerName;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;

use compose::{Mail, compose};
use dial::{Dial, Tcp};
use open::Server;
pub use options::{InvalidSmtp, SmtpCredentials, SmtpMechanism, SmtpOptions, SmtpPassword, SmtpSecurity};
use pool::Pool;
use session::Session;
use verdict::{Failure, Stage, without_answer};

use crate::domain::channel::Channel;
use crate::domain::message::{Message, MessageContent};
use crate::domain::outcome::{Outcome, Problem, RejectionKind};
use crate::ports::clock::{Clock, within};
use crate::ports::provider::{Provider, ProviderDescription, SendContext};

/// A mail server as a provider of email.
///
/// The id of a message is the name under which the server queued it, where it says one (Postfix, Exim, Amazon SES), else its
/// `Message-ID`: `<KEY@DOMAIN>`, of the idempotency key and the sender's domain, the same at every attempt. It sends no
/// receipts: what becomes of a message after the server took it comes back as mail, if at all.
///
/// A server that refuses a recipient for now (a full mailbox, greylisting) counts as unavailable, since the port has no word for
/// one recipient who is.
pub struct SmtpProvider {
    description: ProviderDescription,
    server: Server,
    pool: Pool,
    /// As many as connections there may be.
    places: Semaphore,
}

impl SmtpProvider {
    /// A provider that sends over that server. It is not connected to before the first message.
    ///
    /// # Errors
    /// Names the setting that cannot work, or would not be safe.
    pub fn new(options: SmtpOptions, clock: Arc<dyn Clock>) -> Result<Self, InvalidSmtp> {
        let dial = Tcp {
            host: options.host.clone(),
            port: options.port(),
            stays_here: options.stays_here(),
            clock: Arc::clone(&clock),
        };
        Self::over(Box::new(dial), options, clock)
    }

    fn over(dial: Box<dyn Dial>, options: SmtpOptions, clock: Arc<dyn Clock>) -> Result<Self, InvalidSmtp> {
        options.check()?;
        let tls = TlsConnector::from(Arc::new(options.tls(&clock)?));
        let name = ServerName::try_from(options.host.clone()).map_err(|_| InvalidSmtp {
            setting: "host".to_owned(),
            problem: "must be a name or an address".to_owned(),
        })?;
        let description = ProviderDescription {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Email to a mail server over SMTP.".to_owned(),
            hosts: vec![format!("{}:{}", options.host, options.port())],
            concurrent_calls_max: options.connections_max,
            ..ProviderDescription::native("smtp", vec![Channel::Email])
        };
        Ok(Self {
            description,
            pool: Pool::new(Arc::clone(&clock), options.idle_timeout),
            places: Semaphore::new(options.connections_max.min(Semaphore::MAX_PERMITS)),
            server: Server { options, dial, tls, name, clock },
        })
    }

    /// Hands the message over: by a session that waits, else by a new one. A session that went stale meanwhile is replaced once:
    /// of this message, the server has not taken a word by then.
    async fn deliver(&self, mail: &Mail, is_in_doubt: &AtomicBool) -> Result<String, Failure> {
        let place = self.places.acquire().await;
        let _place =
            place.map_err(|_| Failure::Broken(Stage::Greeting, "there is no place for a connection".into()))?;
        if let Some(session) = self.pool.take() {
            match self.hand_over(session, mail, is_in_doubt).await {
                Err(failure) if failure.is_stale() => {}
                result => return result,
            }
        }
        let session = self.server.open().await?;
        self.hand_over(session, mail, is_in_doubt).await
    }

    async fn hand_over(&self, mut session: Session, mail: &Mail, is_in_doubt: &AtomicBool) -> Result<String, Failure> {
        let result = session.hand_over(mail, is_in_doubt).await;
        if session.is_in_order() {
            self.pool.put(session);
        }
        result.map(|reply| reply.queue_id().unwrap_or_else(|| mail.message_id.clone()))
    }
}

#[async_trait]
impl Provider for SmtpProvider {
    fn describe(&self) -> &ProviderDescription {
        &self.description
    }

    async fn send(&self, message: &Message, context: &SendContext) -> Outcome {
        let MessageContent::Email(email) = &message.content else {
            let problem = Problem::plain("a mail server takes email only");
            return Outcome::Rejected { kind: RejectionKind::Unfit, problem };
        };
        let clock = &*self.server.clock;
        let mail = match compose(email, &context.idempotency_key, clock.now()) {
            Ok(mail) => mail,
            Err((kind, problem)) => return Outcome::Rejected { kind, problem },
        };
        let is_in_doubt = AtomicBool::new(false);
        match within(clock, context.timeout, self.deliver(&mail, &is_in_doubt)).await {
            Ok(Ok(id)) => Outcome::Accepted { provider_message_id: Some(id) },
            Ok(Err(failure)) => failure.outcome(),
            Err(_) => {
                let stage = if is_in_doubt.load(Ordering::Acquire) { Stage::End } else { Stage::Data };
                let problem = format!("the server had not taken the message after {} ms", context.timeout.as_millis());
                without_answer(stage, "smtp.timeout", problem)
            }
        }
    }
}

impl fmt::Debug for SmtpProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpProvider").field("options", &self.server.options).finish_non_exhaustive()
    }
}
