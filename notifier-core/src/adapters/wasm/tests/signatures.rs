//! Signatures that others made, checked by ours; made with OpenSSL over `the payload`.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::keyring::Keyring;
use super::super::spki::der_from_text;
use super::super::verify::{Algorithm, Key, VerifyError, matches, verify};
use super::secret;

const PAYLOAD: &[u8] = b"the payload";

const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsR0x+WaZ/g1vpQxTTETg
BPydhwbXtY+XP8igzpr8Hroaql+UbqBMzSY8YjDnBJFH32D+l9z/ztZI+cMAftiw
YTuCSmWjldtmXEzgXlVhl/oQFyLzX2DrFBfFx78SPY48xsXu6uX44m4dCYtIpJa8
kYRl0KIXUIoOIc08asM9DyK4431SJBpXKti4Uyh5m747L5aCALDRo2rwAHvmd9ok
FjDcIvW8rDypc0m39a2k9wtizo3uVvQSWBIXYcNByg1uaF/BsRlbMf/HjtYVbYbT
d2jqS5MwIdKb9gAiZfMIViigkjjt9YC0ONLrpY5Sptoy8LqhQpSqvW2lQL4lMR6A
/wIDAQAB
-----END PUBLIC KEY-----
";
const RSA_SHA1: &str = "cU6BeSOLlW9a5ahLOqr6JJsJFxbOeRfpMrvR0hwYXrbchuGGbXywnwLJ+NgPmvMjeras/S/c/pE5YZXxehBBl2oXxTNWxBzEWmZqj0OBQjZ3veCeftFbkPEHpDbM8z6TJ7rmL8R1Mxjo4U4c9iVtBIyZI5dc7KcKMAvNxdN843Tod1VRtiB3yUMZxsZzj2lTMW80tuAvya+57c1G2wUTXOdhRGEb7TqFpCgjB1Pr6XC/7rVRja7ZdrO1oXl4FfWkKPda55/zdExdk0yOlb/OpM3n+O7pSAjeZZ7lasAW+jHI8hlby0X5f+hGzT644Vxksss2Jd195H6xNew1rtpKyg==";
const RSA_SHA256: &str = "id7y5QDl0ERdCxvqoJmqE8pcoIAlwo5lLfC5cojFg3Ae2sFDHiNsjS9JISHypncCZ2ILwmW/p5xcrkv6Pis2u8RIZTPnmNw82aKtclha0tycmMZVy6W79oFLQxhI01hyZWiHJDSqQPAVDr3KCJ0XPSRdt0C4792C4XBrBjWWMT8BR51ZGhtTH3sHHbth8tFdK6SmuHEWTC8Yd/1w9gJ74MJ7p61wyEkWS8br6+c9hW/j8picG1nWA1RqH5QnQjrh7hfK9qvRMsyveQwUSURhfDw7tqQAKbdd5ZThjdASr/pgBgPDlnB5mEY2eidmmMZXHT/BMEimEJ8xV01GaJPoiQ==";
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEC76ESh6SP6zS7XjhQle7OMiJW/32Vph6mMMEki52tu4y9DQyIj7bSpcGV8ErsyB+rYqsGuf6MrtBQuG1VAcF1w==";
const P256_SHA256: &str =
    "MEUCIQCSOYGU2sQ/0jz+9fxT2p3zg4dL0g2tbb7jiiZtb4Hl/QIgQyZhDJrfZ3rjfExE5qfCxt4D+xXhVPRsLWhnRXcEdCc=";
const P384: &str = "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE0/85XxEAeFSa/VBgcLcmLGqVXM0UFv+eSjm1HhJnUCnQ9ltkFZvwkFynWHRDtYIo8RjHHzotSruYap4x3APKw0kh8Cvx2TTnoDg6RA6F9BS73DG/bn0A+2TEdtH+Zmsr";
const ED25519: &str = "MCowBQYDK2VwAyEAo2uFENAzSjPmQUqh2dr+tnQvzMh+n6AefvntEDf2ZEk=";
const ED25519_SIGNATURE: &str =
    "L76KtybIpOljQ+ZK7u5/EbzWOmkSrBrMqSugbABcQUF+E6bka84ErK3nW77ncEvf5a7HYAVgYG+CGiN3QY9mDA==";
const HMAC_SHA1: &str = "bc1ca7826bf1a801f41f30bf4a1d89beaa3520a6";
const HMAC_SHA256: &str = "4b988dcc94582046da4710e4d0a7b82bd45efa3f424e727df33539ba46f17404";

