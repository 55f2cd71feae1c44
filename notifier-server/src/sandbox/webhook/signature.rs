//! The two signature schemes of Standard Webhooks: HMAC-SHA256 (`v1`) and Ed25519 (`v1a`).

use base64::{Engine, engine::general_purpose::STANDARD};
use ring::{
    hmac,
    signature::{ED25519, UnparsedPublicKey},
};

use super::super::SandboxError;

/// What a receiver checks signatures with.
pub(super) struct Signatures {
    symmetric: hmac::Key,
    public_key: Vec<u8>,
}

impl Signatures {
    /// From the keys as they are written for customers: `whsec_` with 24 to 64 bytes, `whsk_` with the private key's 32
    /// bytes and the public key's.
    pub(super) fn new(secret: &str, signing_key: &str) -> Result<Self, SandboxError> {
        let decoded = |text: &str, prefix| STANDARD.decode(text.strip_prefix(prefix)?).ok();
        let symmetric = decoded(secret, "whsec_").filter(|key| (24..=64).contains(&key.len()));
        let pair = decoded(signing_key, "whsk_").filter(|key| key.len() == 64);
        Ok(Self {
            symmetric: hmac::Key::new(hmac::HMAC_SHA256, &symmetric.ok_or(SandboxError::Credential("webhook_secret"))?),
            public_key: pair.ok_or(SandboxError::Credential("webhook_signing_key"))?.split_off(32),
        })
    }

    /// Which schemes the list has a right signature of. "Webhook consumers can try to verify each signature until one
    /// matches."
    pub(super) fn right(&self, id: &str, timestamp: &str, list: &str, body: &[u8]) -> Vec<&'static str> {
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let is_right = |scheme: &str, verify: &dyn Fn(&[u8]) -> bool| {
            let given = list.split(' ').filter_map(|signature| signature.split_once(','));
            let mut given = given.filter(|(version, _)| *version == scheme);
            given.any(|(_, signature)| STANDARD.decode(signature).is_ok_and(|signature| verify(&signature)))
        };
        let public_key = UnparsedPublicKey::new(&ED25519, &self.public_key);
        let v1 = is_right("v1", &|signature| hmac::verify(&self.symmetric, &signed, signature).is_ok());
        let v1a = is_right("v1a", &|signature| public_key.verify(&signed, signature).is_ok());
        [("v1", v1), ("v1a", v1a)].into_iter().filter_map(|(scheme, right)| right.then_some(scheme)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the libraries of Standard Webhooks test with (`libraries/*/`, "sign function works").
    #[test]
    fn the_symmetric_signature_is_the_specifications() {
        let signing_key = format!("whsk_{}", STANDARD.encode([0; 64]));
        let signatures = Signatures::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &signing_key).unwrap();
        let (id, timestamp) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330");
        let body = br#"{"test": 2432232314}"#;
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signatures.right(id, timestamp, right, body), ["v1"]);
        let rotated = format!("v1,AAAA v2,unknown {right}");
        assert_eq!(signatures.right(id, timestamp, &rotated, body), ["v1"]);
        for (id, timestamp, list) in [
            ("msg_other", timestamp, right),
            (id, "1614265331", right),
            (id, timestamp, "v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
            (id, timestamp, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="),
        ] {
            assert!(signatures.right(id, timestamp, list, body).is_empty(), "{list}");
        }
    }

    #[test]
    fn keys_have_their_forms() {
        let pair = format!("whsk_{}", STANDARD.encode([0; 64]));
        for (secret, signing_key) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", pair.as_str()),
            ("whsec_MfKQ9r8GKYqr", pair.as_str()),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsk_AAAA"),
            ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_AAAA"),
        ] {
            assert!(Signatures::new(secret, signing_key).is_err(), "{secret} {signing_key}");
        }
    }
}
