//! From nothing to a session: connect, greet, encrypt, log in.
//!
//! Encryption is not negotiated downwards. A server that does not offer STARTTLS where it is required, or whose certificate is not
//! to be trusted, gets neither credentials nor a message: it was changed by somebody, or somebody in between wants to read
//! along, and either way an operator has to look.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::ServerName;
use secrecy::{ExposeSecret as _, SecretString};
use tokio_rustls::TlsConnector;

use super::dial::Dial;
use super::options::{SmtpCredentials, SmtpMechanism, SmtpOptions, SmtpPassword, SmtpSecurity};
use super::reply::Reply;
use super::session::{Extensions, Session};
use super::verdict::{Failure, Stage};
use super::wire::{Stream, Wire};
use crate::domain::outcome::{Problem, RejectionKind};
use crate::ports::clock::{Clock, within};

/// A server, and how to reach it.
pub(super) struct Server {
    pub(super) options: SmtpOptions,
    pub(super) dial: Box<dyn Dial>,
    pub(super) tls: TlsConnector,
    /// The name that its certificate has to be for.
    pub(super) name: ServerName<'static>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Server {
    /// A session, ready for a message.
    pub(super) async fn open(&self) -> Result<Session, Failure> {
        let (mut stream, local) = self.connect().await?;
        if self.options.security == SmtpSecurity::Implicit {
            stream = self.encrypt(stream).await?;
        }
        let mut wire = self.wire(stream);
        let greeting = wire.greeting().await?;
        expect(Stage::Greeting, 220, greeting)?;
        let mut extensions = self.hello(&mut wire, local).await?;
        if self.options.security == SmtpSecurity::Required {
            if !extensions.starttls {
                return Err(insecure("the server does not offer STARTTLS, and nothing is sent without it"));
            }
            let answer = wire.ask(Stage::StartTls, "STARTTLS").await?;
            expect(Stage::StartTls, 220, answer)?;
            let too_much = || insecure("somebody answers more than was asked, before encryption began");
            let stream = wire.into_stream().ok_or_else(too_much)?;
            wire = self.wire(self.encrypt(stream).await?);
            // What was said before in the clear counts no longer (RFC 3207 section 4.2).
            extensions = self.hello(&mut wire, local).await?;
        }
        if let Some(credentials) = &self.options.credentials {
            log_in(&mut wire, credentials, &extensions).await?;
        }
        Ok(Session::new(wire, extensions))
    }

    fn wire(&self, stream: Box<dyn Stream>) -> Wire {
        Wire::new(stream, Arc::clone(&self.clock), self.options.command_timeout)
    }

    async fn connect(&self) -> Result<(Box<dyn Stream>, Option<IpAddr>), Failure> {
        let limit = self.options.connect_timeout;
        let dialled = within(&*self.clock, limit, self.dial.dial()).await;
        let dialled = dialled.map_err(|_| Failure::Slow(Stage::Greeting, limit.as_millis()))?;
        dialled.map_err(|error| {
            let (host, port) = (&self.options.host, self.options.port());
            Failure::Broken(Stage::Greeting, format!("`{host}:{port}` cannot be reached: {error}"))
        })
    }

    async fn encrypt(&self, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, Failure> {
        let limit = self.options.connect_timeout;
        let handshake = self.tls.connect(self.name.clone(), stream);
        match within(&*self.clock, limit, handshake).await {
            Ok(Ok(stream)) => Ok(Box::new(stream)),
            Ok(Err(error)) if is_about_tls(&error) => Err(insecure(&format!("TLS failed: {error}"))),
            Ok(Err(error)) => Err(Failure::Broken(Stage::StartTls, format!("the connection was lost: {error}"))),
            Err(_) => Err(Failure::Slow(Stage::StartTls, limit.as_millis())),
        }
    }

    async fn hello(&self, wire: &mut Wire, local: Option<IpAddr>) -> Result<Extensions, Failure> {
        let name = match (&self.options.hello_name, local) {
            (Some(name), _) => name.clone(),
            (None, Some(IpAddr::V4(address))) => format!("[{address}]"),
            (None, Some(IpAddr::V6(address))) => format!("[IPv6:{address}]"),
            (None, None) => "localhost".to_owned(),
        };
        let answer = wire.ask(Stage::Hello, &format!("EHLO {name}")).await?;
        Ok(Extensions::of(&expect(Stage::Hello, 250, answer)?))
    }
}

/// The reply, if it is the one hoped for.
pub(super) fn expect(stage: Stage, code: u16, reply: Reply) -> Result<Reply, Failure> {
    if reply.code == code { Ok(reply) } else { Err(Failure::Refused(stage, reply)) }
}

fn insecure(problem: &str) -> Failure {
    Failure::Impossible(RejectionKind::Provider, Problem::coded("smtp.tls", problem))
}

/// Whether the other side spoke, and was not to be trusted or understood; else the connection is at fault.
fn is_about_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>())
}

