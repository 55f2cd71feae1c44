//! One text message: the action `Publish` of the query API
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use notifier_plugin_sdk::{Content, Context, Form, Message, Receipt, Request, SendError, Sms};

use crate::answer;
use crate::errors::INVALID_PARAMETER;
use crate::sender::Sender;
use crate::settings::Settings;

/// The version of the query API.
const VERSION: &str = "2010-03-31";

/// SNS splits a text into several messages, up to this length of all of them. The API's page says characters, the guide says
/// bytes: what the guide alone would refuse is left to SNS.
pub(crate) const TEXT_CHARS_MAX: usize = 1600;

/// Recipients in India, whose regulator wants to know who writes and what.
const INDIA: &str = "+91";

pub(crate) fn send(settings: &Settings, message: Message, context: &Context) -> Result<Receipt, SendError> {
    let Content::Sms(sms) = message.content else {
        return Err(SendError::wrong_channel("SMS"));
    };
    check(&sms)?;
    let attributes = attributes(settings, &sms, context)?;
    let form = Form::new()
        .with("Action", "Publish")
        .with("Version", VERSION)
        .with("PhoneNumber", sms.recipient)
        .with("Message", sms.text);
    let form = attributes.into_iter().zip(1..).fold(form, |form, ((name, data_type, value), number)| {
        let entry = format!("MessageAttributes.entry.{number}");
        form.with(&format!("{entry}.Name"), name)
            .with(&format!("{entry}.Value.DataType"), data_type)
            .with(&format!("{entry}.Value.StringValue"), value)
    });
    let request = Request::post(format!("{}/", settings.base_url()))
        .aws_sigv4("sns", &settings.region, settings.session_token)
        .form(form);
    answer::read(&request.send()?)
}

/// What SNS would refuse is not worth a request.
fn check(sms: &Sms) -> Result<(), SendError> {
    let chars = sms.text.chars().count();
    if chars > TEXT_CHARS_MAX {
        let text = format!("the text has {chars} characters, SNS takes {TEXT_CHARS_MAX}: shorten the template");
        return Err(SendError::message(Some(INVALID_PARAMETER), text));
    }
    if sms.text.is_empty() {
        return Err(SendError::message(Some(INVALID_PARAMETER), "the message has no text"));
    }
    if !sms.media_urls.is_empty() {
        return Err(SendError::message(None, "the message has media, and SNS sends text only"));
    }
    Ok(())
}

/// The sender and the terms: name, type and value of each
/// (<https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>).
fn attributes(
    settings: &Settings,
    sms: &Sms,
    context: &Context,
) -> Result<Vec<(&'static str, &'static str, String)>, SendError> {
    let own = sms.sender.as_deref().filter(|sender| !sender.is_empty()).map(Sender::parse).transpose();
    let (name, number) = match own.map_err(|problem| SendError::provider(None, problem))? {
        Some(Sender::Name(name)) => (Some(name), None),
        Some(Sender::Number(number)) => (None, Some(number)),
        None => (settings.sender_id.as_deref(), settings.origination_number.as_deref()),
    };
    let is_for_india = sms.recipient.starts_with(INDIA);
    let entity = settings.india_entity_id.as_deref().filter(|_| is_for_india);
    let template = settings.india_template_ids.get(&context.category).filter(|_| is_for_india);
    let all = [
        ("AWS.SNS.SMS.SenderID", "String", name),
        ("AWS.MM.SMS.OriginationNumber", "String", number),
        ("AWS.SNS.SMS.SMSType", "String", settings.sms_type.map(|sms_type| sms_type.name())),
        ("AWS.SNS.SMS.MaxPrice", "Number", settings.max_price.as_deref()),
        ("AWS.MM.SMS.EntityId", "String", entity),
        ("AWS.MM.SMS.TemplateId", "String", template.map(String::as_str)),
    ];
    let set = all.into_iter().filter_map(|(name, data_type, value)| Some((name, data_type, value?.to_owned())));
    Ok(set.collect())
}
