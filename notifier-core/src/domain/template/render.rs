//! From parsed sources and the facts of one notification to the words that are sent.

use std::io;
use std::sync::LazyLock;

use handlebars::{Context, Handlebars, Output, RenderContext, Renderable as _};
use serde_json::Value;

use super::super::channel::Channel;
use super::super::limits::Limits;
use super::content::{Escaping, Part};
use super::functions::{self, Budget};
use super::{Compiled, json};

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
    /// Of a push message.
    Push {
        /// One line.
        title: String,
        /// The words.
        body: String,
        /// What the application on the device gets beside them, by name.
        data: Vec<(String, String)>,
    },
    /// Of a chat message.
    Chat {
        /// The words.
        text: String,
        /// The vendor's own layout: a JSON object or array.
        layout: Option<String>,
    },
    /// Of an event.
    Webhook {
        /// What happened.
        kind: String,
        /// What there is to know about it: a JSON object or array.
        payload: String,
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

impl Compiled {
    /// Makes the words for one channel.
    ///
    /// # Errors
    /// When a variable is missing, a helper refuses its arguments, or the result is too long or empty.
    pub fn render(&self, channel: Channel, data: &Value, limits: &Limits) -> Result<Words, RenderError> {
        if !self.channels.contains(&channel) {
            return Err(RenderError { part: channel.name(), problem: format!("the content has no {channel} part") });
        }
        let rendering = Rendering::new(data, limits);
        match channel {
            Channel::Email => self.render_email(&rendering),
            Channel::Sms => Ok(Words::Sms { text: self.render_text(Part::Sms, &rendering, limits.sms_chars_max)? }),
            Channel::Push => self.render_push(&rendering),
            Channel::Chat => Ok(Words::Chat {
                text: self.render_text(Part::ChatText, &rendering, limits.chat_chars_max)?,
                layout: self.render_json(Part::ChatLayout, &rendering, limits.rendered_bytes_max)?,
            }),
            Channel::Webhook => {
                let payload = self.render_json(Part::WebhookPayload, &rendering, limits.webhook_payload_bytes_max)?;
                Ok(Words::Webhook { kind: self.kind.clone(), payload: payload.unwrap_or_default() })
            }
        }
    }

    fn render_email(&self, rendering: &Rendering<'_>) -> Result<Words, RenderError> {
        let limits = rendering.limits;
        let subject = self.render_line(Part::Subject, rendering, limits.subject_chars_max)?;
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

    fn render_push(&self, rendering: &Rendering<'_>) -> Result<Words, RenderError> {
        let limits = rendering.limits;
        let title = self.render_line(Part::PushTitle, rendering, limits.push_title_chars_max)?;
        let body = self.render_text(Part::PushBody, rendering, limits.push_body_chars_max)?;
        let mut data = Vec::with_capacity(self.data_names.len());
        let mut bytes = 0;
        for (index, name) in self.data_names.iter().enumerate() {
            let rendered = self.render_part(Part::PushData(index), rendering);
            let value = rendered.map_err(|at| error(Part::PushData(index), format!("`{name}`: {}", at.problem)))?;
            let value = value.unwrap_or_default();
            bytes += name.len() + value.len();
            data.push((name.clone(), value));
        }
        if bytes > limits.push_data_bytes_max {
            let problem = format!("{bytes} bytes after rendering; at most {}", limits.push_data_bytes_max);
            return Err(error(Part::PushData(0), problem));
        }
        Ok(Words::Push { title, body, data })
    }

    /// A part that is one line, whatever went into it: a line break in a variable must not become a header.
    fn render_line(&self, part: Part, rendering: &Rendering<'_>, chars_max: usize) -> Result<String, RenderError> {
        let text = self.render_part(part, rendering)?.unwrap_or_default();
        let words = text.split(|c: char| c.is_control() || c.is_whitespace()).filter(|word| !word.is_empty());
        bounded(part, words.collect::<Vec<_>>().join(" "), chars_max)
    }

    fn render_text(&self, part: Part, rendering: &Rendering<'_>, chars_max: usize) -> Result<String, RenderError> {
        bounded(part, self.render_part(part, rendering)?.unwrap_or_default(), chars_max)
    }

    fn render_json(
        &self,
        part: Part,
        rendering: &Rendering<'_>,
        bytes_max: usize,
    ) -> Result<Option<String>, RenderError> {
        let Some(rendered) = self.render_part(part, rendering)? else { return Ok(None) };
        let text = json::settle(&rendered).map_err(|problem| error(part, problem))?;
        if text.len() > bytes_max {
            return Err(error(part, format!("{} bytes after rendering; at most {bytes_max}", text.len())));
        }
        Ok(Some(text))
    }

    /// The part as it is rendered; `None` where the content has no such part.
    fn render_part(&self, part: Part, rendering: &Rendering<'_>) -> Result<Option<String>, RenderError> {
        let Some(template) = self.parts.get(&part) else { return Ok(None) };
        let registry: &Handlebars<'static> = match part.escaping() {
            Escaping::Plain => &PLAIN,
            Escaping::Html => &HTML,
            Escaping::Json => &JSON,
        };
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

/// How values are written into plain text, HTML and JSON. The helpers come with each render, because they share its budget.
static PLAIN: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut plain = functions::empty_registry();
    plain.register_escape_fn(handlebars::no_escape);
    plain
});
static HTML: LazyLock<Handlebars<'static>> = LazyLock::new(functions::empty_registry);
static JSON: LazyLock<Handlebars<'static>> = LazyLock::new(|| {
    let mut json = functions::empty_registry();
    json.register_escape_fn(json::escape);
    json
});

/// The text, if it is neither blank nor too long.
fn bounded(part: Part, text: String, chars_max: usize) -> Result<String, RenderError> {
    let chars = text.chars().count();
    if text.trim().is_empty() {
        return Err(error(part, "is empty after rendering"));
    }
    if chars > chars_max {
        return Err(error(part, format!("{chars} characters after rendering; at most {chars_max}")));
    }
    Ok(text)
}

fn error(part: Part, problem: impl Into<String>) -> RenderError {
    RenderError { part: part.path(), problem: problem.into() }
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
