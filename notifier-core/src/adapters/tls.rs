//! What every TLS client here has in common: ring, TLS 1.2 and 1.3, and certificates judged by the clock port.

#[cfg(test)]
pub(super) mod certificates;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

use crate::ports::clock::Clock;

/// TLS 1.2 and 1.3, before it is said who is trusted.
pub(super) fn tls_versions(clock: Arc<dyn Clock>) -> ConfigBuilder<ClientConfig, WantsVerifier> {
    #[expect(clippy::expect_used, reason = "ring's cipher suites cover both versions of TLS")]
    ClientConfig::builder_with_details(Arc::new(default_provider()), Arc::new(CertificateTime(clock)))
        .with_safe_default_protocol_versions()
        .expect("ring supports TLS 1.2 and 1.3")
}

struct CertificateTime(Arc<dyn Clock>);

impl fmt::Debug for CertificateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateTime")
    }
}

impl TimeProvider for CertificateTime {
    fn current_time(&self) -> Option<UnixTime> {
        let since_epoch = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(since_epoch)))
    }
}
