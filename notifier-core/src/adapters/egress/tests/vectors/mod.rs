//! The table of attacks: what a URL may look like, where a name may lead, what a request may carry, what an answer may ask
//! for. Each is tried at the client's own door here, and those that are requests at that of `wasi:http` in the tests of plugins.

mod addresses;
mod anywhere;
mod headers;
mod spellings;
mod urls;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::super::target::Target;
use super::super::{EgressClient, EgressError, EgressLimits, EgressPolicy};
use super::{Answers, Epoch};
use addresses::ADDRESSES;
use anywhere::ANYWHERE;
use headers::METHODS;

pub(in crate::adapters) use headers::HEADERS;
pub(in crate::adapters) use spellings::{INSIDE, spellings};
pub(in crate::adapters) use urls::{GRANTS, URLS};

/// What becomes of a request before anything is resolved or dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::adapters) enum Verdict {
    Passes,
    Denied,
    Invalid,
    /// Not even a URL to the `http` crate, so no request can be made of it.
    NoUrl,
}

/// What was tried, and what went otherwise than it should.
#[derive(Default)]
struct Tally {
    tried: BTreeSet<String>,
    escaped: Vec<String>,
    refused_wrongly: Vec<String>,
}

impl Tally {
    fn add(&mut self, what: String, passes: bool, may_pass: bool) {
        match (passes, may_pass) {
            (true, false) => self.escaped.push(what.clone()),
            (false, true) => self.refused_wrongly.push(what.clone()),
            _ => {}
        }
        assert!(self.tried.insert(what.clone()), "{what} is there twice");
    }
}

const TIMEOUT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn of_all_attacks_none_escapes() {
    let mut tally = Tally::default();
    urls_and_spellings(&mut tally);
    places_behind_names(&mut tally).await;
    names_that_change(&mut tally).await;
    headers_and_methods(&mut tally).await;
    redirects(&mut tally).await;
    let (tried, escaped) = (tally.tried.len(), tally.escaped.len());
    eprintln!("{tried} egress vectors, {escaped} escaped");
    assert!(tally.escaped.is_empty(), "escaped:\n{}", tally.escaped.join("\n"));
    assert!(tally.refused_wrongly.is_empty(), "refused wrongly:\n{}", tally.refused_wrongly.join("\n"));
    assert!(tried >= 500, "{tried} vectors");
}

/// What a URL looks like: nothing is resolved for it.
fn urls_and_spellings(tally: &mut Tally) {
    let policy = EgressPolicy::new(GRANTS).unwrap();
    for (url, expected) in URLS {
        tally.add(format!("URL {url:?}"), verdict(&policy, url) == Verdict::Passes, *expected == Verdict::Passes);
    }
    let anywhere = EgressPolicy::new(["*"]).unwrap().allow_private_network(true).allow_plain_http(true);
    for (url, expected) in ANYWHERE {
        let passes = verdict(&anywhere, url) == Verdict::Passes;
        tally.add(format!("URL under `*` {url:?}"), passes, *expected == Verdict::Passes);
    }
    for (address, host) in
        INSIDE.into_iter().flat_map(|address| spellings(address).into_iter().map(move |host| (address, host)))
    {
        let url = format!("https://{host}/");
        // Granted by mistake, where it can be written in a grant; this machine is granted in one way only.
        let is_own_name = address.is_loopback() && host == address.to_string();
        let granted = EgressPolicy::new([&host]).ok().filter(|_| !is_own_name);
        let policies = [Some(&policy), Some(&anywhere), granted.as_ref()];
        let passes = policies.into_iter().flatten().any(|policy| verdict(policy, &url) == Verdict::Passes);
        tally.add(format!("spelling {url:?}"), passes, false);
    }
}

/// Where a granted name leads: through the client, which dials nothing that is forbidden.
async fn places_behind_names(tally: &mut Tally) {
    for &(address, without, with) in ADDRESSES {
        let target = Target::parse(&Uri::from_static("https://api.example.com/")).unwrap();
        let parsed: IpAddr = address.parse().unwrap();
        for (grants, private_network, may_pass) in
            [(&GRANTS[..], false, without), (&GRANTS, true, with), (&["*"], true, without)]
        {
            let policy = EgressPolicy::new(grants).unwrap().allow_private_network(private_network);
            let passes = policy.judge_address(&target, parsed).is_ok();
            let how = if grants == ["*"] { " under `*`" } else { "" };
            tally.add(format!("{address} behind a name{how}, private networks: {private_network}"), passes, may_pass);
            if !may_pass {
                let (resolver, asked) = Answers::new(&[&[address]]);
                let client = EgressClient::with_resolver(policy, EgressLimits::default(), Arc::new(Epoch), resolver);
                let refused = client.send(get("https://api.example.com/"), TIMEOUT).await;
                assert!(matches!(refused, Err(EgressError::Denied(_))), "{address}: {refused:?}");
                assert_eq!(asked.load(SeqCst), 1, "{address}");
            }
        }
    }
}

