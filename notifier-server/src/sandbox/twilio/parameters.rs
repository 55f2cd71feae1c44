//! The form of a create-message request, checked as Twilio checks it.

use http::Uri;

use super::super::form;
use super::answers::TwilioError;

/// Characters of `Body` (error 21617).
const BODY_CHARS_MAX: usize = 1_600;

/// Occurrences of `MediaUrl` (error 21623).
const MEDIA_URLS_MAX: usize = 10;

/// Length of `StatusCallback` (error 21609).
const STATUS_CALLBACK_CHARS_MAX: usize = 4_000;

/// Parameters that exist and that the fake takes without a look.
const UNCHECKED: [&str; 17] = [
    "AddressRetention",
    "ApplicationSid",
    "Attempt",
    "ContentRetention",
    "ContentVariables",
    "ForceDelivery",
    "MaxPrice",
    "PersistentAction",
    "ProvideFeedback",
    "RiskCheck",
    "ScheduleType",
    "SendAsMms",
    "SendAt",
    "ShortenUrls",
    "SmartEncoded",
    "TrafficType",
    "ValidityPeriod",
];

/// A valid request.
#[derive(Debug, Default)]
pub(super) struct CreateMessage {
    pub(super) to: String,
    pub(super) from: Option<String>,
    pub(super) messaging_service_sid: Option<String>,
    pub(super) body: Option<String>,
    pub(super) media_urls: Vec<String>,
    pub(super) status_callback: Option<String>,
    content_sid: Option<String>,
}

impl CreateMessage {
    /// Reads and checks a form.
    pub(super) fn parse(form: &[u8]) -> Result<Self, TwilioError> {
        let request = Self::read(form)?;
        request.check_to()?;
        request.check_sender()?;
        request.check_content()?;
        request.check_status_callback()?;
        Ok(request)
    }

    fn read(form: &[u8]) -> Result<Self, TwilioError> {
        let mut request = Self::default();
        let mut to = None;
        for pair in form::pairs(form) {
            let (name, value) = pair.map_err(|error| TwilioError::new(20001, format!("Malformed form: {error}")))?;
            let slot = match name.as_str() {
                "To" => &mut to,
                "From" => &mut request.from,
                "MessagingServiceSid" => &mut request.messaging_service_sid,
                "Body" => &mut request.body,
                "StatusCallback" => &mut request.status_callback,
                "ContentSid" => &mut request.content_sid,
                "MediaUrl" => {
                    request.media_urls.push(value);
                    continue;
                }
                known if UNCHECKED.contains(&known) => continue,
                unknown => return Err(TwilioError::new(20001, format!("Unknown parameter '{unknown}'"))),
            };
            if slot.replace(value).is_some() {
                return Err(TwilioError::new(20001, format!("Parameter '{name}' is given more than once")));
            }
        }
        // The vendor treats an empty parameter as an absent one.
        for slot in [&mut request.from, &mut request.messaging_service_sid, &mut request.status_callback] {
            slot.take_if(|value| value.is_empty());
        }
        request.to = to.unwrap_or_default();
        Ok(request)
    }

    fn check_to(&self) -> Result<(), TwilioError> {
        let to = &self.to;
        match magic_suffix(to) {
            _ if to.is_empty() => Err(TwilioError::new(21604, "A 'To' phone number is required.")),
            _ if !is_e164(to) => Err(TwilioError::new(21211, format!("Invalid 'To' Phone Number: {to}"))),
            Some("0001") => Err(TwilioError::new(21211, format!("Invalid 'To' Phone Number: {to}"))),
            Some("0002") => {
                Err(TwilioError::new(21612, format!("'To' number {to} cannot be reached from this 'From'")))
            }
            Some("0003") => {
                Err(TwilioError::new(21408, format!("Sending to the region of 'To' number {to} is disabled")))
            }
            Some("0004") => Err(TwilioError::new(21610, format!("The recipient {to} has unsubscribed"))),
            Some("0009") => Err(TwilioError::new(21614, format!("'To' number {to} is not a mobile number"))),
            _ => Ok(()),
        }
    }

    fn check_sender(&self) -> Result<(), TwilioError> {
        if let Some(sid) = &self.messaging_service_sid
            && !is_sid("MG", sid)
        {
            return Err(TwilioError::new(21701, format!("The Messaging Service {sid} does not exist")));
        }
        let Some(from) = &self.from else {
            return match self.messaging_service_sid {
                Some(_) => Ok(()),
                None => Err(TwilioError::new(21603, "A 'From' phone number is required.")),
            };
        };
        match magic_suffix(from) {
            Some("0001") => Err(TwilioError::new(21212, format!("Invalid 'From' number: {from}"))),
            Some("0007") => Err(TwilioError::new(21606, format!("'From' number {from} cannot send messages"))),
            Some("0008") => Err(TwilioError::new(21611, format!("The queue of 'From' number {from} is full"))),
            _ if !is_sender(from) => Err(TwilioError::new(21212, format!("Invalid 'From' number: {from}"))),
            _ if *from == self.to => Err(TwilioError::new(21266, "'To' and 'From' number cannot be the same")),
            _ => Ok(()),
        }
    }

    fn check_content(&self) -> Result<(), TwilioError> {
        let body = self.body.as_deref().unwrap_or_default();
        if body.is_empty() && self.media_urls.is_empty() && self.content_sid.is_none() {
            return Err(TwilioError::new(21602, "Message body is required."));
        }
        if body.chars().count() > BODY_CHARS_MAX {
            return Err(TwilioError::new(21617, "The concatenated message body exceeds the 1600 character limit"));
        }
        if self.media_urls.len() > MEDIA_URLS_MAX {
            return Err(TwilioError::new(21623, format!("More than {MEDIA_URLS_MAX} media files")));
        }
        match self.media_urls.iter().find(|url| !is_web_url(url)) {
            Some(url) => Err(TwilioError::new(21620, format!("Invalid media URL: {url}"))),
            None => Ok(()),
        }
    }

    fn check_status_callback(&self) -> Result<(), TwilioError> {
        match &self.status_callback {
            Some(url) if url.chars().count() > STATUS_CALLBACK_CHARS_MAX || !is_web_url(url) => {
                Err(TwilioError::new(21609, format!("Invalid 'StatusCallback' URL: {url}")))
            }
            _ => Ok(()),
        }
    }
}

/// The last four digits of a number of the range that Twilio reserves for tests.
fn magic_suffix(number: &str) -> Option<&str> {
    number.strip_prefix("+1500555")
}

/// ITU-T E.164: a plus, a country code that does not start with 0, at most 15 digits. No number that can be called has
/// fewer than 7.
fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// A number, a short code, or an alphanumeric sender id: at most 11 letters, digits, spaces and `+ - _ &`, with at
/// least one letter.
fn is_sender(from: &str) -> bool {
    let short_code = (3..=8).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_digit());
    let alphanumeric = (1..=11).contains(&from.len())
        && from.bytes().all(|b| b.is_ascii_alphanumeric() || b" +-_&".contains(&b))
        && from.bytes().any(|b| b.is_ascii_alphabetic());
    is_e164(from) || short_code || alphanumeric
}

fn is_sid(prefix: &str, sid: &str) -> bool {
    sid.strip_prefix(prefix).is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Absolute, http or https, with a host; Twilio forbids underscores in the host.
fn is_web_url(url: &str) -> bool {
    let Ok(uri) = url.parse::<Uri>() else { return false };
    let scheme = uri.scheme_str().is_some_and(|scheme| matches!(scheme, "http" | "https"));
    scheme && uri.host().is_some_and(|host| !host.is_empty() && !host.contains('_'))
}
