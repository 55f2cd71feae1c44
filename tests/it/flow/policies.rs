//! What an application may ask of the engine about its providers.

use std::num::NonZeroU32;
use std::sync::Arc;

use notifier_core::testing::ScriptedProvider;
use notifier_core::{
    Category, CategoryName, Chain, Channel, HealthPolicy, ProviderName, ProviderPolicy, RetryPolicy, Route,
};

use super::world::*;

async fn refusal(policy: ProviderPolicy) -> Option<String> {
    let builder = bare(&Arc::new(ScriptedProvider::accepting())).provider_policy("scripted", policy);
    builder.start().await.err().map(|error| error.to_string())
}

fn health(change: impl FnOnce(&mut HealthPolicy)) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    change(&mut policy.health);
    policy
}

fn limited(change: impl FnOnce(&mut ProviderPolicy)) -> ProviderPolicy {
    let mut policy = ProviderPolicy::default();
    change(&mut policy);
    policy
}

fn retried(change: impl FnOnce(&mut RetryPolicy)) -> ProviderPolicy {
    let mut retry = RetryPolicy::default();
    change(&mut retry);
    limited(|policy| policy.retry = Some(retry))
}

#[tokio::test]
async fn numbers_that_cannot_work_are_refused_with_the_provider_the_field_and_its_limits() {
    let cases = [
        (health(|health| health.window_s = u32::MAX), "providers.scripted.health.window_s: must be 1 to 3600, not"),
        (health(|health| health.calls_min = 0), "providers.scripted.health.calls_min: must be 1 to 1000000, not 0"),
        (
            health(|health| health.failures_in_row_max = 0),
            "providers.scripted.health.failures_in_row_max: must be 1 to",
        ),
        (
            health(|health| health.open_at_percent = u32::MAX),
            "providers.scripted.health.open_at_percent: must be 1 to 100",
        ),
        (
            health(|health| health.shift_at_percent = 101),
            "providers.scripted.health.shift_at_percent: must be 1 to 100",
        ),
        (health(|health| health.slow_ms = 0), "providers.scripted.health.slow_ms: must be 1 to 600000, not 0"),
        (health(|health| health.open_min_ms = 1), "providers.scripted.health.open_min_ms: must be 100 to 86400000"),
        (
            health(|health| health.open_max_ms = 4_999),
            "providers.scripted.health.open_max_ms: must be 5000 to 86400000",
        ),
        (health(|health| health.probes = 0), "providers.scripted.health.probes: must be 1 to 1000, not 0"),
        (
            health(|health| health.rest_max_ms = u64::MAX),
            "providers.scripted.health.rest_max_ms: must be 0 to 86400000",
        ),
        (
            limited(|policy| policy.calls_per_second_max = Some(NonZeroU32::MAX)),
            "providers.scripted.limits.calls_per_second_max: must be 1 to 1000000",
        ),
        (
            limited(|policy| policy.calls_per_day_max = Some(u64::MAX)),
            "providers.scripted.limits.calls_per_day_max: must be 1 to 1000000000000",
        ),
        (
            limited(|policy| policy.concurrent_calls_max = Some(usize::MAX)),
            "providers.scripted.limits.concurrent_calls_max: must be 1 to 100000",
        ),
        (limited(|policy| policy.concurrent_calls_max = Some(0)), "providers.scripted: a limit must be at least 1"),
        (retried(|retry| retry.attempts_max = 0), "providers.scripted.retry.attempts_max: must be 1 to 1000, not 0"),
        (
            retried(|retry| retry.retry_after_max_ms = u64::MAX),
            "providers.scripted.retry.retry_after_max_ms: must be 0 to 604800000",
        ),
    ];
    for (policy, expected) in cases {
        let refusal = refusal(policy).await.unwrap_or_default();
        assert!(refusal.starts_with(expected), "`{refusal}`, not `{expected}`");
    }
}

#[tokio::test]
async fn the_largest_and_the_smallest_numbers_work() {
    let smallest = health(|health| {
        *health = HealthPolicy {
            window_s: 1,
            calls_min: 1,
            failures_in_row_max: 1,
            open_at_percent: 1,
            shift_at_percent: 1,
            slow_ms: 1,
            open_min_ms: 100,
            open_max_ms: 100,
            probes: 1,
            rest_max_ms: 0,
        };
    });
    let largest = limited(|policy| {
        policy.concurrent_calls_max = Some(100_000);
        policy.calls_per_second_max = NonZeroU32::new(1_000_000);
        policy.calls_per_day_max = Some(1_000_000_000_000);
    });
    assert_eq!((refusal(smallest).await, refusal(largest.clone()).await), (None, None));
    let provider = Arc::new(ScriptedProvider::accepting());
    let notifier = bare(&provider).provider_policy("scripted", largest).start().await.unwrap();
    let id = notifier.submit(sms_to_a_number()).await.unwrap().id;
    notifier.wait(&tenant(), id).await.unwrap();
    assert_eq!(provider.calls().len(), 1);
}

#[tokio::test]
async fn rules_that_can_never_count_are_refused() {
    let scripted = || bare(&Arc::new(ScriptedProvider::accepting()));
    let name = |name: &str| CategoryName::new(name).unwrap();
    let rent = |channels: &[Channel]| Category { channels: channels.to_vec(), ..Category::named(name("rent")) };
    let only = || Chain::Ordered(vec![ProviderName::new("scripted").unwrap()]);
    let for_category = |category: &str| Route { category: Some(name(category)), ..Route::of(Channel::Sms, only()) };
    let cases = [
        (scripted().category(rent(&[Channel::Sms, Channel::Sms])), "categories.rent.channels: names sms twice"),
        (
            scripted().category(rent(&[Channel::Sms])).route_by(for_category("emergancy")),
            "route[0]: there is no category",
        ),
    ];
    for (builder, expected) in cases {
        let refused = builder.start().await.err().map(|error| error.to_string()).unwrap();
        assert!(refused.contains(expected), "{refused}");
    }
    let fine = scripted().category(rent(&[Channel::Sms, Channel::Email])).route_by(for_category("rent"));
    assert!(fine.start().await.is_ok());
}