fn get(url: &str) -> Request<Bytes> {
    Request::builder().uri(url).body(Bytes::new()).unwrap()
}

/// Answers each request on a connection of its own, and counts what it is asked.
async fn server(answer: String) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let answer = answer.replace("PORT", &port.to_string());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut seen = Vec::new();
            while stream.read_buf(&mut seen).await.unwrap_or(0) > 0 && !seen.ends_with(b"\r\n\r\n") {}
            counter.fetch_add(1, SeqCst);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (port, asked)
}

const OK: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A name that leads where it may at first, and inside when it is asked again.
async fn names_that_change(tally: &mut Tally) {
    let (port, served) = server(OK.into()).await;
    for inside in INSIDE.map(IpAddr::from).into_iter().filter(|address| !address.is_loopback()) {
        let inside = inside.to_string();
        let grant = format!("localhost:{port}");
        let url = format!("http://{grant}/");
        let (resolver, asked) = Answers::new(&[&["127.0.0.1"], &[&inside], &["127.0.0.1"]]);
        let policy = EgressPolicy::new([&grant]).unwrap();
        let client = EgressClient::with_resolver(policy, EgressLimits::default(), Arc::new(Epoch), resolver);
        assert!(client.send(get(&url), TIMEOUT).await.is_ok());
        let again = client.send(get(&url), TIMEOUT).await;
        tally.add(format!("a name that changes to {inside}"), again.is_ok(), false);
        assert!(matches!(again, Err(EgressError::Denied(_))), "{inside}: {again:?}");
        assert_eq!(asked.load(SeqCst), 2);
        // What was refused is not remembered as good, and what was good is judged again.
        assert!(client.send(get(&url), TIMEOUT).await.is_ok());
        // Of several answers only those count that are permitted: here none is.
        let (resolver, _) = Answers::new(&[&[&inside, "0.0.0.0", "::ffff:127.0.0.1"]]);
        let policy = EgressPolicy::new([&grant]).unwrap();
        let client = EgressClient::with_resolver(policy, EgressLimits::default(), Arc::new(Epoch), resolver);
        let mixed = client.send(get(&url), TIMEOUT).await;
        tally.add(format!("a name with {inside} among others"), mixed.is_ok(), false);
    }
    assert_eq!(served.load(SeqCst), 16);
}

/// What cannot be written, or would frame the request twice.
async fn headers_and_methods(tally: &mut Tally) {
    let (port, served) = server(OK.into()).await;
    let policy = EgressPolicy::new([format!("127.0.0.1:{port}")]).unwrap();
    let client = EgressClient::new(policy, EgressLimits::default(), Arc::new(Epoch));
    let url = format!("http://127.0.0.1:{port}/");
    for (name, value) in HEADERS {
        let header = HeaderName::try_from(*name).ok().zip(HeaderValue::try_from(*value).ok());
        let passes = match header {
            None => false,
            Some((name, value)) => {
                let mut request = get(&url);
                request.headers_mut().append(name, value);
                client.send(request, TIMEOUT).await.is_ok()
            }
        };
        tally.add(format!("header {name:?}: {value:?}"), passes, false);
    }
    for method in METHODS {
        let passes = match Method::from_bytes(method.as_bytes()) {
            Err(_) => false,
            Ok(method) => {
                let mut request = get(&url);
                *request.method_mut() = method;
                client.send(request, TIMEOUT).await.is_ok()
            }
        };
        tally.add(format!("method {method:?}"), passes, false);
    }
    assert_eq!(served.load(SeqCst), 0);
    assert!(client.send(get(&url), TIMEOUT).await.is_ok(), "an ordinary request passes");
}

/// An answer asks to go elsewhere, even to where it would be allowed: it is handed back, and nobody goes.
async fn redirects(tally: &mut Tally) {
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent", "300 Choices", "200 OK"]
    {
        for header in [
            "location: http://127.0.0.1:PORT/again",
            "location: /again",
            "location: http://169.254.169.254/latest/meta-data/",
            "location: http://[::ffff:169.254.169.254]/",
            "location: file:///etc/passwd",
            "location: //169.254.169.254/",
            "refresh: 0; url=http://169.254.169.254/",
            "alt-svc: h2=\"169.254.169.254:443\"",
        ] {
            let answer = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{header}\r\ncontent-length: 0\r\n\r\n");
            let (port, served) = server(answer).await;
            let policy = EgressPolicy::new([format!("127.0.0.1:{port}")]).unwrap();
            let client = EgressClient::new(policy, EgressLimits::default(), Arc::new(Epoch));
            let response = client.send(get(&format!("http://127.0.0.1:{port}/")), TIMEOUT).await.unwrap();
            assert_eq!(response.status().as_str(), &status[..3]);
            tally.add(format!("{status} with {header}"), served.load(SeqCst) != 1, false);
        }
    }
}

