//! A hundred recipients of one call: each is told once, whoever carries it.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::world::*;

const RECIPIENTS: usize = 100;

/// Where the vendor says that a message went.
fn address(vendor: Vendor, request: &Value) -> String {
    let recipient = &request["recipient"];
    let text = |name: &str| recipient[name].as_str().unwrap().to_owned();
    match vendor.provider {
        "vonage" => text("phone").trim_start_matches('+').to_owned(),
        "webpush" => {
            let subscription: Value = serde_json::from_str(&text("push_token")).unwrap();
            subscription["endpoint"].as_str().unwrap().to_owned()
        }
        "webhook" => format!("/hooks/{}", text("id").rsplit_once('-').unwrap().1),
        _ => text(match vendor.channel {
            "email" => "email",
            "sms" => "phone",
            "push" => "push_token",
            _ => "chat_id",
        }),
    }
}

#[tokio::test]
async fn each_of_a_hundred_is_told_once_by_every_vendor() {
    let world = World::start().await;
    // An incoming webhook has one channel, and so nobody to choose from.
    for vendor in ALL.into_iter().filter(|vendor| vendor.provider != SLACK_WEBHOOK.provider) {
        let requests: Vec<Value> = (0..RECIPIENTS).map(|number| world.plain(vendor, number)).collect();
        let answer = world.client.post("/v1/notifications/batch", &json!(requests)).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.json);
        let accepted = answer.json.as_array().unwrap();
        let ids: BTreeSet<&str> = accepted.iter().map(|result| result["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), RECIPIENTS);
        for id in ids {
            let delivery = world.sent(id).await;
            assert_eq!(delivery["attempts"], 1, "{vendor:?} {delivery}");
        }
        let told: Vec<String> = world.arrived(vendor).iter().flat_map(|message| message.to.clone()).collect();
        assert_eq!(told.len(), RECIPIENTS, "{vendor:?}");
        let told: BTreeSet<String> = told.into_iter().collect();
        let expected: BTreeSet<String> = requests.iter().map(|request| address(vendor, request)).collect();
        assert_eq!(told, expected, "{vendor:?}");
        let counters = world.counters(vendor);
        assert_eq!((counters.accepted, counters.refused), (RECIPIENTS as u64, 0), "{vendor:?}");
    }
}
