//! The API's shapes in JSON, and how they map to the engine's types.
//!
//! Only these types are (de)serialised; the engine's can change without the API noticing. Golden files in
//! `golden` hold what each looks like.

mod channel;
mod content;
mod notification;
mod preference;
mod provider;
mod submission;
mod template;
mod timeline;

#[cfg(test)]
mod golden;

pub(crate) use channel::ChannelName;
pub(crate) use content::{ContentBody, EmailBody, SmsBody};
pub(crate) use notification::{CancellationBody, NotificationBody, NotificationPage, ReasonBody};
pub(crate) use preference::{PreferencesBody, PreferencesView};
pub(crate) use provider::ProviderList;
pub(crate) use submission::{SubmissionBody, SubmittedBody};
pub(crate) use template::{TemplateBody, TemplatePage, TemplateView};
pub(crate) use timeline::TimelineBody;
