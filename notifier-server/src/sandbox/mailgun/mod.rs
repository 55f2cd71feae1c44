//! Mailgun's side of `POST /v3/{domain}/messages`.
//!
//! Parameters and rules are those of its API reference
//! (documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages) and of its clients
//! (github.com/mailgun/mailgun.js, `Types/Messages`). One domain can be sent for, and there are no templates.
//!
//! To send through it, a configuration names the fake's address:
//!
//! ```toml
//! [providers.mailgun]
//! plugin = "mailgun"
//! hosts = ["127.0.0.1:40005"]
//! settings = { base_url = "http://127.0.0.1:40005", domain = "mg.example.com" }
//! secrets = { api_key = "key-sandbox-mailgun", webhook_signing_key = "sandbox-mailgun-signing-key" }
//! ```

mod answers;
mod multipart;
mod parameters;

use axum::{http::request::Parts, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, StatusCode, header::CONTENT_TYPE};

use self::{
    answers::{MailgunError, accepted, refusal},
    multipart::Field,
    parameters::Parameters,
};
use super::{
    Credentials, Refusal, Service, form,
    vendor::{Desk, Vendor, Verdict, World, credentials, header, media_type},
};

/// The fake.
pub(super) struct FakeMailgun {
    desk: Desk,
    basic_credentials: String,
    domain: String,
}

impl FakeMailgun {
    pub(super) fn new(credentials: &Credentials, world: &World) -> Self {
        Self {
            desk: Desk::new(Service::Mailgun, world, Vec::new()),
            basic_credentials: STANDARD.encode(format!("api:{}", credentials.mailgun_api_key)),
            domain: credentials.mailgun_domain.clone(),
        }
    }

    fn check_head(&self, parts: &Parts) -> Result<(), MailgunError> {
        let path = parts.uri.path().strip_prefix("/v3/").and_then(|path| path.strip_suffix("/messages"));
        let domain = path.filter(|domain| !domain.contains('/'));
        let domain = domain.ok_or_else(|| MailgunError::new(StatusCode::NOT_FOUND, "Not Found"))?;
        if credentials(parts, "basic") != Some(&self.basic_credentials) {
            return Err(MailgunError::forbidden());
        }
        if domain != self.domain {
            return Err(MailgunError::new(StatusCode::NOT_FOUND, format!("Domain not found: {domain}")));
        }
        if parts.method != Method::POST {
            return Err(MailgunError::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
        }
        Ok(())
    }

    fn take(&self, parts: &Parts, body: &Bytes) -> Result<Verdict, MailgunError> {
        self.check_head(parts)?;
        let now = self.desk.now();
        let parameters = Parameters::read(fields(parts, body)?, now)?;
        let unique = self.desk.ids.hex();
        let id = format!("<{}.{}@{}>", now.strftime("%Y%m%d%H%M%S"), &unique[..16], self.domain);
        let answer = accepted(&id);
        Ok(match parameters.is_test() {
            true => Verdict::nothing(answer),
            false => Verdict::accepted_all(parameters.into_messages(&id), answer),
        })
    }
}

impl Vendor for FakeMailgun {
    /// The largest message: 25 MB.
    const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

    fn desk(&self) -> &Desk {
        &self.desk
    }

    fn judge(&self, parts: &Parts, body: &Bytes) -> Verdict {
        self.take(parts, body).unwrap_or_else(|error| Verdict::refused(error.render()))
    }

    fn too_large(&self) -> Response {
        MailgunError::too_large().render()
    }

    fn refusal(&self, fault: &Refusal) -> Response {
        refusal(fault, &self.domain)
    }
}

/// The parts of the form, of whichever of the two kinds it is. Mailgun finds no parameters in any other.
fn fields(parts: &Parts, body: &Bytes) -> Result<Vec<Field>, MailgunError> {
    match media_type(parts).as_str() {
        "multipart/form-data" => multipart::read(body, header(parts, &CONTENT_TYPE))
            .map_err(|error| MailgunError::bad_request(error.to_string())),
        "application/x-www-form-urlencoded" => {
            let field = |(name, value): (String, String)| Field {
                name,
                filename: None,
                content_type: None,
                content: value.into(),
            };
            let fields: Result<_, _> = form::pairs(body).map(|pair| pair.map(field)).collect();
            fields.map_err(|error| MailgunError::bad_request(error.to_string()))
        }
        _ => Err(MailgunError::missing("from")),
    }
}
