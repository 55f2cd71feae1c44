//! A year of rent reminders in a moment: what becomes of them when the provider is down over a weekend?
use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{Timestamp, ToSpan};
use notifier_core::testing::{ManualClock, VirtualEngine, VirtualProvider};
use notifier_core::{
    Chain, Channel, Content, NotificationRequest, Notifier, ProviderName, Route, ScheduleRequest, SmsSource,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let clock = Arc::new(ManualClock::at("2027-01-01T00:00:00Z".parse()?));
    let cheap = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
    let dear = Arc::new(VirtualProvider::new(Arc::clone(&clock)));
    let (down, up): (Timestamp, Timestamp) = ("2027-07-30T17:00:00Z".parse()?, "2027-08-02T08:00:00Z".parse()?);
    cheap.down_between(down, up);

    // The dear provider is there for when the cheap one is not.
    let order = vec![ProviderName::new("cheap")?, ProviderName::new("dear")?];
    let builder = Notifier::builder()
        .provider("cheap", cheap.clone())
        .provider("dear", dear.clone())
        .route_by(Route::of(Channel::Sms, Chain::Ordered(order)));
    let engine = VirtualEngine::start(clock, builder)?;

    let mut due = BTreeMap::new();
    for (month, flat) in (1..=12).flat_map(|month| (1..=20).map(move |flat| (month, flat))) {
        let mut reminder = NotificationRequest::to(format!("flat-{flat}"));
        reminder.recipient.phone = Some(format!("+141555501{flat:02}"));
        let text = format!("The rent for month {month} is due today.");
        reminder.content = Some(Content { sms: Some(SmsSource { text }), ..Content::default() });
        let (local_time, time_zone) = (Some(format!("2027-{month:02}-01T09:00")), Some("Europe/Madrid".into()));
        reminder.schedule = Some(ScheduleRequest { local_time, time_zone, ..ScheduleRequest::default() });
        let submitted = engine.submit(reminder)?;
        due.insert(submitted.id, submitted.due_at);
    }
    engine.advance_to(engine.now() + (365 * 24).hours());

    let (by_cheap, by_dear) = (cheap.sent(), dear.sent());
    let sent: Vec<_> = by_cheap.iter().chain(&by_dear).collect();
    let latest = sent.iter().map(|call| call.at.duration_since(due[&call.delivery().notification])).max();
    println!("{} reminders: {} cheap, {} dear", due.len(), by_cheap.len(), by_dear.len());
    println!("the latest was {} s late", latest.unwrap_or_default().as_secs());
    for change in engine.breaker_changes() {
        println!("{} {} is {}: {}", change.at, change.provider, change.breaker.name(), change.reason);
    }
    Ok(())
}
