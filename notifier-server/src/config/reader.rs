//! Reads typed values out of merged configuration and notes everything that is wrong, so that an operator sees every
//! mistake at once and not one at each start.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use config::{Value, ValueKind};

/// One setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem} (in {origin})")]
pub struct SettingError {
    /// Its path, as `server.listen`.
    pub key: String,
    /// What is wrong, and what would be right.
    pub problem: String,
    /// Where it was set: a file, `the environment`, or `the defaults`.
    pub origin: String,
}

/// A value and the keys that lead to it, from the root.
pub(crate) type Placed = (Vec<String>, Value);

/// Collects what is wrong, and what texts of the environment, which has no other type, turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    errors: RefCell<Vec<SettingError>>,
    typed: RefCell<Vec<Placed>>,
}

impl Notes {
    pub(crate) fn push(&self, key: impl Into<String>, problem: impl Into<String>, origin: &str) {
        let error = SettingError { key: key.into(), problem: problem.into(), origin: origin.into() };
        self.errors.borrow_mut().push(error);
    }

    /// What is wrong, or where nothing is, the texts of the environment in their types.
    pub(crate) fn finish(self) -> Result<Vec<Placed>, Vec<SettingError>> {
        let errors = self.errors.into_inner();
        if errors.is_empty() { Ok(self.typed.into_inner()) } else { Err(errors) }
    }
}

/// A table whose keys are taken one by one; what is left over is unknown.
#[must_use = "finish it, or unknown keys go unnoticed"]
pub(crate) struct Section<'e> {
    /// The keys that lead to it, from the root.
    keys: Vec<String>,
    entries: BTreeMap<String, Value>,
    /// Where each key was set.
    origins: BTreeMap<String, String>,
    known: Vec<String>,
    notes: &'e Notes,
}

/// The default when the origin of a value is not known.
const DEFAULTS: &str = "the defaults";

/// What [`config::Environment`] calls itself.
const ENVIRONMENT: &str = "the environment";

impl<'e> Section<'e> {
    pub(crate) fn root(entries: impl IntoIterator<Item = (String, Value)>, notes: &'e Notes) -> Self {
        Self::new(Vec::new(), entries, notes)
    }

    fn new(keys: Vec<String>, entries: impl IntoIterator<Item = (String, Value)>, notes: &'e Notes) -> Self {
        let entries: BTreeMap<String, Value> = entries.into_iter().collect();
        let origin = |(key, value): (&String, &Value)| (key.clone(), value.origin().unwrap_or(DEFAULTS).to_owned());
        let origins = entries.iter().map(origin).collect();
        Self { keys, entries, origins, known: Vec::new(), notes }
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        let known = self.known.join("`, `");
        for key in self.entries.keys() {
            self.refuse(key, format!("there is no such setting; there are `{known}`"));
        }
    }

    /// Notes an error of a key in this table.
    pub(crate) fn refuse(&self, key: &str, problem: impl Into<String>) {
        let origin = self.origins.get(key).map_or_else(|| self.origin(), String::as_str);
        self.notes.push(self.below(key).join("."), problem, origin);
    }

    /// Notes an error of this table as a whole.
    pub(crate) fn refuse_all(&self, problem: impl Into<String>) {
        self.notes.push(self.keys.join("."), problem, self.origin());
    }

    /// Where this table was written, as far as one of its values tells.
    fn origin(&self) -> &str {
        self.origins.values().next().map_or(DEFAULTS, String::as_str)
    }

    fn is_from_environment(&self, key: &str) -> bool {
        self.origins.get(key).is_some_and(|origin| origin == ENVIRONMENT)
    }

    /// The keys that lead to a key of this table.
    fn below(&self, key: &str) -> Vec<String> {
        self.keys.iter().cloned().chain([key.to_owned()]).collect()
    }

    /// Notes what a text of the environment turned out to be.
    fn note_type(&self, key: &str, kind: impl Into<ValueKind>) {
        if self.is_from_environment(key) {
            note_type(self.notes, self.below(key), kind.into());
        }
    }

