//! `svix-signature`: Svix sends Resend's webhooks, and signs them as Standard Webhooks has it, under its own header names
//! (<https://resend.com/docs/dashboard/webhooks/verify-webhooks-requests>,
//! <https://docs.svix.com/receiving/verifying-payloads/how-manual>).

use notifier_plugin_sdk::webhook::{check_age, is_signed};
use notifier_plugin_sdk::{Algorithm, Key, ReceiveError, Webhook};

use crate::settings::{Settings, WEBHOOK_SECRET};

pub(crate) const ID: &str = "svix-id";
const TIMESTAMP: &str = "svix-timestamp";
const SIGNATURE: &str = "svix-signature";

/// While a secret is being replaced there are two signatures. More are not tried: each is a hash over the whole body.
const SIGNATURES_MAX: usize = 8;

/// The id of the event, once its signature was found right.
pub(crate) fn verify<'a>(settings: &Settings, webhook: &'a Webhook) -> Result<&'a str, ReceiveError> {
    let unverified = |reason: &str| ReceiveError::Unverified(reason.into());
    let id = webhook.signed_header(ID)?;
    let timestamp = webhook.signed_header(TIMESTAMP)?;
    let signatures = webhook.signed_header(SIGNATURE)?;
    let payload = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &webhook.body].concat();
    let key = Key::SecretBase64(WEBHOOK_SECRET.into());
    // Other versions are other algorithms, which a secret of this kind has none of.
    let of_version_1 = signatures.split_ascii_whitespace().filter_map(|signature| signature.strip_prefix("v1,"));
    let mut is_right = false;
    for signature in of_version_1.take(SIGNATURES_MAX) {
        is_right = is_right || is_signed(Algorithm::HmacSha256, &key, &payload, signature)?;
    }
    if !is_right {
        return Err(unverified("`svix-signature` does not fit the body, the id, the timestamp or `webhook_secret`"));
    }
    let timestamp_s = timestamp.parse().map_err(|_| unverified("`svix-timestamp` is not a number of seconds"))?;
    check_age(timestamp_s, settings.webhook_max_age_s)?;
    Ok(id)
}
