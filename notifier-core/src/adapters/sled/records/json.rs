//! JSON values.
//!
//! Not kept as text: reading a number back from text may miss it by the last digit, and every number of a template's
//! variables has to come back as it was.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum JsonV1 {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(String),
    List(Vec<JsonV1>),
    Map(Vec<(String, JsonV1)>),
}

impl From<&Value> for JsonV1 {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Boolean(*value),
            Value::Number(number) => from_number(number),
            Value::String(text) => Self::Text(text.clone()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::Map(from_map(map)),
        }
    }
}

impl From<JsonV1> for Value {
    fn from(value: JsonV1) -> Self {
        match value {
            JsonV1::Null => Self::Null,
            JsonV1::Boolean(value) => Self::Bool(value),
            JsonV1::Unsigned(number) => number.into(),
            JsonV1::Signed(number) => number.into(),
            JsonV1::Float(number) => number.into(),
            JsonV1::Text(text) => Self::String(text),
            JsonV1::List(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            JsonV1::Map(map) => Self::Object(to_map(map)),
        }
    }
}

pub(super) fn from_map(map: &Map<String, Value>) -> Vec<(String, JsonV1)> {
    map.iter().map(|(name, value)| (name.clone(), value.into())).collect()
}

pub(super) fn to_map(map: Vec<(String, JsonV1)>) -> Map<String, Value> {
    map.into_iter().map(|(name, value)| (name, value.into())).collect()
}

fn from_number(number: &Number) -> JsonV1 {
    let unsigned = number.as_u64().map(JsonV1::Unsigned);
    let whole = unsigned.or_else(|| number.as_i64().map(JsonV1::Signed));
    whole.unwrap_or_else(|| JsonV1::Float(number.as_f64().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn values_come_back() {
        let value = json!({
            "a": [null, true, "text", {"b": []}],
            "numbers": [0, -1, u64::MAX, i64::MIN, 0.1, 1e300, -0.0],
        });
        assert_eq!(Value::from(JsonV1::from(&value)), value);
    }

    proptest! {
        #[test]
        fn every_number_comes_back_exactly(number in proptest::num::f64::NORMAL) {
            let back = Value::from(JsonV1::from(&json!(number)));
            prop_assert_eq!(back.as_f64().map(f64::to_bits), Some(number.to_bits()));
        }
    }
}
