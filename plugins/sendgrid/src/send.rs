//! One message: `POST /v3/mail/send`, and what the answer means.

use notifier_plugin_sdk::{
    Class, Content, Context, ErrorTable, Message, Problem, Receipt, Request, Response, SendError,
};
use serde::Deserialize;

use crate::mail;
use crate::settings::{API_KEY, Settings};

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Email(email) = message.content else {
        return Err(SendError::wrong_channel("email"));
    };
    let body = mail::body(settings, &email, &context)?;
    // Attachments can be most of a plugin's memory, and the body holds them by now.
    drop(email);
    let request =
        Request::post(format!("{}/v3/mail/send", settings.base_url)).bearer(API_KEY).body("application/json", body);
    let response = request.send()?;
    if !response.is_success() {
        return Err(refusal(&response));
    }
    // 202 with the id of the message; in sandbox mode 200 without one.
    Ok(Receipt {
        provider_message_id: response.header("x-message-id").filter(|id| !id.is_empty()).map(Into::into),
        attributes: if settings.sandbox_mode { vec![("sandbox".into(), "true".into())] } else { vec![] },
    })
}

/// `{"errors": [{"message", "field", "help"}]}`. Codes there are none: the status and the field tell.
#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    message: Option<String>,
    field: Option<String>,
}

fn refusal(response: &Response) -> SendError {
    let complaints = response.json::<Refused>().map(|refused| refused.errors).unwrap_or_default();
    let problem = problem(response, &complaints);
    match (response.status, complaints.iter().find_map(|complaint| class_of_field(complaint.field.as_deref()?))) {
        (400, Some(class)) => class.into_error(None, problem),
        _ => ErrorTable::NONE.classify(response, problem),
    }
}

/// What is wrong when SendGrid points at a field of the request, as `personalizations.0.to.0.email`: by how the field begins and
/// ends (<https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors>). Other fields are the message's.
#[rustfmt::skip]
pub(crate) const FIELDS: &[(&str, &str, Class)] = &[
    ("personalizations.", "email", Class::Recipient), // not an address
    ("from", "", Class::Provider),                    // not an address, or not a verified sender
    ("asm", "", Class::Provider),                     // no such unsubscribe group: a setting
    ("ip_pool_name", "", Class::Provider),            // no such pool: a setting
    ("mail_settings", "", Class::Provider),           // settings
    ("tracking_settings", "", Class::Provider),       // settings
];

/// None where the field does not tell more than the status.
fn class_of_field(field: &str) -> Option<Class> {
    let fits = |(start, end, _): &&(&str, &str, Class)| field.starts_with(start) && field.ends_with(end);
    FIELDS.iter().find(fits).map(|(.., class)| *class)
}

fn problem(response: &Response, complaints: &[Complaint]) -> Problem {
    let lines: Vec<_> = complaints
        .iter()
        .filter_map(|Complaint { message, field }| match (message.as_deref()?, field.as_deref()) {
            // Its description shows the text "null" as well.
            (message, None | Some("null")) => Some(message.to_owned()),
            (message, Some(field)) => Some(format!("{message} ({field})")),
        })
        .collect();
    if lines.is_empty() {
        return Problem::of_response(response);
    }
    Problem { code: None, message: lines.join("; ") }
}
