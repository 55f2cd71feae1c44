//! The system's clock, randomness, and places for secrets. The only module that may touch them.

use std::cell::RefCell;
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

/// The system's source of cryptographically secure randomness. Each thread fetches some ahead: a system call for every few
/// bytes would cost more than what they are for.
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

    #[expect(clippy::expect_used, reason = "a system without randomness cannot make identifiers: nothing can go on")]
    fn fetch(&self, buffer: &mut [u8]) {
        self.0.fill(buffer).expect("the system provides randomness");
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        // A thread that ends has no reserve any more.
        let filled = RESERVE.try_with(|reserve| match reserve.try_borrow_mut() {
            Ok(mut reserve) => reserve.hand_out(buffer, |bytes| self.fetch(bytes)),
            Err(_) => false,
        });
        if filled != Ok(true) {
            self.fetch(buffer);
        }
    }
}

/// Random bytes that nobody was given yet.
struct Reserve {
    bytes: [u8; 512],
    left: usize,
}

impl Reserve {
    /// Fills the buffer, and forgets what it was given; `false` when it asks for more than is ever kept.
    fn hand_out(&mut self, buffer: &mut [u8], fetch: impl FnOnce(&mut [u8])) -> bool {
        if buffer.len() > self.bytes.len() {
            return false;
        }
        if buffer.len() > self.left {
            fetch(&mut self.bytes);
            self.left = self.bytes.len();
        }
        let rest = self.left - buffer.len();
        buffer.copy_from_slice(&self.bytes[rest..self.left]);
        self.bytes[rest..self.left].fill(0);
        self.left = rest;
        true
    }
}

thread_local! {
    static RESERVE: RefCell<Reserve> = const { RefCell::new(Reserve { bytes: [0; 512], left: 0 }) };
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

    #[test]
    fn no_byte_of_the_reserve_is_handed_out_twice() {
        let mut reserve = Reserve { bytes: [0; 512], left: 0 };
        let mut fetched = 0_u32;
        let mut counting = |bytes: &mut [u8]| {
            for bytes in bytes.chunks_exact_mut(4) {
                fetched += 1;
                bytes.copy_from_slice(&fetched.to_be_bytes());
            }
        };
        let mut seen = std::collections::BTreeSet::new();
        for length in (0..200).map(|n| 4 * (1 + n % 40)) {
            let mut buffer = vec![0; length];
            assert!(reserve.hand_out(&mut buffer, &mut counting));
            for number in buffer.chunks_exact(4) {
                assert_ne!(number, [0; 4], "not filled");
                assert!(seen.insert(number.to_vec()), "handed out twice");
            }
            let left = reserve.left;
            assert!(reserve.bytes[left..].iter().all(|byte| *byte == 0), "what was handed out is kept");
        }
        assert!(!reserve.hand_out(&mut [0; 513], &mut counting));
    }

    #[test]
    fn every_buffer_is_filled() {
        for length in [8, 512, 513, 10_000] {
            let mut buffers = [vec![0; length], vec![0; length]];
            buffers.iter_mut().for_each(|buffer| SystemEntropy::new().fill(buffer));
            assert!(buffers[0] != buffers[1] && buffers[0] != vec![0; length], "{length}");
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
