//! What vendors report reaches the delivery: arrived, lost, no such address.

use notifier_server::sandbox::Fate;
use serde_json::Value;

use super::world::*;

/// What each vendor's report of a failure that may pass makes of a delivery. Mailgun tries again by itself.
fn after_a_failure(vendor: Vendor) -> &'static str {
    match vendor.provider {
        "mailgun" => "sent",
        _ => "failed",
    }
}

async fn fate(world: &World, vendor: Vendor, fate: Fate, number: usize) -> String {
    assert!(world.fakes().receipts().choose(vendor.service, fate), "{vendor:?}");
    world.submit(&world.plain(vendor, number)).await
}

#[tokio::test]
async fn every_vendor_that_reports_is_heard() {
    let world = World::start().await;
    for vendor in REPORTING {
        let late = fate(&world, vendor, Fate::Late { delay_ms: 600_000 }, 1).await;
        let delivery = world.sent(&late).await;
        assert_eq!(delivery["state"], "sent", "{vendor:?} {delivery}");
        let arrived = fate(&world, vendor, Fate::Delivered, 2).await;
        world.reaches(&arrived, "delivered").await;
        // The wait of the first ended with the choice of another fate.
        world.reaches(&late, "delivered").await;

        let bounced = fate(&world, vendor, Fate::Bounced, 3).await;
        let delivery = world.reaches(&bounced, "bounced").await;
        assert_eq!(delivery["attempts"], 1, "{vendor:?} {delivery}");
        let again = world.submit(&world.plain(vendor, 3)).await;
        world.reaches(&again, "suppressed").await;

        let failed = fate(&world, vendor, Fate::Failed, 4).await;
        world.reaches(&failed, after_a_failure(vendor)).await;
        assert_eq!(world.counters(vendor).accepted, 4, "{vendor:?}");
    }
    let stats = world.client.get("/v1/stats").await.unwrap().json;
    assert_eq!(stats["now"]["unmatched_receipts"], 0, "{stats}");
}

/// A vendor may report before its answer is in, or after the answer was lost: the report names the delivery.
#[tokio::test]
async fn a_report_finds_a_delivery_whose_answer_was_lost() {
    let world = World::with("[categories.default]\nunknown_policy = \"hold\"").await;
    for vendor in REPORTING {
        let mut request = world.plain(vendor, 1);
        request["category"] = Value::from(vendor.provider);
        assert!(world.fakes().receipts().choose(vendor.service, Fate::Delivered));
        world.fault(vendor, notifier_server::sandbox::Fault::AcceptThenDrop, Some(1));
        let id = world.submit(&request).await;
        world.reaches(&id, "delivered").await;
    }
}
