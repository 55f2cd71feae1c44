//! Encryption of web push messages (RFC 8291): the host does it, for a sandbox has no randomness.

use crate::host;

/// What every push service takes of one message, encrypted (RFC 8030, 7.2).
pub const BODY_BYTES_MAX: usize = 4096;
/// What is left of that for the message itself: the header of RFC 8188 is 86 bytes long here, and the one record has 17 more.
pub const PLAINTEXT_BYTES_MAX: usize = BODY_BYTES_MAX - 86 - 17;

/// The body of a request with `content-encoding: aes128gcm`, for the keys of a subscription: `p256dh` is a point on P-256 (65
/// bytes), `auth` a secret of 16 bytes.
///
/// # Errors
/// What is wrong with a key, or that the message is longer than [`PLAINTEXT_BYTES_MAX`].
pub fn encrypt(p256dh: &[u8], auth: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, String> {
    host::encrypt(p256dh, auth, plaintext)
}
