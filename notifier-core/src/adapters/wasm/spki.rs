//! Public keys out of their envelope: `SubjectPublicKeyInfo` of RFC 5280 section 4.1.2.7, as DER, base64 of DER or PEM.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The kinds of key that webhooks are signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyKind {
    EcdsaP256,
    Rsa,
    Ed25519,
}

impl KeyKind {
    fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::Rsa => "RSA",
            Self::Ed25519 => "Ed25519",
        }
    }
}

/// The key inside the DER: the point for ECDSA, `RSAPublicKey` (RFC 8017 appendix A.1.1) for RSA, 32 bytes for Ed25519.
pub(super) fn key_from_der(der: &[u8], wanted: KeyKind) -> Result<&[u8], String> {
    let malformed = || "it is not a SubjectPublicKeyInfo in DER".to_owned();
    let (info, rest) = element(der, SEQUENCE).ok_or_else(malformed)?;
    let (algorithm, after) = element(info, SEQUENCE).ok_or_else(malformed)?;
    let (bits, after) = element(after, BIT_STRING).ok_or_else(malformed)?;
    let (&unused_bits, key) = bits.split_first().ok_or_else(malformed)?;
    if !rest.is_empty() || !after.is_empty() || unused_bits != 0 {
        return Err(malformed());
    }
    let found = kind(algorithm).ok_or("it is of an unknown kind: use ECDSA P-256, RSA or Ed25519")?;
    if found != wanted {
        return Err(format!("it is an {} key, but the algorithm needs {}", found.name(), wanted.name()));
    }
    Ok(key)
}

/// The DER inside PEM or base64 text.
pub(super) fn der_from_text(text: &str) -> Result<Vec<u8>, String> {
    let body: String = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace())
        .collect();
    STANDARD.decode(body).map_err(|_| "it is neither PEM nor base64 of DER".into())
}

pub(super) const SEQUENCE: u8 = 0x30;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;

/// What the algorithm identifier says: RFC 5480 section 2.1.1, RFC 3279 section 2.3.1, RFC 8410 section 3.
fn kind(algorithm: &[u8]) -> Option<KeyKind> {
    const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
    let (id, parameters) = element(algorithm, OBJECT_ID)?;
    match id {
        EC_PUBLIC_KEY if element(parameters, OBJECT_ID)?.0 == PRIME256V1 => Some(KeyKind::EcdsaP256),
        RSA_ENCRYPTION => Some(KeyKind::Rsa),
        ED25519 => Some(KeyKind::Ed25519),
        _ => None,
    }
}

/// The content of the first element, which must have that tag, and what follows it.
pub(super) fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, after) = any_element(der)?;
    (found == tag).then_some((content, after))
}

/// The tag and the content of the first element, and what follows it.
pub(super) fn any_element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        0x82 => {
            let (length, rest) = rest.split_at_checked(2)?;
            (usize::from(u16::from_be_bytes([length[0], length[1]])), rest)
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((tag, content, after))
}
