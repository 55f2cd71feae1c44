//! Cursors that are more than one id: opaque text that survives a URL.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::problem::Problem;

/// A place in a list, as the `next` of a page.
pub(crate) fn seal_cursor(first: &str, second: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{first} {second}"))
}

/// The place that a `next` stands for: the two parts, as `read` understands them.
///
/// # Errors
/// When it is not the `next` of a page.
pub(crate) fn open_cursor<T>(text: &str, read: impl Fn(&str, &str) -> Option<T>) -> Result<T, Problem> {
    let opened = BASE64_URL_SAFE_NO_PAD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let place = opened.as_deref().and_then(|text| text.split_once(' ')).and_then(|(first, second)| read(first, second));
    place.ok_or_else(|| Problem::parameter("cursor", "is not the `next` of a page"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_opens_to_what_was_sealed_and_needs_no_encoding() {
        let cursor = seal_cursor("sms", "+14155550101 ÿ?>");
        assert!(cursor.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{cursor}");
        let read = |first: &str, second: &str| Some((first.to_owned(), second.to_owned()));
        assert_eq!(open_cursor(&cursor, read).unwrap(), ("sms".into(), "+14155550101 ÿ?>".into()));
        for bad in ["", "x", "c21z", "_w", "a b", "c21z="] {
            assert_eq!(open_cursor(bad, read).unwrap_err().errors[0].field, "cursor", "{bad}");
        }
        assert!(open_cursor(&cursor, |_, _| None::<()>).is_err());
    }
}
