//! The records and variants of the contract, under the names that plugins use. Their meaning is documented in
//! `wit/provider.wit`.

pub use crate::bindings::notifier::provider::http::{
    Auth, BasicAuth, FormFieldAuth, HeaderAuth, HttpError, JwtBearerAuth, Method, Response, Sigv4Auth, VapidAuth,
};
pub use crate::bindings::notifier::provider::model::{
    Attachment, Attributes, Channel, Chat, Content, Context, Description, Email, Finding, Mailbox, Message, Problem,
    Push, Receipt, ReceiptEvent, ReceiptStatus, ReceiveError, Rejection, RejectionKind, SecretNeed, SendError,
    SettingProblem, Sms, Sought, Wait, Webhook, WebhookEvent,
};
pub use crate::bindings::notifier::provider::verify::{Algorithm, Key, VerifyError};
