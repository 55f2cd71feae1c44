//! As much of JSON Schema 2020-12 as settings need: <https://json-schema.org/draft/2020-12/json-schema-validation>. Keywords that
//! are not read here permit everything.

use std::cell::Cell;
use std::fmt;

use serde_json::Value;

/// Schemas within each other, and schemas that are looked at altogether: a schema may refer to itself, and to itself twice.
const DEPTH_MAX: usize = 64;
const STEPS_MAX: u32 = 10_000;

const TYPES: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];

/// Where a value does not fit, and what would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit {
    /// A JSON pointer.
    at: String,
    wanted: String,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = if self.at.is_empty() { "the settings" } else { &self.at };
        write!(f, "{at}: want {}", self.wanted)
    }
}

/// Whether the keywords have values of the types that the standard gives them.
pub(super) fn check(schema: &Value) -> Result<(), String> {
    check_at(schema, "#")
}

fn check_at(schema: &Value, at: &str) -> Result<(), String> {
    let fields = match schema {
        Value::Bool(_) => return Ok(()),
        Value::Object(fields) => fields,
        other => return Err(format!("{at}: a schema is an object or a boolean, and not {other}")),
    };
    for (keyword, value) in fields {
        let at = format!("{at}/{keyword}");
        let wrong = |wanted: &str| Err(format!("{at}: want {wanted}"));
        match keyword.as_str() {
            "type" => {
                let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
                let is_right = known(value) || value.as_array().is_some_and(|names| names.iter().all(known));
                if !is_right {
                    return wrong("the name of a type, or several");
                }
            }
            "required" if !value.as_array().is_some_and(|names| names.iter().all(Value::is_string)) => {
                return wrong("names of properties");
            }
            "enum" if !value.is_array() => return wrong("an array"),
            "properties" | "patternProperties" | "$defs" | "dependentSchemas" => {
                let Some(schemas) = value.as_object() else { return wrong("an object of schemas") };
                schemas.iter().try_for_each(|(name, schema)| check_at(schema, &format!("{at}/{name}")))?;
            }
            "allOf" | "anyOf" | "oneOf" | "prefixItems" => {
                let Some(schemas) = value.as_array() else { return wrong("an array of schemas") };
                schemas.iter().try_for_each(|schema| check_at(schema, &at))?;
            }
            "items" | "additionalProperties" | "propertyNames" | "not" | "if" | "then" | "else" | "contains" => {
                check_at(value, &at)?;
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties" | "maxProperties"
                if !value.is_u64() =>
            {
                return wrong("a count");
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" if !value.is_number() => {
                return wrong("a number");
            }
            "pattern" | "format" | "title" | "description" | "$schema" | "$id" | "$ref" if !value.is_string() => {
                return wrong("a string");
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a value is one that the schema permits.
pub(super) fn fits(value: &Value, schema: &Value) -> Result<(), Misfit> {
    Reading { root: schema, steps: Cell::new(0) }.fits(value, schema, "", 0)
}

/// A schema that is read, and how far that has gone.
struct Reading<'a> {
    root: &'a Value,
    steps: Cell<u32>,
}

impl Reading<'_> {
    fn fits(&self, value: &Value, schema: &Value, at: &str, depth: usize) -> Result<(), Misfit> {
        let misfit = |wanted: String| Err(Misfit { at: at.to_owned(), wanted });
        self.steps.set(self.steps.get() + 1);
        if depth > DEPTH_MAX || self.steps.get() > STEPS_MAX {
            return misfit(format!(
                "a schema of which at most {DEPTH_MAX} lie within each other, {STEPS_MAX} in all: it refers to itself"
            ));
        }
        if *schema == Value::Bool(false) {
            return misfit("nothing".into());
        }
        if let Some(target) = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
            return match self.root.pointer(target) {
                Some(target) => self.fits(value, target, at, depth + 1),
                None => misfit(format!("what `{target}` says, which is not there")),
            };
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|name| is_a(value, name)) {
            return misfit(types.join(" or "));
        }
        if schema["enum"].as_array().is_some_and(|permitted| !permitted.contains(value)) {
            return misfit(format!("one of {}", schema["enum"]));
        }
        if schema.get("const").is_some_and(|wanted| wanted != value) {
            return misfit(schema["const"].to_string());
        }
        bounds(value, schema).or_else(misfit)?;
        let fitting = |keyword: &str| {
            let schemas = schema[keyword].as_array()?;
            Some(schemas.iter().filter(|schema| self.fits(value, schema, at, depth + 1).is_ok()).count())
        };
        if fitting("anyOf") == Some(0) || fitting("oneOf").is_some_and(|count| count != 1) {
            return misfit("what one of the alternatives describes".into());
        }
        for part in schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default() {
            self.fits(value, part, at, depth + 1)?;
        }
        self.within(value, schema, at, depth)
    }

    /// What is in an object or an array.
    fn within(&self, value: &Value, schema: &Value, at: &str, depth: usize) -> Result<(), Misfit> {
        for (index, item) in value.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate() {
            self.fits(item, &schema["items"], &format!("{at}/{index}"), depth + 1)?;
        }
        let Some(fields) = value.as_object() else { return Ok(()) };
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        if let Some(missing) = required.iter().filter_map(Value::as_str).find(|name| !fields.contains_key(*name)) {
            return Err(Misfit { at: at.to_owned(), wanted: format!("`{missing}`") });
        }
        for (name, field) in fields {
            let schema = match schema["properties"].get(name) {
                Some(property) => property,
                None => &schema["additionalProperties"],
            };
            self.fits(field, schema, &format!("{at}/{name}"), depth + 1)?;
        }
        Ok(())
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        _ => false,
    }
}

/// Lengths, counts and sizes.
fn bounds(value: &Value, schema: &Value) -> Result<(), String> {
    let chars = value.as_str().map(|text| text.chars().count() as f64);
    let items = value.as_array().map(|items| items.len() as f64);
    let properties = value.as_object().map(|fields| fields.len() as f64);
    for (measure, least, most) in [
        (chars, "minLength", "maxLength"),
        (items, "minItems", "maxItems"),
        (properties, "minProperties", "maxProperties"),
        (value.as_f64(), "minimum", "maximum"),
    ] {
        let Some(measure) = measure else { continue };
        if schema[least].as_f64().is_some_and(|least| measure < least) {
            return Err(format!("a {least} of {}", schema[least]));
        }
        if schema[most].as_f64().is_some_and(|most| measure > most) {
            return Err(format!("a {most} of {}", schema[most]));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_fit_or_the_place_is_named() {
        let schema = json!({
            "type": "object",
            "properties": {
                "from": { "type": "string", "minLength": 1, "maxLength": 3 },
                "kind": { "enum": ["a", "b"] },
                "tags": { "type": "array", "maxItems": 1, "items": { "type": "string" } },
                "size": { "type": ["integer", "null"], "minimum": 1, "maximum": 9 },
                "either": { "oneOf": [{ "type": "string" }, { "$ref": "#/$defs/pair" }] }
            },
            "required": ["from"],
            "additionalProperties": false,
            "$defs": { "pair": { "type": "object", "required": ["x"] } }
        });
        assert_eq!(check(&schema), Ok(()));
        for right in [
            json!({ "from": "a" }),
            json!({ "from": "äöü", "kind": "b", "tags": ["x"], "size": null, "either": { "x": 1 } }),
            json!({ "from": "a", "size": 9, "either": "text" }),
        ] {
            assert_eq!(fits(&right, &schema), Ok(()), "{right}");
        }
        for (wrong, told) in [
            (json!([]), "the settings: want object"),
            (json!({}), "the settings: want `from`"),
            (json!({ "from": 1 }), "/from: want string"),
            (json!({ "from": "" }), "/from: want a minLength of 1"),
            (json!({ "from": "abcd" }), "/from: want a maxLength of 3"),
            (json!({ "from": "a", "kind": "c" }), "/kind: want one of [\"a\",\"b\"]"),
            (json!({ "from": "a", "tags": [1] }), "/tags/0: want string"),
            (json!({ "from": "a", "tags": ["x", "y"] }), "/tags: want a maxItems of 1"),
            (json!({ "from": "a", "size": 1.5 }), "/size: want integer or null"),
            (json!({ "from": "a", "size": 0 }), "/size: want a minimum of 1"),
            (json!({ "from": "a", "either": {} }), "/either: want what one of the alternatives describes"),
            (json!({ "from": "a", "more": 1 }), "/more: want nothing"),
        ] {
            assert_eq!(fits(&wrong, &schema).unwrap_err().to_string(), told, "{wrong}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_comes_to_an_end() {
        for schema in [
            json!({ "$ref": "#" }),
            json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } } }),
            json!({ "allOf": [{ "$ref": "#" }] }),
            json!({ "anyOf": [{ "$ref": "#" }, { "$ref": "#" }] }),
        ] {
            assert_eq!(check(&schema), Ok(()));
            assert!(fits(&json!({}), &schema).is_err(), "{schema}");
        }
        // One that goes down with the value is as good as any.
        let tree = json!({ "type": "object", "additionalProperties": { "$ref": "#" } });
        assert_eq!(fits(&json!({ "a": { "b": { "c": {} } } }), &tree), Ok(()));
        assert_eq!(fits(&json!({ "a": { "b": 1 } }), &tree).unwrap_err().to_string(), "/a/b: want object");
    }

    #[test]
    fn keywords_of_wrong_types_are_found() {
        for (schema, place) in [
            (json!({ "type": "text" }), "#/type"),
            (json!({ "properties": { "a": { "minLength": "1" } } }), "#/properties/a/minLength"),
            (json!({ "required": "a" }), "#/required"),
            (json!({ "items": 7 }), "#/items"),
            (json!({ "anyOf": {} }), "#/anyOf"),
        ] {
            let told = check(&schema).unwrap_err();
            assert!(told.starts_with(place), "{told}");
        }
    }
}
