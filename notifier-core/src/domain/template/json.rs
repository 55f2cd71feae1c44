//! JSON with values filled in: a value can fill a string or be a number, and can never become more than that.
//!
//! Each value is escaped as in a string and written between two marks. When all is rendered, the marks say what came from
//! where: inside of quotes a value may stand as it is, outside of them it has to be a number, `true`, `false` or `null`.
//! What was written decides the structure, whatever the values are.

use serde_json::Value;

/// Around each value while it is rendered. Neither sources, which are checked for them, nor values, which are escaped, hold
/// one: JSON has no such characters (RFC 8259 section 7).
const BEGIN: char = '\u{2}';
const END: char = '\u{3}';

/// The value between marks, escaped.
pub(super) fn escape(value: &str) -> String {
    let quoted = Value::from(value).to_string();
    let escaped = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default();
    format!("{BEGIN}{escaped}{END}")
}

/// What is wrong with a source before anything is filled in.
pub(super) fn check_source(source: &str) -> Result<(), String> {
    if source.chars().any(|c| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err("JSON holds no control characters: write them as `\\u0000`".into());
    }
    if source.contains("{{") { Ok(()) } else { check(source) }
}

/// The document without its marks.
///
/// # Errors
/// When a value stands where it cannot, or the whole is no JSON object or array.
pub(super) fn settle(rendered: &str) -> Result<String, String> {
    let mut text = String::with_capacity(rendered.len());
    let (mut place, mut rest) = (Place::Outside, rendered);
    while let Some((written, after)) = rest.split_once(BEGIN) {
        place = place.after(written);
        text.push_str(written);
        let (value, after) = after.split_once(END).unwrap_or((after, ""));
        let line = || text.matches('\n').count() + 1;
        match place {
            Place::Inside => {}
            Place::Outside if is_scalar(value) => {}
            Place::Outside => {
                let problem =
                    "a value outside of quotes must be a number, `true`, `false` or `null`: put quotes around it";
                return Err(format!("{problem} (line {})", line()));
            }
            // Here the first letter of the value would be read as part of an escape: `\` before `"` leaves the string open.
            Place::Escape => return Err(format!("a value must not follow a backslash (line {})", line())),
        }
        text.push_str(value);
        rest = after;
    }
    text.push_str(rest);
    check(&text).map(|()| text)
}

fn is_scalar(value: &str) -> bool {
    let parsed = serde_json::from_str(value);
    parsed.is_ok_and(|value: Value| !value.is_string() && !value.is_array() && !value.is_object())
}

fn check(text: &str) -> Result<(), String> {
    match serde_json::from_str(text) {
        Ok(Value::Object(_) | Value::Array(_)) => Ok(()),
        Ok(_) => Err("a JSON document that is neither an object nor an array".into()),
        Err(error) => Err(format!("not a JSON document: {error}")),
    }
}

/// Where in a JSON document one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Between quotes.
    Inside,
    /// Between quotes, after a backslash.
    Escape,
}

impl Place {
    fn after(self, written: &str) -> Self {
        written.bytes().fold(self, |place, byte| match (place, byte) {
            (Self::Inside, b'\\') => Self::Escape,
            (Self::Outside, b'"') | (Self::Escape, _) => Self::Inside,
            (Self::Inside, b'"') => Self::Outside,
            _ => place,
        })
    }
}
