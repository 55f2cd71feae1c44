//! The API's shapes in JSON, and how they map to the engine's types.
//!
//! Only these types are (de)serialised; the engine's can change without the API noticing. Golden files in
//! `golden` hold what each looks like.

mod batch;
mod channel;
mod content;
mod dead_letter;
mod explanation;
mod filter;
mod notification;
mod preference;
mod provider;
mod revision;
mod route;
mod stats;
mod submission;
mod suppression;
mod template;
mod timeline;

#[cfg(test)]
mod golden;

pub(crate) use batch::BatchResultBody;
pub(crate) use channel::ChannelName;
pub(crate) use content::{ChatBody, ContentBody, EmailBody, PushBody, SmsBody, WebhookBody};
pub(crate) use dead_letter::{DeadLetterBody, DeadLetterPage, ReplayBody, ReplayList, ReplayRequestBody};
pub(crate) use explanation::ExplanationBody;
pub(crate) use filter::{INSTANT_EXPECTED, state_named};
pub(crate) use notification::{CancellationBody, NotificationBody, NotificationPage, ReasonBody};
pub(crate) use preference::{PreferencesBody, PreferencesView};
pub(crate) use provider::{BreakerRequestBody, ProviderBody, ProviderList};
pub(crate) use revision::{
    AcknowledgementBody, CancellationRequestBody, CancellationResultBody, CancelledManyBody, ReplacementBody,
    RescheduledManyBody, ReschedulingBody, ReschedulingResultBody, Revisable, RevisedBody, SelectedReschedulingBody,
};
pub(crate) use route::{RouteBody, RouteList};
pub(crate) use stats::StatsBody;
pub(crate) use submission::{SubmissionBody, SubmittedBody};
pub(crate) use suppression::{SuppressionBody, SuppressionPage, SuppressionRequestBody};
pub(crate) use template::{TemplateBody, TemplatePage, TemplateView};
pub(crate) use timeline::TimelineBody;
