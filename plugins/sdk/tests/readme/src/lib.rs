use notifier_plugin_sdk::*;

struct Acme;

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    base_url: String,
}

const ERRORS: ErrorTable = ErrorTable { codes: &[("NO_SUCH_NUMBER", Class::Recipient)], statuses: &[] };

impl Provider for Acme {
    type Settings = Settings;

    fn describe() -> Description {
        Description {
            name: "acme".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "SMS through Acme".into(),
            channels: vec![Channel::Sms],
            settings_schema: include_str!("settings.schema.json").into(),
            hosts: vec!["api.acme.example".into()],
            secrets: vec![SecretNeed { name: "token".into(), required: true, description: "API token".into() }],
            receipts: vec![],
            attributes: vec![],
        }
    }

    fn send(settings: &Settings, message: Message, context: Context) -> Result<Receipt, SendError> {
        let Content::Sms(sms) = message.content else { return Err(SendError::wrong_channel("SMS")) };
        if !sms.media_urls.is_empty() {
            return Err(SendError::message(None, "Acme takes text only, and the message has media"));
        }
        let url = format!("{}/messages", settings.base_url);
        let request = Request::post(url).bearer("token").header("idempotency-key", context.idempotency_key);
        let response = request.json(&serde_json::json!({"to": sms.recipient, "text": sms.text})).send()?;
        if !response.is_success() {
            let code = response.json().and_then(|body: serde_json::Value| body["code"].as_str().map(Into::into));
            return Err(ERRORS.classify(&response, Problem { code, ..Problem::of_response(&response) }));
        }
        Ok(Receipt { provider_message_id: response.header("x-message-id").map(Into::into), attributes: vec![] })
    }
}

export_provider!(Acme);

#[cfg(test)]
mod tests {
    use notifier_plugin_sdk::testing::{Exchange, Script, context, replay, sms};

    use super::Acme;

    #[test]
    fn goes_as_documented() {
        replay::<Acme>(include_str!("../exchanges.json"));
    }

    #[test]
    fn sends_a_text() {
        let exchange = Exchange::post("https://api.acme.example/messages")
            .bearer("token")
            .header("idempotency-key", "key-1")
            .header("content-type", "application/json")
            .body(r#"{"text":"Hi","to":"+14155550100"}"#)
            .reply_with(202, &[("x-message-id", "7")], "");
        let outcome = Script::new()
            .settings(serde_json::json!({"base_url": "https://api.acme.example"}))
            .secret("token", "t")
            .exchange(exchange)
            .send::<Acme>(sms("+14155550100", "Hi"), context());
        assert_eq!(outcome.unwrap().provider_message_id.as_deref(), Some("7"));
    }
}
