//! What may be called: granted hosts, and which kinds of address may be behind their names.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

use super::address::{Reach, reach};
use super::target::{Host, Scheme, Target, split_port};

/// Which hosts may be called, and how. Nothing that is not granted may.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    grants: Vec<HostGrant>,
    private_network: bool,
    plain_http: bool,
}

impl EgressPolicy {
    /// A policy that allows these hosts: `api.example.com`, `*.example.com` (any name below it, not itself),
    /// `203.0.113.7` or `[2001:db8::7]`, each optionally with a port as in `api.example.com:8443`. `*` is any public name
    /// over https, for providers whose recipients say where to: never an address, this machine or a private network, also
    /// where these are allowed for other hosts.
    ///
    /// Without a port the scheme's own is meant. A loopback host (`127.0.0.1:8081`, `[::1]:8081`, `localhost:8081`)
    /// grants exactly that, and may be called without TLS.
    ///
    /// # Errors
    /// Names the grant that cannot be read.
    pub fn new<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Result<Self, InvalidHostGrant> {
        let grants = hosts.into_iter().map(|host| host.as_ref().parse()).collect::<Result<_, _>>()?;
        Ok(Self { grants, private_network: false, plain_http: false })
    }

    /// Whether granted names and addresses may lead into private networks (RFC 1918, RFC 6598, RFC 4193).
    #[must_use]
    pub fn allow_private_network(mut self, allow: bool) -> Self {
        self.private_network = allow;
        self
    }

    /// Whether hosts other than loopback may be called without TLS.
    #[must_use]
    pub fn allow_plain_http(mut self, allow: bool) -> Self {
        self.plain_http = allow;
        self
    }

    /// Whether everything that this grant text covers is granted; `false` also when it cannot be read.
    #[must_use]
    pub fn covers(&self, host: &str) -> bool {
        host.parse().is_ok_and(|asked: HostGrant| self.grants.iter().any(|grant| grant.includes(&asked)))
    }

    /// Whether the text is a name, or a family of names, that is neither an address nor reserved for this machine.
    #[must_use]
    pub fn is_public_name(host: &str) -> bool {
        host.parse().is_ok_and(|grant: HostGrant| match grant.pattern {
            Pattern::Exact(host) => matches!(host, Host::Name(_)) && !host.is_loopback(),
            Pattern::Below(suffix) => !suffix.ends_with(".localhost"),
            Pattern::Anywhere => false,
        })
    }

    /// Whether the URL leads to this machine by its address or its name, whatever a resolver says.
    pub(in crate::adapters) fn stays_on_this_machine(uri: &Uri) -> bool {
        Target::parse(uri).is_ok_and(|target| target.host.is_loopback())
    }

    /// Whether the target is granted by more than `*`.
    pub(super) fn grants_by_name(&self, target: &Target) -> bool {
        self.grants.iter().any(|grant| grant.pattern != Pattern::Anywhere && grant.matches(target))
    }

    /// Whether the target is granted. What is behind its name is judged later, by [`Self::judge_address`].
    pub(super) fn judge_target(&self, target: &Target) -> Result<(), String> {
        if !self.grants.iter().any(|grant| grant.matches(target)) {
            return Err(format!("`{target}` is not a granted host"));
        }
        let is_plain_allowed = target.host.is_loopback() || (self.plain_http && self.grants_by_name(target));
        if target.scheme == Scheme::Http && !is_plain_allowed {
            return Err(format!("`{target}` may only be called over https"));
        }
        match target.host {
            Host::Address(address) => self.judge_address(target, address),
            Host::Name(_) => Ok(()),
        }
    }

    /// Whether a granted target may be reached at this address.
    pub(super) fn judge_address(&self, target: &Target, address: IpAddr) -> Result<(), String> {
        match reach(address) {
            Reach::Public => Ok(()),
            Reach::Loopback if target.host.is_loopback() => Ok(()),
            Reach::Loopback => Err(format!("`{target}` leads to this machine ({address})")),
            Reach::Private if self.private_network && self.grants_by_name(target) => Ok(()),
            Reach::Private => Err(format!("`{target}` leads into a private network ({address})")),
            Reach::Never(what) => Err(format!("`{target}` leads to {address}, {what}")),
        }
    }
}

/// The text grants no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{grant}` cannot be granted: {problem}")]
pub struct InvalidHostGrant {
    /// What was written.
    pub grant: String,
    /// What is wrong with it, and what would be right.
    pub problem: String,
}

/// One granted host or family of hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct HostGrant {
    pattern: Pattern,
    /// `None` for the scheme's own port.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Exact(Host),
    /// Names below this one; begins with a dot.
    Below(String),
    /// Names that anybody can look up.
    Anywhere,
}

impl HostGrant {
    fn matches(&self, target: &Target) -> bool {
        let port_matches = match self.port {
            Some(port) => port == target.port,
            None => target.port_is_default,
        };
        port_matches && self.pattern.matches(&target.host)
    }

    fn includes(&self, other: &Self) -> bool {
        let hosts_included = match (&self.pattern, &other.pattern) {
            (pattern, Pattern::Exact(host)) => pattern.matches(host),
            (Pattern::Below(outer), Pattern::Below(inner)) => inner.ends_with(outer.as_str()),
            (Pattern::Anywhere, Pattern::Anywhere) => true,
            (Pattern::Anywhere, Pattern::Below(inner)) => is_public(&inner[1..]),
            (Pattern::Exact(_), Pattern::Below(_) | Pattern::Anywhere) | (Pattern::Below(_), Pattern::Anywhere) => {
                false
            }
        };
        hosts_included && self.port == other.port
    }
}

impl Pattern {
    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(granted), host) => granted == host,
            (Self::Below(suffix), Host::Name(name)) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            (Self::Anywhere, Host::Name(name)) => is_public(name),
            (Self::Below(_) | Self::Anywhere, Host::Address(_)) => false,
        }
    }
}

/// Names that lead nowhere in the world: those of a single label, which search lists complete, and those below the
/// special-use names of <https://www.iana.org/assignments/special-use-domain-names> and `internal`, which ICANN reserved for
/// private use in 2024.
const INNER_NAMES: [&str; 9] =
    ["alt", "arpa", "internal", "invalid", "local", "localdomain", "localhost", "onion", "test"];

fn is_public(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| !INNER_NAMES.contains(&last))
}

impl FromStr for HostGrant {
    type Err = InvalidHostGrant;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |problem: String| InvalidHostGrant { grant: text.chars().take(300).collect(), problem };
        if text.contains("://") || text.contains(['/', '@']) {
            return Err(invalid("write only the host, as `api.example.com` or `api.example.com:8443`".into()));
        }
        let (host, port) = split_port(text).map_err(invalid)?;
        if host == "*" {
            return Ok(Self { pattern: Pattern::Anywhere, port });
        }
        let Some(below) = host.strip_prefix("*.") else {
            return Ok(Self { pattern: Pattern::Exact(Host::parse(host).map_err(invalid)?), port });
        };
        match Host::parse(below).map_err(invalid)? {
            Host::Name(name) if name.contains('.') => Ok(Self { pattern: Pattern::Below(format!(".{name}")), port }),
            _ => Err(invalid("what follows `*.` needs at least two labels, as in `*.example.com`".into())),
        }
    }
}

impl fmt::Display for HostGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pattern {
            Pattern::Exact(host) => write!(f, "{host}")?,
            Pattern::Below(suffix) => write!(f, "*{suffix}")?,
            Pattern::Anywhere => f.write_str("*")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}
