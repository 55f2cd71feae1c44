//! Tables and stories of a provider's health.

use super::*;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_760_000_000_000 + ms).unwrap()
}

fn healthy() -> Health {
    Health::new(HealthState::new(at(0)), at(0))
}

fn policy() -> HealthPolicy {
    HealthPolicy::default()
}

fn opened() -> Health {
    let mut health = healthy();
    let mut reasons = (0..15).filter_map(|n| health.observe(&policy(), Sight::Bad, at(n), 0));
    assert_eq!(reasons.next().unwrap().code, "breaker.opened");
    assert!(reasons.next().is_none());
    drop(reasons);
    health
}

#[test]
fn failures_in_a_row_open_it_before_the_twentieth() {
    let mut health = healthy();
    // Many good ones before do not save it.
    for n in 0..1_000 {
        assert!(health.observe(&policy(), Sight::Good, at(n), 0).is_none());
    }
    let bad = (1..=20).find(|n| health.observe(&policy(), Sight::Bad, at(1_000 + n), 0).is_some());
    assert_eq!(bad, Some(15));
    assert!(matches!(health.standing(at(1_020)), Standing::Refuses { .. }));
}

#[test]
fn half_of_the_calls_failing_opens_it_and_a_tenth_takes_traffic_away() {
    let mut health = healthy();
    let opened = (0..100).find(|n| {
        let sight = if n % 2 == 0 { Sight::Bad } else { Sight::Good };
        health.observe(&policy(), sight, at(*n), 0).is_some()
    });
    assert!(opened.is_some_and(|n| n <= 20), "{opened:?}");
    let mut health = healthy();
    let mut percents = Vec::new();
    for second in 0..5 {
        for n in 0..50 {
            let sight = if n % 8 == 0 { Sight::Bad } else { Sight::Good };
            assert!(health.observe(&policy(), sight, at(second * 1_000 + n), 0).is_none());
        }
        percents.push(health.state().percent);
    }
    assert_eq!(percents, [100, 80, 60, 40, 20]);
    // It creeps back once the bad ones are no longer lately.
    health.step(&policy(), at(14_500));
    for second in 0..4 {
        health.step(&policy(), at(15_000 + second * 1_000));
    }
    assert!(health.state().percent >= 50, "{}", health.state().percent);
}

#[test]
fn few_failures_say_nothing() {
    let mut health = healthy();
    for n in 0..9 {
        assert!(health.observe(&policy(), Sight::Bad, at(n * 11_000), 0).is_none());
    }
    assert_eq!(health.standing(at(99_000)), Standing::Takes { percent: 100 });
}

#[test]
fn it_is_probed_one_call_at_a_time_and_comes_back_by_steps() {
    let mut health = opened();
    let Breaker::Open { until } = health.state().breaker else { panic!("open") };
    assert_eq!(until, at(9 + 5_000));
    assert_eq!(health.standing(at(5_000)), Standing::Refuses { until });
    assert_eq!(health.begin_probe(at(5_000)), None);
    for probe in 0..3 {
        let now = at(6_000 + probe);
        assert_eq!(health.standing(now), Standing::Probe);
        let given_up = health.begin_probe(now).unwrap();
        health.end_probe(given_up);
        assert!(health.begin_probe(now).is_some());
        // The end of an earlier one is not the end of this one.
        health.end_probe(given_up);
        assert!(matches!(health.standing(now), Standing::Refuses { .. }), "one at a time");
        // What began before it opened has no say.
        assert!(health.observe(&policy(), Sight::Bad, now, 0).is_none());
        let reason = health.probed(&policy(), Sight::Good, now, 0);
        assert_eq!(reason.is_some(), probe == 2);
    }
    assert_eq!(health.standing(at(6_003)), Standing::Takes { percent: 10 });
    health.step(&policy(), at(8_100));
    assert_eq!(health.standing(at(8_100)), Standing::Takes { percent: 30 });
}

#[test]
fn each_failed_probe_keeps_it_open_for_longer_up_to_the_limit() {
    let mut health = opened();
    let mut now = at(9);
    let mut waits = Vec::new();
    for _ in 0..8 {
        let Breaker::Open { until } = health.state().breaker else { panic!("open") };
        waits.push(until.duration_since(now).as_millis());
        now = until;
        assert!(health.begin_probe(now).is_some());
        assert!(health.probed(&policy(), Sight::Bad, now, 0).is_some());
    }
    assert_eq!(waits, [5_000, 10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
    let jittered = Health::open(&mut opened(), &policy(), "", at(0), u64::MAX);
    assert!(jittered.text.contains("27.5"), "three quarters of ten seconds: {}", jittered.text);
}

#[test]
fn worrying_receipts_shift_and_never_open() {
    let mut health = healthy();
    for n in 0..100 {
        health.observe(&policy(), Sight::Good, at(n), 0);
        assert!(health.observe(&policy(), Sight::Worrying, at(n), 0).is_none());
    }
    health.step(&policy(), at(1_000));
    assert_eq!(health.standing(at(1_000)), Standing::Takes { percent: 80 });
}

#[test]
fn a_vendor_that_asks_for_rest_gets_it_within_limits() {
    let mut health = healthy();
    health.rest(&policy(), 2_000, at(0));
    assert_eq!(health.standing(at(1_999)), Standing::Refuses { until: at(2_000) });
    assert_eq!(health.standing(at(2_000)), Standing::Takes { percent: 100 });
    health.rest(&policy(), u64::MAX, at(2_000));
    assert_eq!(health.standing(at(3_000)), Standing::Refuses { until: at(62_000) });
}

#[test]
fn it_is_not_probed_while_the_vendor_wants_to_rest() {
    let mut health = opened();
    health.rest(&policy(), 30_000, at(10));
    assert_eq!(health.standing(at(20_000)), Standing::Refuses { until: at(30_010) });
    assert_eq!(health.standing(at(30_010)), Standing::Probe);
}

#[test]
fn the_operator_has_the_last_word() {
    let mut health = opened();
    health.set_by_hand(Some(Override::Closed), at(100));
    for n in 0..100 {
        health.observe(&policy(), Sight::Bad, at(100 + n), 0);
    }
    assert_eq!(health.standing(at(200)), Standing::Takes { percent: 100 });
    health.set_by_hand(Some(Override::Open), at(200));
    assert!(matches!(health.standing(at(1_000_000)), Standing::Refuses { .. }));
    assert_eq!(health.begin_probe(at(1_000_000)), None);
    health.set_by_hand(None, at(300));
    assert_eq!(health.standing(at(300)), Standing::Takes { percent: 100 });
}

#[test]
fn a_clock_that_is_set_back_does_not_freeze_it() {
    let mut health = healthy();
    for n in 0..5 {
        health.observe(&policy(), Sight::Bad, at(1_000_000 + n), 0);
    }
    for n in 0..30 {
        health.observe(&policy(), Sight::Good, at(n), 0);
    }
    assert_eq!(health.lately(&policy(), at(30)), (30, 0));
    health.step(&policy(), at(5_000));
    assert_eq!(health.state().percent, 100);
}
