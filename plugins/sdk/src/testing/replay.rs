//! Replays a plugin's file of documented exchanges on the scripted host.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use notifier_plugin_exchanges as file;

use super::{Exchange, Script};
use crate::bindings::notifier::provider::http;
use crate::contract::*;
use crate::provider::Provider;
use crate::testing::exchange::Documented;

/// Plays every case of a file, as `exchanges.json` beside the source of a plugin.
///
/// # Panics
/// When the file cannot be read, or with every case that went otherwise than the file says.
pub fn replay<P: Provider>(json: &str) {
    let exchanges = file::Exchanges::read(json).unwrap_or_else(|problem| panic!("the file of exchanges: {problem}"));
    let mut failures = Vec::new();
    let mut case = |name: &str, play: &dyn Fn() -> Result<(), String>| {
        let result = catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
        });
        failures.extend(result.err().map(|problem| format!("{name}: {problem}")));
    };
    for send in &exchanges.sends {
        case(&send.name, &|| {
            let script = script(&exchanges, send.settings.as_ref(), send.now_ms, &send.exchanges);
            let got = script.send::<P>(message(&send.message)?, context(&send.context));
            compare(&outcome(got)?, &send.outcome)
        });
    }
    for post in &exchanges.webhooks {
        case(&post.name, &|| {
            let script = script(&exchanges, post.settings.as_ref(), post.now_ms, &post.exchanges);
            let script = post.certificates.iter().try_fold(script, |script, (url, der)| {
                let der = crate::webhook::from_base64(der).ok_or("the key of a certificate is not base64")?;
                Ok::<_, String>(script.certificate(url, der))
            })?;
            compare(&says(script.receive::<P>(webhook(&post.webhook))), &post.says)
        });
    }
    for look_up in &exchanges.look_ups {
        case(&look_up.name, &|| {
            let script = script(&exchanges, look_up.settings.as_ref(), look_up.now_ms, &look_up.exchanges);
            let sought = Sought {
                idempotency_key: look_up.idempotency_key.clone(),
                attempt: 1,
                channel: channel(&look_up.channel)?,
                recipient: look_up.recipient.clone(),
                called_at_ms: look_up.called_at_ms,
                attributes: vec![],
            };
            compare(&finding(script.look_up::<P>(sought)), &look_up.finding)
        });
    }
    assert!(failures.is_empty(), "{} cases went otherwise:\n{}", failures.len(), failures.join("\n"));
}

/// The vendor's codes that a file has an outcome or an event for: so that a test can see that no row of a table is without.
///
/// # Panics
/// When the file cannot be read.
pub fn codes(json: &str) -> BTreeSet<String> {
    let exchanges = file::Exchanges::read(json).unwrap_or_else(|problem| panic!("the file of exchanges: {problem}"));
    let of_sends = exchanges.sends.into_iter().filter_map(|send| match send.outcome {
        file::Outcome::Accepted { .. } => None,
        file::Outcome::RateLimited { code, .. }
        | file::Outcome::Unavailable { code, .. }
        | file::Outcome::Rejected { code, .. }
        | file::Outcome::Unknown { code } => code,
    });
    let of_posts = exchanges.webhooks.into_iter().flat_map(|post| match post.says {
        file::Says::Events(events) => events,
        file::Says::Refused(_) => vec![],
    });
    of_sends.chain(of_posts.filter_map(|event| event.code)).collect()
}

fn script(
    file: &file::Exchanges,
    settings: Option<&serde_json::Value>,
    now_ms: u64,
    exchanges: &[file::Exchange],
) -> Script {
    let script = Script::new().settings(file.settings_of(settings)).now_ms(now_ms);
    let script = file.secrets.iter().fold(script, |script, (name, value)| script.secret(name, value));
    exchanges.iter().fold(script, |script, exchange| {
        script.exchange(Exchange::documented(Documented(exchange.request.clone()), reply(&exchange.reply)))
    })
}