fn keyring() -> Keyring {
    let secrets = [
        ("hmac", "key-of-webhook"),
        ("rsa", RSA),
        ("p256", P256),
        ("p384", P384),
        ("ed25519", ED25519),
        ("text", "no key at all"),
        ("whsec", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("bare", " MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ("unpadded", "a2V5LW9mLXdlYmhvb2s"),
        ("empty", "whsec_"),
    ];
    Keyring::new(secrets.map(|(name, value)| (name.to_owned(), secret(value))).into_iter().collect::<BTreeMap<_, _>>())
        .unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn from_hex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn signatures() -> Vec<(Algorithm, &'static str, Vec<u8>)> {
    vec![
        (Algorithm::HmacSha1, "hmac", from_hex(HMAC_SHA1)),
        (Algorithm::HmacSha256, "hmac", from_hex(HMAC_SHA256)),
        (Algorithm::RsaPkcs1Sha1, "rsa", bytes(RSA_SHA1)),
        (Algorithm::RsaPkcs1Sha256, "rsa", bytes(RSA_SHA256)),
        (Algorithm::EcdsaP256Sha256, "p256", bytes(P256_SHA256)),
        (Algorithm::Ed25519, "ed25519", bytes(ED25519_SIGNATURE)),
    ]
}

#[test]
fn right_signatures_and_wrong_ones() {
    let keyring = keyring();
    for (algorithm, name, signature) in signatures() {
        let check =
            |payload: &[u8], signature: &[u8]| verify(&keyring, algorithm, &Key::Secret(name), payload, signature);
        assert_eq!(check(PAYLOAD, &signature), Ok(true), "{algorithm:?}");
        assert_eq!(check(b"the payloae", &signature), Ok(false), "{algorithm:?}");
        assert_eq!(check(b"", &signature), Ok(false), "{algorithm:?}");
        assert_eq!(check(PAYLOAD, b""), Ok(false), "{algorithm:?}");
        assert_eq!(check(PAYLOAD, &signature[1..]), Ok(false), "{algorithm:?}");
        let mut altered = signature.clone();
        *altered.last_mut().unwrap() ^= 1;
        assert_eq!(check(PAYLOAD, &altered), Ok(false), "{algorithm:?}");
    }
}

#[test]
fn public_keys_from_the_plugin() {
    let keyring = keyring();
    for (algorithm, name, signature) in signatures().into_iter().skip(2) {
        let der = der_from_text(keyring.get(name).unwrap()).unwrap();
        assert_eq!(verify(&keyring, algorithm, &Key::Public(&der), PAYLOAD, &signature), Ok(true), "{algorithm:?}");
        for broken in [&der[1..], &der[..der.len() - 1], &[der.as_slice(), b"\0"].concat(), b"", b"\x30"] {
            let error = verify(&keyring, algorithm, &Key::Public(broken), PAYLOAD, &signature);
            assert!(matches!(error, Err(VerifyError::UnusableKey(_))), "{algorithm:?}: {error:?}");
        }
    }
}

#[test]
fn keys_that_do_not_fit() {
    let keyring = keyring();
    let check = |algorithm, name| verify(&keyring, algorithm, &Key::Secret(name), PAYLOAD, b"signature");
    let unusable = |problem: &str| Err(VerifyError::UnusableKey(problem.into()));
    let table = [
        (Algorithm::HmacSha256, "absent", Err(VerifyError::UnknownSecret("absent".into()))),
        (Algorithm::Ed25519, "absent", Err(VerifyError::UnknownSecret("absent".into()))),
        (Algorithm::Ed25519, "rsa", unusable("it is an RSA key, but the algorithm needs Ed25519")),
        (Algorithm::EcdsaP256Sha256, "ed25519", unusable("it is an Ed25519 key, but the algorithm needs ECDSA P-256")),
        (Algorithm::RsaPkcs1Sha256, "p256", unusable("it is an ECDSA P-256 key, but the algorithm needs RSA")),
        (Algorithm::EcdsaP256Sha256, "p384", unusable("it is of an unknown kind: use ECDSA P-256, RSA or Ed25519")),
        (Algorithm::Ed25519, "text", unusable("the secret `text`: it is neither PEM nor base64 of DER")),
        (Algorithm::Ed25519, "hmac", unusable("the secret `hmac`: it is neither PEM nor base64 of DER")),
    ];
    for (algorithm, name, expected) in table {
        assert_eq!(check(algorithm, name), expected, "{algorithm:?} with {name}");
    }
    let hmac = verify(&keyring, Algorithm::HmacSha1, &Key::Public(b"key"), PAYLOAD, b"");
    assert_eq!(hmac, unusable("an HMAC key is a secret: name one"));
}

/// Svix's own example (`server/svix-server/src/worker.rs`), and a key that is the base64 of ours above.
#[test]
fn keys_in_base64() {
    let keyring = keyring();
    let payload = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
    let signature = bytes("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    let check = |name, payload: &[u8], signature: &[u8]| {
        verify(&keyring, Algorithm::HmacSha256, &Key::SecretBase64(name), payload, signature)
    };
    for name in ["whsec", "bare"] {
        assert_eq!(check(name, payload, &signature), Ok(true), "{name}");
        assert_eq!(check(name, b"another", &signature), Ok(false), "{name}");
        let as_it_is = verify(&keyring, Algorithm::HmacSha256, &Key::Secret(name), payload, &signature);
        assert_eq!(as_it_is, Ok(false), "{name}");
    }
    assert_eq!(check("unpadded", PAYLOAD, &from_hex(HMAC_SHA256)), Ok(true));
    assert_eq!(check("absent", payload, &signature), Err(VerifyError::UnknownSecret("absent".into())));
    for name in ["text", "empty"] {
        let problem = format!("the secret `{name}` is not base64");
        assert_eq!(check(name, payload, &signature), Err(VerifyError::UnusableKey(problem)));
    }
    let public = verify(&keyring, Algorithm::Ed25519, &Key::SecretBase64("whsec"), payload, &signature);
    assert!(matches!(public, Err(VerifyError::UnusableKey(_))), "{public:?}");
}

#[test]
fn passwords() {
    let keyring = keyring();
    let long = "x".repeat(100);
    for (value, expected) in
        [("key-of-webhook", true), ("key-of-webhooK", false), ("key-of-webhook ", false), ("", false), (&long, false)]
    {
        assert_eq!(matches(&keyring, "hmac", value.as_bytes()), Ok(expected), "{value}");
    }
    assert_eq!(matches(&keyring, "rsa", RSA.as_bytes()), Ok(true), "longer than a block of the hash");
    assert_eq!(matches(&keyring, "absent", b""), Err(VerifyError::UnknownSecret("absent".into())));
}
