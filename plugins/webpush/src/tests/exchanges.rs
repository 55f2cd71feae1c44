//! The documented exchanges beside the source.

use notifier_plugin_sdk::testing::{codes, replay};

use crate::WebPush;
use crate::errors::ERRORS;

const FILE: &str = include_str!("../../exchanges.json");

#[test]
fn the_documented_exchanges_hold() {
    replay::<WebPush>(FILE);
}

#[test]
fn every_row_of_the_table_has_an_exchange() {
    let codes = codes(FILE);
    let without: Vec<_> = ERRORS.codes.iter().map(|(code, _)| *code).filter(|code| !codes.contains(*code)).collect();
    assert!(without.is_empty(), "{without:?}");
}
