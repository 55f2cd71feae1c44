//! What Twilio's pages say, as the file of exchanges keeps it.

use notifier_plugin_sdk::testing::{codes, replay};

use crate::Twilio;
use crate::errors::{RECEIPT_ERRORS, REQUEST_ERRORS};

const EXCHANGES: &str = include_str!("../../exchanges.json");

#[test]
fn every_documented_exchange() {
    replay::<Twilio>(EXCHANGES);
}

#[test]
fn no_row_of_the_tables_is_without_an_exchange() {
    let documented = codes(EXCHANGES);
    let of_requests = REQUEST_ERRORS.codes.iter().map(|(code, _)| *code);
    let of_receipts = RECEIPT_ERRORS.iter().map(|known| known.code);
    let missing: Vec<_> = of_requests.chain(of_receipts).filter(|code| !documented.contains(*code)).collect();
    assert_eq!(missing, [""; 0]);
}
