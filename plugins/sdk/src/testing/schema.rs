//! Whether a schema describes the settings that a plugin reads.

use std::collections::BTreeSet;
use std::fmt::Debug;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};
use serde_json::{Map, Value};

/// Compares the schema of a plugin with its settings, which derive `Deserialize`: it lists every field with a description and no
/// other, requires what cannot be left out, and its defaults are those of the struct. `smallest` is as few settings as will do.
///
/// # Panics
/// With what differs.
pub fn check_schema<S: DeserializeOwned + Debug>(schema: &str, smallest: &Value) {
    let schema: Value = serde_json::from_str(schema).unwrap_or_else(|error| panic!("the schema is not JSON: {error}"));
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "its version");
    check_object_schema::<S>(&schema, smallest);
}

/// The same for settings within settings.
///
/// # Panics
/// With what differs.
pub fn check_object_schema<S: DeserializeOwned + Debug>(schema: &Value, smallest: &Value) {
    let nothing = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&nothing);
    let listed: BTreeSet<_> = properties.keys().map(String::as_str).collect();
    assert_eq!(listed, fields_of::<S>(), "the properties of the schema (left) are the fields of the settings (right)");
    for (name, property) in properties {
        let description = property["description"].as_str().unwrap_or_default();
        assert!(!description.is_empty(), "`{name}` has no description");
    }

    let smallest = smallest.as_object().unwrap_or(&nothing);
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let required: BTreeSet<_> = required.iter().filter_map(Value::as_str).collect();
    assert_eq!(
        required,
        smallest.keys().map(String::as_str).collect(),
        "what the schema requires (left) is the smallest"
    );
    let without_defaults = read::<S>(smallest).unwrap_or_else(|error| panic!("the smallest settings: {error}"));
    for name in smallest.keys() {
        let mut fewer = smallest.clone();
        fewer.remove(name);
        assert!(read::<S>(&fewer).is_err(), "`{name}` is required by the schema, and not by the settings");
    }

    let mut with_defaults = smallest.clone();
    let defaults =
        properties.iter().filter_map(|(name, property)| Some((name.clone(), property.get("default")?.clone())));
    with_defaults.extend(defaults);
    let with_defaults = read::<S>(&with_defaults).unwrap_or_else(|error| panic!("the schema's defaults: {error}"));
    assert_eq!(
        format!("{without_defaults:#?}"),
        format!("{with_defaults:#?}"),
        "the defaults of settings and schema (right)"
    );

    let mut misspelt = smallest.clone();
    misspelt.insert("a setting that there is not".into(), Value::Null);
    assert!(read::<S>(&misspelt).is_err(), "the settings take what they do not know: `deny_unknown_fields` is missing");
    assert_eq!(schema["additionalProperties"], false, "`additionalProperties` of the schema");
}

fn read<S: DeserializeOwned>(settings: &Map<String, Value>) -> Result<S, serde_json::Error> {
    serde_json::from_value(Value::Object(settings.clone()))
}

fn fields_of<S: DeserializeOwned>() -> BTreeSet<&'static str> {
    let mut fields: &[&str] = &[];
    // Always an error: the fields are all that is asked for.
    let _ = S::deserialize(Fields(&mut fields));
    fields.iter().copied().collect()
}

/// Notes the fields that a struct asks for.
struct Fields<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("its fields are known"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}
