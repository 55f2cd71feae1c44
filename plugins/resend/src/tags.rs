//! Tags, which come back in every event: ASCII letters, digits, `_` and `-`, at most 256 of them
//! (<https://resend.com/docs/api-reference/emails/send-email#body-parameters>).

/// Of a name and of a value.
pub(crate) const CHARS_MAX: usize = 256;

/// The notification's category, for statistics.
pub(crate) const CATEGORY: &str = "category";

/// Whose notification it is.
pub(crate) const TENANT: &str = "tenant";

/// The idempotency key: by it an event finds its delivery even when the answer to the request, and with it the message's id,
/// was lost.
pub(crate) const KEY: &str = "notifier_key";

/// Names that an operator cannot give.
pub(crate) const OWN: &[&str] = &[CATEGORY, TENANT, KEY];

/// Whether Resend takes it.
pub(crate) fn fits(text: &str) -> bool {
    (1..=CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// For people and statistics: what is not allowed becomes `_`. `None` where nothing is left to say, or too much.
pub(crate) fn readable(text: &str) -> Option<String> {
    let tag: String = text.chars().map(|c| if c.is_ascii() && is_allowed(c as u8) { c } else { '_' }).collect();
    fits(&tag).then_some(tag)
}

/// So that it can be read back: what is not allowed becomes `_` and two hexadecimal digits, and so does `_`. `None` where that
/// is too long: only a receipt after a lost answer needs it.
pub(crate) fn encoded(text: &str) -> Option<String> {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let tag = text.bytes().fold(String::new(), |mut tag, byte| {
        if is_allowed(byte) && byte != b'_' {
            tag.push(char::from(byte));
        } else {
            tag.extend(['_', char::from(DIGITS[usize::from(byte >> 4)]), char::from(DIGITS[usize::from(byte & 15)])]);
        }
        tag
    });
    fits(&tag).then_some(tag)
}

/// What [`encoded`] was given.
pub(crate) fn decoded(tag: &str) -> Option<String> {
    let mut parts = tag.split('_');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (code, rest) = part.split_at_checked(2)?;
        // A sign would be read as part of the number.
        let code = Some(code).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        bytes.push(u8::from_str_radix(code, 16).ok()?);
        bytes.extend(rest.bytes());
    }
    String::from_utf8(bytes).ok().filter(|text| !text.is_empty())
}
