//! What may be configured, and what is refused before anything is connected to; and the real way to a server.

use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::adapters::smtp::dial::{Dial, Tcp};
use crate::adapters::system::SystemClock;

fn problem(options: SmtpOptions) -> Option<String> {
    SmtpProvider::new(options, Arc::new(SystemClock)).err().map(|error| error.setting)
}

#[test]
fn settings_that_cannot_work() {
    let user = |username: &str| {
        let password = SmtpPassword::Value(SecretString::from("secret"));
        let credentials = SmtpCredentials { username: username.into(), password, mechanism: SmtpMechanism::Automatic };
        SmtpOptions { credentials: Some(credentials), ..SmtpOptions::new("mail.example.com") }
    };
    let new = || SmtpOptions::new("mail.example.com");
    let cases = [
        (new(), None),
        (SmtpOptions::new("192.0.2.1"), None),
        (SmtpOptions::new("2001:db8::1"), None),
        (SmtpOptions::new(""), Some("host")),
        (SmtpOptions::new("mail example"), Some("host")),
        (SmtpOptions::new("mail.example.com:587"), Some("host")),
        (SmtpOptions::new("smtp://mail.example.com"), Some("host")),
        (SmtpOptions { port: Some(0), ..new() }, Some("port")),
        (SmtpOptions { security: SmtpSecurity::None, ..new() }, Some("tls")),
        (SmtpOptions { security: SmtpSecurity::None, ..SmtpOptions::new("10.0.0.7") }, Some("tls")),
        (SmtpOptions { security: SmtpSecurity::None, ..SmtpOptions::new("localhost.example.com") }, Some("tls")),
        (SmtpOptions { security: SmtpSecurity::None, allow_plaintext: true, ..new() }, None),
        (SmtpOptions { security: SmtpSecurity::None, ..SmtpOptions::new("LOCALHOST") }, None),
        (SmtpOptions { security: SmtpSecurity::None, ..SmtpOptions::new("127.0.0.1") }, None),
        (SmtpOptions { security: SmtpSecurity::None, ..SmtpOptions::new("::1") }, None),
        (user("ada"), None),
        (user(""), Some("username")),
        (user("a\u{0}b"), Some("username")),
        (SmtpOptions { hello_name: Some("n.example.com".into()), ..new() }, None),
        (SmtpOptions { hello_name: Some("[192.0.2.1]".into()), ..new() }, None),
        (SmtpOptions { hello_name: Some(String::new()), ..new() }, Some("hello_name")),
        (SmtpOptions { hello_name: Some("a\r\nMAIL".into()), ..new() }, Some("hello_name")),
        (SmtpOptions { connections_max: 0, ..new() }, Some("connections_max")),
        (SmtpOptions { connections_max: usize::MAX, ..new() }, None),
        (SmtpOptions { connect_timeout: Duration::ZERO, ..new() }, Some("connect_timeout_ms")),
        (SmtpOptions { command_timeout: Duration::ZERO, ..new() }, Some("command_timeout_ms")),
        (SmtpOptions { extra_roots_pem: b"no PEM".to_vec(), ..new() }, Some("root_certificates")),
        (
            SmtpOptions {
                extra_roots_pem: b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
                ..new()
            },
            Some("root_certificates"),
        ),
    ];
    for (options, expected) in cases {
        let shown = format!("{options:?}");
        assert_eq!(problem(options).as_deref(), expected, "{shown}");
    }
}

#[test]
fn usual_ports() {
    let port = |security| SmtpOptions { security, ..SmtpOptions::new("h") }.port();
    assert_eq!([SmtpSecurity::Required, SmtpSecurity::Implicit, SmtpSecurity::None].map(port), [587, 465, 25]);
    assert_eq!(SmtpOptions { port: Some(2525), ..SmtpOptions::new("h") }.port(), 2_525);
}

#[tokio::test]
async fn a_server_on_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"554 Closed today\r\n").await.unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        rest
    });
    let options = SmtpOptions { port: Some(port), ..plain() };
    let provider = SmtpProvider::new(options, Arc::new(SystemClock)).unwrap();
    let outcome = provider.send(&message(MessageContent::Email(email())), &context()).await;
    assert_eq!(short(&outcome), "provider: 554");
    assert!(serving.await.unwrap().is_empty());
}

/// Whatever the name leads to: what is not encrypted does not leave the machine.
#[tokio::test]
async fn what_is_in_the_clear_stays_here() {
    let dial = Tcp { host: "192.0.2.1".into(), port: 25, stays_here: true, clock: Arc::new(SystemClock) };
    let error = dial.dial().await.err().unwrap();
    assert_eq!(error.to_string(), "192.0.2.1 is not on this machine");
}
