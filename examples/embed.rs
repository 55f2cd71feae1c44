//! An application that sends a text message through the Twilio plugin, and prints why and how.
//!
//! `TWILIO_ACCOUNT_SID=… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… cargo run --bin embed -- +14155550101 "Your lease is ready."`
use std::env;

use notifier_core::{
    Channel, Content, NotificationRequest, Notifier, Plugin, Secrets, SmsSource, SystemSecrets, TenantId, prebuilt,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [phone, text] = &arguments[..] else { return Err("usage: embed PHONE TEXT".into()) };
    let base_url = env::var("TWILIO_BASE_URL").unwrap_or_else(|_| "https://api.twilio.com".into());
    let twilio = Plugin::from(prebuilt::TWILIO)
        .settings(serde_json::json!({"account_sid": env::var("TWILIO_ACCOUNT_SID")?, "base_url": base_url}))
        .secret("auth_token", SystemSecrets.resolve("env:TWILIO_AUTH_TOKEN")?)
        .host(base_url.split("://").nth(1).unwrap_or_default());
    let notifier = Notifier::builder()
        .data_dir(env::var("NOTIFIER_DATA").unwrap_or_else(|_| "notifier-data".into()))
        .plugin("twilio", twilio)
        .route(Channel::Sms, "twilio")
        .sender_sms(env::var("TWILIO_FROM")?)
        .start()
        .await?;

    let mut request = NotificationRequest::to("tenant-42");
    request.recipient.phone = Some(phone.clone());
    request.content = Some(Content { sms: Some(SmsSource { text: text.clone() }), ..Content::default() });
    let submitted = notifier.submit(request).await?; // On disk: from here on it will reach a final state.
    notifier.wait(&TenantId::unnamed(), submitted.id).await?;
    for fact in notifier.timeline(&TenantId::unnamed(), submitted.id).await?.unwrap_or_default() {
        println!("{:<10} {}", fact.kind.name(), fact.reason);
    }
    notifier.shutdown(std::time::Duration::from_secs(10)).await?;
    Ok(())
}
