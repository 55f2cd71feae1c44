//! Tells people things, once, on time, in the way they asked for, and can prove what it did.
//!
//! ```text
//!  request -> recipient -> preference -> template -> schedule -> dispatch (route, provider) -> outcome -> timeline
//! ```
//!
//! An application links this crate and has no server and no broker, only a data directory. [`Notifier`] is the engine;
//! [`NotifierBuilder`] puts it together; [`NotificationRequest`] says what is wanted.
//!
//! # Quickstart
//! With the feature `testing`, which brings a provider that takes everything and sends nothing:
//! ```
//! use std::sync::Arc;
//! use notifier_core::testing::ScriptedProvider;
//! use notifier_core::{Channel, Content, NotificationRequest, Notifier, SmsSource, TenantId};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let notifier = Notifier::builder()
//!     // A real one is a plugin: see the `embed` example. Without a data directory, records are kept in memory.
//!     .provider("sms", Arc::new(ScriptedProvider::accepting()))
//!     .route(Channel::Sms, "sms")
//!     .start()
//!     .await?;
//!
//! let mut request = NotificationRequest::to("tenant-42");
//! request.recipient.phone = Some("+14155550101".into());
//! request.content = Some(Content {
//!     sms: Some(SmsSource { text: "Dear {{name}}, your rent is due on Friday.".into() }),
//!     ..Content::default()
//! });
//! request.variables.insert("name".into(), "Ada".into());
//! let submitted = notifier.submit(request).await?;
//!
//! let tenant = TenantId::unnamed();
//! let status = notifier.wait(&tenant, submitted.id).await?.expect("it was just accepted");
//! assert_eq!(status.deliveries[0].state.name(), "sent");
//! for fact in notifier.timeline(&tenant, submitted.id).await?.unwrap_or_default() {
//!     println!("{} {}: {}", fact.at, fact.kind.name(), fact.reason);
//! }
//! notifier.shutdown(std::time::Duration::from_secs(5)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layers
//! `domain` decides and does no I/O; `ports` are traits; `flow` performs what was decided; `adapters` fit the ports to
//! the world; the builder is the one place that knows them all. `ARCHITECTURE.md` in the repository says which may use
//! which, and a test holds them to it.

#[cfg(not(feature = "planted"))]
mod planted;
/// Bugs that can be switched on, to see that tests find them.
#[cfg(feature = "planted")]
pub mod planted;

mod adapters;
mod builder;
pub mod domain;
mod error;
mod flow;
mod notifier;
#[cfg(feature = "wasm")]
mod plugin;
pub mod ports;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(any(test, feature = "testing"))]
mod virtual_engine;

