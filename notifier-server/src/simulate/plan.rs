//! When who is told what: the moments of every schedule of a scenario, in order.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};
use notifier_core::{NotificationRequest, ScheduleRequest, TemplateRequest};

use super::SimulateError;
use super::scenario::{First, Recipients, Scenario, Schedule, Words};

/// Notifications in one simulation: each takes a few kilobytes of memory.
const NOTIFICATIONS_MAX: usize = 2_000_000;

/// One notification that is going to be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Planned {
    /// When it is asked for.
    pub(super) asked_at: Timestamp,
    pub(super) due_at: Timestamp,
    /// Which schedule, by its place.
    pub(super) schedule: usize,
    /// Which recipient, from 0.
    pub(super) recipient: u64,
}

/// Everything that is asked for before the end, in order.
pub(super) fn plan(scenario: &Scenario) -> Result<Vec<Planned>, SimulateError> {
    let zones: Vec<TimeZone> =
        scenario.recipients.time_zones.iter().map(|name| TimeZone::get(name).unwrap_or(TimeZone::UTC)).collect();
    let mut planned = Vec::new();
    for (place, schedule) in scenario.schedules.iter().enumerate() {
        for recipient in 0..schedule.recipients {
            let zone = &zones[usize::try_from(recipient).unwrap_or(0) % zones.len()];
            let shift = spread(schedule, recipient);
            for due_at in moments(schedule, zone, scenario.end).filter(|due_at| *due_at >= scenario.start) {
                if planned.len() >= NOTIFICATIONS_MAX {
                    return Err(SimulateError::TooMuch(NOTIFICATIONS_MAX));
                }
                let due_at = due_at.checked_add(shift).unwrap_or(due_at);
                let asked_at = due_at.checked_sub(schedule.ahead).unwrap_or(due_at).max(scenario.start);
                planned.push(Planned { asked_at, due_at, schedule: place, recipient });
            }
        }
    }
    planned.sort_unstable();
    Ok(planned)
}

/// The share of the spread that comes before this recipient.
fn spread(schedule: &Schedule, recipient: u64) -> SignedDuration {
    let ms = schedule.spread.as_millis() * i128::from(recipient) / i128::from(schedule.recipients.max(1));
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0))
}

/// When a schedule is due for somebody of that zone. Counted from the first time, so that the last day of January is followed
/// by the last day of March and not by the 28th.
fn moments(schedule: &Schedule, zone: &TimeZone, end: Timestamp) -> impl Iterator<Item = Timestamp> {
    let first: Option<Zoned> = match &schedule.first {
        First::At(instant, zone) => Some(instant.to_zoned(zone.clone())),
        First::Local(local) => local.to_zoned(zone.clone()).ok(),
    };
    let every = schedule.every;
    let count = match every {
        Some(_) => schedule.count.unwrap_or(u64::MAX),
        None => 1,
    };
    let moment = move |turn: u64| {
        let first = first.as_ref()?;
        let Some(every) = every.filter(|_| turn > 0) else { return Some(first.timestamp()) };
        let later = every.checked_mul(i64::try_from(turn).ok()?).ok()?;
        Some(first.checked_add(later).ok()?.timestamp())
    };
    (0..count).map_while(moment).take_while(move |moment| *moment < end)
}

/// The request that is made for it.
pub(super) fn request(scenario: &Scenario, planned: &Planned) -> NotificationRequest {
    let schedule = &scenario.schedules[planned.schedule];
    let mut request = NotificationRequest::to(recipient_id(planned.recipient));
    request.recipient.email = Some(format!("{}@example.com", recipient_id(planned.recipient)));
    request.recipient.phone = Some(phone(&scenario.recipients, planned.recipient));
    request.recipient.push_token = Some(format!("device-of-{}", recipient_id(planned.recipient)));
    request.recipient.chat_id = Some(recipient_id(planned.recipient));
    request.recipient.webhook_url = Some(format!("https://{}.example.com/hook", recipient_id(planned.recipient)));
    request.recipient.time_zone = Some(turn(&scenario.recipients.time_zones, planned.recipient).to_owned());
    request.category = Some(schedule.category.clone());
    request.channels.clone_from(&schedule.channels);
    match &schedule.words {
        Words::Template(name) => request.template = Some(TemplateRequest { name: name.clone(), version: None }),
        Words::Written(content) => request.content = Some(content.as_ref().clone()),
    }
    request.variables = schedule.variables.clone();
    if planned.due_at > planned.asked_at {
        request.schedule = Some(ScheduleRequest { at: Some(planned.due_at.to_string()), ..ScheduleRequest::default() });
    }
    request
}

/// As `r1`.
pub(super) fn recipient_id(recipient: u64) -> String {
    format!("r{}", recipient + 1)
}

fn turn(of: &[String], recipient: u64) -> &str {
    let length = u64::try_from(of.len()).unwrap_or(1).max(1);
    of.get(usize::try_from(recipient % length).unwrap_or(0)).map_or("", String::as_str)
}

/// The digits of the recipient's number in place of the marks, from the right.
fn phone(recipients: &Recipients, recipient: u64) -> String {
    let mut rest = recipient;
    let digit = |mark: char| {
        if mark != '#' {
            return mark;
        }
        let digit = rest % 10;
        rest /= 10;
        char::from(b'0' + u8::try_from(digit).unwrap_or(0))
    };
    let backwards: Vec<char> = turn(&recipients.phones, recipient).chars().rev().map(digit).collect();
    backwards.into_iter().rev().collect()
}
