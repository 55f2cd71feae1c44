//! The documented exchanges, replayed.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{codes, replay};

use crate::Sns;
use crate::errors::PUBLISH_ERRORS;

const EXCHANGES: &str = include_str!("../../exchanges.json");

#[test]
fn every_exchange_goes_as_documented() {
    replay::<Sns>(EXCHANGES);
}

#[test]
fn every_code_of_the_table_is_in_an_exchange() {
    let documented = codes(EXCHANGES);
    let codes: Vec<_> = PUBLISH_ERRORS.codes.iter().map(|(code, _)| *code).collect();
    let missing: Vec<_> = codes.iter().filter(|code| !documented.contains(**code)).collect();
    assert_eq!(missing, [&""; 0]);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len(), "each once: {codes:?}");
}
