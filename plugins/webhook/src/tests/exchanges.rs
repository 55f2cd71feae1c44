//! The documented exchanges beside the source.

use notifier_plugin_sdk::testing::replay;

use crate::StandardWebhooks;

#[test]
fn the_documented_exchanges_hold() {
    replay::<StandardWebhooks>(include_str!("../../exchanges.json"));
}
