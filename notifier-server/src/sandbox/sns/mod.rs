//! Amazon SNS's side of `Publish` to a phone number.
//!
//! Parameters, types and errors are those of the service's model (botocore, `data/sns/2010-03-31/service-2.json`) and
//! of docs.aws.amazon.com/sns/latest/api/API_Publish.html; the SMS attributes are those of
//! docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html. Every byte has to be signed (`sigv4`). Stricter than
//! the vendor, who ignores what it does not know: unknown and repeated parameters are refused, and unknown attributes
//! whose names start with `AWS.`.
//!
//! There are no test numbers at Amazon; here the numbers of the range +1 500 555 that Twilio reserves for tests have a
//! meaning: …0001 is no number that can be published to, …0002 is throttled, …0003 is not authorized, …0004 opted out,
//! which Amazon answers like a success and delivers nothing, and …0005 is an internal error.
//!
//! In a configuration:
//!
//! ```toml
//! [providers.sns.settings]
//! base_url = "http://127.0.0.1:40005"   # Sandbox::url(Service::Sns)
//! region = "us-east-1"                  # Credentials::sns_region
//! # The access key id and the secret access key: Credentials::{sns_access_key_id, sns_secret_access_key}
//! ```

mod answers;
mod parameters;

use axum::{http::request::Parts, response::Response};
use bytes::Bytes;
use http::Method;

use self::{
    answers::{SnsError, published, refusal, unknown_operation},
    parameters::{Publish, Target},
};
use super::{
    Channel, Credentials, Message, Refusal, Segments, Service,
    sigv4::Verifier,
    vendor::{Desk, Vendor, Verdict, World, media_type},
};

/// The fake.
pub(super) struct FakeSns {
    desk: Desk,
    verifier: Verifier,
}

impl FakeSns {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        let verifier = Verifier {
            access_key_id: credentials.sns_access_key_id.clone(),
            secret_access_key: credentials.sns_secret_access_key.clone(),
            session_token: None,
            service: "sns",
            region: credentials.sns_region.clone(),
            skew_max_min: 15,
        };
        Self { desk: Desk::new(Service::Sns, world, Vec::new()), verifier }
    }

    fn publish(&self, parts: &Parts, body: &Bytes, request_id: &str) -> Result<Verdict, SnsError> {
        self.verifier.verify(parts, body, self.desk.now())?;
        let publish = Publish::parse(body)?;
        let id = self.desk.ids.uuid();
        let answer = published(&id, request_id);
        match publish.target {
            Target::OptedOut => Ok(Verdict::nothing(answer)),
            Target::Phone(number) => {
                let mut message = Message::new(Service::Sns, Channel::Sms, id);
                message.to = vec![number];
                message.from = publish.sender;
                message.segments = Some(Segments::of(&publish.text));
                message.text = Some(publish.text);
                message.custom_args = publish.attributes;
                Ok(Verdict::accepted(message, answer))
            }
        }
    }
}

impl Vendor for FakeSns {
    /// Far above the largest form that the rules allow.
    const BODY_BYTES_MAX: usize = 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        let is_form = media_type(parts) == "application/x-www-form-urlencoded";
        if parts.method != Method::POST || parts.uri.path() != "/" || !is_form {
            return Verdict::refused(unknown_operation());
        }
        let request_id = self.desk.ids.uuid();
        let refused = |error: SnsError| Verdict::refused(error.render(&request_id));
        self.publish(parts, body, &request_id).unwrap_or_else(refused)
    }

    fn too_large(&self) -> Response {
        SnsError::invalid("Invalid parameter: Message too long").render(&self.desk.ids.uuid())
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        refusal(fault).render(&self.desk.ids.uuid())
    }
}
