//! The words: handlebars sources per channel and locale, checked when they are stored and rendered when they are due.
//!
//! Rendering is strict: a variable that is not there is an error, not an empty space in front of a tenant. Text is
//! inserted as it is into plain text and escaped into HTML. Partials and decorators are refused, and loops are bounded
//! in depth, so that no template can keep a renderer busy.

use std::collections::BTreeMap;
use std::io;

use handlebars::template::TemplateElement;
use handlebars::{Handlebars, Template as Parsed};
use serde_json::{Map, Value};

use super::channel::Channel;
use super::id::TemplateName;
use super::limits::Limits;
use super::recipient::Locale;
use super::request::FieldError;

/// Sources of an email.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EmailSource {
    /// One line.
    pub subject: String,
    /// Plain text; at least one of `text` and `html` is present.
    pub text: Option<String>,
    /// HTML.
    pub html: Option<String>,
}

/// Source of a text message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SmsSource {
    /// The words.
    pub text: String,
}

/// Sources for the channels that have any.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// For email.
    pub email: Option<EmailSource>,
    /// For text messages.
    pub sms: Option<SmsSource>,
}

impl Content {
    /// Whether there are words for that channel.
    #[must_use]
    pub fn has(&self, channel: Channel) -> bool {
        match channel {
            Channel::Email => self.email.is_some(),
            Channel::Sms => self.sms.is_some(),
        }
    }

    /// Each part: its path below the content, whether it is HTML, and its source.
    fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let email = self.email.iter().flat_map(|email| {
            [
                Some((Part::Subject, email.subject.as_str())),
                email.text.as_deref().map(|source| (Part::Text, source)),
                email.html.as_deref().map(|source| (Part::Html, source)),
            ]
        });
        let sms = self.sms.iter().map(|sms| Some((Part::Sms, sms.text.as_str())));
        email.chain(sms).flatten()
    }
}

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

/// One source of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
    Sms,
}

impl Part {
    fn path(self) -> &'static str {
        match self {
            Self::Subject => "email.subject",
            Self::Text => "email.text",
            Self::Html => "email.html",
            Self::Sms => "sms.text",
        }
    }
}

/// Rendered words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Words {
    /// Of an email.
    Email {
        /// One line.
        subject: String,
        /// Plain text.
        text: Option<String>,
        /// HTML.
        html: Option<String>,
    },
    /// Of a text message.
    Sms {
        /// The words.
        text: String,
    },
}

/// The words could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{part}: {problem}")]
pub struct RenderError {
    /// Which part, as `email.subject`.
    pub part: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Content whose sources are parsed and checked.
pub struct Compiled {
    plain: Handlebars<'static>,
    html: Handlebars<'static>,
    has_email: bool,
    has_sms: bool,
}

/// How deep loops and conditions may nest, and loops among them.
const BLOCK_DEPTH_MAX: usize = 16;
const LOOP_DEPTH_MAX: usize = 2;

impl Compiled {
    /// Parses and checks every part of `content`; `path` stands before the part in errors, as `content`.
    ///
    /// # Errors
    /// One for each part that is too long, malformed or uses what is not allowed.
    pub fn new(content: &Content, path: &str, limits: &Limits) -> Result<Self, Vec<FieldError>> {
        let mut plain = Handlebars::new();
        plain.set_strict_mode(true);
        plain.register_escape_fn(handlebars::no_escape);
        let mut html = Handlebars::new();
        html.set_strict_mode(true);
        let mut errors = check_shape(content, path);
        for (part, source) in content.parts() {
            match parse(part, source, limits) {
                Ok(parsed) if part == Part::Html => html.register_template(part.path(), parsed),
                Ok(parsed) => plain.register_template(part.path(), parsed),
                Err(problem) => errors.push(FieldError::new(join(path, part.path()), problem)),
            }
        }
        if errors.is_empty() {
            Ok(Self { plain, html, has_email: content.email.is_some(), has_sms: content.sms.is_some() })
        } else {
            Err(errors)
        }
    }

    /// Makes the words for one channel.
    ///
    /// # Errors
    /// When a variable is missing, a helper refuses its arguments, or the result is too long or empty.
    pub fn render(&self, channel: Channel, data: &Value, limits: &Limits) -> Result<Words, RenderError> {
        match channel {
            Channel::Email if self.has_email => self.render_email(data, limits),
            Channel::Sms if self.has_sms => {
                let text = self.render_part(Part::Sms, data, limits)?.unwrap_or_default();
                let chars = text.chars().count();
                if text.trim().is_empty() {
                    return Err(error(Part::Sms, "the text is empty after rendering"));
                }
                if chars > limits.sms_chars_max {
                    let problem = format!("{chars} characters after rendering; at most {}", limits.sms_chars_max);
                    return Err(error(Part::Sms, problem));
                }
                Ok(Words::Sms { text })
            }
            Channel::Email => Err(error(Part::Subject, "the content has no email part")),
            Channel::Sms => Err(error(Part::Sms, "the content has no sms part")),
        }
    }

