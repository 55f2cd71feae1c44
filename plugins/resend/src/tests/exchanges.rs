//! The documented exchanges, and that no row of a table is without one.

use notifier_plugin_sdk::testing::{codes, replay};

use crate::Resend;
use crate::errors::ERRORS;
use crate::receive::{BOUNCES, EVENTS, FAILURES, SUPPRESSIONS};

const FILE: &str = include_str!("../../exchanges.json");

#[test]
fn every_documented_exchange() {
    replay::<Resend>(FILE);
}

#[test]
fn every_row_of_a_table_has_an_exchange() {
    let codes = codes(FILE);
    let of_bounces = BOUNCES.iter().map(|(kind, subtype, ..)| match *subtype {
        "" if *kind == "Undetermined" => "Undetermined/Undetermined".to_owned(),
        "" => format!("{kind}/General"),
        subtype => format!("{kind}/{subtype}"),
    });
    let rows = ERRORS.codes.iter().map(|(code, _)| (*code).to_owned());
    let rows = rows.chain(FAILURES.iter().map(|(reason, _)| (*reason).to_owned())).chain(of_bounces);
    let rows = rows.chain(SUPPRESSIONS.iter().map(|(reason, _)| (*reason).to_owned()));
    let missing: Vec<_> = rows.filter(|row| !codes.contains(row)).collect();
    assert_eq!(missing, [""; 0]);
    for (name, _) in EVENTS {
        assert!(FILE.contains(&format!(r#"{{\"type\":\"{name}\""#)), "{name}");
    }
}
