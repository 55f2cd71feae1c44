//! Signatures for real: what the host verifies, and what a test signs as the vendor does.
#![expect(clippy::expect_used, reason = "a test that cannot sign has nothing to go on with")]

use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ED25519, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::contract::Algorithm;
use crate::webhook::{from_base64, to_base64};

/// HMAC-SHA1, as Twilio signs.
pub fn hmac_sha1(key: &str, payload: &[u8]) -> Vec<u8> {
    sign_hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes(), payload)
}

/// HMAC-SHA256, as most vendors sign.
pub fn hmac_sha256(key: &str, payload: &[u8]) -> Vec<u8> {
    sign_hmac(hmac::HMAC_SHA256, key.as_bytes(), payload)
}

/// The signature header of a webhook as Standard Webhooks 1.0.0 has it, `v1,…`, with a secret `whsec_…`.
pub fn standard_webhook(secret: &str, id: &str, timestamp_s: u64, body: &str) -> String {
    let key = decoded_key(secret).expect("the secret is whsec_ and base64");
    let payload = format!("{id}.{timestamp_s}.{body}");
    format!("v1,{}", to_base64(&sign_hmac(hmac::HMAC_SHA256, &key, payload.as_bytes())))
}

fn sign_hmac(algorithm: hmac::Algorithm, key: &[u8], payload: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(algorithm, key), payload).as_ref().to_vec()
}

/// A vendor's P-256 key pair.
#[derive(Debug)]
pub struct EcdsaP256(EcdsaKeyPair);

/// What precedes the point in the SubjectPublicKeyInfo of a P-256 key (RFC 5480, 2).
const P256_SPKI_PREFIX: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

impl EcdsaP256 {
    /// A new pair.
    pub fn generate() -> Self {
        let random = SystemRandom::new();
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("the system has entropy");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref(), &random);
        Self(pair.expect("a key just generated is valid"))
    }

    /// SubjectPublicKeyInfo in DER, as vendors publish it.
    pub fn public_key_der(&self) -> Vec<u8> {
        [P256_SPKI_PREFIX, self.0.public_key().as_ref()].concat()
    }

    /// A signature in DER over the SHA-256 of `payload`.
    pub fn sign(&self, payload: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&SystemRandom::new(), payload).expect("the system has entropy");
        signature.as_ref().to_vec()
    }
}

/// A key as the contract passes it.
pub(crate) enum KeyBytes {
    Text(String),
    Hmac(Vec<u8>),
    Der(Vec<u8>),
}

/// The key that a secret in base64 stands for, with the prefix of Standard Webhooks or without.
pub(crate) fn hmac_key_of_base64(secret: &str) -> Result<KeyBytes, String> {
    decoded_key(secret).map(KeyBytes::Hmac).ok_or_else(|| "the secret is not base64".into())
}

fn decoded_key(secret: &str) -> Option<Vec<u8>> {
    from_base64(secret.strip_prefix("whsec_").unwrap_or(secret)).filter(|key| !key.is_empty())
}

pub(crate) fn verify(algorithm: Algorithm, key: &KeyBytes, payload: &[u8], signature: &[u8]) -> Result<bool, String> {
    match algorithm {
        Algorithm::HmacSha1 => verify_hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key, payload, signature),
        Algorithm::HmacSha256 => verify_hmac(hmac::HMAC_SHA256, key, payload, signature),
        Algorithm::EcdsaP256Sha256 => verify_public(&ECDSA_P256_SHA256_ASN1, key, payload, signature),
        Algorithm::RsaPkcs1Sha1 => {
            verify_public(&RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, key, payload, signature)
        }
        Algorithm::RsaPkcs1Sha256 => verify_public(&RSA_PKCS1_2048_8192_SHA256, key, payload, signature),
        Algorithm::Ed25519 => verify_public(&ED25519, key, payload, signature),
    }
}

fn verify_hmac(algorithm: hmac::Algorithm, key: &KeyBytes, payload: &[u8], signature: &[u8]) -> Result<bool, String> {
    let key = match key {
        KeyBytes::Text(secret) => secret.as_bytes(),
        KeyBytes::Hmac(key) => key,
        KeyBytes::Der(_) => return Err("an HMAC key is a secret, not a public key".into()),
    };
    Ok(hmac::verify(&hmac::Key::new(algorithm, key), payload, signature).is_ok())
}

fn verify_public(
    algorithm: &'static dyn VerificationAlgorithm,
    key: &KeyBytes,
    payload: &[u8],
    signature: &[u8],
) -> Result<bool, String> {
    let der = match key {
        KeyBytes::Der(der) => der.clone(),
        KeyBytes::Hmac(_) => return Err("a public key is not a secret in base64 for HMAC".into()),
        KeyBytes::Text(text) => {
            let base64: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
            from_base64(&base64).ok_or("neither PEM nor base64")?
        }
    };
    let key = public_key_bits(&der).ok_or("not a SubjectPublicKeyInfo in DER")?;
    Ok(UnparsedPublicKey::new(algorithm, key).verify(payload, signature).is_ok())
}

/// The key inside `SEQUENCE { algorithm SEQUENCE, key BIT STRING }` (RFC 5280, 4.1).
fn public_key_bits(der: &[u8]) -> Option<&[u8]> {
    let (info, _) = read_der(der, 0x30)?;
    let (_, rest) = read_der(info, 0x30)?;
    let (bits, _) = read_der(rest, 0x03)?;
    // The first byte counts the unused bits of the last, and keys have whole bytes.
    bits.strip_prefix(&[0])
}

/// The content of the element with this tag, and what follows it.
fn read_der(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = der.strip_prefix(&[tag])?.split_first()?;
    let (length, rest) = match first {
        0..0x80 => (usize::from(first), rest),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f).min(4))?;
            (digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit)), rest)
        }
    };
    rest.split_at_checked(length)
}
