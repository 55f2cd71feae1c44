//! JSON bodies: what the bytes say is checked here, UTF-8, syntax and fields, in this order.

use axum::extract::{FromRequest, Request};
use http::HeaderMap;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::body::{content_type, read_body, unsupported};
use crate::app::SharedApp;
use crate::problem::{Problem, ProblemKind};

/// The body of a request, read as JSON.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<SharedApp> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, Problem> {
        let bytes = read_body(request, app, app.body_bytes_max, check_type).await?;
        read_json(&bytes).map(Self)
    }
}

fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    match content_type(headers) {
        Some(content_type) if is_json(content_type) => Ok(()),
        _ => Err(unsupported("send the body with `Content-Type: application/json`")),
    }
}

/// `application/json` or `application/<something>+json` (RFC 6839), in UTF-8.
pub(super) fn is_json(content_type: &str) -> bool {
    is_of_type(content_type, |essence| {
        essence == "application/json"
            || essence.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"))
    })
}

/// Whether that is the media type, in UTF-8.
pub(super) fn is_of_type(content_type: &str, is_meant: impl Fn(&str) -> bool) -> bool {
    let mut parts = content_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default().to_ascii_lowercase();
    is_meant(&essence)
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
                value.trim().trim_matches('"').eq_ignore_ascii_case("utf-8")
            }
            _ => true,
        })
}

/// A body that may be left out: `None` when there is none, whatever type it is declared as.
pub(crate) struct OptionalJson<T>(pub(crate) Option<T>);

impl<T: DeserializeOwned> FromRequest<SharedApp> for OptionalJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &SharedApp) -> Result<Self, Problem> {
        let checked = check_type(request.headers());
        let bytes = read_body(request, app, app.body_bytes_max, |_| Ok(())).await?;
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        checked?;
        read_json(&bytes).map(Some).map(Self)
    }
}

/// Reads JSON; what is wrong with it is told with its place or field.
pub(crate) fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not UTF-8: byte {} is the first that is not", error.valid_up_to());
        Problem::new(ProblemKind::MalformedBody, detail)
    })?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        explain(path, error.inner())
    })?;
    deserializer.end().map_err(|error| explain(String::new(), &error))?;
    // serde would take a list of all the fields' values for the object.
    if text.trim_ascii_start().starts_with('[') {
        return Err(Problem::invalid_field("", "invalid type: array, expected an object"));
    }
    Ok(read)
}

fn explain(path: String, error: &serde_json::Error) -> Problem {
    let full = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = full.strip_suffix(&place).unwrap_or(&full);
    match error.classify() {
        Category::Data => {
            let (field, problem) = locate(path, message);
            Problem::invalid_field(field, problem)
        }
        Category::Io | Category::Syntax | Category::Eof => {
            let detail = format!("not JSON: {message}, line {}, column {}", error.line(), error.column());
            Problem::new(ProblemKind::MalformedBody, detail)
        }
    }
}

/// The field that a message of serde is about, and the message in words of JSON. Messages about a key name it in
/// backquotes; the path ends above or at it.
fn locate(path: String, message: &str) -> (String, String) {
    let path = if path == "." { String::new() } else { path };
    if let (Some(above), Some(rest)) = (path.strip_suffix('?'), message.strip_prefix("unknown variant `"))
        && let Some((name, expected)) = rest.split_once('`')
    {
        return (format!("{above}{name}"), format!("is not known here; {}", expected.trim_start_matches(", ")));
    }
    let named = |prefix: &str| {
        let (name, rest) = message.strip_prefix(prefix)?.split_once('`')?;
        let is_at_end = path == name || path.ends_with(&format!(".{name}"));
        let field = match path.as_str() {
            "" => name.to_owned(),
            _ if is_at_end && prefix != "missing field `" => path.clone(),
            above => format!("{above}.{name}"),
        };
        Some((field, rest.trim_start_matches(", ").to_owned()))
    };
    if let Some((field, _)) = named("missing field `") {
        return (field, "is required".into());
    }
    if let Some((field, expected)) = named("unknown field `") {
        let known = expected.strip_prefix("expected one of ").or_else(|| expected.strip_prefix("expected "));
        let problem = known.map_or("is not known here".into(), |known| format!("is not known here; there are {known}"));
        return (field, problem);
    }
    if let Some((field, _)) = named("duplicate field `") {
        return (field, "is given twice".into());
    }
    (path, in_json_words(message))
}

