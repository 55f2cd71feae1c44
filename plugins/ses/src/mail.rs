//! The body of `POST /v2/email/outbound-emails`
//! (<https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html>).
//!
//! `Simple` content where it says everything, and `Raw` MIME where there are files or headers that it cannot hold. `Simple` takes
//! attachments by now, and a third less of the request. But SES does not document which parts it makes of an inline image, how
//! it writes a file name beyond ASCII, and cuts media types and content ids at 78 characters; a message of our own making
//! arrives as it was written, whatever is in it.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use notifier_plugin_sdk::{Context, Email, Mailbox, SendError, clock};
use serde::{Serialize, Serializer};

use crate::address::{AsciiMailbox, is_beyond_ses};
use crate::headers;
use crate::mime::{self, Envelope};
use crate::settings::Settings;
use crate::tags::{self, Tag};

/// Recipients of one message (<https://docs.aws.amazon.com/ses/latest/dg/quotas.html>).
pub(crate) const RECIPIENTS_MAX: usize = 50;

/// A message with its attachments, as they are encoded (same page).
pub(crate) const MESSAGE_BYTES_MAX: usize = 40 * 1024 * 1024;

/// Room in the body for everything but the content.
const ENVELOPE_BYTES: usize = 4 * 1024;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendEmail<'a> {
    from_email_address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    from_email_address_identity_arn: Option<&'a str>,
    destination: Destination,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reply_to_addresses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback_forwarding_email_address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    feedback_forwarding_email_address_identity_arn: Option<&'a str>,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    email_tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_set_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_management_options: Option<ListManagement<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration_overrides: Option<Overrides>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Destination {
    to_addresses: Vec<String>,
}

