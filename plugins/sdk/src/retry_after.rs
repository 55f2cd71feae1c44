//! How long a vendor asks to be left alone.

use std::time::UNIX_EPOCH;

use crate::contract::Response;

/// A vendor, or a proxy before it, that asks for longer than this is not believed: a delivery must come up for a decision
/// within a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// From `Retry-After` (RFC 9110, 10.2.3: seconds or a date), else from `X-RateLimit-Reset` (seconds since 1970, as SendGrid
/// and others send it), else from `RateLimit-Reset` (seconds from now, draft-ietf-httpapi-ratelimit-headers-06, 5.3). A moment
/// that has passed is no wait.
pub(crate) fn retry_after_ms(response: &Response, now_ms: u64) -> Option<u64> {
    let header = |name| response.header(name).map(str::trim);
    let wait_ms = match (header("retry-after"), header("x-ratelimit-reset"), header("ratelimit-reset")) {
        (Some(value), ..) => from_retry_after(value, now_ms)?,
        (None, Some(value), _) => until_epoch_seconds(value, now_ms)?,
        (None, None, value) => seconds(value?)?.saturating_mul(1000),
    };
    Some(wait_ms.min(RETRY_AFTER_MS_MAX))
}

fn from_retry_after(value: &str, now_ms: u64) -> Option<u64> {
    if let Some(seconds) = seconds(value) {
        return Some(seconds.saturating_mul(1000));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    let date_ms = u64::try_from(date.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    Some(date_ms.saturating_sub(now_ms))
}

/// A number that is too large for us is a number all the same.
fn seconds(value: &str) -> Option<u64> {
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| value.parse().unwrap_or(u64::MAX))
}

fn until_epoch_seconds(value: &str, now_ms: u64) -> Option<u64> {
    Some(seconds(value)?.saturating_mul(1000).saturating_sub(now_ms))
}
