//! The body of `POST /v3/{domain}/messages`
//! (<https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages>).

use std::collections::BTreeSet;

use notifier_plugin_sdk::{Attachment, Context, Email, Mailbox, Multipart, SendError};

use crate::settings::{Settings, TAGS_MAX, Tracking, is_tag};

/// Recipients of one message ("Too many recipients; max is 1000").
pub(crate) const RECIPIENTS_MAX: usize = 1000;

/// The whole message, with its attachments as they are encoded
/// (<https://documentation.mailgun.com/en/latest/api-sending.html>).
pub(crate) const MESSAGE_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Everything that begins with `o:`, `h:` or `v:`, together. Mailgun does not say how it counts: here names and values are.
pub(crate) const OPTIONS_BYTES_MAX: usize = 16 * 1024;

/// Headers that have parameters of their own, or that Mailgun writes.
pub(crate) const RESERVED_HEADERS: &[&str] = &[
    "bcc",
    "cc",
    "content-transfer-encoding",
    "content-type",
    "dkim-signature",
    "from",
    "mime-version",
    "received",
    "subject",
    "to",
];

/// The variable that holds the delivery's key. It comes back in every event, and by it the event log is searched.
pub(crate) const KEY_VARIABLE: &str = "notifier_key";

/// The body, or why Mailgun would refuse it.
pub(crate) fn body(settings: &Settings, email: Email, context: &Context) -> Result<Multipart, SendError> {
    check_limits(&email)?;
    let options = options(settings, &email, context)?;
    let Email { sender, recipients, subject, text, html, attachments, .. } = email;
    // One `to` for each, so that no list has to be assembled.
    let body = Multipart::new().with("from", address(&sender));
    let body = recipients.iter().fold(body, |body, recipient| body.with("to", address(recipient)));
    let body = body.with("subject", subject).with_some("text", not_empty(text)).with_some("html", not_empty(html));
    let body = options.into_iter().fold(body, |body, (name, value)| body.with(&name, value));
    Ok(attachments.into_iter().fold(body, with_file))
}

fn not_empty(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Mailgun takes the name of an inline file as its `Content-ID`
/// (<https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/send-attachments>), so the name is the
/// content id: the HTML stays as it is. A file without a name would be dropped without a word.
fn with_file(body: Multipart, file: Attachment) -> Multipart {
    let Attachment { filename, content_type, content_id, data } = file;
    match (content_id, filename.as_str()) {
        (Some(content_id), _) => body.with_file("inline", &content_id, &content_type, data),
        (None, "") => body.with_file("attachment", "attachment", &content_type, data),
        (None, filename) => body.with_file("attachment", filename, &content_type, data),
    }
}

fn check_limits(email: &Email) -> Result<(), SendError> {
    let refuse = |problem: String| Err(SendError::message(None, problem));
    match email.recipients.len() {
        0 => return refuse("the message has no recipient".into()),
        count if count > RECIPIENTS_MAX => {
            return refuse(format!("the message has {count} recipients, Mailgun takes {RECIPIENTS_MAX}"));
        }
        _ => {}
    }
    let texts = [&email.text, &email.html].into_iter().flatten().map(String::len).sum::<usize>();
    if texts == 0 {
        return refuse("the message has neither text nor HTML".into());
    }
    let size = texts + email.attachments.iter().map(|file| file.data.len().div_ceil(3) * 4).sum::<usize>();
    if size > MESSAGE_BYTES_MAX {
        return refuse(format!(
            "texts and encoded attachments have {size} bytes, Mailgun takes {MESSAGE_BYTES_MAX}: link to large files"
        ));
    }
    Ok(())
}

/// What begins with `h:`, `o:` and `v:`, in this order.
fn options(settings: &Settings, email: &Email, context: &Context) -> Result<Vec<(String, String)>, SendError> {
    let mut options = headers(email)?;
    let mut option = |name: &str, value: &str| options.push((name.to_owned(), value.to_owned()));
    for tag in tags(settings, context) {
        option("o:tag", tag);
    }
    let yes_or_no = |value: bool| if value { "yes" } else { "no" };
    for (name, value) in [
        ("o:tracking", settings.tracking.map(Tracking::option)),
        ("o:tracking-clicks", settings.tracking_clicks.map(Tracking::option)),
        ("o:tracking-opens", settings.tracking_opens.map(yes_or_no)),
        ("o:tracking-pixel-location-top", settings.tracking_pixel_top.map(yes_or_no)),
        ("o:dkim", settings.dkim.map(yes_or_no)),
        ("o:require-tls", settings.require_tls.map(yes_or_no)),
        ("o:skip-verification", settings.skip_verification.map(yes_or_no)),
        ("o:sending-ip", settings.sending_ip.as_deref()),
        ("o:sending-ip-pool", settings.sending_ip_pool.as_deref()),
        ("o:suppress-headers", settings.suppress_headers.as_deref()),
        ("o:testmode", settings.test_mode.then_some("yes")),
        ("v:notifier_key", Some(&*context.idempotency_key)),
        ("v:notifier_tenant", Some(&*context.tenant)),
    ] {
        if let Some(value) = value {
            option(name, value);
        }
    }
    let size: usize = options.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > OPTIONS_BYTES_MAX {
        let problem = format!("headers, tags and variables have {size} bytes, Mailgun takes {OPTIONS_BYTES_MAX}");
        return Err(SendError::message(None, problem));
    }
    Ok(options)
}

fn headers(email: &Email) -> Result<Vec<(String, String)>, SendError> {
    let refuse = |problem: String| Err(SendError::message(None, problem));
    let mut headers = Vec::new();
    let mut seen = BTreeSet::new();
    if let Some(reply_to) = &email.reply_to {
        seen.insert("reply-to".to_owned());
        headers.push(("h:Reply-To".to_owned(), address(reply_to)));
    }
    for (name, value) in &email.headers {
        let lower = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&lower.as_str()) || lower.starts_with("x-mailgun-") {
            return refuse(format!("the header `{name}` is Mailgun's own and cannot be set"));
        }
        if !seen.insert(lower) {
            return refuse(format!("the header `{name}` is given twice, Mailgun takes one"));
        }
        headers.push((format!("h:{name}"), value.clone()));
    }
    Ok(headers)
}

/// The notification's own category first, then the operator's tags, each once whatever its case. A tag that Mailgun would
/// refuse is left out: statistics are not worth a message.
fn tags<'a>(settings: &'a Settings, context: &'a Context) -> Vec<&'a str> {
    let mut tags: Vec<&str> = Vec::new();
    for tag in std::iter::once(&context.category).chain(&settings.tags) {
        if is_tag(tag) && !tags.iter().any(|known| known.eq_ignore_ascii_case(tag)) && tags.len() < TAGS_MAX {
            tags.push(tag);
        }
    }
    tags
}

/// `Name <address>` (RFC 5322, 3.4; RFC 6532 for what is not ASCII). A name with characters that mean something there is
/// quoted, and no other: Mailgun shows the quotes of a name that has other characters than ASCII as well.
fn address(mailbox: &Mailbox) -> String {
    let address = &mailbox.address;
    match mailbox.name.as_deref() {
        None | Some("") => address.clone(),
        Some(name) if name.contains(|c: char| "()<>[]:;@\\,.\"".contains(c)) => {
            format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Some(name) => format!("{name} <{address}>"),
    }
}
