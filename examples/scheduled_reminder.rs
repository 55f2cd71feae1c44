//! A reminder for nine in the morning on the recipient's own clock, that survives a restart and is taken back in time.
use std::sync::Arc;
use std::time::Duration;

use notifier_core::testing::ScriptedProvider;
use notifier_core::{
    Channel, Content, NotificationRequest, Notifier, ScheduleRequest, SmsSource, StartError, TenantId,
};

async fn start(data: &std::path::Path) -> Result<Notifier, StartError> {
    let provider = Arc::new(ScriptedProvider::accepting());
    Notifier::builder().data_dir(data).provider("sms", provider).route(Channel::Sms, "sms").start().await
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let data = tempfile::tempdir()?;
    let notifier = start(data.path()).await?;
    let mut reminder = NotificationRequest::to("tenant-42");
    reminder.recipient.phone = Some("+34600000000".into());
    reminder.recipient.time_zone = Some("Europe/Madrid".into());
    let text = "The rent for January is due tomorrow.".into();
    reminder.content = Some(Content { sms: Some(SmsSource { text }), ..Content::default() });
    let year = notifier_core::Clock::now(&notifier_core::SystemClock).to_zoned(jiff::tz::TimeZone::UTC).year();
    let local_time = Some(format!("{}-12-31T09:00", year + 1));
    reminder.schedule = Some(ScheduleRequest { local_time, ..ScheduleRequest::default() });
    let submitted = notifier.submit(reminder).await?;
    println!("due at {}", submitted.due_at);
    notifier.shutdown(Duration::from_secs(5)).await?;

    // The rent was paid meanwhile: another process takes the reminder back.
    let notifier = start(data.path()).await?;
    let deliveries = notifier.cancel(&TenantId::unnamed(), submitted.id).await?.unwrap_or_default();
    for delivery in deliveries {
        println!("{}: {}, {}", delivery.id.channel, delivery.state, delivery.reason);
    }
    notifier.shutdown(Duration::from_secs(5)).await?;
    Ok(())
}
