//! What one attempt came to, in a closed vocabulary; and what a provider says when it is asked about one afterwards.

/// What went wrong: for a person, and for statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The vendor's own code, as `21610`; or one of ours, as `plugin.cpu_budget`.
    pub code: Option<String>,
    /// One sentence. Never holds a secret; may hold an address.
    pub message: String,
}

impl Problem {
    /// A problem with a code.
    #[must_use]
    pub fn coded(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: Some(code.into()), message: message.into() }
    }

    /// A problem for which there is no code.
    #[must_use]
    pub fn plain(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.code {
            Some(code) => write!(f, "{} ({code})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Whose fault a rejection is: it decides whether another provider could do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectionKind {
    /// The message itself will never be taken.
    Message,
    /// The address is wrong or does not exist.
    Recipient,
    /// The recipient opted out, bounced or complained before.
    Suppressed,
    /// Credentials, account, sender or balance: nothing passes until an operator acts, and then everything does.
    Provider,
    /// This provider cannot carry it, by limits of its own, and nobody was asked to: another provider may. Said by native
    /// providers, and by the host of a plugin that refuses a message before its first request.
    Unfit,
    /// The plugin broke down over this message, as by a trap or by going over a limit: said by the host, never by the
    /// plugin.
    Plugin,
}

impl RejectionKind {
    /// The name used in reasons and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Recipient => "recipient",
            Self::Suppressed => "suppressed",
            Self::Provider => "provider",
            Self::Unfit => "unfit",
            Self::Plugin => "plugin",
        }
    }
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The vendor took responsibility.
    Accepted {
        /// The vendor's id of the message, by which receipts are matched.
        provider_message_id: Option<String>,
    },
    /// Not processed: the vendor asks for patience.
    RateLimited {
        /// How long, when the vendor said so.
        retry_after_ms: Option<u64>,
        /// What the vendor said.
        problem: Problem,
    },
    /// Certainly not processed, likely to work later.
    Unavailable {
        /// How long to wait, when the vendor said so.
        retry_after_ms: Option<u64>,
        /// What happened.
        problem: Problem,
    },
    /// Not processed, and repeating it unchanged is useless.
    Rejected {
        /// Whose fault it is.
        kind: RejectionKind,
        /// What the vendor said.
        problem: Problem,
    },
    /// May have been processed: the call ended without a clear answer.
    Unknown {
        /// What happened.
        problem: Problem,
    },
}

/// What a provider says when it is asked what came of an attempt that ended without a clear answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookUp {
    /// It cannot look anything up: nothing is told about it, and the category's policy decides.
    Impossible,
    /// The vendor has the message: the attempt counts as accepted.
    Found {
        /// The vendor's id of the message, by which receipts are matched, where it tells one.
        message_id: Option<String>,
    },
    /// The vendor is sure that it never took the message and never will: the attempt counts as a failure like any other, and
    /// it is sent again, also where doubt would be held. Never said of what merely is not there yet.
    NotFound,
    /// It cannot say, now or ever: the category's policy decides.
    Unclear(Problem),
}
