//! The words: handlebars sources per channel and locale, checked when they are stored and rendered when they are due.
//!
//! Rendering is strict: a variable that is not there is an error, not an empty space in front of a tenant. Text is
//! inserted as it is into plain text, and escaped into HTML and JSON. Only what `check` knows is accepted, and every render
//! has a budget of steps, so that no template can keep a renderer busy.

mod check;
mod content;
mod functions;
mod json;
mod render;

use std::collections::BTreeMap;

use handlebars::Template as Parsed;
use serde_json::{Map, Value};

use check::{is_escaped, parse};
use content::{Escaping, Part, check_shape};

pub use content::{ChatSource, Content, EmailSource, PushSource, SmsSource, WebhookSource};
pub use render::{RenderError, Words};

use super::channel::Channel;
use super::id::TemplateName;
use super::limits::Limits;
use super::recipient::Locale;
use super::request::FieldError;

/// What a declared variable must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum VariableKind {
    /// Text.
    String,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A list.
    Array,
    /// A map.
    Object,
    /// Anything but null.
    Any,
}

impl VariableKind {
    /// Every kind.
    pub const ALL: [VariableKind; 6] =
        [Self::String, Self::Number, Self::Boolean, Self::Array, Self::Object, Self::Any];

    /// The name used in the API and in records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Array => "array",
            Self::Object => "object",
            Self::Any => "any",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match self {
            Self::String => value.is_string(),
            Self::Number => value.is_number(),
            Self::Boolean => value.is_boolean(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
            Self::Any => !value.is_null(),
        }
    }
}

/// A variable that a template declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variable {
    /// What it must be.
    pub kind: VariableKind,
    /// Whether a request without it is refused.
    pub required: bool,
}

/// Named, versioned content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name.
    pub name: TemplateName,
    /// Counts from 1; a stored version never changes.
    pub version: u32,
    /// What recipients read for whose locale there is nothing better.
    pub content: Content,
    /// What recipients of a locale read.
    pub locales: BTreeMap<Locale, Content>,
    /// What requests must bring.
    pub variables: BTreeMap<String, Variable>,
}

impl Template {
    /// The content for a reader of that locale, and which locale it is in (`None`: the default content).
    #[must_use]
    pub fn content_for(&self, locale: Option<&Locale>, channel: Channel) -> (Option<Locale>, &Content) {
        let candidates = locale.into_iter().flat_map(Locale::fallbacks);
        for candidate in candidates {
            if let Some(content) = self.locales.get(&candidate).filter(|content| content.has(channel)) {
                return (Some(candidate), content);
            }
        }
        (None, &self.content)
    }

    /// Checks a request's variables against the declared ones.
    #[must_use]
    pub fn check_variables(&self, variables: &Map<String, Value>) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (name, declared) in &self.variables {
            let field = format!("variables.{name}");
            match variables.get(name) {
                None | Some(Value::Null) if declared.required => {
                    let problem = format!("template `{}` version {} needs this variable", self.name, self.version);
                    errors.push(FieldError::new(field, problem));
                }
                Some(value) if !value.is_null() && !declared.kind.fits(value) => {
                    errors.push(FieldError::new(field, format!("must be of type {}", declared.kind.name())));
                }
                _ => {}
            }
        }
        errors
    }
}

/// Content whose sources are parsed and checked.
pub struct Compiled {
    parts: BTreeMap<Part, Parsed>,
    channels: Vec<Channel>,
    /// Names of the data of a push message, in order.
    data_names: Vec<String>,
    /// What an event is.
    kind: String,
}

impl Compiled {
    /// Parses and checks every part of `content`; `path` stands before the part in errors, as `content`.
    ///
    /// # Errors
    /// One for each part that is too long, malformed or uses what is not allowed.
    pub fn new(content: &Content, path: &str, limits: &Limits) -> Result<Self, Vec<FieldError>> {
        let mut errors = check_shape(content, path);
        let mut parts = BTreeMap::new();
        for (part, source) in content.parts() {
            match parse_part(part, source, limits) {
                Ok(parsed) => drop(parts.insert(part, parsed)),
                Err(problem) => errors.push(FieldError::new(join(path, &content.path_of(part)), problem)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            parts,
            channels: Channel::ALL.into_iter().filter(|channel| content.has(*channel)).collect(),
            data_names: content.push.iter().flat_map(|push| push.data.keys().cloned()).collect(),
            kind: content.webhook.as_ref().map(|webhook| webhook.kind.clone()).unwrap_or_default(),
        })
    }
}

fn parse_part(part: Part, source: &str, limits: &Limits) -> Result<Parsed, String> {
    let parsed = parse(source, part.source_bytes_max(limits), limits.template_expressions_max)?;
    if part.escaping() == Escaping::Json {
        if !is_escaped(&parsed) {
            return Err("`{{{…}}}` and `{{&…}}` insert text as it is, which is not safe in JSON: write `{{…}}`".into());
        }
        json::check_source(source)?;
    }
    Ok(parsed)
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}

#[cfg(test)]
mod tests;
