//! The browser's side of message encryption: RFC 8291 over RFC 8188.
//!
//! The agreement is the `p256` crate's, since `ring` agrees with keys only that it just made; the rest is `ring`'s.

use p256::{PublicKey, SecretKey, ecdh::diffie_hellman, elliptic_curve::sec1::ToSec1Point};
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    hkdf::{HKDF_SHA256, KeyType, Salt},
};

use super::super::SandboxError;
use super::base64url;

/// The private key of all subscriptions here.
const PRIVATE_KEY: &str = "WCzUPNOgJsXgMxwruP7H3Of1CBYNlJSP7N6W_NOZDEA";

/// Its public key: `p256dh` of a subscription.
pub(super) const PUBLIC_KEY: &str =
    "BFgFcWFc-L4GoSnsyaxJhH-cpef9Z8UqiNoqSkb44OrtY2-3JYPEky80rzeXUJHq76H0NlAFYU9F3RxKykHpdAA";

/// `auth` of a subscription.
pub(super) const AUTH_SECRET: &str = "7qrUg0ZOH-Idk5TZwKaLVg";

/// What is told about a body that [`Subscriber::decrypt`] makes nothing of.
pub(super) const UNREADABLE_BYTES: &str = "The body is not one record of aes128gcm for this subscription's keys";

/// Salt, record size, and the length of the key id.
const HEADER_BYTES: usize = 21;

/// An uncompressed point on P-256.
const KEY_ID_BYTES: usize = 65;

const TAG_BYTES: usize = 16;

/// A browser with the keys of a subscription.
pub(super) struct Subscriber {
    private_key: SecretKey,
    public_key: Vec<u8>,
    auth_secret: Vec<u8>,
}

impl Subscriber {
    pub(super) fn new() -> Result<Self, SandboxError> {
        Self::with(PRIVATE_KEY, AUTH_SECRET).ok_or(SandboxError::Credential("webpush"))
    }

    fn with(private_key: &str, auth_secret: &str) -> Option<Self> {
        let private_key = SecretKey::from_slice(&base64url(private_key)?).ok()?;
        let public_key = private_key.public_key().to_sec1_point(false).as_bytes().to_vec();
        Some(Self { private_key, public_key, auth_secret: base64url(auth_secret)? })
    }

    /// The message, if it is for these keys and of one record.
    pub(super) fn decrypt(&self, body: &[u8]) -> Option<Vec<u8>> {
        let (header, rest) = body.split_at_checked(HEADER_BYTES)?;
        let salt = &header[..16];
        let record_bytes = u32::from_be_bytes(header[16..20].try_into().ok()?) as usize;
        // "the sender's […] keyid is the public key" (RFC 8291, section 4).
        let (key_id, record) = rest.split_at_checked(usize::from(header[20]))?;
        let is_one_record = record.len() > TAG_BYTES && record.len() <= record_bytes;
        if key_id.len() != KEY_ID_BYTES || !is_one_record {
            return None;
        }
        let sender = PublicKey::from_sec1_bytes(key_id).ok()?;
        let shared = diffie_hellman(self.private_key.to_nonzero_scalar(), sender.as_affine());
        let info = [b"WebPush: info\0", self.public_key.as_slice(), key_id].concat();
        let input: [u8; 32] = derive(&self.auth_secret, shared.raw_secret_bytes().as_ref(), &info)?;
        let key: [u8; 16] = derive(salt, &input, b"Content-Encoding: aes128gcm\0")?;
        let nonce: [u8; 12] = derive(salt, &input, b"Content-Encoding: nonce\0")?;
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?);
        let mut opened = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let padded = key.open_in_place(nonce, Aad::empty(), &mut opened).ok()?;
        // The last record's delimiter is 2, and only zeros follow (RFC 8188, section 2).
        let end = padded.iter().rposition(|byte| *byte != 0)?;
        (padded[end] == 2).then(|| padded[..end].to_vec())
    }
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF with SHA-256 (RFC 5869).
fn derive<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Option<[u8; N]> {
    let mut derived = [0; N];
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(input);
    pseudorandom.expand(&[info], Length(N)).ok()?.fill(&mut derived).ok()?;
    Some(derived)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6P\
                        Bru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";

    fn subscriber() -> Subscriber {
        Subscriber::with("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94", "BTBZMqHH6r4Tts7J_aSIgg").unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_rfc_is_read() {
        let plaintext = subscriber().decrypt(&base64url(BODY).unwrap()).unwrap();
        assert_eq!(std::str::from_utf8(&plaintext).unwrap(), "When I grow up, I want to be a watermelon");
    }

    #[test]
    fn anything_else_is_not() {
        let body = base64url(BODY).unwrap();
        let changed = |at: usize| {
            let mut body = body.clone();
            body[at] ^= 1;
            body
        };
        // Salt, length of the key id, the point, the ciphertext, the tag.
        for at in [0, 20, 22, 90, body.len() - 1] {
            assert_eq!(subscriber().decrypt(&changed(at)), None, "byte {at}");
        }
        let mut short_records = body.clone();
        short_records[16..20].copy_from_slice(&18_u32.to_be_bytes());
        assert_eq!(subscriber().decrypt(&short_records), None, "more than one record");
        for length in [0, 20, 60, 86, 102] {
            assert_eq!(subscriber().decrypt(&body[..length]), None, "{length} bytes");
        }
        assert_eq!(Subscriber::new().unwrap().decrypt(&body), None, "other keys");
    }

    #[test]
    fn the_subscriptions_keys_are_a_pair() {
        assert_eq!(Subscriber::new().unwrap().public_key, base64url(PUBLIC_KEY).unwrap());
    }
}
