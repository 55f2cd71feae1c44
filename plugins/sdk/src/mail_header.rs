//! Values of mail headers in ASCII, what is beyond it as encoded words (RFC 2047): for vendors that put a value into the message
//! as it is given to them.

use std::fmt;

use email_encoding::headers::writer::EmailWriter;
use email_encoding::headers::{quoted_string, rfc2047};

/// Whether a value can stand in a header as it is.
pub fn is_printable(value: &str) -> bool {
    value.bytes().all(|b| (b' '..=b'~').contains(&b))
}

/// Any text, as it can stand in a header like `Subject` or one of the sender's own, on one line (RFC 5322, 3.6.5).
pub fn unstructured(value: &str) -> String {
    if is_printable(value) { value.to_owned() } else { unfolded(|writer| rfc2047::encode(value, writer)) }
}

/// A name, as it can stand before an address, on one line (RFC 5322, 3.2.5): as it is, in quotes, or as encoded words.
pub fn phrase(name: &str) -> String {
    unfolded(|writer| quoted_string::encode(name, writer))
}

/// What is written, without its folds (RFC 5322, 2.2.3): the white space after a line break is part of the value.
fn unfolded(write: impl FnOnce(&mut EmailWriter<'_>) -> fmt::Result) -> String {
    let mut text = String::new();
    let mut writer = EmailWriter::new(&mut text, 0, 0, false);
    // Writing to a `String` does not fail.
    let _infallible = write(&mut writer);
    drop(writer);
    text.replace("\r\n", "")
}
