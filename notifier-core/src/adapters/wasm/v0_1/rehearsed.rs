//! From the documented exchanges to the contract's types and back. Unlike `convert`, nothing is bounded, cleaned or left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_exchanges as file;
use wasmtime::Store;

use super::super::call::CallState;
use super::super::rehearsal::{Asked, Portrait, SecretWanted};
use super::Plugin;
use super::bindings::notifier::provider::{http, model as wit};

impl Plugin {
    pub(in super::super) async fn portray(&self, store: &mut Store<CallState>) -> wasmtime::Result<Portrait> {
        let plugin = self.pre.instantiate_async(&mut *store).await?;
        Ok(portrait(plugin.notifier_provider_provider().call_describe(store).await?))
    }

    pub(in super::super) async fn send_rehearsed(
        &self,
        store: &mut Store<CallState>,
        message: &wit::Message,
        context: &file::Context,
    ) -> wasmtime::Result<(file::Outcome, Vec<String>)> {
        let file::Context { idempotency_key, attempt, tenant, category, receipt_url } = context.clone();
        let context = wit::Context { idempotency_key, attempt, tenant, category, receipt_url, attributes: Vec::new() };
        Ok(outcome(self.call_send(store, message, &context).await?))
    }

    pub(in super::super) async fn receive_rehearsed(
        &self,
        store: &mut Store<CallState>,
        webhook: &file::Webhook,
    ) -> wasmtime::Result<(file::Says, Vec<String>)> {
        let webhook = wit::Webhook {
            method: "POST".into(),
            url: webhook.url.clone(),
            headers: webhook.headers.clone().into_iter().collect(),
            body: webhook.body.clone().into_bytes(),
        };
        Ok(says(self.call_receive(store, &webhook).await?))
    }

    pub(in super::super) async fn look_up_rehearsed(
        &self,
        store: &mut Store<CallState>,
        sought: &wit::Sought,
    ) -> wasmtime::Result<(file::Finding, Vec<String>)> {
        Ok(match self.call_look_up(store, sought).await? {
            wit::Finding::Impossible => (file::Finding::Impossible, Vec::new()),
            wit::Finding::Found(id) => (file::Finding::Found(id), Vec::new()),
            wit::Finding::NotFound => (file::Finding::NotFound, Vec::new()),
            wit::Finding::Unclear(problem) => (file::Finding::Unclear, vec![problem.message]),
        })
    }
}

fn portrait(said: wit::Description) -> Portrait {
    let need = |need: wit::SecretNeed| SecretWanted {
        name: need.name,
        is_required: need.required,
        description: need.description,
    };
    Portrait {
        name: said.name,
        version: said.version,
        summary: said.summary,
        channels: said.channels.into_iter().map(|channel| channel_name(channel).to_owned()).collect(),
        settings_schema: said.settings_schema,
        hosts: said.hosts,
        secrets: said.secrets.into_iter().map(need).collect(),
        receipts: said.receipts.into_iter().map(|status| status_name(status).to_owned()).collect(),
        attributes: said.attributes,
    }
}

