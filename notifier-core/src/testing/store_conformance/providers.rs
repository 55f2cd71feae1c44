//! What outlives the process about providers.

use std::sync::Arc;

use super::sample::at;
use crate::domain::health::{Breaker, HealthState, Override};
use crate::ports::store::{ProviderState, Store};

fn state(provider: &str, health: HealthState, reserved_calls: u64) -> ProviderState {
    ProviderState {
        provider: provider.parse().unwrap(),
        health,
        reason: format!("`{provider}` – as somebody said"),
        day: 20_370,
        reserved_calls,
    }
}

async fn all(store: &Arc<dyn Store>) -> Vec<ProviderState> {
    let mut states = store.provider_states().await.unwrap();
    states.sort_by(|one, other| one.provider.cmp(&other.provider));
    states
}

/// Each as it was noted last.
pub async fn the_state_of_a_provider_is_replaced_as_a_whole(store: Arc<dyn Store>) {
    assert_eq!(store.provider_states().await.unwrap(), []);
    let healthy = HealthState::new(at(0));
    let open = HealthState {
        breaker: Breaker::Open { until: at(9_000) },
        set_by_hand: Some(Override::Open),
        openings: 3,
        percent: 10,
        changed_at: at(7),
    };
    let half_open = HealthState { breaker: Breaker::HalfOpen { passed: 2 }, ..open };
    let by_hand = HealthState { set_by_hand: Some(Override::Closed), ..healthy };
    let states = [state("sendgrid", open, 0), state("ses", half_open, 7), state("twilio", healthy, u64::MAX)];
    for state in &states {
        store.put_provider_state(state.clone()).await.unwrap();
    }
    assert_eq!(all(&store).await, states);
    let changed = ProviderState { reason: String::new(), day: -1, ..state("ses", by_hand, 0) };
    store.put_provider_state(changed.clone()).await.unwrap();
    assert_eq!(all(&store).await, [states[0].clone(), changed, states[2].clone()]);
}
