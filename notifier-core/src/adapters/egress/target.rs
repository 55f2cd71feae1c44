//! Where a request wants to go, read so strictly that no two readers can disagree about it.
//!
//! URL parsers differ in what they make of `0x7f.1`, `127.1`, `localhost.`, `user@host` or full-width dots, and attacks on
//! egress filters live in those differences. Here every odd form is refused instead of being interpreted; the rule for
//! what looks like a number is that of the URL standard (<https://url.spec.whatwg.org/#ends-in-a-number-checker>).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

/// A host, as it stands in a URL or in a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Host {
    /// A DNS name in lower case, without a final dot.
    Name(String),
    /// An address, in its canonical form.
    Address(IpAddr),
}

impl Host {
    /// Reads a host; addresses of version 6 are in brackets.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return match inner.parse::<Ipv6Addr>() {
                Ok(address) => Ok(Self::Address(address.into())),
                Err(_) => Err(format!("`{text}` is not an IPv6 address")),
            };
        }
        if ends_in_a_number(text) {
            return match text.parse::<Ipv4Addr>() {
                Ok(address) => Ok(Self::Address(address.into())),
                Err(_) => Err(format!("`{text}` looks like an address: write it as four decimal numbers")),
            };
        }
        check_name(text)?;
        Ok(Self::Name(text.to_ascii_lowercase()))
    }

    /// Whether it stands for this machine: a loopback address, or a name that RFC 6761 section 6.3 reserves for it.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(address) => address.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
        }
    }
}

/// Whether a URL parser might take the text for an IPv4 address.
fn ends_in_a_number(text: &str) -> bool {
    let text = text.strip_suffix('.').unwrap_or(text);
    let last = text.rsplit('.').next().unwrap_or(text);
    let is_decimal = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    let is_hexadecimal = last
        .strip_prefix("0x")
        .or_else(|| last.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    is_decimal || is_hexadecimal
}

/// Letters, digits, hyphens and underscores; labels of at most 63, names of at most 253 (RFC 1035 section 2.3.4).
fn check_name(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the host is missing".into());
    }
    if text.ends_with('.') {
        return Err(format!("`{text}`: write the host without the final dot"));
    }
    if !text.is_ascii() {
        return Err(format!("`{text}`: write international names in their ASCII form, as `xn--…`"));
    }
    let label_is_fine = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() > 253 || !text.split('.').all(label_is_fine) {
        return Err(format!("`{}` is not a host name", text.escape_debug()));
    }
    Ok(())
}

/// Whether the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

impl Scheme {
    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Scheme, host and port of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) scheme: Scheme,
    pub(super) host: Host,
    pub(super) port: u16,
    /// Whether the port is the scheme's own.
    pub(super) port_is_default: bool,
}

impl Target {
    pub(super) fn parse(uri: &Uri) -> Result<Self, String> {
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            Some(other) => return Err(format!("`{other}`: only https and http can be called")),
            None => return Err("the URL has no scheme: write it as `https://…`".into()),
        };
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        if authority.contains('@') {
            return Err("the URL holds a user name or password: use an auth kind instead".into());
        }
        let (host, port) = split_port(authority)?;
        let port = port.unwrap_or(scheme.default_port());
        Ok(Self { scheme, host: Host::parse(host)?, port, port_is_default: port == scheme.default_port() })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.port_is_default { write!(f, "{}", self.host) } else { write!(f, "{}:{}", self.host, self.port) }
    }
}

/// Splits `host`, `host:port` or `[v6]:port`.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<u16>), String> {
    let host_end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let Some(colon) = authority[host_end..].find(':').map(|at| at + host_end) else { return Ok((authority, None)) };
    let digits = &authority[colon + 1..];
    let is_number = !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse::<u16>() {
        Ok(port) if is_number && port != 0 => Ok((&authority[..colon], Some(port))),
        _ => Err(format!("`{}` is not a port", digits.escape_debug())),
    }
}
