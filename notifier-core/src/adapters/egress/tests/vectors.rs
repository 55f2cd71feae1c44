//! The table of attacks: what a URL may look like, and where a name may lead.

use http::Uri;

use super::super::EgressPolicy;
use super::super::target::Target;

/// What becomes of a request before anything is resolved or dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passes,
    Denied,
    Invalid,
    /// Not even a URL to the `http` crate, so no request can be made of it.
    NoUrl,
}

use Verdict::{Denied, Invalid, NoUrl, Passes};

const GRANTS: [&str; 7] = [
    "api.example.com",
    "*.wild.example.com",
    "ported.example.com:8443",
    "127.0.0.1:8081",
    "[::1]:8081",
    "localhost:8081",
    "93.184.216.34",
];

/// URLs, and what becomes of them.
const URLS: &[(&str, Verdict)] = &[
    // Granted, in the forms that mean the same.
    ("https://api.example.com/", Passes),
    ("https://api.example.com", Passes),
    ("https://api.example.com:443/", Passes),
    ("https://API.Example.COM/path?query=1", Passes),
    ("https://api.example.com/@evil.example", Passes),
    ("https://api.example.com/?u=http://169.254.169.254/", Passes),
    ("https://a.wild.example.com/", Passes),
    ("https://a.b.wild.example.com/", Passes),
    ("https://ported.example.com:8443/", Passes),
    ("http://127.0.0.1:8081/", Passes),
    ("https://127.0.0.1:8081/", Passes),
    ("http://[::1]:8081/", Passes),
    ("http://[0:0:0:0:0:0:0:1]:8081/", Passes),
    ("http://localhost:8081/", Passes),
    ("http://LOCALHOST:8081/", Passes),
    ("https://93.184.216.34/", Passes),
    // Other hosts.
    ("https://example.com/", Denied),
    ("https://example.org/", Denied),
    ("https://xapi.example.com/", Denied),
    ("https://api.example.com.evil.example/", Denied),
    ("https://api.example.comevil.example/", Denied),
    ("https://evil.example/api.example.com", Denied),
    ("https://evil.example/?api.example.com", Denied),
    ("https://evil.example#api.example.com", Denied),
    ("https://wild.example.com/", Denied),
    ("https://xwild.example.com/", Denied),
    ("https://api-example.com/", Denied),
    ("https://xn--pi-bma.example.com/", Denied),
    ("https://metadata.google.internal/", Denied),
    ("https://metadata/", Denied),
    ("https://kubernetes.default.svc/", Denied),
    ("https://93.184.216.35/", Denied),
    // Ports.
    ("https://api.example.com:80/", Denied),
    ("https://api.example.com:8443/", Denied),
    ("https://api.example.com:22/", Denied),
    ("https://ported.example.com/", Denied),
    ("https://ported.example.com:8444/", Denied),
    ("http://127.0.0.1/", Denied),
    ("http://127.0.0.1:8082/", Denied),
    ("http://127.0.0.1:22/", Denied),
    ("http://localhost/", Denied),
    ("http://[::1]/", Denied),
    ("https://api.example.com:0/", Invalid),
    ("https://api.example.com:65536/", Invalid),
    ("https://api.example.com:443443/", Invalid),
    ("https://api.example.com:/", Invalid),
    ("https://api.example.com:+443/", Invalid),
    ("https://api.example.com:0443/", Passes),
    ("https://api.example.com:00443/", Passes),
    ("https://api.example.com:000443/", Invalid),
    // Schemes.
    ("http://api.example.com/", Denied),
    ("http://api.example.com:443/", Denied),
    ("http://ported.example.com:8443/", Denied),
    ("http://93.184.216.34/", Denied),
    ("ftp://api.example.com/", Invalid),
    ("file:///etc/passwd", NoUrl),
    ("gopher://api.example.com/", Invalid),
    ("ws://api.example.com/", Invalid),
    ("api.example.com", Invalid),
    ("api.example.com:443", Invalid),
    ("/path", Invalid),
    ("//api.example.com/", Invalid),
    ("*", Invalid),
    ("https:///path", NoUrl),
    ("https://", NoUrl),
    ("https:api.example.com", Invalid),
    ("", NoUrl),
    // User names.
    ("https://user@api.example.com/", Invalid),
    ("https://user:password@api.example.com/", Invalid),
    ("https://@api.example.com/", Invalid),
    ("https://:@api.example.com/", Invalid),
    ("https://api.example.com@evil.example/", Invalid),
    ("https://api.example.com:443@evil.example/", Invalid),
    ("https://api.example.com%40evil.example/", NoUrl),
    ("https://api.example.com%2f@evil.example/", Invalid),
    ("https://a@b@api.example.com/", Invalid),
    ("https://127.0.0.1:8081@169.254.169.254/", Invalid),
    ("https://evil.example\\@api.example.com/", NoUrl),
    ("https://api.example.com\\.evil.example/", NoUrl),
    // Final and doubled dots, empty and odd labels.
    ("https://api.example.com./", Invalid),
    ("https://api.example.com../", Invalid),
    ("https://api..example.com/", Invalid),
    ("https://.api.example.com/", Invalid),
    ("https://.wild.example.com/", Invalid),
    ("https://-a.wild.example.com/", Invalid),
    ("https://a-.wild.example.com/", Invalid),
    ("https://a_b.wild.example.com/", Passes),
    ("https://a~b.wild.example.com/", Invalid),
    ("https://a!b.wild.example.com/", Invalid),
    ("https://a$b.wild.example.com/", Invalid),
    ("https://a'b.wild.example.com/", Invalid),
    ("https://*.wild.example.com/", Invalid),
    ("https://a,b.wild.example.com/", Invalid),
    ("https://localhost.:8081/", Invalid),
    ("https://127.0.0.1.:8081/", Invalid),
    // Characters that only some parsers fold.
    ("https://api\u{3002}example.com/", NoUrl),
    ("https://api\u{ff0e}example.com/", NoUrl),
    ("https://\u{ff41}pi.example.com/", NoUrl),
    ("https://\u{24d0}pi.example.com/", NoUrl),
    ("https://api.example.com\u{200b}/", NoUrl),
    ("https://\u{ff11}27.0.0.1:8081/", NoUrl),
    ("https://%61pi.example.com/", NoUrl),
    ("https://api%2eexample.com/", NoUrl),
    ("https://api.example.com%00.evil.example/", NoUrl),
    ("https://api.example.com\t/", NoUrl),
    ("https://api.example.com\r\nhost: evil.example/", NoUrl),
    ("https://api.example.com /", NoUrl),
    (" https://api.example.com/", NoUrl),
    ("https://api.example.com\0/", NoUrl),
    // This machine and its neighbours as IPv4, in every way of writing it.
    ("http://127.0.0.2:8081/", Denied),
    ("http://127.1:8081/", Invalid),
    ("http://127.0.1:8081/", Invalid),
    ("http://2130706433:8081/", Invalid),
    ("http://0x7f000001:8081/", Invalid),
    ("http://0x7f.0.0.1:8081/", Invalid),
    ("http://0x7f.0x0.0x0.0x1:8081/", Invalid),
    ("http://0X7F.1:8081/", Invalid),
    ("http://0177.0.0.1:8081/", Invalid),
    ("http://0177.0.0.01:8081/", Invalid),
    ("http://017700000001:8081/", Invalid),
    ("http://127.0.0.01:8081/", Invalid),
    ("http://127.0.0.0x1:8081/", Invalid),
    ("http://127.0.0.1.0:8081/", Invalid),
    ("http://256.0.0.1:8081/", Invalid),
    ("http://127.0.0.256:8081/", Invalid),
    ("http://4294967296:8081/", Invalid),
    ("http://0:8081/", Invalid),
    ("http://0.0.0.0:8081/", Denied),
    ("http://1.2.3.0x:8081/", Invalid),
    ("http://0x:8081/", Invalid),
    ("http://0xffffffff:8081/", Invalid),
    ("https://169.254.169.254/", Denied),
    ("https://2852039166/", Invalid),
    ("https://0xa9fea9fe/", Invalid),
    ("https://0251.0376.0251.0376/", Invalid),
    ("https://169.254.43518/", Invalid),
    ("https://10.0.0.1/", Denied),
    ("https://192.168.0.1/", Denied),
    ("https://100.100.100.200/", Denied),
    // IPv6.
    ("http://[::]:8081/", Denied),
    ("http://[::2]:8081/", Denied),
    ("http://[::ffff:127.0.0.1]:8081/", Denied),
    ("http://[::ffff:7f00:1]:8081/", Denied),
    ("http://[::127.0.0.1]:8081/", Denied),
    ("http://[64:ff9b::7f00:1]:8081/", Denied),
    ("http://[fe80::1]:8081/", Denied),
    ("http://[fe80::1%25eth0]:8081/", Invalid),
    ("http://[::1%25lo]:8081/", Invalid),
    ("http://[::1]8081/", Invalid),
    ("http://[::1]:8081]/", NoUrl),
    ("http://[[::1]]:8081/", NoUrl),
    ("http://::1:8081/", NoUrl),
    ("http://[::1:8081/", NoUrl),
    ("http://[127.0.0.1]:8081/", Invalid),
    ("http://[localhost]:8081/", Invalid),
    ("http://[]:8081/", Invalid),
    ("http://[v1.x]:8081/", Invalid),
];

