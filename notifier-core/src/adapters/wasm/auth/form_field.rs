//! A secret as one more field of an HTML form, as some vendors want it beside the message.

use bytes::Bytes;
use http::{HeaderValue, Request, header};
use percent_encoding::percent_decode_str;

use super::super::keyring::{Keyring, form_encode};
use super::secret;
use crate::adapters::egress::EgressError;

/// Appends the field to a body that is a form (<https://url.spec.whatwg.org/#concept-urlencoded-serializer>).
pub(super) fn append(
    request: &mut Request<Bytes>,
    field: &str,
    name: &str,
    keyring: &Keyring,
) -> Result<(), EgressError> {
    let value = secret(keyring, name)?;
    let invalid = |problem: String| Err(EgressError::Invalid(problem));
    if field.is_empty() {
        return invalid("the form field for the secret has no name".into());
    }
    if !is_form(request) {
        return invalid("a secret form field needs a body of `application/x-www-form-urlencoded`".into());
    }
    let mut body = request.body().to_vec();
    if names(&body).any(|set| set == field.as_bytes()) {
        let field = field.escape_debug();
        return invalid(format!("the form field `{field}` is set twice: by the plugin and by its auth kind"));
    }
    if !body.is_empty() {
        body.push(b'&');
    }
    body.extend(form_encode(field.as_bytes()));
    body.push(b'=');
    body.extend(form_encode(value.as_bytes()));
    *request.body_mut() = Bytes::from(body);
    Ok(())
}

fn is_form(request: &Request<Bytes>) -> bool {
    let mut types = request.headers().get_all(header::CONTENT_TYPE).iter();
    let is_form = |value: &HeaderValue| {
        let essence = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        essence.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    };
    types.next().is_some_and(is_form) && types.next().is_none()
}

/// The names that a reader of the form finds in it.
fn names(body: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    body.split(|byte| *byte == b'&').map(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = String::from_utf8_lossy(name).replace('+', " ");
        percent_decode_str(&name).collect()
    })
}
