//! When a notification falls due: at an instant, or at a time on somebody's wall clock.

use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan};

use super::recipient::ZoneName;

/// The moment that a caller asked for, as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScheduleRequest {
    /// An instant: RFC 3339 with an offset, as `2026-12-24T09:00:00Z`.
    pub at: Option<String>,
    /// A wall-clock time without an offset, as `2026-12-24T09:00`.
    pub local_time: Option<String>,
    /// The zone of `local_time`; without it the recipient's, where the request says it.
    pub time_zone: Option<String>,
}

/// What is wrong with a schedule, and with which of its fields.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidSchedule {
    /// `at`, `local_time` or `time_zone`.
    pub field: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

fn invalid(field: &'static str, problem: impl Into<String>) -> InvalidSchedule {
    InvalidSchedule { field, problem: problem.into() }
}

/// The instant that the schedule means, rounded up to whole milliseconds so that nothing is ever early.
///
/// A wall-clock time that a change of the clocks skips means the time as far after the change; one that it repeats means
/// the first (the "compatible" rule of RFC 5545 section 3.3.5).
///
/// # Errors
/// Names the field that is malformed, contradictory, in the past or more than `ahead_days_max` days away.
pub fn resolve(
    schedule: &ScheduleRequest,
    recipient_zone: Option<&ZoneName>,
    now: Timestamp,
    ahead_days_max: i64,
) -> Result<Timestamp, InvalidSchedule> {
    let (field, instant) = match (&schedule.at, &schedule.local_time) {
        (Some(_), Some(_)) => return Err(invalid("local_time", "give either `at` or `local_time`, not both")),
        (None, None) => return Err(invalid("at", "give `at` (an instant) or `local_time` (with `time_zone`)")),
        (Some(at), None) => {
            if schedule.time_zone.is_some() {
                return Err(invalid("time_zone", "goes with `local_time`; `at` already has its offset"));
            }
            ("at", instant(at)?)
        }
        (None, Some(local)) => ("local_time", wall_clock(local, schedule.time_zone.as_deref(), recipient_zone)?),
    };
    let due_at = ceil_to_millisecond(instant);
    if due_at < now {
        return Err(invalid(field, format!("{due_at} is in the past; leave the schedule out to send at once")));
    }
    if due_at > now + (24 * ahead_days_max).hours() {
        return Err(invalid(field, format!("{due_at} is more than {ahead_days_max} days ahead")));
    }
    Ok(due_at)
}

fn instant(text: &str) -> Result<Timestamp, InvalidSchedule> {
    text.parse().map_err(|_| {
        invalid("at", "not an instant: use RFC 3339 with an offset, as `2026-12-24T09:00:00Z` or `…+01:00`")
    })
}

fn wall_clock(text: &str, zone: Option<&str>, recipient_zone: Option<&ZoneName>) -> Result<Timestamp, InvalidSchedule> {
    let zone = match (zone, recipient_zone) {
        (Some(name), _) => ZoneName::parse(name).map_err(|error| invalid("time_zone", error.problem))?,
        (None, Some(zone)) => zone.clone(),
        (None, None) => {
            return Err(invalid(
                "time_zone",
                "`local_time` needs a zone: give it here, or as the recipient's time zone",
            ));
        }
    };
    // An offset in the text would be ignored by a civil parser: refuse it instead.
    let has_offset = text.ends_with(['Z', 'z']) || text.get(10..).is_some_and(|rest| rest.contains(['+', '-', '[']));
    // And one without a time would be taken for midnight.
    let has_time = text.contains(['T', 't', ' ']);
    let parsed = if has_offset || !has_time { None } else { text.parse::<DateTime>().ok() };
    let civil = parsed.ok_or_else(|| {
        invalid("local_time", "not a wall-clock time: use a date and a time, as `2026-12-24T09:00`, without an offset")
    })?;
    let zoned = zone.rules().to_ambiguous_zoned(civil).compatible();
    Ok(zoned.map_err(|_| invalid("local_time", "that time is out of range"))?.timestamp())
}