    /// The value of that name as it was written, if it is there.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value> {
        self.known.push(key.to_owned());
        self.entries.remove(key)
    }

    fn required<T>(&mut self, key: &str, value: Option<T>, was_there: bool) -> Option<T> {
        if value.is_none() && !was_there {
            self.refuse(key, "is required");
        }
        value
    }

    /// The table of that name; an empty one when it is absent.
    pub(crate) fn section(&mut self, key: &str) -> Section<'e> {
        self.optional_section(key).unwrap_or_else(|| Section::new(self.below(key), [], self.notes))
    }

    /// The table of that name, if it is there.
    pub(crate) fn optional_section(&mut self, key: &str) -> Option<Section<'e>> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::Table(entries) => Some(Section::new(self.below(key), entries, self.notes)),
            other => {
                self.refuse(key, format!("must be a table, not {}", kind_name(&other)));
                None
            }
        }
    }

    /// Every table below this one, by name.
    pub(crate) fn sections(mut self) -> Vec<(String, Section<'e>)> {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.optional_section(&name)?))).collect()
    }

    /// The tables of the list of that name, in order; none when it is absent.
    pub(crate) fn sections_of(&mut self, key: &str) -> Vec<Section<'e>> {
        let Some(value) = self.take(key) else { return Vec::new() };
        let ValueKind::Array(items) = value.kind else {
            self.refuse(key, format!("must be a list of tables, as `[[{key}]]`, not {}", kind_name(&value.kind)));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in items.into_iter().enumerate() {
            let keys = self.below(&format!("{key}[{index}]"));
            match item.kind {
                ValueKind::Table(entries) => sections.push(Section::new(keys, entries, self.notes)),
                other => {
                    self.refuse(key, format!("must be a list of tables, as `[[{key}]]`, not of {}", kind_name(&other)))
                }
            }
        }
        sections
    }

    /// Every entry of this table, as a number of 32 bits; `None` after an error.
    pub(crate) fn numbers(mut self) -> Option<Vec<(String, u32)>> {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        let number = |name: String| {
            let number = self.optional_number(&name, 0..=u64::from(u32::MAX))?;
            Some((name, u32::try_from(number).ok()?))
        };
        names.into_iter().map(number).collect()
    }

    /// Every entry of this table, as text.
    pub(crate) fn texts(&mut self) -> Vec<(String, String)> {
        let names: Vec<String> = self.entries.keys().cloned().collect();
        names.into_iter().filter_map(|name| Some((name.clone(), self.optional_text(&name)?))).collect()
    }

    /// Text, if it is there.
    pub(crate) fn optional_text(&mut self, key: &str) -> Option<String> {
        let value = self.take(key)?;
        match value.kind {
            ValueKind::String(text) => Some(text),
            other => {
                self.refuse(key, format!("must be text, not {}", kind_name(&other)));
                None
            }
        }
    }

    /// Text that must be there; empty after an error.
    pub(crate) fn text(&mut self, key: &str) -> String {
        let was_there = self.entries.contains_key(key);
        let text = self.optional_text(key);
        self.required(key, text, was_there).unwrap_or_default()
    }

    /// A number in that range, if it is there.
    pub(crate) fn optional_number(&mut self, key: &str, range: RangeInclusive<u64>) -> Option<u64> {
        let from_environment = self.is_from_environment(key);
        let value = self.take(key)?;
        let number = match &value.kind {
            ValueKind::I64(number) => u64::try_from(*number).ok(),
            ValueKind::U64(number) => Some(*number),
            ValueKind::String(text) if from_environment => text.trim().parse().ok(),
            _ => None,
        };
        let in_range = number.filter(|number| range.contains(number));
        if in_range.is_none() {
            let shown = number.map_or_else(|| kind_name(&value.kind).to_owned(), |number| number.to_string());
            let problem = format!("must be a whole number from {} to {}, not {shown}", range.start(), range.end());
            self.refuse(key, problem);
        }
        if let Some(number) = in_range {
            self.note_type(key, number);
        }
        in_range
    }

    /// A number in that range, which must be there; the start of the range after an error.
    pub(crate) fn number(&mut self, key: &str, range: RangeInclusive<u64>) -> u64 {
        let was_there = self.entries.contains_key(key);
        let start = *range.start();
        let number = self.optional_number(key, range);
        self.required(key, number, was_there).unwrap_or(start)
    }

    /// A share of a hundred, with or without a fraction, if it is there.
    pub(crate) fn optional_percent(&mut self, key: &str) -> Option<f64> {
        let value = self.take(key)?;
        let number = match &value.kind {
            ValueKind::I64(number) => i32::try_from(*number).ok().map(f64::from),
            ValueKind::Float(number) => Some(*number),
            _ => None,
        };
        let percent = number.filter(|number| (0.0..=100.0).contains(number));
        if percent.is_none() {
            let shown = number.map_or_else(|| kind_name(&value.kind).to_owned(), |number| number.to_string());
            self.refuse(key, format!("must be a number from 0 to 100, not {shown}"));
        }
        percent
    }

    /// True or false, if it is there.
    pub(crate) fn optional_flag(&mut self, key: &str) -> Option<bool> {
        let from_environment = self.is_from_environment(key);
        let value = self.take(key)?;
        let flag = match &value.kind {
            ValueKind::Boolean(flag) => Some(*flag),
            ValueKind::String(text) if from_environment && text == "true" => Some(true),
            ValueKind::String(text) if from_environment && text == "false" => Some(false),
            _ => None,
        };
        match flag {
            None => self.refuse(key, format!("must be `true` or `false`, not {}", kind_name(&value.kind))),
            Some(flag) => self.note_type(key, flag),
        }
        flag
    }

    /// True or false, which must be there; false after an error.
    pub(crate) fn flag(&mut self, key: &str) -> bool {
        let was_there = self.entries.contains_key(key);
        let flag = self.optional_flag(key);
        self.required(key, flag, was_there).unwrap_or_default()
    }

    /// A list of texts, if it is there. In the environment they are separated by commas.
    pub(crate) fn optional_list(&mut self, key: &str) -> Option<Vec<String>> {
        let from_environment = self.is_from_environment(key);
        let value = self.take(key)?;
        let texts: Option<Vec<String>> = match value.kind {
            ValueKind::String(text) if from_environment => {
                Some(text.split(',').map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
            }
            ValueKind::Array(items) => {
                let text = |item: Value| match item.kind {
                    ValueKind::String(text) => Some(text),
                    _ => None,
                };
                items.into_iter().map(text).collect()
            }
            _ => None,
        };
        match &texts {
            None => self.refuse(key, "must be a list of texts"),
            Some(texts) => self.note_type(key, texts.clone()),
        }
        texts
    }

    /// A table with anything in it, as JSON; empty when it is absent. What its values are is known to others only, so a text
    /// of the environment is the JSON that it holds, or else text.
    pub(crate) fn json(&mut self, key: &str) -> serde_json::Value {
        let Some(value) = self.take(key) else { return serde_json::json!({}) };
        if !matches!(value.kind, ValueKind::Table(_)) {
            self.refuse(key, format!("must be a table, not {}", kind_name(&value.kind)));
        }
        let keys = self.below(key);
        to_json(typed(self.notes, &keys, value))
    }
}

