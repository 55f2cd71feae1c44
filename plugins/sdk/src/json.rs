//! Fields of a vendor's JSON, read one by one: one of an unexpected type costs no other.

use serde_json::Value;

/// A field that is text and not empty. `None` as well where `object` is no object.
pub fn text<'a>(object: &'a Value, field: &str) -> Option<&'a str> {
    object.get(field)?.as_str().filter(|text| !text.is_empty())
}

/// A field that is text and not empty, or a number, or `true` or `false`, as text.
pub fn scalar(object: &Value, field: &str) -> Option<String> {
    match object.get(field)? {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is_so) => Some(is_so.to_string()),
        _ => text(object, field).map(Into::into),
    }
}
