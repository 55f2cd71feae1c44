//! What is on the medium: frozen structures, one file for each kind, apart from the types of the domain.
//!
//! A structure that was ever released is never edited: positions and numbers are the format. What changes gets a new
//! structure with the next version, a conversion from the one before, and a line in its `read`; so every reader knows
//! one structure only, the newest. The bytes of every version are kept in `testdata/records/` and tested against.
//!
//! Times are microseconds since 1970 (as in PostgreSQL), rounded towards 1970. Choices are numbers that are only ever
//! added to, in [`numbers`].

pub(super) mod bookkeeping;
pub(super) mod delivery;
mod field;
#[cfg(test)]
mod golden;
pub(super) mod idempotency;
mod json;
pub(super) mod notification;
pub(super) mod numbers;
pub(super) mod preferences;
pub(super) mod provider_state;
pub(super) mod receipt;
pub(super) mod suppression;
pub(super) mod template;

pub(super) use bookkeeping::{Counts, FormatRecord, ProgressRecord};
pub(super) use delivery::DeliveryRecord;
pub(super) use idempotency::IdempotencyRecord;
pub(super) use notification::NotificationRecord;
pub(super) use preferences::PreferencesRecord;
pub(super) use provider_state::ProviderStateRecord;
pub(super) use receipt::ReceiptRecord;
pub(super) use suppression::SuppressionRecord;
pub(super) use template::TemplateRecord;
