//! Certificates that sign what vendors post to us, fetched from where the vendor keeps them.
//!
//! Amazon SNS names the address in each notification
//! (<https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html>): whoever posts to us says where to look. So
//! only hosts that were granted by name are asked, little is read, and what was found out is kept, also that there is nothing.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use super::call::Grants;
use super::kept::{Entry, Kept};
use super::verify::VerifyError;
use super::x509::Certificate;
use crate::adapters::egress::{EgressError, EgressPolicy};

/// The certificates of one provider.
pub(super) struct Certificates {
    kept: Kept<Certificate, VerifyError>,
}

const CERTIFICATES_MAX: usize = 16;
const BYTES_MAX: usize = 64 * 1024;
const URL_CHARS_MAX: usize = 1_000;
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it is remembered that there is none.
const FAILED_FOR: SignedDuration = SignedDuration::from_secs(60);

impl Default for Certificates {
    fn default() -> Self {
        Self { kept: Kept::new(CERTIFICATES_MAX) }
    }
}

impl Certificates {
    /// The public key in the certificate at that address, within the time that is left.
    pub(super) async fn public_key(&self, url: &str, grants: &Grants, left: Duration) -> Result<Vec<u8>, VerifyError> {
        if !is_trusted_way(url) || url.len() > URL_CHARS_MAX {
            let problem = "a certificate is fetched from an `https` URL, or from this machine";
            return Err(VerifyError::UnusableKey(problem.into()));
        }
        let fetch = async {
            let result = fetch(url, grants).await;
            let now = grants.clock.now();
            let until = match &result {
                Ok(certificate) => certificate.not_after,
                Err(_) => now.saturating_add(FAILED_FOR).unwrap_or(now),
            };
            Entry { result, until }
        };
        match tokio::time::timeout(left, self.kept.get(url, &*grants.clock, fetch)).await {
            Ok(certificate) => Ok(certificate?.public_key),
            Err(_) => Err(VerifyError::Unreachable(format!("no certificate within {} ms", left.as_millis()))),
        }
    }
}

/// Whether nobody on the way could put a key of his own in the place of the vendor's.
fn is_trusted_way(url: &str) -> bool {
    url.starts_with("https://")
        || (url.starts_with("http://") && url.parse().is_ok_and(|uri| EgressPolicy::stays_on_this_machine(&uri)))
}

async fn fetch(url: &str, grants: &Grants) -> Result<Certificate, VerifyError> {
    let unusable = |problem: String| VerifyError::UnusableKey(format!("the certificate: {problem}"));
    let request = Request::get(url)
        .header(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))
        .body(Bytes::new())
        .map_err(|_| unusable("its URL cannot be read".into()))?;
    if !grants.egress.is_granted_by_name(request.uri()) {
        return Err(unusable("its host is not granted by name".into()));
    }
    let egress = grants.egress.with_response_bytes_max(BYTES_MAX);
    let response = egress.send(request, FETCH_TIMEOUT).await.map_err(|error| match error {
        EgressError::Denied(problem) | EgressError::Invalid(problem) => unusable(problem),
        EgressError::TooLarge { .. } => unusable(format!("it has more than {BYTES_MAX} bytes")),
        EgressError::Unreachable(problem) | EgressError::Interrupted(problem) => VerifyError::Unreachable(problem),
    })?;
    check(&response, grants.clock.now())
}

fn check(response: &Response<Bytes>, now: Timestamp) -> Result<Certificate, VerifyError> {
    let unusable = |problem: String| VerifyError::UnusableKey(format!("the certificate: {problem}"));
    let status = response.status();
    if status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT) {
        return Err(VerifyError::Unreachable(format!("status {}", status.as_u16())));
    }
    if status != StatusCode::OK {
        return Err(unusable(format!("status {}", status.as_u16())));
    }
    let text = std::str::from_utf8(response.body()).map_err(|_| unusable("it is not text".into()))?;
    let certificate = Certificate::from_pem(text).map_err(unusable)?;
    if now < certificate.not_before || certificate.not_after < now {
        let Certificate { not_before, not_after, .. } = certificate;
        return Err(unusable(format!("it is good from {not_before} to {not_after} only")));
    }
    Ok(certificate)
}
