//! Detached signatures of components: Ed25519 (RFC 8032) over the bytes of the file, in base64, as `openssl` makes them:
//!
//! ```text
//! openssl genpkey -algorithm ed25519 -out acme.key
//! openssl pkey -in acme.key -pubout -outform DER | tail -c 32 | base64         the public key
//! openssl pkeyutl -sign -rawin -inkey acme.key -in acme.wasm | base64 -w0 >acme.wasm.sig
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, ED25519_PUBLIC_KEY_LEN, UnparsedPublicKey};

/// Bytes of a signature (RFC 8032, section 5.1.6).
const SIGNATURE_BYTES: usize = 64;

/// Why a component counts as unsigned.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureError {
    #[error("the public key cannot be read: want the base64 of {ED25519_PUBLIC_KEY_LEN} bytes")]
    Key,
    #[error("the signature cannot be read: want the base64 of {SIGNATURE_BYTES} bytes")]
    Unreadable,
    #[error("the signature is not one of this component by the key {key}: it is not installed")]
    Wrong { key: String },
}

/// Whether the owner of that key signed the component. The key, as it is written down.
pub(super) fn verify(component: &[u8], signature: &str, key: &str) -> Result<String, SignatureError> {
    let bytes = |text: &str, length| STANDARD.decode(text.trim()).ok().filter(|bytes: &Vec<u8>| bytes.len() == length);
    let key = bytes(key, ED25519_PUBLIC_KEY_LEN).ok_or(SignatureError::Key)?;
    let signature = bytes(signature, SIGNATURE_BYTES).ok_or(SignatureError::Unreadable)?;
    let written = STANDARD.encode(&key);
    match UnparsedPublicKey::new(&ED25519, &key).verify(component, &signature) {
        Ok(()) => Ok(written),
        Err(_) => Err(SignatureError::Wrong { key: written }),
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    use super::*;

    #[test]
    fn only_the_owner_of_the_key_signs() {
        let pair = |seed| Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = |seed| STANDARD.encode(pair(seed).public_key());
        let component = b"\0asm component";
        let signature = STANDARD.encode(pair(1).sign(component));
        assert_eq!(verify(component, &format!("{signature}\n"), &format!(" {} ", key(1))), Ok(key(1)));
        assert_eq!(verify(b"\0asm other", &signature, &key(1)), Err(SignatureError::Wrong { key: key(1) }));
        assert_eq!(verify(component, &signature, &key(2)), Err(SignatureError::Wrong { key: key(2) }));
        assert_eq!(verify(component, &signature, "short"), Err(SignatureError::Key));
        assert_eq!(verify(component, &key(1), &key(1)), Err(SignatureError::Unreadable));
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn the_example_of_the_standard() {
        let hex = |text: &str| {
            let pairs = (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap());
            STANDARD.encode(pairs.collect::<Vec<_>>())
        };
        let key = hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        let signature = hex(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        assert_eq!(verify(&[0x72], &signature, &key), Ok(key.clone()));
    }
}
