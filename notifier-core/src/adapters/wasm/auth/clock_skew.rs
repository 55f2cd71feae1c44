//! Whose clock is right: where a vendor refuses a signature for its time, the vendor's is.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use bytes::Bytes;
use http::{Response, StatusCode, header};
use jiff::fmt::rfc2822;
use jiff::{SignedDuration, Timestamp};

/// How far the vendor's clock is ahead of ours, as far as it was noticed.
#[derive(Default)]
pub(super) struct ClockSkew {
    seconds: AtomicI64,
}

/// Less than this is no reason to refuse a signature. As in Amazon's SDKs:
/// <https://github.com/aws/aws-sdk-java-v2/blob/master/core/sdk-core/src/main/java/software/amazon/awssdk/core/retry/ClockSkew.java>.
const NOTICED_S: u64 = 4 * 60;
/// More than this is no clock that is wrong, but an answer that is.
const BELIEVED_S: u64 = 24 * 60 * 60;

impl ClockSkew {
    /// The vendor's time.
    pub(super) fn corrected(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(SignedDuration::from_secs(self.seconds.load(SeqCst))).unwrap_or(now)
    }

    /// Whether the vendor found a signature of that time stale or early, and tells another time: then that is believed.
    pub(super) fn is_news(&self, signed_at: Timestamp, now: Timestamp, response: &Response<Bytes>) -> bool {
        let Some(date) = says_time_is_wrong(response).then(|| date_of(response)).flatten() else { return false };
        let ahead = date.duration_since(now).as_secs();
        let is_news = date.duration_since(signed_at).as_secs().unsigned_abs() >= NOTICED_S;
        let is_believed = ahead.unsigned_abs() <= BELIEVED_S;
        if is_news && is_believed {
            self.seconds.store(ahead, SeqCst);
        }
        is_news && is_believed
    }
}

fn date_of(response: &Response<Bytes>) -> Option<Timestamp> {
    let date = response.headers().get(header::DATE)?.to_str().ok()?;
    rfc2822::DateTimeParser::new().parse_timestamp(date).ok()
}

/// The errors that <https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html> and
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html> name: where a code can also mean a wrong key, the
/// sentence with it has to speak of the time.
fn says_time_is_wrong(response: &Response<Bytes>) -> bool {
    if !matches!(response.status(), StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) {
        return false;
    }
    let said = |what: &str| response.body().windows(what.len()).any(|window| window == what.as_bytes());
    let is_about_signature = said("SignatureDoesNotMatch") || said("InvalidSignatureException");
    let is_about_time = said("Signature not yet current") || said("Signature expired");
    said("RequestTimeTooSkewed") || said("RequestExpired") || (is_about_signature && is_about_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-03-04T05:06:07Z";
    const EXPIRED: &str = "<Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired: 20260304T050607Z is now \
                           earlier than 20260304T060000Z</Message></Error>";

    fn response(status: u16, date: &str, body: &'static str) -> Response<Bytes> {
        Response::builder().status(status).header("date", date).body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn the_vendor_is_believed_about_its_time_only() {
        let later = "Wed, 04 Mar 2026 06:06:07 GMT";
        let json = r#"{"__type":"InvalidSignatureException","message":"Signature not yet current: later"}"#;
        for (status, date, body, expected_s) in [
            (403, later, EXPIRED, 3600),
            (403, "Wed, 04 Mar 2026 04:06:07 GMT", json, -3600),
            (403, later, "<Code>RequestTimeTooSkewed</Code>", 3600),
            (400, later, "<Code>RequestExpired</Code>", 3600),
            (403, "Thu, 05 Mar 2026 05:06:07 GMT", EXPIRED, 24 * 3600),
            // Another error, another status, no news, no time, and a time that nobody can believe.
            (403, later, "<Code>SignatureDoesNotMatch</Code><Message>does not match your key</Message>", 0),
            (403, later, "<Code>AccessDenied</Code> Signature expired", 0),
            (200, later, EXPIRED, 0),
            (500, later, EXPIRED, 0),
            (403, "Wed, 04 Mar 2026 05:10:06 GMT", EXPIRED, 0),
            (403, "Wed, 04 Mar 2026 05:02:08 GMT", EXPIRED, 0),
            (403, "yesterday", EXPIRED, 0),
            (403, "Thu, 05 Mar 2026 05:06:08 GMT", EXPIRED, 0),
            (403, "Thu, 01 Jan 1970 00:00:00 GMT", EXPIRED, 0),
        ] {
            let (skew, now) = (ClockSkew::default(), NOW.parse().unwrap());
            assert_eq!(
                skew.is_news(now, now, &response(status, date, body)),
                expected_s != 0,
                "{status} {date} {body}"
            );
            let ahead = skew.corrected(now).duration_since(now).as_secs();
            assert_eq!(ahead, expected_s, "{status} {date} {body}");
        }
    }

    /// Once our clock is set right, the vendor says so as well.
    #[test]
    fn a_correction_is_taken_back() {
        let (skew, now) = (ClockSkew::default(), NOW.parse().unwrap());
        assert!(skew.is_news(now, now, &response(403, "Wed, 04 Mar 2026 06:06:07 GMT", EXPIRED)));
        let later = now.saturating_add(SignedDuration::from_hours(1)).unwrap();
        let signed_at = skew.corrected(later);
        assert!(skew.is_news(signed_at, later, &response(403, "Wed, 04 Mar 2026 06:06:07 GMT", EXPIRED)));
        assert_eq!(skew.corrected(later), later);
        assert!(!skew.is_news(later, later, &response(403, "Wed, 04 Mar 2026 06:06:07 GMT", EXPIRED)), "nothing new");
    }
}
