//! What comes in: bodies, path segments and query strings, read strictly, refused as problems that name the field.

mod batch;
mod body;
mod cursor;
mod filter;
mod json;
mod parameters;

pub(crate) use batch::{Batch, BatchForm};
pub(crate) use body::read_body;
pub(crate) use cursor::{open_cursor, seal_cursor};
pub(crate) use filter::{ListParameters, ListRequest};
pub(crate) use json::{Json, OptionalJson};
pub(crate) use parameters::{NoQuery, Segments, page_limit, parse_cursor, parse_parameter, query};
