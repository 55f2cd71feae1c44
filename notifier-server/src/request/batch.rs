//! Many items in one body: a JSON array, or one JSON object a line (NDJSON).
//!
//! An item that cannot be read is that item's problem. Items go from the bytes of the body straight into their type: the array
//! is cut where its items end, and only what is wrong is read a second time, to say where.

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use serde::de::{DeserializeOwned, IgnoredAny};
use tokio::sync::OwnedSemaphorePermit;

use super::body::{content_type, read_body, unsupported};
use super::json::{is_json, is_of_type, read_json};
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemKind};

/// Items of one call.
pub(crate) const ITEMS_MAX: usize = 10_000;

/// Items that are read before others get their turn.
const ITEMS_PER_TURN: usize = 50;

/// How the items were sent, and how they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchForm {
    /// A JSON array.
    Array,
    /// One JSON object a line.
    Lines,
}

/// The items of a body, in order, each as far as it can be read.
pub(crate) struct Batch<T> {
    pub(crate) form: BatchForm,
    pub(crate) items: Vec<Result<T, Problem>>,
    /// What was read takes no less memory than its bytes: they count until it is dealt with.
    pub(crate) room: Option<OwnedSemaphorePermit>,
}

impl<T: DeserializeOwned + Send> FromRequest<SharedApp> for Batch<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, Problem> {
        let form = form(request.headers());
        let check = |_: &HeaderMap| form.clone().map(drop);
        let body = read_body(request, app, app.batch_bytes_max, check).await?;
        let form = form?;
        let mut source = match form {
            BatchForm::Array => Source::Array(Elements::of(&body)?),
            BatchForm::Lines => Source::Lines(&body),
        };
        let mut items = Vec::new();
        while let Some(item) = source.next()? {
            if items.len() == ITEMS_MAX {
                let detail = format!("a call has at most {ITEMS_MAX} items: send the rest in another one");
                return Err(Problem::new(ProblemKind::BodyTooLarge, detail));
            }
            items.push(read_item(item));
            if items.len().is_multiple_of(ITEMS_PER_TURN) {
                tokio::task::yield_now().await;
            }
        }
        if items.is_empty() {
            return Err(Problem::invalid_field("", "holds no item: send 1 to 10000"));
        }
        Ok(Self { form, items, room: body.into_room() })
    }
}

fn form(headers: &HeaderMap) -> Result<BatchForm, Problem> {
    let is_lines = |essence: &str| matches!(essence, "application/x-ndjson" | "application/ndjson");
    match content_type(headers) {
        Some(declared) if is_of_type(declared, is_lines) => Ok(BatchForm::Lines),
        Some(declared) if is_json(declared) => Ok(BatchForm::Array),
        _ => {
            let detail = "send an array with `Content-Type: application/json`, or one object a line with \
                          `Content-Type: application/x-ndjson`";
            Err(unsupported(detail))
        }
    }
}

/// Reads one item. The quick way first: only what it refuses is read so that its field can be told.
fn read_item<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if !bytes.trim_ascii_start().starts_with(b"[")
        && let Ok(item) = serde_json::from_slice(bytes)
    {
        return Ok(item);
    }
    read_json(bytes)
}

enum Source<'b> {
    Array(Elements<'b>),
    /// The lines that are left. Nothing follows the end of the last one.
    Lines(&'b [u8]),
}

impl<'b> Source<'b> {
    fn next(&mut self) -> Result<Option<&'b [u8]>, Problem> {
        match self {
            Self::Array(elements) => elements.next(),
            Self::Lines([]) => Ok(None),
            Self::Lines(rest) => {
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let line = &rest[..end];
                *rest = rest.get(end + 1..).unwrap_or_default();
                Ok(Some(line))
            }
        }
    }
}

/// The items of a JSON array, as they are written.
struct Elements<'b> {
    whole: &'b str,
    rest: &'b str,
    is_first: bool,
}

impl<'b> Elements<'b> {
    fn of(bytes: &'b [u8]) -> Result<Self, Problem> {
        // Says the same of a text that is not UTF-8 as every other route.
        let whole = std::str::from_utf8(bytes).map_err(|_| broken(bytes))?;
        let Some(rest) = whole.trim_ascii_start().strip_prefix('[') else {
            return Err(match read_json::<IgnoredAny>(bytes) {
                Err(problem) => problem,
                Ok(_) => Problem::invalid_field("", "must be an array of items"),
            });
        };
        Ok(Self { whole, rest: rest.trim_ascii_start(), is_first: true })
    }

