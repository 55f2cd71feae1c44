//! How a mail server is reached, and what makes such a description unusable.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use secrecy::SecretString;

use crate::adapters::tls::tls_versions;
use crate::ports::clock::Clock;
use crate::ports::secrets::Secrets;

/// How a mail server is reached.
#[derive(Clone)]
pub struct SmtpOptions {
    /// Its name or address. An operator wrote it, so it may be in a private network: what restricts the hosts of plugins does
    /// not apply.
    pub host: String,
    /// Its port; `None` is 587, 465 with [`SmtpSecurity::Implicit`], 25 with [`SmtpSecurity::None`].
    pub port: Option<u16>,
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// Whether [`SmtpSecurity::None`] may leave this machine.
    pub allow_plaintext: bool,
    /// Who we are; `None` where the server asks nobody.
    pub credentials: Option<SmtpCredentials>,
    /// The name in `EHLO`; `None` says the address that the connection comes from (RFC 5321 section 4.1.4).
    pub hello_name: Option<String>,
    /// Connections at the same time, and with them messages.
    pub connections_max: usize,
    /// How long an unused connection is kept. Servers close theirs after a while: Postfix after 300 s, or 10 s when it is busy.
    pub idle_timeout: Duration,
    /// How long finding the server and connecting to it may take, and as long TLS.
    pub connect_timeout: Duration,
    /// How long the server may take to answer a command. To take a message in the end it has what is left of the attempt.
    pub command_timeout: Duration,
    /// Certificates of authorities to trust beside the public ones, as PEM.
    pub extra_roots_pem: Vec<u8>,
}

impl SmtpOptions {
    /// That server, over STARTTLS on port 587, with everything else at its default.
    #[must_use]
    pub fn new(host: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: None,
            security: SmtpSecurity::Required,
            allow_plaintext: false,
            credentials: None,
            hello_name: None,
            connections_max: 10,
            idle_timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(20),
            extra_roots_pem: Vec::new(),
        }
    }

    /// The port, given or usual.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(match self.security {
            SmtpSecurity::Required => 587,
            SmtpSecurity::Implicit => 465,
            SmtpSecurity::None => 25,
        })
    }

    /// Whether the host is this machine, by what is written.
    fn is_loopback(&self) -> bool {
        let address: Result<IpAddr, _> = self.host.parse();
        self.host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    }

    /// Whether only addresses of this machine may be dialled.
    pub(super) fn stays_here(&self) -> bool {
        self.security == SmtpSecurity::None && !self.allow_plaintext
    }

    /// Checks what can be known without connecting, the certificates excepted.
    ///
    /// # Errors
    /// Names the setting that cannot work, or would not be safe.
    pub fn check(&self) -> Result<(), InvalidSmtp> {
        if self.host.is_empty() || self.host.len() > 253 || ServerName::try_from(self.host.as_str()).is_err() {
            return Err(invalid("host", "must be a name or an address without a port, as `smtp.example.com`"));
        }
        if self.port == Some(0) {
            return Err(invalid("port", "must be from 1 to 65535"));
        }
        if self.stays_here() && !self.is_loopback() {
            let problem = "`none` sends messages and credentials in the clear: it is for `localhost`; elsewhere use \
                           `required` or `implicit`, or set `allow_plaintext` for a network that you trust";
            return Err(invalid("tls", problem));
        }
        if let Some(SmtpCredentials { username, .. }) = &self.credentials
            && (username.is_empty() || username.chars().any(char::is_control))
        {
            return Err(invalid("username", "must not be empty, and holds no control character"));
        }
        let name_is_fine = |name: &String| {
            let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'[' | b']');
            (1..=255).contains(&name.len()) && name.bytes().all(is_allowed)
        };
        if !self.hello_name.as_ref().is_none_or(name_is_fine) {
            return Err(invalid(
                "hello_name",
                "must be a host name, as `notify.example.com`, or an address in brackets",
            ));
        }
        if self.connections_max == 0 {
            return Err(invalid("connections_max", "must be at least 1"));
        }
        for (setting, limit) in
            [("connect_timeout_ms", self.connect_timeout), ("command_timeout_ms", self.command_timeout)]
        {
            if limit.is_zero() {
                return Err(invalid(setting, "must be more than nothing"));
            }
        }
        Ok(())
    }

    /// Whom to trust: the public authorities and those given, at the time that the clock tells.
    pub(super) fn tls(&self, clock: &Arc<dyn Clock>) -> Result<ClientConfig, InvalidSmtp> {
        let mut roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        let public = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&self.extra_roots_pem) {
            let certificate = certificate.map_err(|_| invalid("root_certificates", "holds PEM that cannot be read"))?;
            let added = roots.add(certificate);
            added.map_err(|error| invalid("root_certificates", &format!("holds no usable certificate: {error}")))?;
        }
        if roots.len() == public && !self.extra_roots_pem.is_empty() {
            return Err(invalid("root_certificates", "holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`)"));
        }
        Ok(tls_versions(Arc::clone(clock)).with_root_certificates(roots).with_no_client_auth())
    }
}

/// How a connection is encrypted. Nothing is ever sent with less than was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// STARTTLS (RFC 3207), and nothing without it.
    Required,
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// None: for a server on this machine.
    None,
}

/// Who we are.
#[derive(Clone)]
pub struct SmtpCredentials {
    /// The user.
    pub username: String,
    /// The password, or with [`SmtpMechanism::Xoauth2`] the access token.
    pub password: SmtpPassword,
    /// How they are presented.
    pub mechanism: SmtpMechanism,
}

/// Where the password is.
#[derive(Clone)]
pub enum SmtpPassword {
    /// Here.
    Value(SecretString),
    /// Behind this reference. It is read anew for each connection: a token that lives for an hour can be replaced meanwhile.
    Reference(String, Arc<dyn Secrets>),
}

/// How credentials are presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpMechanism {
    /// `PLAIN`, else `LOGIN`: what the server offers.
    Automatic,
    /// RFC 4616.
    Plain,
    /// Two questions, of which Exchange is fond
    /// (<https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-xlogin>).
    Login,
    /// An OAuth 2.0 access token (<https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>).
    Xoauth2,
}

/// A mail server is not described usefully.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct InvalidSmtp {
    /// Which setting, by its name in the configuration.
    pub setting: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

fn invalid(setting: &str, problem: &str) -> InvalidSmtp {
    InvalidSmtp { setting: setting.to_owned(), problem: problem.to_owned() }
}

impl fmt::Debug for SmtpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpOptions")
            .field("host", &self.host)
            .field("port", &self.port())
            .field("security", &self.security)
            .field("credentials", &self.credentials)
            .field("hello_name", &self.hello_name)
            .field("connections_max", &self.connections_max)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SmtpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SmtpCredentials").field("username", &self.username).finish_non_exhaustive()
    }
}
