//! One event: `POST` to the endpoint.

use notifier_plugin_sdk::{Content, Context, Message, Receipt, Request, SendError, endpoint};

use crate::answer;
use crate::body;
use crate::settings::Settings;

pub(crate) fn send(settings: &Settings, message: Message, context: &Context) -> Result<Receipt, SendError> {
    let Content::Webhook(event) = message.content else {
        return Err(SendError::wrong_channel("webhook"));
    };
    endpoint::check(&event.url).map_err(|problem| SendError::recipient(None, format!("the URL {problem}")))?;
    let body = body::body(settings, &event, &message.attributes)?;
    let secrets = settings.secrets();
    let request = Request::post(event.url)
        .header("user-agent", &settings.user_agent)
        .header("webhook-id", webhook_id(&context.idempotency_key));
    let request = settings.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    let request = request
        .body("application/json", body)
        .standard_webhook(secrets.iter().copied())
        .timeout_ms(settings.timeout_ms);
    answer::read(&endpoint::send(request, secrets)?)
}

/// The key of the delivery, by which a receiver drops what it has already. What is signed are id, time and body with
/// full stops between them, so "Signature scheme" of the specification allows none inside the id.
fn webhook_id(idempotency_key: &str) -> String {
    idempotency_key.replace('.', "_")
}
