//! Which vendor a message goes to in `notifier sandbox`, and which in its place.

use notifier_server::sandbox::{Fault, Refusal};
use serde_json::json;

use super::world::*;

const DEFAULTS: [Vendor; 5] = [SENDGRID, TWILIO, FCM, SLACK, WEBHOOK];

#[tokio::test]
async fn every_channel_has_a_vendor() {
    let world = World::routed("").await;
    for vendor in DEFAULTS {
        let mut request = world.plain(vendor, 1);
        request["category"] = json!("default");
        let id = world.submit(&request).await;
        let state = if REPORTING.iter().any(|other| other.provider == vendor.provider) { "delivered" } else { "sent" };
        world.reaches(&id, state).await;
        world.only(vendor);
    }
}

/// A route of one's own, as to a vendor that one wants to see. What leads elsewhere than to the sandbox is left out.
#[tokio::test]
async fn another_vendor_can_be_chosen() {
    let own = "[routes]\nemail = \"ses\"\nsms = \"own\"\n[providers.own]\nplugin = \"sns\"\n";
    let world = World::routed(own).await;
    for (vendor, expected) in [(SENDGRID, SES), (SNS, TWILIO)] {
        let mut request = world.plain(vendor, 1);
        request["category"] = json!("default");
        let id = world.submit(&request).await;
        world.reaches(&id, "delivered").await;
        world.only(expected);
    }
}

#[tokio::test]
async fn what_is_urgent_goes_through_another_vendor_when_the_first_is_down() {
    let world = World::routed("").await;
    for (first, second) in [(SENDGRID, POSTMARK), (TWILIO, VONAGE)] {
        world.fault(first, Fault::Refuse(Refusal::Unavailable), None);
        let mut request = world.plain(first, 1);
        request["category"] = json!("emergency");
        let id = world.submit(&request).await;
        let delivery = world.reaches(&id, "delivered").await;
        assert_eq!(delivery["attempts"], 2, "{delivery}");
        world.only(second);
        assert_eq!(world.counters(first).accepted, 0);
    }
}
