//! Encryption of web push messages: RFC 8291, <https://www.rfc-editor.org/rfc/rfc8291>, in the format of RFC 8188,
//! <https://www.rfc-editor.org/rfc/rfc8188>.

use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};

use crate::ports::entropy::Entropy;

/// The largest body that every push service takes (RFC 8030 section 7.2).
const BODY_BYTES_MAX: usize = 4096;
/// Salt, size of records, length of the key, and the key.
const HEADER_BYTES: usize = 16 + 4 + 1 + 65;
/// The delimiter that marks the last record, and the tag of AES-GCM.
const ADDED_BYTES: usize = 1 + 16;
const PLAINTEXT_BYTES_MAX: usize = BODY_BYTES_MAX - HEADER_BYTES - ADDED_BYTES;

/// The message for the owner of these keys, as the body of a request.
pub(super) fn encrypt(p256dh: &[u8], auth: &[u8], plaintext: &[u8], entropy: &dyn Entropy) -> Result<Vec<u8>, String> {
    let mut salt = [0; 16];
    entropy.fill(&mut salt);
    encrypt_with(p256dh, auth, plaintext, &private_key(entropy)?, salt)
}

/// A key that is used once. Of all numbers of that length, one in 2^32 is none.
fn private_key(entropy: &dyn Entropy) -> Result<SecretKey, String> {
    let mut bytes = [0; 32];
    for _ in 0..8 {
        entropy.fill(&mut bytes);
        if let Ok(key) = SecretKey::from_slice(&bytes) {
            return Ok(key);
        }
    }
    Err("the source of randomness gives no key".into())
}

