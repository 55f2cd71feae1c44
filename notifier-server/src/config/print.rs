//! Merged settings as TOML, in a stable order.

use std::collections::BTreeMap;
use std::fmt::Write;

use config::{Value, ValueKind};

/// The settings as a TOML document.
pub(super) fn to_toml(settings: &BTreeMap<String, Value>) -> String {
    let mut output = String::new();
    write_table(&mut output, "", settings);
    output.trim_start().to_owned()
}

fn write_table(output: &mut String, path: &str, entries: &BTreeMap<String, Value>) {
    let tables: BTreeMap<&String, BTreeMap<String, Value>> =
        entries.iter().filter_map(|(key, value)| Some((key, as_table(value)?))).collect();
    if !path.is_empty() && (tables.len() < entries.len() || entries.is_empty()) {
        // Writing to a string does not fail.
        let _ = writeln!(output, "\n[{path}]");
    }
    for (key, value) in entries.iter().filter(|(key, _)| !tables.contains_key(key)) {
        let _ = writeln!(output, "{} = {}", quoted_key(key), inline(value));
    }
    for (key, table) in &tables {
        let path = if path.is_empty() { quoted_key(key) } else { format!("{path}.{}", quoted_key(key)) };
        write_table(output, &path, table);
    }
}

fn as_table(value: &Value) -> Option<BTreeMap<String, Value>> {
    match &value.kind {
        ValueKind::Table(entries) => Some(entries.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        _ => None,
    }
}

fn quoted_key(key: &str) -> String {
    let is_bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string. JSON's escapes are TOML's, but for DEL, which TOML wants escaped (TOML 1.0, "String").
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn inline(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => quoted(text),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        ValueKind::Table(entries) => {
            let entries: BTreeMap<_, _> = entries.iter().collect();
            let pairs: Vec<_> =
                entries.iter().map(|(key, value)| format!("{} = {}", quoted_key(key), inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        ValueKind::Float(number) if number.is_nan() => "nan".to_owned(),
        ValueKind::Float(number) => format!("{number:?}"),
        other => other.to_string(),
    }
}
