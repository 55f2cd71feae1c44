//! What came of an attempt without a clear answer: `GET /v3/messages`, the Email Activity Feed
//! (<https://www.twilio.com/docs/sendgrid/api-reference/email-activity/filter-all-messages>), which an account has to buy.
//!
//! Every mail carries the key of its delivery as a custom argument, and the feed can be asked for mail with that argument: what
//! it finds is this delivery's and no other. What it does not find may be listed later, so nothing is ever said to be missing.

use notifier_plugin_sdk::{Finding, Form, Problem, Request, Response, SendError, Sought, json};
use serde_json::Value;

use crate::receive::x_message_id;
use crate::settings::{API_KEY, Settings};

pub(crate) fn look_up(settings: &Settings, sought: &Sought) -> Finding {
    if !settings.email_activity {
        return Finding::Impossible;
    }
    let Some(query) = query(&sought.idempotency_key) else {
        return unclear("the key cannot be asked for: it has a quote or a backslash");
    };
    // One mail to many recipients is listed once for each of them, under the same id.
    let query = Form::new().with("limit", "1").with("query", query);
    match Request::get(format!("{}/v3/messages", settings.base_url)).bearer(API_KEY).query(query).send() {
        Ok(response) if response.is_success() => read_answer(&response),
        Ok(response) => Finding::Unclear(Problem::of_response(&response)),
        Err(error) => unclear(&in_words(SendError::from(error))),
    }
}

/// `(unique_args['notifier_key']="…")`. Custom arguments are called unique arguments here.
fn query(key: &str) -> Option<String> {
    (!key.contains(['"', '\\'])).then(|| format!("(unique_args['notifier_key']=\"{key}\")"))
}

fn read_answer(response: &Response) -> Finding {
    let Some(body) = response.json::<Value>() else {
        return unclear("the answer of the Email Activity Feed is not JSON");
    };
    match body["messages"].as_array().map(|messages| messages.first()) {
        Some(Some(message)) => Finding::Found(json::text(message, "msg_id").map(|id| x_message_id(id).to_owned())),
        Some(None) => unclear("the Email Activity Feed does not list the message, or not yet"),
        None => unclear("the answer of the Email Activity Feed has no `messages`"),
    }
}

fn in_words(error: SendError) -> String {
    match error {
        SendError::RateLimited(wait) | SendError::Unavailable(wait) => wait.problem.message,
        SendError::Rejected(rejection) => rejection.problem.message,
        SendError::Unknown(problem) => problem.message,
    }
}

fn unclear(message: &str) -> Finding {
    Finding::Unclear(Problem { code: None, message: message.into() })
}
