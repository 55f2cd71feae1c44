//! What SNS answers: XML, with the id of the message or with an error
//! (<https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>).

use notifier_plugin_sdk::{Class, Problem, Receipt, Response, SendError};
use roxmltree::Document;

use crate::errors::{INVALID_PARAMETER, OF_PHONE_NUMBER, PUBLISH_ERRORS};

pub(crate) fn read(response: &Response) -> Result<Receipt, SendError> {
    if !response.is_success() {
        return Err(refusal(response));
    }
    // The status accepts the message. What cannot be read of the body costs its id at most: asking again would send it twice.
    Ok(Receipt { provider_message_id: text(response, ["PublishResult", "MessageId"]), attributes: vec![] })
}

fn refusal(response: &Response) -> SendError {
    let [code, said] = ["Code", "Message"].map(|field| text(response, ["Error", field]));
    let problem = match (code, said) {
        (None, None) => Problem::of_response(response),
        (code, said) => {
            Problem { code, message: said.unwrap_or_else(|| format!("HTTP {} without a message", response.status)) }
        }
    };
    if problem.code.as_deref() == Some(INVALID_PARAMETER) && problem.message.starts_with(OF_PHONE_NUMBER) {
        return Class::Recipient.into_error(None, problem);
    }
    PUBLISH_ERRORS.classify(response, problem)
}

/// The text of an element in an element of the root, whatever the namespace. None of what is not XML.
fn text(response: &Response, [parent, child]: [&str; 2]) -> Option<String> {
    let xml = std::str::from_utf8(&response.body).ok()?;
    let document = Document::parse(xml).ok()?;
    let named = |name| move |node: &roxmltree::Node<'_, '_>| node.tag_name().name() == name;
    let parent = document.root_element().children().find(named(parent))?;
    let text = parent.children().find(named(child))?.text()?.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