fn reply(reply: &file::Reply) -> Result<Response, HttpError> {
    match reply {
        file::Reply::Response(response) => Ok(Response {
            status: response.status,
            headers: response.headers.iter().map(|(name, value)| (name.to_lowercase(), value.clone())).collect(),
            body: response.body.as_ref().and_then(file::Body::bytes).unwrap_or_default(),
        }),
        file::Reply::Failure(failure) => Err(match failure {
            file::Failure::Denied => HttpError::Denied("the host is not granted".into()),
            file::Failure::Unreachable => HttpError::Unreachable("connection refused".into()),
            file::Failure::Interrupted => HttpError::Interrupted("connection reset".into()),
            file::Failure::TooLarge(status) => HttpError::TooLarge(*status),
        }),
    }
}

pub(super) fn differences_of(wanted: &file::Request, request: &http::Request) -> Vec<String> {
    let method = format!("{:?}", request.method);
    let method = method.rsplit("::").next().unwrap_or_default().to_uppercase();
    file::differences(
        wanted,
        &file::SeenRequest {
            method: &method,
            url: &request.url,
            headers: &request.headers,
            auth: auth(&request.auth),
            body: &request.body,
        },
    )
}

fn auth(auth: &Auth) -> Option<file::Auth> {
    Some(match auth.clone() {
        Auth::None => return None,
        Auth::Basic(basic) => file::Auth::Basic { username: basic.username, password: basic.password },
        Auth::Bearer(secret) => file::Auth::Bearer(secret),
        Auth::Header(header) => file::Auth::Header { header: header.header, secret: header.secret },
        Auth::AwsSigv4(aws) => {
            file::Auth::AwsSigv4 { service: aws.service, region: aws.region, session_token: aws.session_token }
        }
        Auth::JwtBearer(jwt) => {
            file::Auth::JwtBearer { account: jwt.account, token_url: jwt.token_url, scope: jwt.scope }
        }
        Auth::Vapid(vapid) => file::Auth::Vapid { private_key: vapid.private_key, subject: vapid.subject },
        Auth::StandardWebhook(secrets) => file::Auth::StandardWebhook(secrets),
        Auth::Path(secret) => file::Auth::Path(secret),
        Auth::FormField(form_field) => file::Auth::FormField { field: form_field.field, secret: form_field.secret },
    })
}

fn message(message: &file::Message) -> Result<Message, String> {
    let content = match message.clone() {
        file::Message::Email(email) => Content::Email(Email {
            sender: mailbox(email.sender),
            recipients: email.recipients.into_iter().map(mailbox).collect(),
            reply_to: email.reply_to.map(mailbox),
            subject: email.subject,
            text: email.text,
            html: email.html,
            headers: email.headers,
            attachments: email.attachments.into_iter().map(attachment).collect::<Result<_, _>>()?,
        }),
        file::Message::Sms(sms) => Content::Sms(Sms {
            sender: sms.sender,
            recipient: sms.recipient,
            text: sms.text,
            media_urls: sms.media_urls,
        }),
        file::Message::Push(push) => {
            Content::Push(Push { token: push.token, title: push.title, body: push.body, data: push.data })
        }
        file::Message::Chat(chat) => {
            Content::Chat(Chat { recipient: chat.recipient, text: chat.text, layout: chat.layout })
        }
        file::Message::Webhook(event) => {
            Content::Webhook(WebhookEvent { url: event.url, kind: event.kind, payload: event.payload })
        }
    };
    Ok(Message { content, attributes: vec![] })
}

fn mailbox(mailbox: file::Mailbox) -> Mailbox {
    Mailbox { address: mailbox.address, name: mailbox.name }
}

fn attachment(attachment: file::Attachment) -> Result<Attachment, String> {
    let data = crate::webhook::from_base64(&attachment.data_base64)
        .ok_or_else(|| format!("the attachment `{}` is not base64", attachment.filename))?;
    let file::Attachment { filename, content_type, content_id, .. } = attachment;
    Ok(Attachment { filename, content_type, content_id, data })
}

fn context(context: &file::Context) -> Context {
    let file::Context { idempotency_key, attempt, tenant, category, receipt_url } = context.clone();
    Context { idempotency_key, attempt, tenant, category, receipt_url, attributes: vec![] }
}

