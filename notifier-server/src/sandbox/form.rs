//! Strict reading of `application/x-www-form-urlencoded`, for Twilio's bodies and for query strings.
//!
//! The URL standard's parser accepts everything; a fake that is to find mistakes must not: a stray `%` or bytes that
//! are not UTF-8 are errors here.

/// Why a form is unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum FormError {
    #[error("a `%` is not followed by two hexadecimal digits")]
    Escape,
    #[error("a name or value is not UTF-8 after decoding")]
    NotUtf8,
}

/// The decoded pairs in order. Empty pieces (`a=1&&b=2`) are skipped; a name without `=` has an empty value.
pub(super) fn pairs(form: &[u8]) -> impl Iterator<Item = Result<(String, String), FormError>> {
    form.split(|&byte| byte == b'&').filter(|piece| !piece.is_empty()).map(|piece| {
        let (name, value) = match piece.iter().position(|&byte| byte == b'=') {
            Some(at) => (&piece[..at], &piece[at + 1..]),
            None => (piece, &b""[..]),
        };
        Ok((decode(name)?, decode(value)?))
    })
}

fn decode(encoded: &[u8]) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                decoded.push(hex(*high)? << 4 | hex(*low)?);
                tail
            }
            (b'%', _) => return Err(FormError::Escape),
            (b'+', _) => {
                decoded.push(b' ');
                tail
            }
            (byte, _) => {
                decoded.push(*byte);
                tail
            }
        };
    }
    String::from_utf8(decoded).map_err(|_| FormError::NotUtf8)
}

fn hex(digit: u8) -> Result<u8, FormError> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(FormError::Escape),
    }
}
