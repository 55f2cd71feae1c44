//! A text message arrives whole: every character, as long as the vendor takes, with its media where it takes them.

use serde_json::json;

use super::world::*;

/// So many characters, of every kind that there is.
fn long_text(chars: usize) -> String {
    let text: String = format!("{WORDS}\n").chars().cycle().take(chars - 1).collect();
    format!("{text}.")
}

/// Sends it through that vendor; the id of the notification.
async fn send(world: &World, vendor: Vendor, text: &str) -> String {
    let more = json!({"content": {"sms": {"text": "{{{text}}}"}}, "variables": {"text": text}});
    world.submit(&world.request(vendor, 1, &more)).await
}

#[tokio::test]
async fn twilio_takes_1600_characters_and_pictures() {
    let world = World::start().await;
    let text = long_text(1_600);
    let media = ["https://example.com/bild.png?größe=1&x=%20", "https://example.com/שלום/🏠.gif"];
    let more = json!({
        "content": {"sms": {"text": "{{{text}}}"}}, "variables": {"text": text}, "options": {"media_urls": media},
    });
    let id = world.submit(&world.request(TWILIO, 1, &more)).await;
    world.reaches(&id, "delivered").await;
    let message = world.only(TWILIO);
    assert_eq!((message.to.as_slice(), message.from.as_deref()), ([phone(TWILIO, 1)].as_slice(), Some("+15005550006")));
    assert_eq!(message.text.as_deref(), Some(&*text));
    assert_eq!(message.media_urls, media);
}

#[tokio::test]
async fn vonage_takes_1600_characters() {
    let world = World::start().await;
    // The alphabet of phones is not garbled either, its extension included.
    let gsm = "Größe 5 & mehr: @£$¥èéùìòÇ ΔΦΓΛΩΠΨΣΘΞ {}[]~\\|^€ ¿¡ äöñüà";
    for (number, text) in [long_text(1_600).as_str(), gsm].into_iter().enumerate() {
        let id = send(&world, VONAGE, text).await;
        world.reaches(&id, "delivered").await;
        let message = &world.arrived(VONAGE)[number];
        assert_eq!(
            (message.to.as_slice(), message.from.as_deref()),
            ([phone(VONAGE, 1).replace('+', "")].as_slice(), Some("15005550006"))
        );
        assert_eq!(message.text.as_deref(), Some(text));
        // What is told of one part is not told of the whole.
        let mark = if number == 0 { ":parts" } else { "" };
        assert_eq!(message.idempotency_key, Some(format!("{id}.sms{mark}")));
    }
    assert_eq!(world.counters(VONAGE).refused, 0);
}

#[tokio::test]
async fn sns_takes_1600_characters() {
    let world = World::start().await;
    let text = long_text(1_600);
    let id = send(&world, SNS, &text).await;
    assert_eq!(world.sent(&id).await["state"], "sent");
    let message = world.only(SNS);
    assert_eq!(message.to, [phone(SNS, 1)]);
    assert_eq!(message.text.as_deref(), Some(&*text));
    assert_eq!(message.custom_args["AWS.MM.SMS.OriginationNumber"], "+15005550006");
}
