//! `X-Twilio-Signature` (<https://www.twilio.com/docs/usage/security#validating-requests>): an HMAC-SHA1 with the auth token
//! over the URL that Twilio called, followed by the form's parameters; a JSON body is covered by its hash in the URL.

use std::collections::BTreeSet;
use std::fmt::Write;

use notifier_plugin_sdk::webhook::is_signed;
use notifier_plugin_sdk::{Algorithm, Form, Key, ReceiveError, Webhook};
use sha2::{Digest, Sha256};

use crate::settings::AUTH_TOKEN;

const HEADER: &str = "X-Twilio-Signature";
const BODY_HASH: &str = "bodySHA256";

/// How the body of a verified callback is to be read.
#[derive(Debug)]
pub(crate) enum Body {
    Form(Form),
    Json,
}

pub(crate) fn verify(webhook: &Webhook) -> Result<Body, ReceiveError> {
    let signature = webhook.signed_header(HEADER)?;
    let (body, parameters) = match webhook.query().first(BODY_HASH) {
        Some(hash) => {
            check_body_hash(hash, &webhook.body)?;
            (Body::Json, String::new())
        }
        None => {
            let form = Form::parse(&webhook.body);
            let parameters = signed_parameters(&form);
            (Body::Form(form), parameters)
        }
    };
    let key = Key::Secret(AUTH_TOKEN.into());
    for url in url_variants(&webhook.url) {
        if is_signed(Algorithm::HmacSha1, &key, (url + &parameters).as_bytes(), signature)? {
            return Ok(body);
        }
    }
    Err(ReceiveError::Unverified(format!(
        "`{HEADER}` does not fit: other auth token, or Twilio calls another URL than `{}`",
        webhook.url
    )))
}

/// Name and value of every pair, sorted by both. Twilio's own libraries count equal pairs once.
fn signed_parameters(form: &Form) -> String {
    let pairs: BTreeSet<_> = form.pairs().collect();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

fn check_body_hash(claimed: &str, body: &[u8]) -> Result<(), ReceiveError> {
    let actual = Sha256::digest(body).iter().fold(String::new(), |mut hex, byte| {
        let _infallible = write!(hex, "{byte:02x}");
        hex
    });
    if actual.eq_ignore_ascii_case(claimed) {
        return Ok(());
    }
    Err(ReceiveError::Unverified(format!("the body does not have the hash `{BODY_HASH}` of the URL")))
}

/// Twilio signs the URL with its default port in some products and without in others, so both are tried.
fn url_variants(url: &str) -> Vec<String> {
    let mut variants = vec![url.to_owned()];
    variants.extend(other_port(url));
    variants
}

/// The URL without its port, or with the scheme's default one where it has none.
fn other_port(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    // The colons of an IPv6 address stand before its bracket, those of a user before the `@`.
    let host_start = authority.rfind(['@', ']']).map_or(0, |index| index + 1);
    let authority = match authority[host_start..].find(':') {
        Some(colon) => authority[..host_start + colon].to_owned(),
        None => format!("{authority}:{}", if scheme.eq_ignore_ascii_case("http") { 80 } else { 443 }),
    };
    Some(format!("{scheme}://{authority}{path}"))
}
