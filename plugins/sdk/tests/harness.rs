//! The scripted host must fail a test that deserves it.

use notifier_plugin_sdk::testing::{EcdsaP256, Exchange, Script, hmac_sha1, hmac_sha256, standard_webhook, webhook};
use notifier_plugin_sdk::webhook::{is_secret, is_signed, to_base64};
use notifier_plugin_sdk::{Algorithm, Form, Key, ReceiveError, Request};

const URL: &str = "https://vendor.example/";

fn check(exchange: Exchange, request: Request) {
    Script::new().secret("s", "x").exchange(exchange).run(|| request.send().is_ok());
}

#[test]
#[should_panic(expected = "not the expected one")]
fn another_url() {
    check(Exchange::get(URL), Request::get("https://vendor.example"));
}

#[test]
#[should_panic(expected = "not the expected one")]
fn another_method() {
    check(Exchange::get(URL), Request::post(URL));
}

#[test]
#[should_panic(expected = "not the expected one")]
fn a_missing_header() {
    check(Exchange::get(URL).header("accept", "a"), Request::get(URL));
}

#[test]
#[should_panic(expected = "not the expected one")]
fn another_secret() {
    check(Exchange::get(URL).bearer("s"), Request::get(URL).bearer("t"));
}

#[test]
#[should_panic(expected = "not the expected one")]
fn another_body() {
    check(Exchange::post(URL).header("content-type", "t").body("a"), Request::post(URL).body("t", "b"));
}

#[test]
#[should_panic(expected = "not UTF-8")]
fn another_body_that_reads_alike() {
    check(Exchange::post(URL).header("content-type", "t").body([0xff]), Request::post(URL).body("t", [0xfe]));
}

#[test]
#[should_panic(expected = "does not expect")]
fn one_request_too_many() {
    Script::new().run(|| Request::get(URL).send().is_ok());
}

#[test]
#[should_panic(expected = "never made")]
fn one_request_too_few() {
    Script::new().exchange(Exchange::get(URL)).run(|| ());
}

/// Whether the host finds `signature` right for `payload`, with the secret `s`.
fn verified(algorithm: Algorithm, key: Key, secret: &str, payload: &[u8], signature: &[u8]) -> Option<bool> {
    let script = Script::new().secret("s", secret);
    script.run(|| is_signed(algorithm, &key, payload, &to_base64(signature)).ok()).0
}

/// RFC 2202, 3, and RFC 4231, 4.3: test case 2 of both.
#[test]
fn hmac_signs_as_the_rfcs_say() {
    let payload = b"what do ya want for nothing?";
    let hex = |bytes: Vec<u8>| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(hmac_sha1("Jefe", payload)), "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_eq!(hex(hmac_sha256("Jefe", payload)), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    for (algorithm, signature) in
        [(Algorithm::HmacSha1, hmac_sha1("Jefe", payload)), (Algorithm::HmacSha256, hmac_sha256("Jefe", payload))]
    {
        let key = || Key::Secret("s".into());
        assert_eq!(verified(algorithm, key(), "Jefe", payload, &signature), Some(true));
        assert_eq!(verified(algorithm, key(), "Jefe", b"other", &signature), Some(false));
        assert_eq!(verified(algorithm, key(), "other", payload, &signature), Some(false));
        assert_eq!(verified(algorithm, Key::Secret("t".into()), "Jefe", payload, &signature), None);
        assert_eq!(verified(algorithm, Key::Public(vec![1]), "Jefe", payload, &signature), None);
    }
}

#[test]
fn ecdsa_verifies_with_der_base64_and_pem() {
    let pair = EcdsaP256::generate();
    let (der, signature) = (pair.public_key_der(), pair.sign(b"payload"));
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", to_base64(&der));
    let secret = || Key::Secret("s".into());
    for (key, secret) in
        [(Key::Public(der.clone()), ""), (secret(), to_base64(&der).as_str()), (secret(), pem.as_str())]
    {
        assert_eq!(verified(Algorithm::EcdsaP256Sha256, key.clone(), secret, b"payload", &signature), Some(true));
        assert_eq!(verified(Algorithm::EcdsaP256Sha256, key, secret, b"payloae", &signature), Some(false));
    }
    let other = EcdsaP256::generate().public_key_der();
    assert_eq!(verified(Algorithm::EcdsaP256Sha256, Key::Public(other), "", b"payload", &signature), Some(false));
    for unusable in [vec![], vec![0x30], vec![0x30, 0x84], vec![0x30, 0x80], der[..20].to_vec()] {
        assert_eq!(verified(Algorithm::EcdsaP256Sha256, Key::Public(unusable), "", b"payload", &signature), None);
    }
}

