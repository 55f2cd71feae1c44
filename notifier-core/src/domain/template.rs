//! The words: handlebars sources per channel and locale, checked when they are stored and rendered when they are due.
//!
//! Rendering is strict: a variable that is not there is an error, not an empty space in front of a tenant. Text is
//! inserted as it is into plain text and escaped into HTML. Only what `check` knows is accepted, and every render has a
//! budget of steps, so that no template can keep a renderer busy.

mod check;
mod functions;

use std::collections::BTreeMap;
use std::io;
use std::sync::LazyLock;

use handlebars::{Context, Handlebars, Output, RenderContext, Renderable as _, Template as Parsed};
use serde_json::{Map, Value};

use check::parse;
use functions::Budget;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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
    parts: BTreeMap<Part, Parsed>,
    has_email: bool,
    has_sms: bool,
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
            match parse(source, source_bytes_max(part, limits), limits.template_expressions_max) {
                Ok(parsed) => drop(parts.insert(part, parsed)),
                Err(problem) => errors.push(FieldError::new(join(path, part.path()), problem)),
            }
        }
        if errors.is_empty() {
            Ok(Self { parts, has_email: content.email.is_some(), has_sms: content.sms.is_some() })
        } else {
            Err(errors)
        }
    }

    /// Makes the words for one channel.
    ///
    /// # Errors
    /// When a variable is missing, a helper refuses its arguments, or the result is too long or empty.
    pub fn render(&self, channel: Channel, data: &Value, limits: &Limits) -> Result<Words, RenderError> {
        let rendering = Rendering::new(data, limits);
        match channel {
            Channel::Email if self.has_email => self.render_email(&rendering),
            Channel::Sms if self.has_sms => {
                let text = self.render_part(Part::Sms, &rendering)?.unwrap_or_default();
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

    fn render_email(&self, rendering: &Rendering<'_>) -> Result<Words, RenderError> {
        let limits = rendering.limits;
        let subject = self.render_part(Part::Subject, rendering)?.unwrap_or_default();
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
        let text = self.render_part(Part::Text, rendering)?;
        let html = self.render_part(Part::Html, rendering)?;
        let is_blank = |part: &Option<String>| part.as_deref().is_none_or(|part| part.trim().is_empty());
        if is_blank(&text) && is_blank(&html) {
            return Err(error(Part::Text, "the body is empty after rendering"));
        }
        // Vendors refuse a blank part beside a filled one.
        let text = text.filter(|part| !part.trim().is_empty());
        let html = html.filter(|part| !part.trim().is_empty());
        Ok(Words::Email { subject, text, html })
    }

    fn render_part(&self, part: Part, rendering: &Rendering<'_>) -> Result<Option<String>, RenderError> {
        let Some(template) = self.parts.get(&part) else { return Ok(None) };
        let registry: &Handlebars<'static> = if part == Part::Html { &HTML } else { &PLAIN };
        let mut output = Capped { text: String::new(), bytes_max: rendering.limits.rendered_bytes_max, is_full: false };
        let mut context = RenderContext::new(None);
        rendering.budget.lend(&mut context);
        let rendered = rendering.budget.spend(functions::steps_of(template));
        let rendered = rendered.and_then(|()| template.render(registry, &rendering.data, &mut context, &mut output));
        if output.is_full {
            return Err(error(part, format!("over {} bytes after rendering", output.bytes_max)));
        }
        rendered.map_err(|cause| error(part, describe(&cause)))?;
        Ok(Some(output.text))
    }
}

/// What the parts of one message share while they are rendered.
struct Rendering<'a> {
    data: Context,
    limits: &'a Limits,
    budget: Budget,
}

impl<'a> Rendering<'a> {
    fn new(data: &Value, limits: &'a Limits) -> Self {
        // Only what cannot be JSON fails to be wrapped.
        let data = Context::wraps(data).unwrap_or_else(|_| Context::null());
        Self { data, limits, budget: Budget::new(limits.template_steps_max) }
    }
}

/// How values are written into plain text and into HTML. The helpers come with each render, because they share its budget.
static PLAIN: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut plain = functions::empty_registry();
    plain.register_escape_fn(handlebars::no_escape);
    plain
});
static HTML: LazyLock<Handlebars<'static>> = LazyLock::new(functions::empty_registry);

/// A subject is a line and a text message a few hundred characters: their sources need not be as long as an email's.
const SUBJECT_SOURCE_BYTES_MAX: usize = 4 * 1024;
const SMS_SOURCE_BYTES_MAX: usize = 16 * 1024;

fn source_bytes_max(part: Part, limits: &Limits) -> usize {
    match part {
        Part::Subject => limits.template_source_bytes_max.min(SUBJECT_SOURCE_BYTES_MAX),
        Part::Sms => limits.template_source_bytes_max.min(SMS_SOURCE_BYTES_MAX),
        Part::Text | Part::Html => limits.template_source_bytes_max,
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
        R::Other(problem) => format!("{problem}{place}"),
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

/// Stops a renderer that writes too much.
struct Capped {
    text: String,
    bytes_max: usize,
    is_full: bool,
}

impl Output for Capped {
    fn write(&mut self, segment: &str) -> io::Result<()> {
        if segment.len() > self.bytes_max - self.text.len() {
            self.is_full = true;
            return Err(io::Error::other("too long"));
        }
        self.text.push_str(segment);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