    fn render_email(&self, data: &Value, limits: &Limits) -> Result<Words, RenderError> {
        let subject = self.render_part(Part::Subject, data, limits)?.unwrap_or_default();
        // A line break in a variable must not become a header: a subject is one line, whatever went into it.
        let subject = subject.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
        let subject = subject.collect::<Vec<_>>().join(" ");
        if subject.is_empty() {
            return Err(error(Part::Subject, "the subject is empty after rendering"));
        }
        if subject.chars().count() > limits.subject_chars_max {
            let problem = format!("over {} characters after rendering", limits.subject_chars_max);
            return Err(error(Part::Subject, problem));
        }
        let text = self.render_part(Part::Text, data, limits)?;
        let html = self.render_part(Part::Html, data, limits)?;
        let is_blank = |part: &Option<String>| part.as_deref().is_none_or(|part| part.trim().is_empty());
        if is_blank(&text) && is_blank(&html) {
            return Err(error(Part::Text, "the body is empty after rendering"));
        }
        // Vendors refuse a blank part beside a filled one.
        let text = text.filter(|part| !part.trim().is_empty());
        let html = html.filter(|part| !part.trim().is_empty());
        Ok(Words::Email { subject, text, html })
    }

    fn render_part(&self, part: Part, data: &Value, limits: &Limits) -> Result<Option<String>, RenderError> {
        let registry = if part == Part::Html { &self.html } else { &self.plain };
        if !registry.has_template(part.path()) {
            return Ok(None);
        }
        let mut output = Capped { bytes: Vec::new(), bytes_max: limits.rendered_bytes_max };
        let rendered = registry.render_to_write(part.path(), data, &mut output);
        if output.bytes.len() >= output.bytes_max {
            return Err(error(part, format!("over {} bytes after rendering", limits.rendered_bytes_max)));
        }
        rendered.map_err(|cause| error(part, describe(&cause)))?;
        String::from_utf8(output.bytes).map(Some).map_err(|_| error(part, "not UTF-8 after rendering"))
    }
}

fn error(part: Part, problem: impl Into<String>) -> RenderError {
    RenderError { part: part.path(), problem: problem.into() }
}

fn join(path: &str, part: &str) -> String {
    if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") }
}

fn describe(cause: &handlebars::RenderError) -> String {
    use handlebars::RenderErrorReason as R;
    let place = match (cause.line_no, cause.column_no) {
        (Some(line), Some(column)) => format!(" (line {line}, column {column})"),
        _ => String::new(),
    };
    match cause.reason() {
        R::MissingVariable(Some(name)) => format!("the variable `{name}` is missing{place}"),
        R::MissingVariable(None) => format!("a variable is missing{place}"),
        reason => format!("{reason}{place}"),
    }
}

fn check_shape(content: &Content, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if let Some(email) = &content.email {
        if email.text.is_none() && email.html.is_none() {
            errors.push(FieldError::new(join(path, "email"), "needs `text`, `html` or both"));
        }
        if email.subject.trim().is_empty() {
            errors.push(FieldError::new(join(path, "email.subject"), "must not be empty"));
        }
        if email.subject.chars().any(char::is_control) {
            errors.push(FieldError::new(join(path, "email.subject"), "must be one line, without control characters"));
        }
    }
    if content.sms.as_ref().is_some_and(|sms| sms.text.trim().is_empty()) {
        errors.push(FieldError::new(join(path, "sms.text"), "must not be empty"));
    }
    errors
}

fn parse(part: Part, source: &str, limits: &Limits) -> Result<Parsed, String> {
    if source.len() > limits.template_source_bytes_max {
        return Err(format!("{} bytes; at most {}", source.len(), limits.template_source_bytes_max));
    }
    let parsed = Parsed::compile_with_name(source, part.path().to_owned()).map_err(|error| {
        let place = error.pos().map(|(line, column)| format!(" (line {line}, column {column})")).unwrap_or_default();
        format!("not a valid template: {}{place}", error.reason())
    })?;
    check_elements(&parsed, 0, 0)?;
    Ok(parsed)
}

/// Refuses what could run without end or reach other templates.
fn check_elements(template: &Parsed, depth: usize, loops: usize) -> Result<(), String> {
    use TemplateElement as T;
    if depth > BLOCK_DEPTH_MAX {
        return Err(format!("blocks nest deeper than {BLOCK_DEPTH_MAX}"));
    }
    for element in &template.elements {
        match element {
            T::RawString(_) | T::Comment(_) | T::HtmlExpression(_) | T::Expression(_) => {}
            T::HelperBlock(block) => {
                let loops = loops + usize::from(block.name.as_name() == Some("each"));
                if loops > LOOP_DEPTH_MAX {
                    return Err(format!("`each` nests deeper than {LOOP_DEPTH_MAX}"));
                }
                for inner in block.template.iter().chain(&block.inverse) {
                    check_elements(inner, depth + 1, loops)?;
                }
            }
            T::PartialExpression(_) | T::PartialBlock(_) => return Err("partials (`{{> …}}`) are not available".into()),
            T::DecoratorExpression(_) | T::DecoratorBlock(_) => {
                return Err("decorators (`{{* …}}`) are not available".into());
            }
            _ => return Err("uses a form of expression that is not available".into()),
        }
    }
    Ok(())
}

/// Stops a renderer that writes too much.
struct Capped {
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Capped {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        let room = self.bytes_max - self.bytes.len();
        self.bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room { Err(io::Error::other("too long")) } else { Ok(chunk.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
