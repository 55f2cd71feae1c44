//! The system's clock, randomness, and places for secrets. The only module that may touch them.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;

use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;
use crate::ports::secrets::{SecretError, Secrets};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

/// How long a sleep goes on without looking at the wall clock, so that a clock that was set is noticed.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(30);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "this is the adapter that reads the system's clock")]
        Timestamp::now()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        loop {
            let left = Duration::try_from(self.now().duration_until(deadline)).unwrap_or_default();
            if left.is_zero() {
                return;
            }
            #[expect(clippy::disallowed_methods, reason = "this is the adapter that sleeps")]
            tokio::time::sleep(left.min(LOOK_AGAIN_AFTER)).await;
        }
    }

    /// By the monotonic clock.
    async fn sleep(&self, duration: Duration) {
        #[expect(clippy::disallowed_methods, reason = "this is the adapter that sleeps")]
        tokio::time::sleep(duration).await;
    }
}

/// The system's source of cryptographically secure randomness.
#[derive(Debug, Clone)]
pub struct SystemEntropy(SystemRandom);

impl Default for SystemEntropy {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemEntropy {
    /// The source.
    #[must_use]
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }
}

impl Entropy for SystemEntropy {
    #[expect(clippy::expect_used, reason = "a system without randomness cannot make identifiers: nothing can go on")]
    fn fill(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the system provides randomness");
    }
}

/// Secrets from environment variables (`env:NAME`) and files (`file:/run/secrets/name`).
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemSecrets;

/// The largest secret file that is read.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

impl Secrets for SystemSecrets {
    fn resolve(&self, reference: &str) -> Result<SecretString, SecretError> {
        let fail = |problem: String| SecretError { reference: shown(reference), problem };
        let value = match reference.split_once(':') {
            Some(("env", name)) => {
                std::env::var(name).map_err(|_| fail("this environment variable is not set (or not UTF-8)".into()))?
            }
            Some(("file", path)) => read_file(Path::new(path)).map_err(fail)?,
            _ => return Err(fail("a secret is given as a reference: `env:NAME` or `file:PATH`".into())),
        };
        if value.is_empty() {
            return Err(fail("is empty".into()));
        }
        Ok(SecretString::from(value))
    }
}

/// A reference as it may be shown: something without a known scheme may be the secret itself.
fn shown(reference: &str) -> String {
    if reference.starts_with("env:") || reference.starts_with("file:") {
        reference.into()
    } else {
        "(not shown)".into()
    }
}

/// The file's text without the line break that editors put at its end.
fn read_file(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(format!("the file has {size} bytes; at most {SECRET_BYTES_MAX}"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    Ok(text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn secrets_come_from_files_and_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, "s3cret\n").unwrap();
        let secret = SystemSecrets.resolve(&format!("file:{}", path.display())).unwrap();
        assert_eq!(secret.expose_secret(), "s3cret");
        assert!(SystemSecrets.resolve("env:CARGO_MANIFEST_DIR").is_ok());
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        let error = SystemSecrets.resolve("SG.literal").unwrap_err();
        assert!(!error.to_string().contains("literal"), "{error}");
        for missing in ["env:NOTIFIER_NO_SUCH_VARIABLE", "file:/no/such/file", ""] {
            assert!(SystemSecrets.resolve(missing).is_err(), "{missing}");
        }
    }

    #[tokio::test]
    async fn the_clock_is_never_early() {
        let clock = SystemClock;
        let deadline = clock.now().checked_add(jiff::SignedDuration::from_millis(20)).unwrap();
        clock.sleep_until(deadline).await;
        assert!(clock.now() >= deadline);
    }
}
