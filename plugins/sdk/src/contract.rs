//! The records and variants of the contract, under the names that plugins use. Their meaning is documented in
//! `wit/provider.wit`.

pub use crate::bindings::notifier::provider::http::{
    Auth, BasicAuth, HeaderAuth, HttpError, Method, Response, Sigv4Auth,
};
pub use crate::bindings::notifier::provider::model::{
    Attachment, Attributes, Channel, Chat, Content, Context, Description, Email, Mailbox, Message, Problem, Push,
    Receipt, ReceiptEvent, ReceiptStatus, ReceiveError, Rejection, RejectionKind, SecretNeed, SendError,
    SettingProblem, Sms, Wait, Webhook, WebhookEvent,
};
pub use crate::bindings::notifier::provider::verify::{Algorithm, Key, VerifyError};