/// Everything but the randomness: sections 3.3 and 3.4, and one record of RFC 8188 section 2.
fn encrypt_with(
    p256dh: &[u8],
    auth: &[u8],
    plaintext: &[u8],
    private_key: &SecretKey,
    salt: [u8; 16],
) -> Result<Vec<u8>, String> {
    if plaintext.len() > PLAINTEXT_BYTES_MAX {
        let length = plaintext.len();
        return Err(format!(
            "the message has {length} bytes, at most {PLAINTEXT_BYTES_MAX} fit (RFC 8030, section 7.2)"
        ));
    }
    if auth.len() != 16 {
        return Err(format!("`auth` has {} bytes: a subscription's has 16 (RFC 8291, section 3.2)", auth.len()));
    }
    let receiver = PublicKey::from_sec1_bytes(p256dh).ok().filter(|_| p256dh.len() == 65);
    let receiver = receiver.ok_or("`p256dh` is not a point on P-256 of 65 bytes (RFC 8291, section 3.1)")?;
    let sender = public_key(private_key);
    let shared = private_key.diffie_hellman(&receiver);

    let info = [&b"WebPush: info\0"[..], p256dh, &sender].concat();
    let keying_material: [u8; 32] = derive(auth, shared.raw_secret_bytes(), &info)?;
    let key: [u8; 16] = derive(&salt, &keying_material, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = derive(&salt, &keying_material, b"Content-Encoding: nonce\0")?;

    let mut record = [plaintext, &[LAST_RECORD]].concat();
    let cipher = UnboundKey::new(&AES_128_GCM, &key).map(LessSafeKey::new).map_err(|_| FAILED)?;
    let nonce = Nonce::assume_unique_for_key(nonce);
    cipher.seal_in_place_append_tag(nonce, Aad::empty(), &mut record).map_err(|_| FAILED)?;

    let record_bytes = u32::try_from(BODY_BYTES_MAX).map_err(|_| FAILED)?.to_be_bytes();
    let key_bytes = u8::try_from(sender.len()).map_err(|_| FAILED)?;
    Ok([&salt[..], &record_bytes, &[key_bytes], &sender, &record].concat())
}

/// The public half of the key: a point in the uncompressed form of X9.62, 65 bytes.
pub(super) fn public_key(private_key: &SecretKey) -> Vec<u8> {
    private_key.public_key().to_sec1_point(false).as_bytes().to_vec()
}

/// RFC 8188 section 2.
const LAST_RECORD: u8 = 2;
const FAILED: &str = "the message could not be encrypted";

/// HKDF with SHA-256 (RFC 5869).
fn derive<const N: usize>(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<[u8; N], String> {
    struct Bytes(usize);
    impl KeyType for Bytes {
        fn len(&self) -> usize {
            self.0
        }
    }
    let mut output = [0; N];
    let pseudorandom = Salt::new(HKDF_SHA256, salt).extract(secret);
    pseudorandom.expand(&[info], Bytes(N)).and_then(|key| key.fill(&mut output)).map_err(|_| FAILED)?;
    Ok(output)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::adapters::system::SystemEntropy;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    const RECEIVER: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn receiver() -> SecretKey {
        SecretKey::from_slice(&bytes(RECEIVER)).unwrap()
    }

    /// The other side: RFC 8291 section 4, with the receiver's private key.
    fn decrypt(body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        assert_eq!(rest[..5], [0, 0, 16, 0, 65]);
        let (sender, record) = rest[5..].split_at(65);
        let shared = receiver().diffie_hellman(&PublicKey::from_sec1_bytes(sender).unwrap());
        let info = [&b"WebPush: info\0"[..], &public_key(&receiver()), sender].concat();
        let keying_material: [u8; 32] = derive(&bytes(AUTH), shared.raw_secret_bytes(), &info).unwrap();
        let key: [u8; 16] = derive(salt, &keying_material, b"Content-Encoding: aes128gcm\0").unwrap();
        let nonce: [u8; 12] = derive(salt, &keying_material, b"Content-Encoding: nonce\0").unwrap();
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let mut record = record.to_vec();
        let nonce = Nonce::assume_unique_for_key(nonce);
        let plain = cipher.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        plain.strip_suffix(&[LAST_RECORD]).unwrap().to_vec()
    }

    /// RFC 8291 section 5 and appendix A.
    #[test]
    fn the_example_of_the_standard() {
        let p256dh = bytes("BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4");
        let sender = SecretKey::from_slice(&bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let plaintext = b"When I grow up, I want to be a watermelon";
        assert_eq!(public_key(&receiver()), p256dh);
        let body = encrypt_with(&p256dh, &bytes(AUTH), plaintext, &sender, salt).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                        AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4\
                        a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn the_receiver_reads_it_and_no_two_are_alike() {
        let (p256dh, entropy) = (public_key(&receiver()), SystemEntropy::new());
        let encrypt = |plaintext: &[u8]| encrypt(&p256dh, &bytes(AUTH), plaintext, &entropy);
        for length in [0, 1, 41, 3_993] {
            let plaintext = vec![b'x'; length];
            let bodies = [encrypt(&plaintext).unwrap(), encrypt(&plaintext).unwrap()];
            assert_eq!(bodies.each_ref().map(|body| decrypt(body)), [plaintext.clone(), plaintext]);
            assert_eq!(bodies[0].len(), length + 103);
            assert!(
                bodies[0].len() <= 4096 && bodies[0][..16] != bodies[1][..16] && bodies[0][21..] != bodies[1][21..]
            );
        }
        let error = encrypt(&[b'x'; 3_994]).unwrap_err();
        assert!(error.contains("3994 bytes, at most 3993"), "{error}");
    }

    #[test]
    fn keys_that_are_none() {
        let (entropy, point) = (SystemEntropy::new(), public_key(&receiver()));
        let mut beside_the_curve = point.to_vec();
        *beside_the_curve.last_mut().unwrap() ^= 1;
        let infinity = [0; 65];
        for p256dh in [&b""[..], &point[1..], &point[..33], &beside_the_curve, &infinity, &[4; 65]] {
            let error = encrypt(p256dh, &bytes(AUTH), b"x", &entropy).unwrap_err();
            assert!(error.starts_with("`p256dh`"), "{error}");
        }
        for auth in [&b""[..], &[0; 15], &[0; 17]] {
            let error = encrypt(&point, auth, b"x", &entropy).unwrap_err();
            assert!(error.starts_with("`auth`"), "{error}");
        }
    }
}
