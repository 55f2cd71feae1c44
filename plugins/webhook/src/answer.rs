//! What an endpoint's answer means ("Delivery success and failure" of the specification).

use notifier_plugin_sdk::{Class, ErrorTable, Problem, Receipt, Response, SendError};

/// What a status means of an endpoint, which is the recipient's. None is the provider's fault: that would stop the events for all
/// endpoints.
///
/// The specification wants every failure tried again but 410: "it's therefore up to the webhook producer to retry sending the
/// webhook until a successful attempt". A receiver that has lost its secret or its route answers 401 or 404 until it is mended,
/// and the events of that time are not to be lost. Three statuses are no failure of the endpoint but its verdict on this event,
/// which stays the same however often it comes.
fn class_of(status: u16) -> Class {
    match status {
        400 | 413 | 422 => Class::Message,
        // It wants no more: the specification says to disable it.
        410 => Class::Suppressed,
        429 => Class::RateLimited,
        401..=499 => Class::Unavailable,
        _ => ErrorTable::class_of_status(status),
    }
}

/// Any 2xx is a success, whatever the body.
pub(crate) fn read(response: &Response) -> Result<Receipt, SendError> {
    match response.status {
        200..=299 => Ok(Receipt { provider_message_id: None, attributes: vec![] }),
        // "It's therefore recommended to update the webhook URL instead."
        status @ 300..=399 => {
            let problem = format!("HTTP {status}: redirects are not followed, the URL has to be changed");
            Err(SendError::recipient(None, problem))
        }
        status => Err(class_of(status).of_answer(response, Problem::of_response(response))),
    }
}
