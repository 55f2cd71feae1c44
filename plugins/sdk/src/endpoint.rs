//! URLs that come with the message: an application's webhook, a browser's push subscription.
//!
//! Whatever is wrong with such a URL, or with what is behind it, is wrong with one address. Taken for the provider's
//! fault, as [`Request::send`] takes it for a vendor's API, it would stop the messages to all others.

use crate::contract::{Algorithm, HttpError, Key, Problem, Response, SendError, VerifyError, Wait};
use crate::host;
use crate::request::{Request, is_loopback};

/// What every recipient of a URL has to be able to read (RFC 9110, 4.1).
const URL_BYTES_MAX: usize = 8000;

/// In place of a body that the host did not read to its end.
const UNREAD_BODY: &[u8] = b"an answer larger than allowed";

/// Checks a URL that came with the message: `https`, or `http` for loopback, and nothing that could be read in two
/// ways. What passes here, no host finds malformed; whether it is granted is another question.
///
/// # Errors
/// What is wrong with it, to follow "the URL …". It is not repeated in full: who knows such a URL may often send to it.
pub fn check(url: &str) -> Result<(), String> {
    let (is_https, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (_, Some(rest)) => (false, rest),
        _ => return Err("does not begin with `https://`".into()),
    };
    if url.len() > URL_BYTES_MAX {
        return Err(format!("has {} bytes, at most {URL_BYTES_MAX} are allowed", url.len()));
    }
    if let Some(odd) = url.chars().find(|c| !c.is_ascii_graphic() || "\"<>\\`{}".contains(*c)) {
        return Err(format!("holds the character {odd:?}, which has to be percent-encoded"));
    }
    if url.contains('#') {
        return Err("has a fragment, which is never sent".into());
    }
    let authority = rest.find(['/', '?']).map_or(rest, |end| &rest[..end]);
    if authority.contains('@') {
        return Err("holds a user name or a password".into());
    }
    let (host, port) = split_port(authority)?;
    let is_port =
        |port: &str| port.len() <= 5 && !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0);
    if !port.is_none_or(is_port) {
        return Err("has a port that is none".into());
    }
    check_host(host)?;
    if !is_https && !is_loopback(host.trim_start_matches('[').trim_end_matches(']')) {
        return Err("does not begin with `https://`, and its host is not this machine".into());
    }
    Ok(())
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), String> {
    let host_end = match (authority.starts_with('['), authority.find(']')) {
        (true, Some(bracket)) => bracket + 1,
        (true, None) => return Err("has an address without its closing bracket".into()),
        (false, _) => authority.find(':').unwrap_or(authority.len()),
    };
    match authority.split_at(host_end) {
        (host, "") => Ok((host, None)),
        (host, port) => port.strip_prefix(':').map(|port| (host, Some(port))).ok_or("has a host that is none".into()),
    }
}

/// A DNS name (RFC 1035, 2.3.4) or an address. Names that a URL parser could take for a number are none
/// (<https://url.spec.whatwg.org/#ends-in-a-number-checker>).
fn check_host(host: &str) -> Result<(), String> {
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<std::net::Ipv6Addr>().map(drop).map_err(|_| "has an address that is none".into());
    }
    let label_is_fine = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(label_is_fine) {
        return Err("has a host that is none".into());
    }
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let ends_in_a_number = is_hexadecimal || last.bytes().all(|b| b.is_ascii_digit());
    if ends_in_a_number && host.parse::<std::net::Ipv4Addr>().is_err() {
        return Err("has a host that looks like an address and is none".into());
    }
    Ok(())
}

/// Sends a request to a URL that [`check`] found right. A host that is not granted is then the recipient's fault; a
/// missing one of `secrets`, those that the request names, is the provider's. Of an answer that was too large the
/// status counts.
///
/// # Errors
/// What the lack of an answer means for the message.
pub fn send(request: Request, secrets: &[&str]) -> Result<Response, SendError> {
    let problem = |message| Problem { code: None, message };
    request.send().or_else(|error| match error {
        HttpError::TooLarge(status) => Ok(Response { status, headers: vec![], body: UNREAD_BODY.into() }),
        HttpError::Denied(reason) if secrets.iter().all(|name| is_granted(name)) => {
            Err(SendError::recipient(None, format!("the endpoint may not be called: {reason}")))
        }
        HttpError::Unreachable(reason) => Err(SendError::Unavailable(Wait {
            retry_after_ms: None,
            problem: problem(format!("no connection to the endpoint: {reason}")),
        })),
        HttpError::Interrupted(reason) => {
            Err(SendError::Unknown(problem(format!("no answer from the endpoint: {reason}"))))
        }
        error @ (HttpError::Denied(_) | HttpError::Invalid(_)) => Err(error.into()),
    })
}

/// The contract has no question for it; but who verifies with a secret that is not granted is told so.
fn is_granted(secret: &str) -> bool {
    let verified = host::verify(Algorithm::HmacSha256, &Key::Secret(secret.into()), b"", b"");
    !matches!(verified, Err(VerifyError::UnknownSecret(_)))
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn urls_that_can_be_called() {
        for url in [
            "https://example.com",
            "https://example.com/",
            "https://example.com/hooks/1?a=b&c[]=%20|^~",
            "https://example.com?token=BQYAAAD%2f%3d",
            "https://EXAMPLE.com:8443/a//b",
            "https://a_b.example.com/fcm/send/abc:APA91b-_~",
            "https://203.0.113.7/",
            "https://[2001:db8::7]:443/",
            "http://127.0.0.1:8080/hook",
            "http://[::1]/hook",
            "http://localhost/hook",
        ] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn urls_that_cannot_be_called() {
        let long = format!("https://example.com/{}", "a".repeat(7981));
        for (url, wanted) in [
            ("", "does not begin with `https://`"),
            ("example.com/hook", "does not begin with `https://`"),
            ("ftp://example.com", "does not begin with `https://`"),
            ("http://example.com/hook", "its host is not this machine"),
            ("http://localhost.example.com/", "its host is not this machine"),
            ("https://", "has a host that is none"),
            ("https:///path", "has a host that is none"),
            ("https://?a=b", "has a host that is none"),
            ("https://.example.com/", "has a host that is none"),
            ("https://example.com./", "has a host that is none"),
            ("https://-a.example.com/", "has a host that is none"),
            ("https://[::1]x/", "has a host that is none"),
            ("https://[::1/", "without its closing bracket"),
            ("https://[1.2.3.4]/", "has an address that is none"),
            ("https://127.1/", "looks like an address and is none"),
            ("https://0x7f.0x1/", "looks like an address and is none"),
            ("https://2130706433/", "looks like an address and is none"),
            ("https://example.com:/", "has a port that is none"),
            ("https://example.com:0/", "has a port that is none"),
            ("https://example.com:65536/", "has a port that is none"),
            ("https://example.com:+443/", "has a port that is none"),
            ("https://example.com:000443/", "has a port that is none"),
            ("https://user:pass@example.com/", "holds a user name or a password"),
            ("https://example.com@evil.example/", "holds a user name or a password"),
            ("https://example.com/a b", "holds the character ' '"),
            ("https://example.com/ü", "holds the character 'ü'"),
            ("https://example.com/\r\nx: y", "holds the character '\\r'"),
            ("https://example.com\\@evil.example/", "holds the character '\\\\'"),
            ("https://example.com/#top", "has a fragment"),
            (&long, "has 8001 bytes"),
        ] {
            let problem = check(url).unwrap_err();
            assert!(problem.contains(wanted), "{url}: {problem}");
        }
    }
}