fn webhook(webhook: &file::Webhook) -> Webhook {
    Webhook {
        method: "POST".into(),
        url: webhook.url.clone(),
        headers: webhook.headers.clone().into_iter().collect(),
        body: webhook.body.clone().into_bytes(),
    }
}

fn channel(name: &str) -> Result<Channel, String> {
    Ok(match name {
        "email" => Channel::Email,
        "sms" => Channel::Sms,
        "push" => Channel::Push,
        "chat" => Channel::Chat,
        "webhook" => Channel::Webhook,
        other => return Err(format!("`{other}` is no channel")),
    })
}

/// What was got, as a file would say it.
fn outcome(got: Result<Receipt, SendError>) -> Result<file::Outcome, String> {
    let told = |problem: &Problem| match problem.message.as_str() {
        "" => Err("a problem says nothing".to_owned()),
        _ => Ok(()),
    };
    Ok(match got {
        Ok(receipt) => file::Outcome::Accepted { provider_message_id: receipt.provider_message_id },
        Err(SendError::RateLimited(wait)) => {
            told(&wait.problem)?;
            file::Outcome::RateLimited { retry_after_ms: wait.retry_after_ms, code: wait.problem.code }
        }
        Err(SendError::Unavailable(wait)) => {
            told(&wait.problem)?;
            file::Outcome::Unavailable { retry_after_ms: wait.retry_after_ms, code: wait.problem.code }
        }
        Err(SendError::Rejected(rejection)) => {
            told(&rejection.problem)?;
            let kind = match rejection.kind {
                RejectionKind::Message => file::RejectionKind::Message,
                RejectionKind::Recipient => file::RejectionKind::Recipient,
                RejectionKind::Suppressed => file::RejectionKind::Suppressed,
                RejectionKind::Provider => file::RejectionKind::Provider,
            };
            file::Outcome::Rejected { kind, code: rejection.problem.code }
        }
        Err(SendError::Unknown(problem)) => {
            told(&problem)?;
            file::Outcome::Unknown { code: problem.code }
        }
    })
}

fn says(got: Result<Vec<ReceiptEvent>, ReceiveError>) -> file::Says {
    match got {
        Err(ReceiveError::Unverified(_)) => file::Says::Refused(file::Refusal::Unverified),
        Err(ReceiveError::Malformed(_)) => file::Says::Refused(file::Refusal::Malformed),
        Err(ReceiveError::Unavailable(_)) => file::Says::Refused(file::Refusal::Unavailable),
        Ok(events) => file::Says::Events(events.into_iter().map(event).collect()),
    }
}

fn event(event: ReceiptEvent) -> file::Event {
    let status = match event.status {
        ReceiptStatus::Accepted => "accepted",
        ReceiptStatus::Delivered => "delivered",
        ReceiptStatus::Failed => "failed",
        ReceiptStatus::Bounced => "bounced",
        ReceiptStatus::Complained => "complained",
        ReceiptStatus::Unsubscribed => "unsubscribed",
        ReceiptStatus::Opened => "opened",
        ReceiptStatus::Clicked => "clicked",
        ReceiptStatus::Other => "other",
    };
    file::Event {
        event_id: event.event_id,
        provider_message_id: event.provider_message_id,
        status: status.into(),
        recipient: event.recipient,
        occurred_at_ms: event.occurred_at_ms,
        code: event.problem.and_then(|problem| problem.code),
    }
}

fn finding(got: Finding) -> file::Finding {
    match got {
        Finding::Impossible => file::Finding::Impossible,
        Finding::Found(message_id) => file::Finding::Found(message_id),
        Finding::NotFound => file::Finding::NotFound,
        Finding::Unclear(_) => file::Finding::Unclear,
    }
}

fn compare<T: PartialEq + std::fmt::Debug>(got: &T, wanted: &T) -> Result<(), String> {
    if got == wanted { Ok(()) } else { Err(format!("want {wanted:?}, got {got:?}")) }
}
