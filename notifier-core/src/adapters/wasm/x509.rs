//! What is needed of an X.509 certificate (RFC 5280 section 4.1, <https://www.rfc-editor.org/rfc/rfc5280#section-4.1>): from
//! when until when it is good, and the key in it. Who issued it is not looked at: whoever fetches one knows from where.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::spki::{SEQUENCE, any_element, der_from_text, element};

/// What is read of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// SubjectPublicKeyInfo in DER.
    pub(super) public_key: Vec<u8>,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version.
const VERSION: u8 = 0xa0;

impl Certificate {
    /// The first certificate in a PEM file (RFC 7468).
    pub(super) fn from_pem(text: &str) -> Result<Self, String> {
        let body = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(body, _)| body);
        let der = der_from_text(body.ok_or("it is not a certificate in PEM")?)?;
        Self::from_der(&der).ok_or_else(|| "it is not an X.509 certificate in DER".into())
    }

    fn from_der(der: &[u8]) -> Option<Self> {
        let (certificate, rest) = element(der, SEQUENCE)?;
        let (to_be_signed, _) = element(certificate, SEQUENCE)?;
        let after_version = element(to_be_signed, VERSION).map_or(to_be_signed, |(_, after)| after);
        let (_serial_number, after) = element(after_version, INTEGER)?;
        let (_signature, after) = element(after, SEQUENCE)?;
        let (_issuer, after) = element(after, SEQUENCE)?;
        let (validity, after) = element(after, SEQUENCE)?;
        let (_subject, key_and_more) = element(after, SEQUENCE)?;
        let (_, after) = element(key_and_more, SEQUENCE)?;
        let public_key = key_and_more.strip_suffix(after)?.to_vec();
        let (not_before, after) = time(validity)?;
        let (not_after, after) = time(after)?;
        (rest.is_empty() && after.is_empty()).then_some(Self { not_before, not_after, public_key })
    }
}

/// Section 4.1.2.5: always in UTC and with seconds; two digits stand for 1950 to 2049.
fn time(der: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (tag, text, after) = any_element(der)?;
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?;
    let text = match tag {
        UTC_TIME if text < "50" => format!("20{text}"),
        UTC_TIME => format!("19{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let is_in_full = text.len() == "20260304050607Z".len();
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", text).ok().filter(|_| is_in_full)?;
    // The last second of the year 9999, beyond which no clock goes, stands for no end at all.
    Some((time.to_zoned(TimeZone::UTC).map_or(Timestamp::MAX, |time| time.timestamp()), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with OpenSSL (`openssl ca -selfsign`): an RSA key, and one on P-256 with an end after 2049.
    const RSA: &str = include_str!("../../../testdata/certificates/rsa.pem");
    const FAR: &str = include_str!("../../../testdata/certificates/p256-until-2126.pem");

    #[test]
    fn times_and_keys() {
        let rsa = Certificate::from_pem(RSA).unwrap();
        assert_eq!(
            (rsa.not_before.to_string(), rsa.not_after.to_string()),
            ("2026-01-01T00:00:00Z".into(), "2027-01-01T00:00:00Z".into())
        );
        let key = include_str!("../../../testdata/certificates/rsa.pub.pem");
        assert_eq!(rsa.public_key, der_from_text(key).unwrap());
        let far = Certificate::from_pem(&format!("a chain:\n{FAR}{RSA}")).unwrap();
        assert_eq!(far.not_after.to_string(), "2126-01-01T00:00:00Z");
        assert_eq!(far.public_key.len(), 91);
    }

    #[test]
    fn what_is_no_certificate() {
        let key = include_str!("../../../testdata/certificates/rsa.pub.pem");
        for text in ["", "no", key, BEGIN, &format!("{BEGIN}{END}"), &format!("{BEGIN}\n???\n{END}")] {
            assert!(Certificate::from_pem(text).is_err(), "{text}");
        }
        let der = der_from_text(RSA).unwrap();
        for length in 0..der.len() {
            assert_eq!(Certificate::from_der(&der[..length]), None, "{length}");
        }
        assert_eq!(Certificate::from_der(&[&der[..], b"\0"].concat()), None);
    }

    #[test]
    fn times_as_they_are_written() {
        let read = |tag: u8, text: &str| {
            let der = [&[tag, u8::try_from(text.len()).unwrap()][..], text.as_bytes()].concat();
            time(&der).map(|(time, _)| time.to_string())
        };
        for (tag, text, expected) in [
            (UTC_TIME, "500101000000Z", Some("1950-01-01T00:00:00Z")),
            (UTC_TIME, "491231235959Z", Some("2049-12-31T23:59:59Z")),
            (GENERALIZED_TIME, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
            (GENERALIZED_TIME, "99991231235959Z", Some("9999-12-30T22:00:00.999999999Z")),
            (UTC_TIME, "2601010000Z", None),
            (UTC_TIME, "260101000000+0100", None),
            (UTC_TIME, "261301000000Z", None),
            (GENERALIZED_TIME, "20260101000000", None),
            (GENERALIZED_TIME, "20260101000000.5Z", None),
            (INTEGER, "500101000000Z", None),
        ] {
            assert_eq!(read(tag, text).as_deref(), expected, "{text}");
        }
    }
}
