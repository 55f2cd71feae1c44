//! How long a vendor asks to be left alone.

use std::time::UNIX_EPOCH;

use crate::contract::Response;

/// A vendor, or a proxy before it, that asks for longer than this is not believed: a delivery must come up for a decision
/// within a day.
const RETRY_AFTER_MS_MAX: u64 = 24 * 60 * 60 * 1000;

/// A number below this is no moment since 1970: it would be before September 2001.
const EPOCH_S_MIN: u64 = 1_000_000_000;

/// A number above this is no moment in seconds since 1970: it would be after the year 5138.
const EPOCH_S_MAX: u64 = 100_000_000_000;

/// From `Retry-After` (RFC 9110, 10.2.3: seconds or a date), else from `X-RateLimit-Reset` (a moment, or seconds from now), else
/// from `RateLimit-Reset` (seconds from now, draft-ietf-httpapi-ratelimit-headers-06, 5.3). One that cannot be read is as one
/// that is not there. A moment that has passed is no wait.
pub(crate) fn retry_after_ms(response: &Response, now_ms: u64) -> Option<u64> {
    let header = |name| response.header(name).map(str::trim);
    let wait_ms = header("retry-after")
        .and_then(|value| from_retry_after(value, now_ms))
        .or_else(|| header("x-ratelimit-reset").and_then(|value| from_x_ratelimit_reset(value, now_ms)))
        .or_else(|| header("ratelimit-reset").and_then(seconds).map(|seconds| seconds.saturating_mul(1000)))?;
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

/// No standard says what the number is: SendGrid and others send seconds since 1970, some seconds from now, some milliseconds
/// since 1970. Its size tells.
fn from_x_ratelimit_reset(value: &str, now_ms: u64) -> Option<u64> {
    Some(match seconds(value)? {
        from_now_s @ 0..EPOCH_S_MIN => from_now_s.saturating_mul(1000),
        epoch_s @ EPOCH_S_MIN..=EPOCH_S_MAX => epoch_s.saturating_mul(1000).saturating_sub(now_ms),
        epoch_ms => epoch_ms.saturating_sub(now_ms),
    })
}
