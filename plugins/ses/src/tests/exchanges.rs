//! The documented exchanges, replayed.

use std::collections::BTreeSet;

use notifier_plugin_sdk::testing::{codes, replay};

use crate::Ses;
use crate::errors::{BOUNCES, DELAYS, REQUEST_ERRORS};

const EXCHANGES: &str = include_str!("../../exchanges.json");

#[test]
fn every_exchange_goes_as_documented() {
    replay::<Ses>(EXCHANGES);
}

#[test]
fn every_code_of_the_tables_is_in_an_exchange() {
    let documented = codes(EXCHANGES);
    let of_requests = REQUEST_ERRORS.codes.iter().map(|(code, _)| *code);
    let of_events = BOUNCES.iter().map(|bounce| bounce.code).chain(DELAYS.iter().map(|(code, ..)| *code));
    let missing: Vec<_> = of_requests.chain(of_events).filter(|code| !documented.contains(*code)).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_tables_name_each_code_once() {
    let requests: Vec<_> = REQUEST_ERRORS.codes.iter().map(|(code, _)| *code).collect();
    assert!(requests.is_sorted_by(|a, b| a < b), "sorted, each once: {requests:?}");
    assert_eq!(BOUNCES.iter().map(|bounce| bounce.code).collect::<BTreeSet<_>>().len(), BOUNCES.len());
    assert_eq!(DELAYS.iter().map(|(code, ..)| *code).collect::<BTreeSet<_>>().len(), DELAYS.len());
}