/// serde names Rust's types; callers know JSON's.
fn in_json_words(message: &str) -> String {
    if let Some((found, _)) = message.split_once(", expected struct ") {
        // Of an array where an object should be, serde says that it is too short.
        let found = if found.starts_with("invalid length") { "invalid type: array" } else { found };
        return format!("{}, expected an object", found.replace(": sequence", ": array"));
    }
    message
        .replace(": sequence", ": array")
        .replace(": map", ": object")
        .replace("a sequence", "an array")
        .replace("a map", "an object")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Outer {
        inner: Inner,
        list: Option<Vec<Inner>>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Inner {
        id: String,
        inner: Option<u8>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Kind {
        Plain,
    }

    #[test]
    fn errors_name_the_field() {
        for (json, field) in [
            (r#"{"inner":{"id":1}}"#, "inner.id"),
            (r#"{"inner":{}}"#, "inner.id"),
            (r#"{"inner":{"id":"1","emial":2}}"#, "inner.emial"),
            (r#"{"inner":{"id":"1","id":"2"}}"#, "inner.id"),
            (r#"{"inner":{"id":"1","inner":256}}"#, "inner.inner"),
            (r#"{}"#, "inner"),
            (r#"{"inner":{"id":"1"},"x":1}"#, "x"),
            (r#"{"inner":null}"#, "inner"),
            (r#"{"inner":[]}"#, "inner"),
            (r#"{"inner":{"id":"1"},"list":[{"id":"1"},{"id":2}]}"#, "list[1].id"),
            (r#"{"inner":{"id":"1"},"list":[{"id":"1"},{"ix":2}]}"#, "list[1].ix"),
            (r#"{"inner":{"id":"1"},"list":[{}]}"#, "list[0].id"),
            (r#"{"inner":{"id":"1"},"kind":"fancy"}"#, "kind"),
        ] {
            let problem = read_json::<Outer>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::InvalidRequest, "{json}: {problem:?}");
            assert_eq!(problem.errors[0].field, field, "{json}: {problem:?}");
        }
    }

    #[test]
    fn errors_are_told_in_words_of_json() {
        let told = |json: &str| read_json::<Outer>(json.as_bytes()).unwrap_err().errors[0].problem.clone();
        assert_eq!(told(r#"{"inner":[]}"#), "invalid type: array, expected an object");
        assert_eq!(told(r#"{"inner":1}"#), "invalid type: integer `1`, expected an object");
        assert_eq!(told(r#"{"inner":{"id":"1"},"list":{}}"#), "invalid type: object, expected an array");
        assert_eq!(told(r#"{"inner":{"id":"1"},"x":1}"#), "is not known here; there are `inner`, `list`, `kind`");
        assert_eq!(told("{}"), "is required");
        assert_eq!(told(" []"), "invalid type: array, expected an object");
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        let deep = format!("{{\"a\": {}", "[".repeat(1_000));
        for (json, part) in [
            ("", "line 1"),
            ("{\n  \"inner\": }", "line 2, column 12"),
            ("{\"inner\":{\"id\":\"1\"}} x", "line 1, column 22"),
            ("{\"inner\":{\"id\":\"1\n\"}}", "control character"),
            (deep.as_str(), "recursion limit"),
        ] {
            let problem = read_json::<serde_json::Value>(json.as_bytes()).unwrap_err();
            assert_eq!(problem.kind, ProblemKind::MalformedBody, "{json}: {problem:?}");
            assert!(problem.detail.contains(part), "{json}: {problem:?}");
        }
        let problem = read_json::<Outer>(b"{\"inner\":{\"id\":\"\xff\"}}").unwrap_err();
        assert!(problem.detail.contains("byte 16"), "{problem:?}");
    }

    #[test]
    fn only_json_in_utf_8_is_json() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/vnd.notifier+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "application/jsonp",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
