//! Path segments and query strings. What is unknown, given twice or malformed is refused with its name.

use std::fmt::Display;
use std::str::FromStr;

use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::app::SharedApp;
use crate::problem::{Problem, ProblemKind};

/// The variable segments of the path, decoded.
pub(crate) struct Segments<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<SharedApp> for Segments<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &SharedApp) -> Result<Self, Problem> {
        Path::from_request_parts(parts, app).await.map(|Path(segments)| Self(segments)).map_err(refused)
    }
}

fn refused(rejection: PathRejection) -> Problem {
    if let PathRejection::FailedToDeserializePathParams(failed) = &rejection
        && let ErrorKind::InvalidUtf8InPathParam { key } = failed.kind()
    {
        return Problem::parameter(key, "is not UTF-8");
    }
    Problem::new(ProblemKind::InvalidParameter, rejection.body_text())
}

/// Of a route that takes no query parameters: there is none.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Problem> {
        query(parts.uri.query(), []).map(|[]| Self)
    }
}

/// Reads a parameter's text.
pub(crate) fn parse_parameter<T>(name: &str, text: &str) -> Result<T, Problem>
where
    T: FromStr<Err: Display>,
{
    text.parse().map_err(|error: T::Err| Problem::parameter(name, error.to_string()))
}

/// The most items of one page.
const PAGE_LIMIT_MAX: usize = 200;

/// The items of a page when the caller does not say.
const PAGE_LIMIT_DEFAULT: usize = 50;

/// The parameter `limit` of a list.
pub(crate) fn page_limit(text: Option<&str>) -> Result<usize, Problem> {
    match text.map(str::parse::<usize>) {
        None => Ok(PAGE_LIMIT_DEFAULT),
        Some(Ok(limit)) if (1..=PAGE_LIMIT_MAX).contains(&limit) => Ok(limit),
        Some(_) => Err(Problem::parameter("limit", format!("must be a whole number from 1 to {PAGE_LIMIT_MAX}"))),
    }
}

/// The parameter `cursor` of a list.
pub(crate) fn parse_cursor<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::parameter("cursor", "is not the `next` of a page"))
}

/// The values of the query's parameters, in the order of `known`. A parameter without a value counts as empty text.
pub(crate) fn query<const N: usize>(
    query: Option<&str>,
    known: [&'static str; N],
) -> Result<[Option<String>; N], Problem> {
    let mut values = [const { None }; N];
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name).unwrap_or_else(|| name.to_owned());
        let Some(index) = known.iter().position(|known| *known == name) else {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
            let problem = match known.join("`, `") {
                names if names.is_empty() => "is not known here; this route takes no parameters".to_owned(),
                names => format!("is not known here; there are `{names}`"),
            };
            return Err(Problem::parameter(shown, problem));
        };
        let value = decode(value).ok_or_else(|| Problem::parameter(name.as_str(), "is not UTF-8"))?;
        if values[index].replace(value).is_some() {
            return Err(Problem::parameter(name, "is given twice"));
        }
    }
    Ok(values)
}

/// `application/x-www-form-urlencoded` (URL standard section 5.1), except that bytes that are not UTF-8 are refused.
fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|decoded| decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read_strictly() {
        let read = |text| query(Some(text), ["limit", "recipient_id"]);
        assert_eq!(read("").unwrap(), [None, None]);
        assert_eq!(read("limit=5&recipient_id=a%20b+c%2B").unwrap(), [Some("5".into()), Some("a b c+".into())]);
        assert_eq!(read("recipient_id").unwrap(), [None, Some(String::new())]);
        for (text, field) in [
            ("limti=5", "limti"),
            ("limit=1&limit=2", "limit"),
            ("recipient_id=%ff", "recipient_id"),
            ("a%0ab=1", "ab"),
        ] {
            let problem = read(text).unwrap_err();
            assert_eq!(problem.errors[0].field, field, "{text}");
            assert_eq!(problem.kind, ProblemKind::InvalidParameter);
        }
    }
}