#[test]
fn forms_are_read_as_browsers_write_them() {
    let form = Form::parse(b"a=1+2&a=%C3%BC&=x&b&c=%ZZ%ff&d=%3D%26");
    let pairs: Vec<_> = form.pairs().collect();
    let wanted = [("a", "1 2"), ("a", "ü"), ("", "x"), ("b", ""), ("c", "%ZZ\u{fffd}"), ("d", "=&")];
    assert_eq!(pairs, wanted);
    assert_eq!((form.first("a"), form.first("b"), form.first("z")), (Some("1 2"), Some(""), None));
}

/// The example of Standard Webhooks' own libraries (<https://github.com/standard-webhooks/standard-webhooks>).
#[test]
fn a_secret_in_base64_is_decoded_with_its_prefix_or_without() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (id, timestamp_s, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
    let signature = standard_webhook(secret, id, timestamp_s, body);
    assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let signature = notifier_plugin_sdk::webhook::from_base64(&signature[3..]).unwrap();
    let payload = format!("{id}.{timestamp_s}.{body}");
    let key = || Key::SecretBase64("s".into());
    for value in [secret, &secret[6..]] {
        assert_eq!(verified(Algorithm::HmacSha256, key(), value, payload.as_bytes(), &signature), Some(true));
        assert_eq!(verified(Algorithm::HmacSha256, key(), value, b"other", &signature), Some(false));
    }
    // As it is, it is another key.
    let plain = Key::Secret("s".into());
    assert_eq!(verified(Algorithm::HmacSha256, plain, secret, payload.as_bytes(), &signature), Some(false));
    for unusable in ["whsec_", "", "whsec_?"] {
        assert_eq!(
            verified(Algorithm::HmacSha256, key(), unusable, payload.as_bytes(), &signature),
            None,
            "{unusable}"
        );
    }
    assert_eq!(verified(Algorithm::Ed25519, key(), secret, payload.as_bytes(), &signature), None);
    assert_eq!(
        verified(Algorithm::HmacSha256, Key::SecretBase64("t".into()), secret, payload.as_bytes(), &signature),
        None
    );
}

#[test]
fn a_password_is_compared_with_the_secret() {
    let compare = |secret: &str, value: &str| Script::new().secret("s", secret).run(|| is_secret("s", value)).0;
    assert_eq!(compare("hunter2", "hunter2"), Ok(true));
    assert_eq!(compare("hunter2", "hunter"), Ok(false));
    assert_eq!(compare("hunter2", ""), Ok(false));
    assert_eq!(compare("", ""), Ok(false));
    let (unknown, _) = Script::new().run(|| is_secret("s", "x"));
    assert!(matches!(unknown, Err(ReceiveError::Unverified(reason)) if reason.contains("`s`")));
}

#[test]
fn basic_authentication_is_read_as_clients_write_it() {
    let read = |value: &str| webhook(URL, &[("Authorization", value)], "").basic_auth();
    let pair = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
    // The examples of RFC 7617, 2 and 2.1.
    assert_eq!(read("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), pair("Aladdin", "open sesame"));
    assert_eq!(read("basic  dGVzdDoxMjPCow=="), pair("test", "123£"));
    assert_eq!(read(&format!("Basic {}", to_base64(b"a:b:c"))), pair("a", "b:c"));
    assert_eq!(read(&format!("Basic {}", to_base64(b":"))), pair("", ""));
    for bad in ["", "Basic", "Basic ?", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic YQ==", "Basic /zr/"] {
        assert_eq!(read(bad), None, "{bad}");
    }
    assert_eq!(webhook(URL, &[], "").basic_auth(), None);
}