pub(in super::super) fn asked(request: &http::Request) -> Asked {
    let method = match request.method {
        http::Method::Get => "GET",
        http::Method::Post => "POST",
        http::Method::Put => "PUT",
        http::Method::Patch => "PATCH",
        http::Method::Delete => "DELETE",
    };
    Asked {
        method: method.into(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        secrets: super::imports::auth(&request.auth).secrets().into_iter().map(str::to_owned).collect(),
        auth: auth(&request.auth),
        body: request.body.clone(),
        timeout_ms: request.timeout_ms,
    }
}

fn auth(auth: &http::Auth) -> Option<file::Auth> {
    Some(match auth.clone() {
        http::Auth::None => return None,
        http::Auth::Basic(basic) => file::Auth::Basic { username: basic.username, password: basic.password },
        http::Auth::Bearer(secret) => file::Auth::Bearer(secret),
        http::Auth::Header(header) => file::Auth::Header { header: header.header, secret: header.secret },
        http::Auth::AwsSigv4(aws) => {
            file::Auth::AwsSigv4 { service: aws.service, region: aws.region, session_token: aws.session_token }
        }
        http::Auth::JwtBearer(jwt) => {
            file::Auth::JwtBearer { account: jwt.account, token_url: jwt.token_url, scope: jwt.scope }
        }
        http::Auth::Vapid(vapid) => file::Auth::Vapid { private_key: vapid.private_key, subject: vapid.subject },
        http::Auth::StandardWebhook(secrets) => file::Auth::StandardWebhook(secrets),
        http::Auth::Path(secret) => file::Auth::Path(secret),
        http::Auth::FormField(form) => file::Auth::FormField { field: form.field, secret: form.secret },
    })
}

pub(in super::super) fn message(message: &file::Message, occurred_at_ms: Option<u64>) -> Result<wit::Message, String> {
    let content = match message.clone() {
        file::Message::Email(email) => wit::Content::Email(wit::Email {
            sender: mailbox(email.sender),
            recipients: email.recipients.into_iter().map(mailbox).collect(),
            reply_to: email.reply_to.map(mailbox),
            subject: email.subject,
            text: email.text,
            html: email.html,
            headers: email.headers,
            attachments: email.attachments.into_iter().map(attachment).collect::<Result<_, _>>()?,
        }),
        file::Message::Sms(file::Sms { sender, recipient, text, media_urls }) => {
            wit::Content::Sms(wit::Sms { sender, recipient, text, media_urls })
        }
        file::Message::Push(file::Push { token, title, body, data }) => {
            wit::Content::Push(wit::Push { token, title, body, data })
        }
        file::Message::Chat(file::Chat { recipient, text, layout }) => {
            wit::Content::Chat(wit::Chat { recipient, text, layout })
        }
        file::Message::Webhook(file::WebhookEvent { url, kind, payload }) => {
            wit::Content::Webhook(wit::WebhookEvent { url, kind, payload })
        }
    };
    let attributes = occurred_at_ms.map(|at_ms| ("occurred_at_ms".to_owned(), at_ms.to_string()));
    Ok(wit::Message { content, attributes: attributes.into_iter().collect() })
}

fn mailbox(mailbox: file::Mailbox) -> wit::Mailbox {
    wit::Mailbox { address: mailbox.address, name: mailbox.name }
}

fn attachment(attachment: file::Attachment) -> Result<wit::Attachment, String> {
    let file::Attachment { filename, content_type, content_id, data_base64 } = attachment;
    let data = STANDARD.decode(data_base64).map_err(|_| format!("the attachment `{filename}` is not base64"))?;
    Ok(wit::Attachment { filename, content_type, content_id, data })
}

pub(in super::super) fn sought(case: &file::LookUpCase) -> Result<wit::Sought, String> {
    let channel = match case.channel.as_str() {
        "email" => wit::Channel::Email,
        "sms" => wit::Channel::Sms,
        "push" => wit::Channel::Push,
        "chat" => wit::Channel::Chat,
        "webhook" => wit::Channel::Webhook,
        other => return Err(format!("`{other}` is no channel: there are email, sms, push, chat and webhook")),
    };
    Ok(wit::Sought {
        idempotency_key: case.idempotency_key.clone(),
        attempt: 1,
        channel,
        recipient: case.recipient.clone(),
        called_at_ms: case.called_at_ms,
        attributes: Vec::new(),
    })
}

fn outcome(said: Result<wit::Receipt, wit::SendError>) -> (file::Outcome, Vec<String>) {
    match said {
        Ok(receipt) => {
            let words = receipt.attributes.into_iter().map(|(_, value)| value).collect();
            (file::Outcome::Accepted { provider_message_id: receipt.provider_message_id }, words)
        }
        Err(wit::SendError::RateLimited(wit::Wait { retry_after_ms, problem })) => {
            (file::Outcome::RateLimited { retry_after_ms, code: problem.code }, vec![problem.message])
        }
        Err(wit::SendError::Unavailable(wit::Wait { retry_after_ms, problem })) => {
            (file::Outcome::Unavailable { retry_after_ms, code: problem.code }, vec![problem.message])
        }
        Err(wit::SendError::Rejected(wit::Rejection { kind, problem })) => {
            let kind = match kind {
                wit::RejectionKind::Message => file::RejectionKind::Message,
                wit::RejectionKind::Recipient => file::RejectionKind::Recipient,
                wit::RejectionKind::Suppressed => file::RejectionKind::Suppressed,
                wit::RejectionKind::Provider => file::RejectionKind::Provider,
            };
            (file::Outcome::Rejected { kind, code: problem.code }, vec![problem.message])
        }
        Err(wit::SendError::Unknown(problem)) => (file::Outcome::Unknown { code: problem.code }, vec![problem.message]),
    }
}

fn says(said: Result<Vec<wit::ReceiptEvent>, wit::ReceiveError>) -> (file::Says, Vec<String>) {
    match said {
        Err(wit::ReceiveError::Unverified(why)) => (file::Says::Refused(file::Refusal::Unverified), vec![why]),
        Err(wit::ReceiveError::Malformed(why)) => (file::Says::Refused(file::Refusal::Malformed), vec![why]),
        Err(wit::ReceiveError::Unavailable(why)) => (file::Says::Refused(file::Refusal::Unavailable), vec![why]),
        Ok(events) => {
            let problems = events.iter().filter_map(|event| event.problem.as_ref()).map(|told| told.message.clone());
            let values = events.iter().flat_map(|event| &event.attributes).map(|(_, value)| value.clone());
            let words = problems.chain(values).collect();
            (file::Says::Events(events.into_iter().map(event).collect()), words)
        }
    }
}

fn event(event: wit::ReceiptEvent) -> file::Event {
    file::Event {
        event_id: event.event_id,
        provider_message_id: event.provider_message_id,
        status: status_name(event.status).into(),
        recipient: event.recipient,
        occurred_at_ms: event.occurred_at_ms,
        code: event.problem.and_then(|problem| problem.code),
    }
}

fn channel_name(channel: wit::Channel) -> &'static str {
    match channel {
        wit::Channel::Email => "email",
        wit::Channel::Sms => "sms",
        wit::Channel::Push => "push",
        wit::Channel::Chat => "chat",
        wit::Channel::Webhook => "webhook",
    }
}

fn status_name(status: wit::ReceiptStatus) -> &'static str {
    match status {
        wit::ReceiptStatus::Accepted => "accepted",
        wit::ReceiptStatus::Delivered => "delivered",
        wit::ReceiptStatus::Failed => "failed",
        wit::ReceiptStatus::Bounced => "bounced",
        wit::ReceiptStatus::Complained => "complained",
        wit::ReceiptStatus::Unsubscribed => "unsubscribed",
        wit::ReceiptStatus::Opened => "opened",
        wit::ReceiptStatus::Clicked => "clicked",
        wit::ReceiptStatus::Other => "other",
    }
}
