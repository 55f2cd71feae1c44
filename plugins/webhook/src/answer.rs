//! What an endpoint's answer means ("Delivery success and failure" of the specification).

use notifier_plugin_sdk::{Class, ErrorTable, Problem, Receipt, Response, SendError};

/// Statuses that mean something else of an endpoint, which is the recipient, than of a vendor. None is the provider's
/// fault: that would stop the events for all endpoints.
pub(crate) const ANSWERS: ErrorTable = ErrorTable {
    codes: &[],
    #[rustfmt::skip]
    statuses: &[
        (401, Class::Recipient),  // it does not take our signature, or wants a login
        (402, Class::Recipient),  // whoever runs it has not paid
        (403, Class::Recipient),  // it keeps us out
        (404, Class::Recipient),  // nothing is there
        (407, Class::Recipient),  // its own proxy keeps us out
        (410, Class::Suppressed), // it wants no more: the specification says to disable it
    ],
};

/// Any 2xx is a success, whatever the body.
pub(crate) fn read(response: &Response) -> Result<Receipt, SendError> {
    match response.status {
        200..=299 => Ok(Receipt { provider_message_id: None, attributes: vec![] }),
        status @ 300..=399 => {
            let problem = format!("HTTP {status}: redirects are not followed, the URL has to be changed");
            Err(SendError::recipient(None, problem))
        }
        _ => Err(ANSWERS.classify(response, Problem::of_response(response))),
    }
}
