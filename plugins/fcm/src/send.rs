//! One message: `POST /v1/projects/{project}/messages:send`, and what the answer means.

use notifier_plugin_sdk::{Class, Content, Context, Message, Problem, Receipt, Request, Response, SendError, log};
use serde_json::Value;

use crate::errors::{ARGUMENTS, ERRORS, RATE_LIMIT_MS, THIRD_PARTY_AUTH, TOKEN_IS_INVALID};
use crate::message;
use crate::settings::{SERVICE_ACCOUNT, Settings};

/// <https://developers.google.com/identity/protocols/oauth2/scopes#fcm>.
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

const FCM_ERROR: &str = "type.googleapis.com/google.firebase.fcm.v1.FcmError";
const BAD_REQUEST: &str = "type.googleapis.com/google.rpc.BadRequest";

pub(crate) fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
    let Content::Push(push) = message.content else {
        return Err(SendError::wrong_channel("push"));
    };
    let body = message::body(settings, &push, &context)?;
    let response = Request::post(format!("{}/v1/projects/{}/messages:send", settings.base_url, settings.project_id))
        .jwt_bearer(SERVICE_ACCOUNT, &settings.token_url, SCOPE)
        .body("application/json", body)
        .send()?;
    if !response.is_success() {
        return Err(refusal(&response));
    }
    // The status accepts the message. What cannot be read of the body costs the id, not the message: asking again would send it
    // twice.
    let body: Value = response.json().unwrap_or_default();
    let name = text(&body, "name").map(Into::into);
    Ok(match settings.validate_only {
        // All that are only checked have the same name.
        true => Receipt { provider_message_id: None, attributes: vec![("validate_only".into(), "true".into())] },
        false => Receipt { provider_message_id: name, attributes: vec![] },
    })
}

/// A `google.rpc.Status`: `{"error": {"code", "message", "status", "details": [{"@type", …}]}}`. Its fields are read one by one:
/// one of an unexpected type costs no other.
struct Refused<'a> {
    code: Option<&'a str>,
    message: Option<&'a str>,
    /// Fields that a `BadRequest` points at, and what it says of them.
    violations: Vec<(&'a str, Option<&'a str>)>,
}

fn refusal(response: &Response) -> SendError {
    let body: Value = response.json().unwrap_or_default();
    let refused = Refused::read(&body);
    let problem = refused.problem().unwrap_or_else(|| Problem::of_response(response));
    if let Some(class) = refused.class_of_argument() {
        return class.into_error(None, problem);
    }
    if refused.code.is_some_and(|code| THIRD_PARTY_AUTH.contains(&code)) {
        log::error(&format!(
            "FCM has no valid key for APNs or for web push, so Apple's devices or browsers get nothing: set it in the Firebase \
             console, under Cloud Messaging ({})",
            problem.message
        ));
    }
    match ERRORS.classify(response, problem) {
        SendError::RateLimited(mut wait) => {
            wait.retry_after_ms = wait.retry_after_ms.or(Some(RATE_LIMIT_MS));
            SendError::RateLimited(wait)
        }
        error => error,
    }
}

impl<'a> Refused<'a> {
    fn read(body: &'a Value) -> Self {
        let error = body.get("error").unwrap_or(&Value::Null);
        let details = |kind: &'static str| {
            let all = error.get("details").and_then(Value::as_array).into_iter().flatten();
            all.filter(move |detail| text(detail, "@type") == Some(kind))
        };
        let violations = details(BAD_REQUEST)
            .filter_map(|detail| detail.get("fieldViolations")?.as_array())
            .flatten()
            .filter_map(|violation| Some((text(violation, "field")?, text(violation, "description"))))
            .collect();
        let code = details(FCM_ERROR).find_map(|detail| text(detail, "errorCode")).or_else(|| text(error, "status"));
        Self { code, message: text(error, "message"), violations }
    }

    /// None where an argument does not tell more than the code.
    fn class_of_argument(&self) -> Option<Class> {
        if self.code != Some("INVALID_ARGUMENT") {
            return None;
        }
        let class_of = |field| ARGUMENTS.iter().find(|(known, _)| *known == field).map(|(_, class)| *class);
        let by_field = self.violations.iter().find_map(|(field, _)| class_of(*field));
        by_field.or_else(|| self.message?.contains(TOKEN_IS_INVALID).then_some(Class::Recipient))
    }

    fn problem(&self) -> Option<Problem> {
        let code = self.code.map(Into::into);
        let said = match (self.message, self.code) {
            (Some(message), _) => message.to_owned(),
            (None, code) => format!("FCM says {}", code?),
        };
        let fields: Vec<_> = self
            .violations
            .iter()
            .filter(|(_, description)| description.is_none_or(|description| !said.contains(description)))
            .map(|(field, description)| match description {
                Some(description) => format!("{field}: {description}"),
                None => (*field).to_owned(),
            })
            .collect();
        let message = if fields.is_empty() { said } else { format!("{said} ({})", fields.join("; ")) };
        Some(Problem { code, message })
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str().filter(|text| !text.is_empty())
}
