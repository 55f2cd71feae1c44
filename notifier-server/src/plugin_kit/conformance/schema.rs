//! As much of JSON Schema 2020-12 as settings need: <https://json-schema.org/draft/2020-12/json-schema-validation>. Keywords that
//! are not read here permit everything.

use std::fmt;

use serde_json::Value;

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
    fits_at(value, schema, schema, String::new())
}

fn fits_at(value: &Value, schema: &Value, root: &Value, at: String) -> Result<(), Misfit> {
    let misfit = |wanted: String| Err(Misfit { at: at.clone(), wanted });
    if *schema == Value::Bool(false) {
        return misfit("nothing".into());
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|target| target.strip_prefix('#')) {
        return match root.pointer(target) {
            Some(target) => fits_at(value, target, root, at),
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
    let one_of = |keyword: &str| {
        schema[keyword]
            .as_array()
            .map(|schemas| schemas.iter().filter(|schema| fits_at(value, schema, root, at.clone()).is_ok()).count())
    };
    if one_of("anyOf") == Some(0) || one_of("oneOf").is_some_and(|count| count != 1) {
        return misfit("what one of the alternatives describes".into());
    }
    for part in schema["allOf"].as_array().map(Vec::as_slice).unwrap_or_default() {
        fits_at(value, part, root, at.clone())?;
    }
    within(value, schema, root, &at)
}

/// What is in an object or an array.
fn within(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), Misfit> {
    for (index, item) in value.as_array().map(Vec::as_slice).unwrap_or_default().iter().enumerate() {
        fits_at(item, &schema["items"], root, format!("{at}/{index}"))?;
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
        fits_at(field, schema, root, format!("{at}/{name}"))?;
    }
    Ok(())
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