pub use adapters::memory::MemoryStore;
pub use adapters::system::{SystemClock, SystemEntropy, SystemSecrets};
pub use domain::category::{Category, UnknownPolicy};
pub use domain::channel::Channel;
pub use domain::delivery::{Attempt, Delivery};
pub use domain::health::{Breaker, Called, HealthPolicy, HealthState, Limit, Override, Standing};
pub use domain::id::{
    CategoryName, CollapseKey, DeliveryId, IdempotencyKey, InvalidId, NotificationId, ProviderName, RecipientId,
    SubjectId, TemplateName, TenantId,
};
pub use domain::lane::Lane;
pub use domain::lifecycle::DeliveryState;
pub use domain::limits::Limits;
pub use domain::message::{
    Attachment, ChatMessage, EmailMessage, Mailbox, Message, MessageContent, PushMessage, SmsMessage, WebhookMessage,
};
pub use domain::notification::{ContentSource, Notification};
pub use domain::outcome::{LookUp, Outcome, Problem, RejectionKind};
pub use domain::preference::Preferences;
pub use domain::receipt::{Receipt, ReceiptEvent, ReceiptStatus};
pub use domain::recipient::{
    ChatId, EmailAddress, InvalidAddress, Locale, PhoneNumber, PushToken, Recipient, WebhookUrl, ZoneName,
};
pub use domain::request::{FieldError, NotificationRequest, OptionsRequest, RecipientRequest, TemplateRequest};
pub use domain::retry::RetryPolicy;
pub use domain::route::{Chain, Route};
pub use domain::schedule::ScheduleRequest;
pub use domain::strategy::{Goal, Strategy};
pub use domain::subject::Subject;
pub use domain::suppression::{Suppression, SuppressionCause};
pub use domain::template::{
    ChatSource, Content, EmailSource, PushSource, SmsSource, Template, Variable, VariableKind, WebhookSource,
};
pub use domain::timeline::{Fact, FactKind, Reason};
pub use error::{PreviewError, PutError, ReceiptError, ReplayError, ReviseError, StartError, SubmitError};
pub use flow::FlowOptions;
pub use flow::connected::ProviderPolicy;
pub use flow::explain::{DeliveryExplanation, Explanation, Prospect};
pub use flow::intake::Submitted;
pub use flow::receipts::ReceiveReport;
pub use flow::replays::{ReplayProgress, ReplayRequest};
pub use flow::revisions::{RevisedMany, Selection};
pub use notifier::{Notifier, NotifierBuilder, ProviderStatus, ShutdownReport, Stats};
pub use ports::catalog::Catalog;
pub use ports::clock::Clock;
pub use ports::directory::{Directory, LookupError};
pub use ports::entropy::Entropy;
pub use ports::provider::{Provider, ProviderDescription, ReceiveError, Reported, SendContext, Sought, Webhook};
pub use ports::secrets::{SecretError, Secrets};
pub use ports::store::{
    DeadLetter, DeadLetterPage, DeadLetterPlace, DeadLetterQuery, Filter, ListQuery, Page, RevisedStatus, Status,
    Store, StoreCounts, StoreError,
};
pub use secrecy::SecretString;

#[cfg(feature = "http")]
pub use adapters::http_directory::{HttpCatalog, HttpDirectory, HttpLookup, InvalidLookup};
#[cfg(feature = "wasm")]
pub use notifier::ReplaceError;
/// The provider components that ship with notifier: each is a [`Plugin`], as `Plugin::from(prebuilt::TWILIO)`.
#[cfg(feature = "prebuilt")]
pub use notifier_plugins as prebuilt;
#[cfg(feature = "wasm")]
pub use plugin::Plugin;

/// The embedded durable store, for those who open or examine it themselves.
#[cfg(feature = "sled")]
pub mod sled {
    pub use crate::adapters::sled::{OpenError, Report, SledOptions, SledStore, check};
}

/// The host of sandboxed providers, for those who run components themselves. [`Plugin`] is the usual way.
#[cfg(feature = "wasm")]
pub mod wasm {
    pub use crate::adapters::wasm::{
        CallLimits, PluginError, SettingProblem, WasmEngine, WasmEngineOptions, WasmProvider, WasmProviderConfig,
    };

    /// Components played against a stand-in for their vendor: how they are tested before anybody trusts them.
    #[cfg(any(test, feature = "testing"))]
    pub mod rehearsal {
        pub use crate::adapters::wasm::{
            Answer, Answered, Asked, Exchanged, Inspection, Played, PluginFault, Portrait, Rehearsal, Scene,
            SecretWanted, StandIn, inspect,
        };
    }
}

/// Email straight to a mail server.
#[cfg(feature = "smtp")]
pub mod smtp {
    pub use crate::adapters::smtp::{
        InvalidSmtp, SmtpCredentials, SmtpMechanism, SmtpOptions, SmtpPassword, SmtpProvider, SmtpSecurity,
    };
}

/// HTTP to where an operator allows it and nowhere else.
#[cfg(feature = "http")]
pub mod egress {
    pub use crate::adapters::egress::{
        EgressClient, EgressError, EgressLimits, EgressPolicy, InvalidHostGrant, Resolver, SystemResolver,
    };
}
