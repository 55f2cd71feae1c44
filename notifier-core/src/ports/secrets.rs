//! Secrets: configuration names where they are, never what they are.

use secrecy::SecretString;

/// The secret could not be read. Says which reference, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("secret `{reference}`: {problem}")]
pub struct SecretError {
    /// The reference, as `env:TWILIO_AUTH_TOKEN`.
    pub reference: String,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// Reads secrets by reference.
pub trait Secrets: Send + Sync + 'static {
    /// The value behind the reference.
    ///
    /// # Errors
    /// When the reference has no known form, or nothing is behind it.
    fn resolve(&self, reference: &str) -> Result<SecretString, SecretError>;
}
