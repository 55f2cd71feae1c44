//! Whether the file documents every class of outcome: of one that is missing nobody has read what the vendor says.

use std::fmt;

use clap::ValueEnum;
use notifier_core::wasm::rehearsal::Portrait;
use notifier_plugin_exchanges::{Exchanges, Outcome, RejectionKind};
use serde::Serialize;

use super::lacks::{Lack, Lacking};
use super::report::Group;

/// A class of outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Class {
    /// The vendor has it
    Accepted,
    /// Not processed, ask again later
    RateLimited,
    /// Certainly not processed, likely to work later
    Unavailable,
    /// May have been processed
    Unknown,
    /// This message will not be taken
    RejectedMessage,
    /// The address is wrong
    RejectedRecipient,
    /// The recipient does not want it
    RejectedSuppressed,
    /// Credentials, account, sender or balance
    RejectedProvider,
}

impl Class {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Accepted { .. } => Self::Accepted,
            Outcome::RateLimited { .. } => Self::RateLimited,
            Outcome::Unavailable { .. } => Self::Unavailable,
            Outcome::Unknown { .. } => Self::Unknown,
            Outcome::Rejected { kind, .. } => match kind {
                RejectionKind::Message => Self::RejectedMessage,
                RejectionKind::Recipient => Self::RejectedRecipient,
                RejectionKind::Suppressed => Self::RejectedSuppressed,
                RejectionKind::Provider => Self::RejectedProvider,
            },
        }
    }

    /// Whether every vendor has it. Many learn only later that somebody does not want their messages, and say so in a receipt;
    /// where every message goes to a server of its recipient's, there is no account with a vendor.
    fn is_wanted(self, portrait: &Portrait) -> bool {
        let calls_recipients = portrait.attributes.iter().any(|(name, value)| name == "calls" && value == "recipient");
        match self {
            Self::RejectedSuppressed => false,
            Self::RejectedProvider => !calls_recipients,
            _ => true,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every value of it has a name: none is hidden.
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// A case for each class that is wanted, or said to be lacking.
pub(super) fn classes(portrait: &Portrait, file: &Exchanges, lacks: &[Lack]) -> Group {
    let mut group = Group::new("every class of outcome is documented");
    for class in Class::value_variants() {
        let is_documented = file.sends.iter().any(|send| Class::of(&send.outcome) == *class);
        let result = match (is_documented, lacks.iter().find(|lack| lack.what == Lacking::Class(*class))) {
            (true, Some(lack)) => Err(format!("it is said to be lacking, because {}; it is documented", lack.reason)),
            (false, None) if class.is_wanted(portrait) => {
                Err(format!("no message comes to it: add one, or say why there is none with --lacks {class}=REASON"))
            }
            (false, None) => continue,
            (true, None) | (false, Some(_)) => Ok(()),
        };
        group.case(class.to_string(), result);
    }
    group
}
