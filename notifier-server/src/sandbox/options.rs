//! What a sandbox can be told before it starts.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Property, User, seed};

/// Where the sandbox gets the time from.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a sandbox starts.
#[derive(Clone)]
pub struct SandboxOptions {
    /// Where the time comes from.
    pub clock: Clock,
    /// Where the services listen, on 127.0.0.1.
    pub ports: Ports,
    /// What callers must present.
    pub credentials: Credentials,
    /// The records of the user database.
    pub users: Vec<User>,
    /// The records of the property service.
    pub properties: Vec<Property>,
    /// Messages that the inbox retains.
    pub inbox_capacity: usize,
    /// Whether to keep each request as it came. Costs a copy of every body.
    pub keep_raw: bool,
}

/// TCP ports; 0 lets the system choose a free one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Of Twilio's fake.
    pub twilio: u16,
    /// Of SendGrid's fake.
    pub sendgrid: u16,
    /// Of the user database.
    pub directory: u16,
    /// Of the property service.
    pub catalog: u16,
}

/// What the services of a sandbox take for authentication. None of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// `AC` and 32 hexadecimal digits.
    pub twilio_account_sid: String,
    /// The password beside the account SID.
    pub twilio_auth_token: String,
    /// `SK` and 32 hexadecimal digits: the other user name that Twilio takes.
    pub twilio_api_key_sid: String,
    /// The password beside the API key SID.
    pub twilio_api_key_secret: String,
    /// SendGrid's bearer key.
    pub sendgrid_api_key: String,
    /// `X-API-Key` of the user database.
    pub directory_api_key: String,
    /// `X-API-Key` of the property service.
    pub catalog_api_key: String,
}

impl SandboxOptions {
    /// Free ports, fixed credentials, the four users and four properties, and the last 10,000 messages.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            ports: Ports::default(),
            credentials: Credentials::default(),
            users: seed::seed_users(),
            properties: seed::seed_properties(),
            inbox_capacity: 10_000,
            keep_raw: false,
        }
    }
}

impl Default for Credentials {
    fn default() -> Self {
        Self {
            twilio_account_sid: format!("AC{:032x}", 1),
            twilio_auth_token: "sandbox-twilio-auth-token".to_owned(),
            twilio_api_key_sid: format!("SK{:032x}", 1),
            twilio_api_key_secret: "sandbox-twilio-api-key-secret".to_owned(),
            sendgrid_api_key: "SG.sandbox-api-key".to_owned(),
            directory_api_key: "sandbox-directory-key".to_owned(),
            catalog_api_key: "sandbox-catalog-key".to_owned(),
        }
    }
}