/// What becomes of a URL before anything is resolved or dialled.
pub(in crate::adapters) fn verdict(policy: &EgressPolicy, url: &str) -> Verdict {
    let Ok(uri) = url.parse::<Uri>() else { return Verdict::NoUrl };
    match Target::parse(&uri) {
        Err(_) => Verdict::Invalid,
        Ok(target) if policy.judge_target(&target).is_err() => Verdict::Denied,
        Ok(_) => Verdict::Passes,
    }
}

/// Not only refused, but with the reason that fits.
#[test]
fn verdicts() {
    let policy = EgressPolicy::new(GRANTS).unwrap();
    let anywhere = EgressPolicy::new(["*"]).unwrap();
    let tables = URLS.iter().map(|row| (&policy, row)).chain(ANYWHERE.iter().map(|row| (&anywhere, row)));
    let wrong: Vec<_> = tables
        .map(|(policy, (url, expected))| (url, expected, verdict(policy, url)))
        .filter(|(_, expected, actual)| actual != *expected)
        .map(|(url, expected, actual)| format!("{url:?}: {actual:?} instead of {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A grant for this machine is for this machine only, and none other leads to it.
#[test]
fn loopback() {
    let policy = EgressPolicy::new(GRANTS).unwrap();
    let localhost = Target::parse(&Uri::from_static("http://localhost:8081/")).unwrap();
    for (address, expected) in [("127.0.0.1", true), ("::1", true), ("10.0.0.1", false), ("169.254.169.254", false)] {
        assert_eq!(policy.judge_address(&localhost, address.parse().unwrap()).is_ok(), expected, "{address}");
    }
}

#[test]
fn grants() {
    let good = ["a", "a.b:1", "*.a.b", "*.a.b:65535", "1.2.3.4", "[::1]:80", "A.B", "*", "*:8443"];
    for grant in good {
        assert!(EgressPolicy::new([grant]).is_ok(), "{grant}");
    }
    let bad = [
        "",
        "**",
        "*x",
        "*:0",
        "*:443:443",
        "*@a.b",
        "*.",
        "*.com",
        "*.*.a.b",
        "a*.b",
        "**.a.b",
        "https://a.b",
        "a.b/",
        "a@b",
        "a.b:",
        "a.b:0",
        "a.b:65536",
        "a.b:x",
        "a.b.",
        ".a",
        "a b",
        "127.1",
        "0x7f.1",
        "::1",
        "[::1",
        "[::1]x",
        "*.1.2.3",
        "*.[::1]",
        "ä.example",
        "a.b:1:2",
    ];
    for grant in bad {
        let error = EgressPolicy::new([grant]).map(drop).expect_err(grant);
        assert!(error.to_string().starts_with(&format!("`{grant}` cannot be granted: ")), "{error}");
    }
}

#[test]
fn what_is_asked_and_what_is_granted() {
    let policy = EgressPolicy::new(["*.example.com", "api.example.org", "api.example.net:8443"]).unwrap();
    let table = [
        ("api.example.com", true),
        ("*.api.example.com", true),
        ("*.example.com", true),
        ("example.com", false),
        ("api.example.org", true),
        ("*.example.org", false),
        ("api.example.net", false),
        ("api.example.net:8443", true),
        ("nonsense/", false),
    ];
    for (asked, expected) in table {
        assert_eq!(policy.covers(asked), expected, "{asked}");
    }
    let anywhere = EgressPolicy::new(["*"]).unwrap();
    for (asked, expected) in [
        ("api.example.com", true),
        ("*.example.com", true),
        ("*", true),
        ("*.example.internal", false),
        ("localhost", false),
        ("intranet", false),
        ("api.example.com:8443", false),
        ("*:8443", false),
        ("8.8.8.8", false),
        ("[::1]:80", false),
    ] {
        assert_eq!(anywhere.covers(asked), expected, "{asked} under `*`");
    }
    assert!(!policy.covers("*"), "what is listed is not everything");
    let by_name = EgressPolicy::new(["*", "api.example.com"]).unwrap();
    for (url, expected) in [("https://api.example.com/", true), ("https://other.example.com/", false)] {
        let target = Target::parse(&url.parse().unwrap()).unwrap();
        assert!(by_name.judge_target(&target).is_ok());
        assert_eq!(by_name.grants_by_name(&target), expected, "{url}");
    }
    let names = [
        ("api.example.com", true),
        ("*", false),
        ("*:443", false),
        ("*.example.com", true),
        ("localhost", false),
        ("a.localhost:1", false),
    ];
    let others =
        [("127.0.0.1:1", false), ("8.8.8.8", false), ("[::1]:1", false), ("*.a.localhost", false), ("", false)];
    for (host, expected) in names.into_iter().chain(others) {
        assert_eq!(EgressPolicy::is_public_name(host), expected, "{host}");
    }
}
