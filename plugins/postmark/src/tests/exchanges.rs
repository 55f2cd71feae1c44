//! The documented exchanges, and that no row of a table is without one.

use notifier_plugin_sdk::testing::{codes, replay};

use crate::Postmark;
use crate::errors::{ADDRESSES, ERRORS};
use crate::receive::{BOUNCE_TYPES, RECORDS, SUPPRESSIONS};

const FILE: &str = include_str!("../../exchanges.json");

#[test]
fn every_documented_exchange() {
    replay::<Postmark>(FILE);
}

#[test]
fn every_row_of_a_table_has_an_exchange() {
    let codes = codes(FILE);
    let of_bounces = BOUNCE_TYPES.iter().filter(|known| known.class.is_some()).map(|known| known.name);
    let rows = ERRORS.codes.iter().map(|(code, _)| *code).chain(of_bounces);
    let missing: Vec<_> = rows.filter(|row| !codes.contains(*row)).collect();
    assert_eq!(missing, [""; 0]);
    // What is no failure has no code.
    let fields = RECORDS.iter().map(|(name, _)| ("RecordType", *name));
    let fields = fields.chain(BOUNCE_TYPES.iter().map(|known| ("Type", known.name)));
    for (field, value) in fields.chain(SUPPRESSIONS.iter().map(|(reason, _)| ("SuppressionReason", *reason))) {
        assert!(FILE.contains(&format!(r#"\"{field}\":\"{value}\""#)), "{field} {value}");
    }
    for (start, _) in ADDRESSES {
        assert!(FILE.contains(&format!(r#""Message": "{start}"#)), "{start}");
    }
}