/// Addresses behind a granted name, and whether they may be dialled without and with private networks.
const ADDRESSES: &[(&str, bool, bool)] = &[
    ("93.184.216.34", true, true),
    ("1.1.1.1", true, true),
    ("8.8.8.8", true, true),
    ("11.0.0.1", true, true),
    ("9.255.255.255", true, true),
    ("100.63.255.255", true, true),
    ("100.128.0.1", true, true),
    ("126.255.255.255", true, true),
    ("128.0.0.1", true, true),
    ("169.253.255.255", true, true),
    ("169.255.0.1", true, true),
    ("172.15.255.255", true, true),
    ("172.32.0.1", true, true),
    ("192.0.1.1", true, true),
    ("192.167.255.255", true, true),
    ("192.169.0.1", true, true),
    ("198.17.255.255", true, true),
    ("198.20.0.1", true, true),
    ("223.255.255.255", true, true),
    ("10.0.0.0", false, true),
    ("10.255.255.255", false, true),
    ("172.16.0.1", false, true),
    ("172.31.255.255", false, true),
    ("192.168.1.1", false, true),
    ("100.64.0.1", false, true),
    ("100.127.255.255", false, true),
    ("0.0.0.0", false, false),
    ("0.1.2.3", false, false),
    ("127.0.0.1", false, false),
    ("127.255.255.254", false, false),
    ("169.254.0.1", false, false),
    ("169.254.169.254", false, false),
    ("169.254.170.2", false, false),
    ("168.63.129.16", false, false),
    ("100.100.100.200", false, false),
    ("192.0.0.1", false, false),
    ("192.0.0.192", false, false),
    ("192.0.2.1", false, false),
    ("198.51.100.1", false, false),
    ("203.0.113.1", false, false),
    ("192.88.99.1", false, false),
    ("198.18.0.1", false, false),
    ("198.19.255.255", false, false),
    ("224.0.0.1", false, false),
    ("239.255.255.255", false, false),
    ("240.0.0.1", false, false),
    ("255.255.255.255", false, false),
    ("2606:4700:4700::1111", true, true),
    ("2001:4860:4860::8888", true, true),
    ("2001:200::1", true, true),
    ("2600::1", true, true),
    ("2a00:1450::1", true, true),
    ("3ffe::1", true, true),
    ("fc00::1", false, true),
    ("fd12:3456:789a::1", false, true),
    ("fdff:ffff::1", false, true),
    ("fd00:ec2::254", false, false),
    ("fd20:ce::254", false, false),
    ("::", false, false),
    ("::1", false, false),
    ("::2", false, false),
    ("::ffff:127.0.0.1", false, false),
    ("::ffff:10.0.0.1", false, false),
    ("::ffff:169.254.169.254", false, false),
    ("::ffff:93.184.216.34", false, false),
    ("::ffff:0:127.0.0.1", false, false),
    ("::127.0.0.1", false, false),
    ("::169.254.169.254", false, false),
    ("64:ff9b::7f00:1", false, false),
    ("64:ff9b::a9fe:a9fe", false, false),
    ("64:ff9b:1::a00:1", false, false),
    ("100::1", false, false),
    ("2001::1", false, false),
    ("2001:0:7f00:1::1", false, false),
    ("2001:1::1", false, false),
    ("2001:2::1", false, false),
    ("2001:10::1", false, false),
    ("2001:20::1", false, false),
    ("2001:db8::1", false, false),
    ("2002:7f00:1::1", false, false),
    ("2002:a9fe:a9fe::1", false, false),
    ("2002:5db8:d822::1", false, false),
    ("3fff::1", false, false),
    ("4000::1", false, false),
    ("5f00::1", false, false),
    ("fe80::1", false, false),
    ("fe80::a9fe:a9fe", false, false),
    ("febf::1", false, false),
    ("fec0::1", false, false),
    ("ff02::1", false, false),
    ("ffff::1", false, false),
];