/// The value with the JSON in texts of the environment in place of the texts.
fn typed(notes: &Notes, keys: &[String], value: Value) -> Value {
    let origin = value.origin().map(str::to_owned);
    let kind = match value.kind {
        ValueKind::Table(entries) => {
            let below = |key: &String| [keys, std::slice::from_ref(key)].concat();
            let entries = entries.into_iter();
            ValueKind::Table(entries.map(|(key, value)| (key.clone(), typed(notes, &below(&key), value))).collect())
        }
        ValueKind::String(text) if origin.as_deref() == Some(ENVIRONMENT) => {
            let kind = serde_json::from_str(&text).ok().and_then(from_json).unwrap_or(ValueKind::String(text));
            note_type(notes, keys.to_vec(), kind.clone());
            kind
        }
        other => other,
    };
    Value::new(origin.as_ref(), kind)
}

fn note_type(notes: &Notes, keys: Vec<String>, kind: ValueKind) {
    notes.typed.borrow_mut().push((keys, Value::new(Some(&ENVIRONMENT.to_owned()), kind)));
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "true or false",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number",
        ValueKind::Float(_) => "a fraction",
        ValueKind::String(_) => "text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

fn to_json(value: Value) -> serde_json::Value {
    match value.kind {
        ValueKind::Nil => serde_json::Value::Null,
        ValueKind::Boolean(flag) => flag.into(),
        ValueKind::I64(number) => number.into(),
        ValueKind::U64(number) => number.into(),
        // TOML has no integers beyond 64 bits.
        ValueKind::I128(number) => number.to_string().into(),
        ValueKind::U128(number) => number.to_string().into(),
        ValueKind::Float(number) => number.into(),
        ValueKind::String(text) => text.into(),
        ValueKind::Table(entries) => entries.into_iter().map(|(key, value)| (key, to_json(value))).collect(),
        ValueKind::Array(items) => items.into_iter().map(to_json).collect(),
    }
}

/// JSON as far as TOML has it too: no null, and no number beyond its.
fn from_json(json: serde_json::Value) -> Option<ValueKind> {
    Some(match json {
        serde_json::Value::Null => return None,
        serde_json::Value::Bool(flag) => ValueKind::Boolean(flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => ValueKind::I64(whole),
            None => ValueKind::Float(number.as_f64().filter(|_| number.is_f64())?),
        },
        serde_json::Value::String(text) => ValueKind::String(text),
        serde_json::Value::Array(items) => {
            let value = |item| from_json(item).map(|kind| Value::new(None, kind));
            ValueKind::Array(items.into_iter().map(value).collect::<Option<_>>()?)
        }
        serde_json::Value::Object(entries) => {
            let entry = |(key, item)| from_json(item).map(|kind| (key, Value::new(None, kind)));
            ValueKind::Table(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
    })
}