async fn log_in(wire: &mut Wire, credentials: &SmtpCredentials, extensions: &Extensions) -> Result<(), Failure> {
    let offers = |name: &str| extensions.mechanisms.iter().any(|offered| offered == name);
    let mechanism = match credentials.mechanism {
        SmtpMechanism::Automatic if offers("PLAIN") => "PLAIN",
        SmtpMechanism::Automatic if offers("LOGIN") => "LOGIN",
        SmtpMechanism::Automatic => "PLAIN or LOGIN",
        SmtpMechanism::Plain => "PLAIN",
        SmtpMechanism::Login => "LOGIN",
        SmtpMechanism::Xoauth2 => "XOAUTH2",
    };
    if !offers(mechanism) {
        let offered = match extensions.mechanisms.as_slice() {
            [] => "no login".to_owned(),
            some => some.join(", "),
        };
        return Err(no_login(format!("the server does not offer to log in with {mechanism}; it offers {offered}")));
    }
    let password = read(&credentials.password).await?;
    let secret = password.expose_secret();
    let user = &credentials.username;
    let answer = match mechanism {
        "LOGIN" => log_in_by_questions(wire, user, secret).await,
        "XOAUTH2" => {
            match wire.ask(Stage::Login, &format!("AUTH XOAUTH2 {}", bearer(user, secret))).await {
                // What is wrong with it, as a challenge; an empty answer to it brings the refusal.
                Ok(challenge) if challenge.code == 334 => wire.ask(Stage::Login, "").await,
                answer => answer,
            }
        }
        _ => wire.ask(Stage::Login, &format!("AUTH PLAIN {}", plain(user, secret))).await,
    };
    let refused = |reply: Reply| Failure::Refused(Stage::Login, without_secret(reply, user, secret));
    let answer = answer?;
    if answer.code == 235 { Ok(()) } else { Err(refused(answer)) }
}

/// RFC 4616, section 2.
fn plain(user: &str, secret: &str) -> String {
    STANDARD.encode(format!("\0{user}\0{secret}"))
}

/// "The SASL XOAUTH2 mechanism" (<https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>).
fn bearer(user: &str, secret: &str) -> String {
    STANDARD.encode(format!("user={user}\u{1}auth=Bearer {secret}\u{1}\u{1}"))
}

async fn log_in_by_questions(wire: &mut Wire, user: &str, secret: &str) -> Result<Reply, Failure> {
    let mut answer = wire.ask(Stage::Login, "AUTH LOGIN").await?;
    for said in [user, secret] {
        if answer.code != 334 {
            break;
        }
        answer = wire.ask(Stage::Login, &STANDARD.encode(said)).await?;
    }
    Ok(answer)
}

async fn read(password: &SmtpPassword) -> Result<SecretString, Failure> {
    match password {
        SmtpPassword::Value(value) => Ok(value.clone()),
        SmtpPassword::Reference(reference, secrets) => {
            let (reference, secrets) = (reference.clone(), Arc::clone(secrets));
            let reading = tokio::task::spawn_blocking(move || secrets.resolve(&reference)).await;
            let secret = reading.map_err(|error| no_login(format!("the password cannot be read: {error}")))?;
            secret.map_err(|error| no_login(error.to_string()))
        }
    }
}

fn no_login(problem: String) -> Failure {
    Failure::Impossible(RejectionKind::Provider, Problem::coded("smtp.login", problem))
}

/// A refusal that repeats what was said does not repeat the secret, in any of the forms in which it is said.
fn without_secret(reply: Reply, user: &str, secret: &str) -> Reply {
    if secret.is_empty() {
        return reply;
    }
    let forms = [plain(user, secret), bearer(user, secret), STANDARD.encode(secret), secret.to_owned()];
    let scrub = |line: String| forms.iter().fold(line, |line, form| line.replace(form, "[secret]"));
    Reply { lines: reply.lines.into_iter().map(scrub).collect(), ..reply }
}
