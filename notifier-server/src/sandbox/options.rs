//! What a sandbox can be told before it starts.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Property, Service, User, seed};

/// SHA-256 of a phrase; 32 bytes.
const WEBHOOK_SECRET: &str = "whsec_fq2us9oNZJkkQWBiR97vpLrK0mps2nzDCGYarPL7oQQ=";

/// A private key of Ed25519 and its public key, 32 bytes each, as the libraries of Standard Webhooks write them.
const WEBHOOK_SIGNING_KEY: &str =
    "whsk_rfGDY9BMFlE759rMmvcHcLQCl19qXETi6BJM2hsy9g2oe+8IX3J2SevyrQf1slS10DveLzeiptyYgO7SklODlA==";

/// A private key on P-256.
const WEBPUSH_VAPID_KEY: &str = "qH_HhgCNnneidcV5uD9VRCf9FZZHkQ2SvYsOs-kkAis";

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
    /// Of the fake of SES, and of SNS, which reports for it.
    pub ses: u16,
    /// Of Resend's fake.
    pub resend: u16,
    /// Of Mailgun's fake.
    pub mailgun: u16,
    /// Of Postmark's fake.
    pub postmark: u16,
    /// Of the user database.
    pub directory: u16,
    /// Of the property service.
    pub catalog: u16,
    /// Of Amazon SNS's fake.
    pub sns: u16,
    /// Of Slack's fake.
    pub slack: u16,
    /// Of the fake of Firebase Cloud Messaging.
    pub fcm: u16,
    /// Of Vonage's fake.
    pub vonage: u16,
    /// Of the receiver of webhooks.
    pub webhook: u16,
    /// Of the web push service.
    pub webpush: u16,
}

impl Ports {
    pub(super) const fn of(&self, service: Service) -> u16 {
        match service {
            Service::Twilio => self.twilio,
            Service::SendGrid => self.sendgrid,
            Service::Ses => self.ses,
            Service::Resend => self.resend,
            Service::Mailgun => self.mailgun,
            Service::Postmark => self.postmark,
            Service::Sns => self.sns,
            Service::Vonage => self.vonage,
            Service::Slack => self.slack,
            Service::Fcm => self.fcm,
            Service::WebPush => self.webpush,
            Service::Webhook => self.webhook,
            Service::Directory => self.directory,
            Service::Catalog => self.catalog,
        }
    }
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
    /// The id of the key that requests to SES are signed with.
    pub ses_access_key_id: String,
    /// The key itself.
    pub ses_secret_access_key: String,
    /// The region that the fake of SES is in, as `us-east-1`.
    pub ses_region: String,
    /// Resend's bearer key.
    pub resend_api_key: String,
    /// `whsec_` and the base64 of the key that Resend's webhooks are signed with.
    pub resend_webhook_secret: String,
    /// The password beside the user name `api`.
    pub mailgun_api_key: String,
    /// The only domain that Mailgun's fake sends for.
    pub mailgun_domain: String,
    /// The key that Mailgun's webhooks are signed with.
    pub mailgun_webhook_signing_key: String,
    /// `X-Postmark-Server-Token`.
    pub postmark_server_token: String,
    /// What Postmark's webhooks say, which are not signed.
    pub postmark_webhook: PostmarkWebhook,
    /// `X-API-Key` of the user database.
    pub directory_api_key: String,
    /// `X-API-Key` of the property service.
    pub catalog_api_key: String,
    /// AWS's access key id, that Amazon SNS takes for `sns_region`.
    pub sns_access_key_id: String,
    /// The key beside the access key id.
    pub sns_secret_access_key: String,
    /// The region that requests to Amazon SNS are signed for.
    pub sns_region: String,
    /// The secret part of the address of Slack's incoming webhook, as `T…/B…/…`.
    pub slack_webhook: String,
    /// The bearer token of Slack's Web API.
    pub slack_bot_token: String,
    /// The Firebase project that messages are sent for.
    pub fcm_project_id: String,
    /// The service account's name.
    pub fcm_client_email: String,
    /// The service account's private key: PKCS#8 in PEM.
    pub fcm_private_key: String,
    /// Vonage's `api_key`.
    pub vonage_api_key: String,
    /// Vonage's `api_secret`.
    pub vonage_api_secret: String,
    /// What Vonage signs delivery receipts with, by HMAC-SHA256.
    pub vonage_signature_secret: String,
    /// The symmetric secret of Standard Webhooks: `whsec_…`.
    pub webhook_secret: String,
    /// The asymmetric one, the private key and its public key: `whsk_…`.
    pub webhook_signing_key: String,
    /// The application server's private key (RFC 8292): 32 bytes in base64url.
    pub webpush_vapid_key: String,
}

/// How Postmark's webhooks show that they are Postmark's: it is chosen when one is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PostmarkWebhook {
    /// HTTP basic authentication.
    Basic {
        /// The user name.
        username: String,
        /// The password.
        password: String,
    },
    /// A header of one's own.
    Header {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
    },
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
            ses_access_key_id: "AKIASANDBOXSANDBOX00".to_owned(),
            ses_secret_access_key: "sandbox/ses+secret-access-key".to_owned(),
            ses_region: "us-east-1".to_owned(),
            resend_api_key: "re_sandbox_api_key".to_owned(),
            resend_webhook_secret: "whsec_c2FuZGJveC1yZXNlbmQtd2ViaG9vay1rZXk=".to_owned(),
            mailgun_api_key: "key-sandbox-mailgun".to_owned(),
            mailgun_domain: "mg.example.com".to_owned(),
            mailgun_webhook_signing_key: "sandbox-mailgun-signing-key".to_owned(),
            postmark_server_token: "5a4d0b0c-0000-4000-8000-000000000001".to_owned(),
            postmark_webhook: PostmarkWebhook::Basic {
                username: "postmark".to_owned(),
                password: "sandbox-postmark-webhook".to_owned(),
            },
            directory_api_key: "sandbox-directory-key".to_owned(),
            catalog_api_key: "sandbox-catalog-key".to_owned(),
            sns_access_key_id: "AKIASANDBOX000000001".to_owned(),
            sns_secret_access_key: "sandbox/aws/secret/access/key/0123456789".to_owned(),
            sns_region: "us-east-1".to_owned(),
            slack_webhook: "T00000001/B00000001/sandboxWebhookSecret0001".to_owned(),
            slack_bot_token: "xoxb-sandbox-bot-token".to_owned(),
            fcm_project_id: "sandbox-project".to_owned(),
            fcm_client_email: "sender@sandbox-project.iam.gserviceaccount.com".to_owned(),
            fcm_private_key: include_str!("fcm/service-account.pem").to_owned(),
            vonage_api_key: "abcd1234".to_owned(),
            vonage_api_secret: "Sandbox123456789".to_owned(),
            vonage_signature_secret: "sandbox-vonage-signature-secret".to_owned(),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            webhook_signing_key: WEBHOOK_SIGNING_KEY.to_owned(),
            webpush_vapid_key: WEBPUSH_VAPID_KEY.to_owned(),
        }
    }
}
