//! What comes in: bodies, path segments and query strings, read strictly, refused as problems that name the field.

mod json;
mod parameters;

pub(crate) use json::Json;
pub(crate) use parameters::{NoQuery, Segments, page_limit, parse_cursor, parse_parameter, query};
