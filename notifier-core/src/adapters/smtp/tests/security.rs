//! Encryption and login: who is trusted, what is said before, and that nothing is said to anybody else.

use std::sync::atomic::AtomicUsize;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

use super::*;
use crate::adapters::tls::certificates::ROOT;
use crate::ports::secrets::{SecretError, Secrets};

/// Up to the answer to `STARTTLS`.
const OFFER: &[&str] =
    &["S: 220 h", "C: EHLO client.example.com", "S: 250-h", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 2.0.0 Ready"];

const HELLO: &[&str] = &["C: EHLO client.example.com", "S: 250-h", "S: 250 AUTH PLAIN LOGIN XOAUTH2"];

fn secure() -> SmtpOptions {
    SmtpOptions {
        hello_name: Some("client.example.com".into()),
        extra_roots_pem: format!("-----BEGIN CERTIFICATE-----\n{ROOT}\n-----END CERTIFICATE-----\n").into_bytes(),
        ..SmtpOptions::new("secure.localhost")
    }
}

fn as_ada(mechanism: SmtpMechanism) -> SmtpOptions {
    let password = SmtpPassword::Value(SecretString::from("pass word"));
    let credentials = SmtpCredentials { username: "ada".into(), password, mechanism };
    SmtpOptions { credentials: Some(credentials), ..secure() }
}

#[tokio::test]
async fn starttls_comes_before_everything_that_matters() {
    let fixture = Fixture::new(secure(), &[&[OFFER, &["TLS"], HELLO, TAKEN]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    fixture.finish().await;
}

#[tokio::test]
async fn implicit_tls_comes_first() {
    let options = SmtpOptions { security: SmtpSecurity::Implicit, ..secure() };
    let fixture = Fixture::new(options, &[&[&["TLS", "S: 220 h"], HELLO, TAKEN]]);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    fixture.finish().await;
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let fixture = Fixture::new(as_ada(SmtpMechanism::Automatic), &[&[&["S: 220 h"], HELLO]]);
    let outcome = fixture.send(email()).await;
    assert_eq!(short(&outcome), "provider: smtp.tls");
    assert_eq!(words(&outcome), "the server does not offer STARTTLS, and nothing is sent without it");
    assert!(fixture.finish().await.is_empty());
}

#[tokio::test]
async fn a_server_that_offers_starttls_and_does_not_mean_it_gets_nothing() {
    let cases: [(&str, &str); 4] = [
        ("S: 454 4.7.0 TLS not available due to temporary reason", "unavailable: 454 4.7.0"),
        ("S: 501 5.5.4 Syntax error", "provider: 501 5.5.4"),
        ("S: 250 Ok", "unavailable: smtp.protocol"),
        ("CLOSE", "unavailable: smtp.connection"),
    ];
    for (answer, expected) in cases {
        let script = [&OFFER[..5], &[answer]].concat();
        let fixture = Fixture::new(secure(), &[&[&script]]);
        assert_eq!(short(&fixture.send(email()).await), expected);
        assert!(fixture.finish().await.is_empty());
    }
}

/// Somebody in between appends a reply in the clear, to have it taken for the answer to what is said in secret.
#[tokio::test]
async fn what_was_said_in_the_clear_is_not_heard_in_secret() {
    for injected in ["S* 220 Ready\r\n250-evil\r\n250 AUTH XOAUTH2\r\n", "S* 220 Ready\r\n250 half a line"] {
        let script = [&OFFER[..5], &[injected]].concat();
        let fixture = Fixture::new(as_ada(SmtpMechanism::Xoauth2), &[&[&script]]);
        let outcome = fixture.send(email()).await;
        assert_eq!(short(&outcome), "provider: smtp.tls");
        assert_eq!(words(&outcome), "somebody answers more than was asked, before encryption began");
        assert!(fixture.finish().await.is_empty());
    }
}

#[tokio::test]
async fn servers_that_are_not_trusted_get_nothing() {
    let table = [
        ("an unknown root", SmtpOptions { extra_roots_pem: Vec::new(), ..secure() }, noon()),
        ("another name", SmtpOptions { host: "other.localhost".into(), ..secure() }, noon()),
        ("another name", SmtpOptions { host: "127.0.0.1".into(), ..secure() }, noon()),
        ("too early", secure(), "2020-01-01T00:00:00Z".parse().unwrap()),
        ("too late", secure(), "2110-01-01T00:00:00Z".parse().unwrap()),
    ];
    for (what, options, now) in table {
        for (security, script) in
            [(SmtpSecurity::Required, [OFFER, &["TLS?"]].concat()), (SmtpSecurity::Implicit, vec!["TLS?"])]
        {
            let fixture = Fixture::new(SmtpOptions { security, ..options.clone() }, &[&[&script]]);
            fixture.clock.set(now);
            let outcome = fixture.send(email()).await;
            assert_eq!(short(&outcome), "provider: smtp.tls", "{what}");
            assert!(words(&outcome).contains("certificate"), "{what}: {}", words(&outcome));
            assert!(fixture.finish().await.is_empty());
        }
    }
}

#[tokio::test]
async fn plain_words_where_tls_was_due() {
    let options = SmtpOptions { security: SmtpSecurity::Implicit, ..secure() };
    let fixture = Fixture::new(options, &[&[&["S: 220 h", "CLOSE"]]]);
    assert_eq!(short(&fixture.send(email()).await), "provider: smtp.tls");
    fixture.finish().await;
}

#[tokio::test]
async fn a_handshake_that_never_ends() {
    let script = [OFFER, &["HANG", "WAIT"]].concat();
    let fixture = Fixture::new(secure(), &[&[&script]]);
    let began_at = fixture.clock.now();
    assert_eq!(short(&fixture.send_patiently().await), "unavailable: smtp.timeout");
    assert_eq!(fixture.clock.now().duration_since(began_at).as_secs(), 5);
    fixture.scripts.abort();
}

#[tokio::test]
async fn logins() {
    let in_secret = [OFFER, &["TLS"], HELLO].concat();
    let cases: [(SmtpMechanism, &[&str]); 4] = [
        (SmtpMechanism::Automatic, &["C: AUTH PLAIN AGFkYQBwYXNzIHdvcmQ=", "S: 235 2.7.0 Welcome"]),
        (SmtpMechanism::Plain, &["C: AUTH PLAIN AGFkYQBwYXNzIHdvcmQ=", "S: 235 2.7.0 Welcome"]),
        (
            SmtpMechanism::Login,
            &[
                "C: AUTH LOGIN",
                "S: 334 VXNlcm5hbWU6",
                "C: YWRh",
                "S: 334 UGFzc3dvcmQ6",
                "C: cGFzcyB3b3Jk",
                "S: 235 2.7.0 Welcome",
            ],
        ),
        (SmtpMechanism::Xoauth2, &["C: AUTH XOAUTH2 dXNlcj1hZGEBYXV0aD1CZWFyZXIgcGFzcyB3b3JkAQE=", "S: 235 Welcome"]),
    ];
    for (mechanism, login) in cases {
        let fixture = Fixture::new(as_ada(mechanism), &[&[&in_secret, login, TAKEN]]);
        assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ", "{mechanism:?}");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn logins_that_fail() {
    let in_secret = [OFFER, &["TLS"], HELLO].concat();
    let cases: [(SmtpMechanism, &[&str], &str); 6] = [
        (SmtpMechanism::Plain, &["C| AUTH", "S: 535 5.7.8 Bad"], "provider: 535 5.7.8"),
        (SmtpMechanism::Plain, &["C| AUTH", "S: 454 4.7.0 Later"], "unavailable: 454 4.7.0"),
        (SmtpMechanism::Plain, &["C| AUTH", "S: 334 "], "unavailable: smtp.protocol"),
        (SmtpMechanism::Login, &["C: AUTH LOGIN", "S: 504 5.5.4 What"], "provider: 504 5.5.4"),
        (
            SmtpMechanism::Login,
            &["C: AUTH LOGIN", "S: 334 VXNlcm5hbWU6", "C: YWRh", "S: 535 5.7.8 Bad"],
            "provider: 535 5.7.8",
        ),
        // What is wrong comes as a challenge, and the refusal after an empty answer to it.
        (
            SmtpMechanism::Xoauth2,
            &["C| AUTH", "S: 334 eyJzdGF0dXMiOiI0MDEifQ==", "C: ", "S: 535 5.7.8 Bad"],
            "provider: 535 5.7.8",
        ),
    ];
    for (mechanism, login, expected) in cases {
        let fixture = Fixture::new(as_ada(mechanism), &[&[&in_secret, login]]);
        assert_eq!(short(&fixture.send(email()).await), expected, "{mechanism:?}");
        fixture.finish().await;
    }
}

#[tokio::test]
async fn a_login_that_is_not_offered_is_not_tried() {
    let hello: [(&[&str], SmtpMechanism, &str); 3] = [
        (&["C| EHLO", "S: 250-h", "S: 250 AUTH CRAM-MD5 LOGIN"], SmtpMechanism::Plain, "it offers CRAM-MD5, LOGIN"),
        (&["C| EHLO", "S: 250-h", "S: 250 AUTH GSSAPI"], SmtpMechanism::Automatic, "it offers GSSAPI"),
        (&["C| EHLO", "S: 250 h"], SmtpMechanism::Xoauth2, "it offers no login"),
    ];
    for (hello, mechanism, expected) in hello {
        let fixture = Fixture::new(as_ada(mechanism), &[&[OFFER, &["TLS"], hello]]);
        let outcome = fixture.send(email()).await;
        assert_eq!(short(&outcome), "provider: smtp.login");
        assert!(words(&outcome).ends_with(expected), "{}", words(&outcome));
        fixture.finish().await;
    }
}

/// What was offered before encryption is forgotten (RFC 3207 section 4.2).
#[tokio::test]
async fn offers_in_the_clear_do_not_count() {
    let offer =
        ["S: 220 h", "C| EHLO", "S: 250-h", "S: 250-AUTH PLAIN", "S: 250 STARTTLS", "C: STARTTLS", "S: 220 Ready"];
    let fixture = Fixture::new(as_ada(SmtpMechanism::Plain), &[&[&offer, &["TLS", "C| EHLO", "S: 250 h"]]]);
    assert_eq!(short(&fixture.send(email()).await), "provider: smtp.login");
    fixture.finish().await;
}

#[tokio::test]
async fn nothing_repeats_a_secret() {
    let forms = ["pass word", "\0ada\0pass word", "user=ada\u{1}auth=Bearer pass word\u{1}\u{1}"];
    let [encoded, plain, bearer] = forms.map(|form| STANDARD.encode(form));
    let answer: &'static str = Box::leak(
        format!("S: 535 5.7.8 Bad password pass word ({encoded}, {plain}, {bearer}) of ada").into_boxed_str(),
    );
    let script = [OFFER, &["TLS"], HELLO, &["C| AUTH", answer]].concat();
    let fixture = Fixture::new(as_ada(SmtpMechanism::Plain), &[&[&script]]);
    let outcome = fixture.send(email()).await;
    let expected = "5.7.8 Bad password [secret] ([secret], [secret], [secret]) of ada";
    assert_eq!(words(&outcome), format!("the server refuses the login and says: {expected}"));
    let shown = format!("{:?} {:?}", fixture.provider, as_ada(SmtpMechanism::Plain));
    assert!(shown.contains("ada") && !shown.contains("pass word"), "{shown}");
    fixture.finish().await;
}

/// A token that somebody replaces.
struct Tokens(AtomicUsize);

impl Secrets for Tokens {
    fn resolve(&self, reference: &str) -> Result<SecretString, SecretError> {
        match self.0.fetch_add(1, Ordering::SeqCst) {
            2 => Err(SecretError { reference: reference.into(), problem: "the file is gone".into() }),
            number => Ok(SecretString::from(format!("token{number}"))),
        }
    }
}

#[tokio::test]
async fn a_token_is_read_anew_for_each_connection() {
    let in_secret = [OFFER, &["TLS"], HELLO].concat();
    let leave: &[&str] = &["C: QUIT", "S: 221 Bye"];
    let login = |number: u8| {
        let token = STANDARD.encode(format!("user=ada\u{1}auth=Bearer token{number}\u{1}\u{1}"));
        let line: &'static str = Box::leak(format!("C: AUTH XOAUTH2 {token}").into_boxed_str());
        [line, "S: 235 Welcome"]
    };
    let (first, second) = (login(0), login(1));
    let password = SmtpPassword::Reference("file:token".into(), Arc::new(Tokens(AtomicUsize::new(0))));
    let credentials = SmtpCredentials { username: "ada".into(), password, mechanism: SmtpMechanism::Xoauth2 };
    let options = SmtpOptions { credentials: Some(credentials), idle_timeout: Duration::ZERO, ..secure() };
    let scripts: [&[&[&'static str]]; 3] =
        [&[&in_secret, &first, TAKEN, leave], &[&in_secret, &second, TAKEN, leave], &[&in_secret]];
    let fixture = Fixture::new(options, &scripts);
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    assert_eq!(short(&fixture.send(email()).await), "accepted: 4XyZ");
    fixture.scripts.played(2).await;
    let outcome = fixture.send(email()).await;
    assert_eq!(short(&outcome), "provider: smtp.login");
    assert_eq!(words(&outcome), "secret `file:token`: the file is gone");
    fixture.finish().await;
}
