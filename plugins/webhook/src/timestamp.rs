//! Moments as the envelope holds them: RFC 3339, in UTC, with milliseconds.

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// A moment in milliseconds since 1970-01-01T00:00:00Z, as `2022-11-03T20:26:10.344Z`.
pub(crate) fn rfc3339(ms: u64) -> String {
    let (year, month, day) = date(ms / DAY_MS);
    let time = ms % DAY_MS;
    let (seconds, millis) = (time / 1000, time % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of a day since 1970-01-01. Years begin in March here, so that a leap day is their last: H.
/// Hinnant, <https://howardhinnant.github.io/date_algorithms.html#civil_from_days>.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}
