//! Kinds of message: `[categories.NAME]`.

use notifier_core::{Category, CategoryName, Channel, Goal, Lane, RetryPolicy, Strategy, UnknownPolicy};

use super::reader::Section;

/// How long a step of a sequence waits for its goal.
const STEP_WAIT_MS: u64 = 300_000;

/// Reads the section of a category; `None` when its name is none.
pub(super) fn read_category(name: &str, mut section: Section<'_>) -> Option<Category> {
    let parsed = CategoryName::new(name);
    if let Err(error) = &parsed {
        section.refuse_all(format!("not a name for a category: {error}"));
    }
    let mut category = Category::named(parsed.unwrap_or_else(|_| CategoryName::unnamed()));
    if let Some(names) = section.optional_list("channels") {
        let channels: Result<Vec<Channel>, _> = names.iter().map(|name| name.parse::<Channel>()).collect();
        match channels {
            Ok(channels) if channels.is_empty() => section.refuse("channels", "must name at least one channel"),
            Ok(channels) => category.channels = channels,
            Err(error) => section.refuse("channels", error.to_string()),
        }
    }
    read_lane(&mut section, &mut category);
    read_strategy(&mut section, &mut category);
    category.mandatory = section.optional_flag("mandatory").unwrap_or(category.mandatory);
    match section.optional_text("unknown_policy").as_deref() {
        None => {}
        Some("resend") => category.unknown_policy = UnknownPolicy::Resend,
        Some("hold") => category.unknown_policy = UnknownPolicy::Hold,
        Some(other) => {
            section.refuse("unknown_policy", format!("must be `resend` or `hold`, not `{other}`"));
        }
    }
    let expire_after_ms = section.optional_number("expire_after_ms", 1_000..=31_622_400_000);
    category.expire_after_ms = expire_after_ms.unwrap_or(category.expire_after_ms);
    category.retry = read_retry(section.section("retry"));
    section.finish();
    CategoryName::new(name).is_ok().then_some(category)
}

/// Reads how often and how far apart something is tried. What is left out is as in a category that leaves it out.
pub(super) fn read_retry(mut section: Section<'_>) -> RetryPolicy {
    let defaults = RetryPolicy::default();
    let attempts = section.optional_number("attempts_max", 1..=1_000).and_then(|number| u32::try_from(number).ok());
    let retry = RetryPolicy {
        attempts_max: attempts.unwrap_or(defaults.attempts_max),
        delay_min_ms: section.optional_number("delay_min_ms", 1..=3_600_000).unwrap_or(defaults.delay_min_ms),
        delay_base_ms: section.optional_number("delay_base_ms", 1..=86_400_000).unwrap_or(defaults.delay_base_ms),
        delay_max_ms: section.optional_number("delay_max_ms", 1..=604_800_000).unwrap_or(defaults.delay_max_ms),
        retry_after_max_ms: section
            .optional_number("retry_after_max_ms", 0..=604_800_000)
            .unwrap_or(defaults.retry_after_max_ms),
    };
    section.finish();
    retry
}

fn read_lane(section: &mut Section<'_>, category: &mut Category) {
    let Some(name) = section.optional_text("lane") else { return };
    match Lane::ALL.into_iter().find(|lane| lane.name() == name) {
        Some(lane) => category.lane = lane,
        None => section.refuse("lane", format!("must be `urgent`, `normal` or `bulk`, not `{name}`")),
    }
}

fn read_strategy(section: &mut Section<'_>, category: &mut Category) {
    let name = section.optional_text("strategy");
    let wait_ms = section.optional_number("step_wait_ms", 1_000..=31_622_400_000);
    let until = match name.as_deref() {
        None | Some("all") => None,
        Some("first") => Some(Goal::Sent),
        Some("fallback") => Some(Goal::Delivered),
        Some("escalate") => Some(Goal::Acknowledged),
        Some(other) => {
            let problem = format!("must be `all`, `first`, `fallback` or `escalate`, not `{other}`");
            return section.refuse("strategy", problem);
        }
    };
    if wait_ms.is_some() && until.is_none_or(|until| until == Goal::Sent) {
        section.refuse("step_wait_ms", "goes with the strategies `fallback` and `escalate`: the others do not wait");
    }
    if let Some(until) = until {
        category.strategy = Strategy::Sequence { until, wait_ms: wait_ms.unwrap_or(STEP_WAIT_MS) };
    }
}