fn verdict(policy: &EgressPolicy, url: &str) -> Verdict {
    let Ok(uri) = url.parse::<Uri>() else { return NoUrl };
    match Target::parse(&uri) {
        Err(_) => Invalid,
        Ok(target) if policy.judge_target(&target).is_err() => Denied,
        Ok(_) => Passes,
    }
}

#[test]
fn urls() {
    let policy = EgressPolicy::new(GRANTS).unwrap();
    let wrong: Vec<_> = URLS
        .iter()
        .map(|(url, expected)| (url, expected, verdict(&policy, url)))
        .filter(|(_, expected, actual)| actual != *expected)
        .map(|(url, expected, actual)| format!("{url:?}: {actual:?} instead of {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(URLS.len() >= 150, "{} URLs", URLS.len());
}

#[test]
fn addresses() {
    let target = Target::parse(&Uri::from_static("https://api.example.com/")).unwrap();
    let policy = EgressPolicy::new(GRANTS).unwrap();
    let inside = policy.clone().allow_private_network(true);
    for &(address, without, with) in ADDRESSES {
        let parsed = address.parse().unwrap();
        assert_eq!(policy.judge_address(&target, parsed).is_ok(), without, "{address}");
        assert_eq!(inside.judge_address(&target, parsed).is_ok(), with, "{address} with private networks");
    }
    assert!(ADDRESSES.len() >= 80, "{} addresses", ADDRESSES.len());
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
    let good = ["a", "a.b:1", "*.a.b", "*.a.b:65535", "1.2.3.4", "[::1]:80", "A.B"];
    for grant in good {
        assert!(EgressPolicy::new([grant]).is_ok(), "{grant}");
    }
    let bad = [
        "",
        "*",
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
    let names = [("api.example.com", true), ("*.example.com", true), ("localhost", false), ("a.localhost:1", false)];
    let others =
        [("127.0.0.1:1", false), ("8.8.8.8", false), ("[::1]:1", false), ("*.a.localhost", false), ("", false)];
    for (host, expected) in names.into_iter().chain(others) {
        assert_eq!(EgressPolicy::is_public_name(host), expected, "{host}");
    }
}