#[derive(Serialize)]
enum Content<'a> {
    Simple(Simple<'a>),
    #[serde(rename_all = "PascalCase")]
    Raw {
        #[serde(serialize_with = "as_base64")]
        data: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Simple<'a> {
    subject: Text<'a>,
    body: Bodies<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<Header<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bodies<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    html: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Text<'a> {
    data: &'a str,
    charset: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Header<'a> {
    name: &'a str,
    value: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListManagement<'a> {
    contact_list_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic_name: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Overrides {
    tracking: Tracking,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tracking {
    #[serde(skip_serializing_if = "Option::is_none")]
    open_tracking_enabled: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_tracking_enabled: Option<&'static str>,
}

/// The body, or why SES would refuse it. The mail is given away: its attachments can be most of a plugin's memory, and are not
/// needed once they are encoded.
pub(crate) fn body(settings: &Settings, email: Email, context: &Context) -> Result<Vec<u8>, SendError> {
    check(&email)?;
    let envelope = envelope(&email)?;
    let mut fields = Fields::of(&envelope);
    let simple = if email.attachments.is_empty() { headers::simple(&email.headers) } else { None };
    if let Some(headers) = simple {
        let size = texts(&email).map(str::len).sum();
        check_size(size)?;
        return write(&request(settings, context, fields, Content::Simple(content(&email, headers))), size);
    }
    let data = mime::message(&email, &envelope, clock::now_ms());
    drop(envelope);
    drop(email);
    check_size(data.len())?;
    let size = data.len().div_ceil(3) * 4;
    // It stands in the message.
    fields.reply_to.clear();
    write(&request(settings, context, fields, Content::Raw { data }), size)
}

/// The mailboxes, as the API takes them.
struct Fields {
    from: String,
    to: Vec<String>,
    reply_to: Vec<String>,
}

impl Fields {
    fn of(envelope: &Envelope<'_>) -> Self {
        Self {
            from: envelope.sender.to_field(),
            to: envelope.recipients.iter().map(AsciiMailbox::to_field).collect(),
            reply_to: envelope.reply_to.iter().map(AsciiMailbox::to_field).collect(),
        }
    }
}

fn request<'a>(settings: &'a Settings, context: &Context, fields: Fields, content: Content<'a>) -> SendEmail<'a> {
    SendEmail {
        from_email_address: fields.from,
        from_email_address_identity_arn: settings.from_identity_arn.as_deref(),
        destination: Destination { to_addresses: fields.to },
        reply_to_addresses: fields.reply_to,
        feedback_forwarding_email_address: settings.feedback_address.as_deref(),
        feedback_forwarding_email_address_identity_arn: settings.feedback_identity_arn.as_deref(),
        content,
        email_tags: tags::tags(context, &settings.tags),
        configuration_set_name: settings.configuration_set.as_deref(),
        tenant_name: settings.tenant_name.as_deref(),
        list_management_options: settings.contact_list.as_deref().map(|contact_list_name| ListManagement {
            contact_list_name,
            topic_name: settings.contact_list_topic.as_deref(),
        }),
        configuration_overrides: overrides(settings),
    }
}

fn write(request: &SendEmail<'_>, content_bytes: usize) -> Result<Vec<u8>, SendError> {
    // Allocated once: growing by doubling would not fit a plugin's memory with a large attachment.
    let mut body = Vec::with_capacity(content_bytes + ENVELOPE_BYTES);
    serde_json::to_writer(&mut body, request)
        .map_err(|error| SendError::message(None, format!("the message cannot be written as JSON: {error}")))?;
    Ok(body)
}

fn check(email: &Email) -> Result<(), SendError> {
    let refuse = |problem: String| Err(SendError::message(None, problem));
    match email.recipients.len() {
        0 => return refuse("the message has no recipient".into()),
        count if count > RECIPIENTS_MAX => {
            return refuse(format!("the message has {count} recipients, SES takes {RECIPIENTS_MAX}"));
        }
        _ => {}
    }
    if texts(email).next().is_none() {
        return refuse("the message has neither text nor HTML".into());
    }
    headers::check(&email.headers)
}

fn check_size(bytes: usize) -> Result<(), SendError> {
    if bytes <= MESSAGE_BYTES_MAX {
        return Ok(());
    }
    let problem =
        format!("the message has {bytes} bytes when encoded, SES takes {MESSAGE_BYTES_MAX}: link to large files");
    Err(SendError::message(None, problem))
}

/// The bodies that are not empty.
fn texts(email: &Email) -> impl Iterator<Item = &str> {
    [&email.text, &email.html].into_iter().filter_map(|text| text.as_deref()).filter(|text| !text.is_empty())
}

fn envelope(email: &Email) -> Result<Envelope<'_>, SendError> {
    let problem = |whose: &str, mailbox: &Mailbox, problem| format!("the {whose} `{}` {problem}", mailbox.address);
    let sender = AsciiMailbox::new(&email.sender)
        .map_err(|error| SendError::provider(None, problem("sender", &email.sender, error)))?;
    let recipients = email.recipients.iter().map(|mailbox| {
        AsciiMailbox::new(mailbox).map_err(|error| {
            let problem = problem("recipient", mailbox, error);
            // An address that SES cannot take is right all the same, and others take it.
            match is_beyond_ses(&mailbox.address) {
                true => SendError::message(None, problem),
                false => SendError::recipient(None, problem),
            }
        })
    });
    let reply_to = |mailbox| {
        AsciiMailbox::new(mailbox).map_err(|error| SendError::message(None, problem("reply address", mailbox, error)))
    };
    Ok(Envelope {
        sender,
        recipients: recipients.collect::<Result<_, _>>()?,
        reply_to: email.reply_to.as_ref().map(reply_to).transpose()?,
    })
}

fn content<'a>(email: &'a Email, headers: Vec<(&'a str, String)>) -> Simple<'a> {
    let text = |data| Text { data, charset: "UTF-8" };
    let body = |data: &'a Option<String>| data.as_deref().filter(|data| !data.is_empty()).map(text);
    Simple {
        subject: text(&email.subject),
        body: Bodies { text: body(&email.text), html: body(&email.html) },
        headers: headers.into_iter().map(|(name, value)| Header { name, value }).collect(),
    }
}

fn overrides(settings: &Settings) -> Option<Overrides> {
    let status = |enabled: Option<bool>| enabled.map(|enabled| if enabled { "ENABLED" } else { "DISABLED" });
    let tracking = Tracking {
        open_tracking_enabled: status(settings.open_tracking),
        click_tracking_enabled: status(settings.click_tracking),
    };
    let is_set = tracking.open_tracking_enabled.is_some() || tracking.click_tracking_enabled.is_some();
    is_set.then_some(Overrides { tracking })
}

/// Encoded on the way into the body, not before: a plugin has no memory for both.
fn as_base64<S: Serializer>(text: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Base64Display::new(text.as_bytes(), &STANDARD))
}