/// The instant, or the next whole millisecond.
pub(super) fn ceil_to_millisecond(instant: Timestamp) -> Timestamp {
    let floor_ms = instant.as_millisecond();
    match Timestamp::from_millisecond(floor_ms) {
        Ok(floor) if floor < instant => Timestamp::from_millisecond(floor_ms + 1).unwrap_or(instant),
        Ok(floor) => floor,
        Err(_) => instant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(at: Option<&str>, local: Option<&str>, zone: Option<&str>, expected: Result<&str, &str>) {
        let schedule = ScheduleRequest {
            at: at.map(Into::into),
            local_time: local.map(Into::into),
            time_zone: zone.map(Into::into),
        };
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let actual = resolve(&schedule, None, now, 1_000);
        match expected {
            Ok(instant) => assert_eq!(actual.map(|t| t.to_string()).as_deref(), Ok(instant), "{schedule:?}"),
            Err(field) => assert_eq!(actual.unwrap_err().field, field, "{schedule:?}"),
        }
    }

    #[test]
    fn instants() {
        check(Some("2026-12-24T09:00:00Z"), None, None, Ok("2026-12-24T09:00:00Z"));
        check(Some("2026-12-24T09:00:00+01:00"), None, None, Ok("2026-12-24T08:00:00Z"));
        check(Some("2026-12-24T09:00:00.0001Z"), None, None, Ok("2026-12-24T09:00:00.001Z"));
        check(Some("2026-12-24T09:00:00"), None, None, Err("at"));
        check(Some("tomorrow"), None, None, Err("at"));
        check(Some(""), None, None, Err("at"));
        check(Some("2025-12-31T23:59:59Z"), None, None, Err("at"));
        check(Some("2036-12-24T09:00:00Z"), None, None, Err("at"));
        check(None, None, None, Err("at"));
        check(Some("2026-12-24T09:00:00Z"), None, Some("UTC"), Err("time_zone"));
    }

    #[test]
    fn wall_clocks() {
        check(None, Some("2026-12-24T09:00"), Some("Europe/Madrid"), Ok("2026-12-24T08:00:00Z"));
        check(None, Some("2026-07-01 09:00:00"), Some("America/New_York"), Ok("2026-07-01T13:00:00Z"));
        // Skipped by the change to summer time: as far after the change as it is written after 02:00.
        check(None, Some("2026-03-29T02:30"), Some("Europe/Madrid"), Ok("2026-03-29T01:30:00Z"));
        // Repeated by the change to winter time: the first.
        check(None, Some("2026-10-25T02:30"), Some("Europe/Madrid"), Ok("2026-10-25T00:30:00Z"));
        check(None, Some("2026-12-24T09:00Z"), Some("Europe/Madrid"), Err("local_time"));
        check(None, Some("2026-12-24T09:00+02:00"), Some("Europe/Madrid"), Err("local_time"));
        check(None, Some("2026-12-24T09:00"), Some("Mars/Olympus"), Err("time_zone"));
        check(None, Some("2026-12-24T09:00"), None, Err("time_zone"));
        check(None, Some("09:00"), Some("UTC"), Err("local_time"));
        check(None, Some("2026-12-24"), Some("UTC"), Err("local_time"));
        check(Some("2026-12-24T09:00:00Z"), Some("2026-12-24T09:00"), Some("UTC"), Err("local_time"));
    }

    #[test]
    fn the_recipients_zone_is_the_default() {
        let schedule = ScheduleRequest { local_time: Some("2026-12-24T09:00".into()), ..ScheduleRequest::default() };
        let zone = ZoneName::parse("Asia/Tokyo").unwrap();
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let due = resolve(&schedule, Some(&zone), now, 1_000).unwrap();
        assert_eq!(due.to_string(), "2026-12-24T00:00:00Z");
    }

    proptest::proptest! {
        #[test]
        fn never_early(nanos in 0i128..1_000_000_000_000_000) {
            let instant = Timestamp::from_nanosecond(1_767_225_600_000_000_000 + nanos).unwrap();
            let rounded = ceil_to_millisecond(instant);
            proptest::prop_assert!(rounded >= instant);
            proptest::prop_assert!(rounded.as_nanosecond() - instant.as_nanosecond() < 1_000_000);
        }
    }
}