    fn next(&mut self) -> Result<Option<&'b [u8]>, Problem> {
        let is_first = std::mem::replace(&mut self.is_first, false);
        if let Some(after) = self.rest.strip_prefix(']') {
            return if after.trim_ascii().is_empty() { Ok(None) } else { Err(broken(self.whole.as_bytes())) };
        }
        if !is_first {
            let after = self.rest.strip_prefix(',').ok_or_else(|| broken(self.whole.as_bytes()))?;
            self.rest = after.trim_ascii_start();
        }
        let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<IgnoredAny>();
        match values.next() {
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return Err(broken(self.whole.as_bytes())),
        }
        let (item, rest) = self.rest.split_at(values.byte_offset());
        self.rest = rest.trim_ascii_start();
        Ok(Some(item.as_bytes()))
    }
}

/// What is wrong with the body as a whole, with its place.
fn broken(bytes: &[u8]) -> Problem {
    match read_json::<Vec<IgnoredAny>>(bytes) {
        Err(problem) if problem.kind == ProblemKind::MalformedBody => problem,
        _ => Problem::new(ProblemKind::MalformedBody, "not a JSON array"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> Result<Vec<String>, Problem> {
        let mut elements = Elements::of(text.as_bytes())?;
        let mut found = Vec::new();
        while let Some(item) = elements.next()? {
            found.push(String::from_utf8(item.to_vec()).unwrap());
        }
        Ok(found)
    }

    #[test]
    fn an_array_is_cut_where_its_items_end() {
        for (text, expected) in [
            ("[]", vec![]),
            (" [ ] \n", vec![]),
            ("[1]", vec!["1"]),
            ("[1,2 , null,true]", vec!["1", "2", "null", "true"]),
            ("[{\"a\":\"]},[\\\"\"}\n,[[1],2], \"x,y\" ]", vec!["{\"a\":\"]},[\\\"\"}", "[[1],2]", "\"x,y\""]),
            ("[\"é\",\"\u{1f3e0}\"]", vec!["\"é\"", "\"\u{1f3e0}\""]),
        ] {
            assert_eq!(elements(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn an_array_that_is_none_is_refused_as_a_whole() {
        for text in ["", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "[1]]", "[1] x", "[{\"a\"}]", "[\"a]", "nothing"] {
            let problem = elements(text).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::MalformedBody, "{text}: {problem:?}");
            assert!(problem.detail.contains("line 1"), "{text}: {problem:?}");
        }
        assert_eq!(elements("{}").unwrap_err().kind, ProblemKind::InvalidRequest);
        assert_eq!(elements("7").unwrap_err().kind, ProblemKind::InvalidRequest);
        let not_text = Elements::of(b"[\"\xff\"]").err().unwrap();
        assert!(not_text.detail.contains("byte 2"), "{not_text:?}");
    }

    #[test]
    fn every_line_is_an_item() {
        let cut = |text: &'static str| {
            let mut source = Source::Lines(text.as_bytes());
            std::iter::from_fn(|| source.next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(cut("a\nb\n"), [b"a", b"b"]);
        assert_eq!(cut("a\nb"), [b"a", b"b"]);
        assert_eq!(cut("a\n\nb\n"), [&b"a"[..], b"", b"b"]);
        assert_eq!(cut("\n"), [b""]);
        assert_eq!(cut(""), Vec::<&[u8]>::new());
    }

    #[test]
    fn an_item_that_cannot_be_read_says_why() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Item {
            #[expect(dead_code, reason = "only read")]
            a: u8,
        }
        assert!(read_item::<Item>(b" {\"a\": 1}\r").is_ok());
        for (text, field) in [("{\"a\": \"x\"}", "a"), ("{}", "a"), ("{\"b\": 1}", "b"), ("[1]", ""), ("1", "")] {
            let problem = read_item::<Item>(text.as_bytes()).unwrap_err();
            assert_eq!(
                (problem.kind, problem.errors[0].field.as_str()),
                (ProblemKind::InvalidRequest, field),
                "{text}"
            );
        }
        for text in ["", "{", "{\"a\": 1} x", "x"] {
            assert_eq!(read_item::<Item>(text.as_bytes()).unwrap_err().kind, ProblemKind::MalformedBody, "{text}");
        }
    }
}
