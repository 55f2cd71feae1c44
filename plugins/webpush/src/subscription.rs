//! A browser's subscription, as it hands it out (<https://www.w3.org/TR/push-api/#dom-pushsubscription-tojson>).

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use notifier_plugin_sdk::endpoint;
use serde_json::Value;

/// Without padding (RFC 4648, 5); older libraries have written it.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// An uncompressed point on P-256 (RFC 8291, 3.1).
const P256DH_BYTES: usize = 65;
/// RFC 8291, 3.2.
const AUTH_BYTES: usize = 16;

/// Where a browser's messages go, and the keys that only it can read with.
#[derive(Debug)]
pub(crate) struct Subscription {
    pub(crate) endpoint: String,
    pub(crate) p256dh: Vec<u8>,
    pub(crate) auth: Vec<u8>,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    expires_at_ms: Option<f64>,
}

impl Subscription {
    /// Reads the token of a message. Members that it does not know are left alone: browsers may add some.
    ///
    /// # Errors
    /// What is wrong, to follow "the subscription …". It repeats no value: whoever holds a subscription's keys and
    /// its endpoint reads and writes its messages.
    pub(crate) fn read(token: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(token).map_err(|_| "is not JSON, as `JSON.stringify` writes it")?;
        let endpoint = json.get("endpoint").and_then(Value::as_str).ok_or("has no `endpoint`")?;
        endpoint::check(endpoint).map_err(|problem| format!("has an `endpoint` that {problem}"))?;
        let expires_at_ms = match json.get("expirationTime") {
            None | Some(Value::Null) => None,
            Some(time) => Some(time.as_f64().ok_or("has an `expirationTime` that is neither a number nor null")?),
        };
        let p256dh = key(&json, "p256dh", P256DH_BYTES)?;
        if p256dh.first() != Some(&4) {
            return Err("has a `keys.p256dh` that is not an uncompressed point, which begins with 4".into());
        }
        let auth = key(&json, "auth", AUTH_BYTES)?;
        Ok(Self { endpoint: endpoint.into(), p256dh, auth, expires_at_ms })
    }

    /// Whether its time is over. Most have none.
    pub(crate) fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|expires_at_ms| expires_at_ms <= now_ms as f64)
    }

    /// Whether it is one of Edge, on the Windows Push Notification Services.
    pub(crate) fn is_on_wns(&self) -> bool {
        let rest = self.endpoint.strip_prefix("https://").unwrap_or_default();
        let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
        host.to_ascii_lowercase().ends_with(".notify.windows.com")
    }
}

fn key(json: &Value, name: &str, bytes: usize) -> Result<Vec<u8>, String> {
    let text = json.get("keys").and_then(|keys| keys.get(name)).and_then(Value::as_str);
    let text = text.ok_or_else(|| format!("has no `keys.{name}`"))?;
    let key = BASE64URL.decode(text).map_err(|_| format!("has a `keys.{name}` that is not base64url"))?;
    if key.len() != bytes {
        return Err(format!("has a `keys.{name}` of {} bytes: want {bytes}", key.len()));
    }
    Ok(key)
}
