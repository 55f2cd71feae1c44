//! What SendGrid's pages say, as the file of exchanges keeps it.

use notifier_plugin_sdk::testing::replay;

use crate::SendGrid;
use crate::receive::{CLASSIFICATIONS, DROPS, EVENTS};
use crate::send::FIELDS;

const EXCHANGES: &str = include_str!("../../exchanges.json");

#[test]
fn every_documented_exchange() {
    replay::<SendGrid>(EXCHANGES);
}

/// There are no codes: rows are found by the text that SendGrid would send, in a post or an answer.
#[test]
fn no_row_of_the_tables_is_without_an_exchange() {
    let file: serde_json::Value = serde_json::from_str(EXCHANGES).unwrap();
    let posts = file["webhooks"].as_array().unwrap().iter().map(|case| case["webhook"]["body"].as_str().unwrap());
    let posts: String = posts.collect();
    for (event, _) in EVENTS {
        assert!(posts.contains(&format!("\"event\":\"{event}\"")), "{event}");
    }
    for (reason, ..) in DROPS {
        assert!(posts.contains(&format!("\"reason\":\"{reason}")), "{reason}");
    }
    for (classification, _) in CLASSIFICATIONS {
        assert!(posts.contains(&format!("\"bounce_classification\":\"{classification}\"")), "{classification}");
    }
    let answers = file["sends"].as_array().unwrap().iter().flat_map(|case| case["exchanges"].as_array().unwrap());
    let complaints = answers.filter_map(|exchange| exchange["response"]["body"]["json"]["errors"].as_array()).flatten();
    let fields: Vec<_> = complaints.filter_map(|complaint| complaint["field"].as_str()).collect();
    for (start, end, _) in FIELDS {
        assert!(fields.iter().any(|field| field.starts_with(start) && field.ends_with(end)), "{start} {end}");
    }
}
