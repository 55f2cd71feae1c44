//! What the vendor answered.

use serde::de::DeserializeOwned;

use crate::contract::{Problem, Response};
use crate::text;

/// Enough of an answer that is not JSON to see what it is, and not a page of HTML in the timeline.
const EXCERPT_CHARS_MAX: usize = 200;

impl Response {
    /// The first value of a header. Names are in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON, if it is that. Error pages of proxies are not, so this is no error.
    pub fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// The start of the body, readable whatever it is.
    pub fn excerpt(&self) -> String {
        // A char is at most 4 bytes, so this many bytes hold the excerpt; a long body is not decoded whole.
        let start = &self.body[..self.body.len().min(EXCERPT_CHARS_MAX * 4)];
        text::excerpt(&String::from_utf8_lossy(start), EXCERPT_CHARS_MAX)
    }
}

impl Problem {
    /// What a vendor's answer says when it says nothing that the plugin can read.
    pub fn of_response(response: &Response) -> Self {
        let excerpt = response.excerpt();
        let message = match excerpt.as_str() {
            "" => format!("HTTP {} with an empty body", response.status),
            excerpt => format!("HTTP {}: {excerpt}", response.status),
        };
        Self { code: None, message }
    }
}
