//! What may not be held up by what: channels, lanes, and tenants that take turns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::sample::{NO_ROOM, Sample, accept_each, at, begin_claimed, claim, claim_on, due_on, next_due, retry};
use crate::domain::channel::Channel;
use crate::domain::id::NotificationId;
use crate::domain::lane::Lane;
use crate::domain::revision::Revision;
use crate::ports::store::{ClaimQuery, Claimed, Room, Store};

fn ids(claimed: &[Claimed]) -> Vec<NotificationId> {
    claimed.iter().map(|claimed| claimed.notification.id).collect()
}

fn in_lane(claimed: &[Claimed], lane: Lane) -> usize {
    claimed.iter().filter(|claimed| claimed.delivery.lane == lane && claimed.notification.lane == lane).count()
}

async fn claim_in(store: &Arc<dyn Store>, room: Room, now_ms: i64, until_ms: i64) -> Vec<Claimed> {
    let query = ClaimQuery { room, ..due_on(Channel::Sms, 0, at(now_ms), at(until_ms)) };
    store.claim(&query).await.unwrap()
}

/// Claims of one lane, which is the normal one.
async fn claim_some(store: &Arc<dyn Store>, places: usize, now_ms: i64, until_ms: i64) -> Vec<Claimed> {
    claim_in(store, Room { normal: places, ..NO_ROOM }, now_ms, until_ms).await
}

/// However much waits in the others.
pub async fn claims_keep_to_the_room_of_each_lane(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..15).map(|number| Sample::new(number).in_lane(Lane::ALL[number as usize / 5])).collect();
    accept_each(&store, &samples).await;
    let first = claim_in(&store, Room { urgent: 2, normal: 0, bulk: 3 }, 0, 1_000).await;
    assert_eq!(Lane::ALL.map(|lane| in_lane(&first, lane)), [2, 0, 3]);
    let second = claim_in(&store, Room { urgent: 9, normal: 1, bulk: 0 }, 0, 1_000).await;
    assert_eq!(Lane::ALL.map(|lane| in_lane(&second, lane)), [3, 1, 0]);
    let rest = claim_in(&store, Room::of_each(9), 0, 1_000).await;
    assert_eq!(Lane::ALL.map(|lane| in_lane(&rest, lane)), [0, 4, 2]);
    let all: BTreeSet<_> = [ids(&first), ids(&second), ids(&rest)].concat().into_iter().collect();
    assert_eq!(all.len(), samples.len(), "each once");
}

/// Nothing of it is claimed, and it goes on waiting.
pub async fn a_lane_without_room_is_left_alone(store: Arc<dyn Store>) {
    accept_each(&store, &[Sample::new(1).in_lane(Lane::Bulk), Sample::new(2).in_lane(Lane::Urgent).due(50)]).await;
    assert_eq!(claim_in(&store, NO_ROOM, 100, 1_000).await, []);
    let claimed = claim_in(&store, Room { bulk: 0, ..Room::of_each(5) }, 100, 1_000).await;
    assert_eq!(ids(&claimed), [Sample::new(2).id()]);
    assert_eq!(store.next_due(Channel::Sms, &[Lane::Bulk]).await.unwrap(), Some(at(0)));
    assert_eq!(ids(&claim_in(&store, Room { bulk: 1, ..NO_ROOM }, 100, 1_000).await), [Sample::new(1).id()]);
}

/// What waits on one is no business of the other.
pub async fn claims_keep_to_the_channel(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..3).map(|number| Sample::new(number).on_all_channels()).collect();
    accept_each(&store, &samples).await;
    for channel in Channel::ALL {
        let claimed = store.claim(&due_on(channel, 9, at(0), at(1_000))).await.unwrap();
        let expected: Vec<_> = samples.iter().map(|sample| sample.delivery_id(channel)).collect();
        assert_eq!(claimed.iter().map(|claimed| claimed.delivery.id).collect::<Vec<_>>(), expected);
    }
    assert!(claim(&store, 9, at(0), at(1_000)).await.is_empty());
}

/// Somebody with a backlog does not hold up anybody else, and what the others leave is theirs.
pub async fn tenants_take_turns(store: Arc<dyn Store>) {
    let mut samples: Vec<_> = (0..200).map(|number| Sample::new(number).of("crowd")).collect();
    // Names that begin alike are different names.
    samples.extend([Sample::new(500).of("crow").due(10), Sample::new(501).of("crowds").due(20)]);
    accept_each(&store, &samples).await;
    let claimed = claim_some(&store, 10, 100, 1_000).await;
    assert_eq!(claimed.len(), 10);
    let found = ids(&claimed);
    assert!(found.contains(&samples[200].id()) && found.contains(&samples[201].id()), "{found:?}");
    let of_crowd: Vec<_> = found.into_iter().filter(|id| *id < samples[200].id()).collect();
    assert_eq!(of_crowd, samples[..8].iter().map(Sample::id).collect::<Vec<_>>(), "the earliest, in order");
    let next = claim_some(&store, 10, 100, 1_000).await;
    assert_eq!(ids(&next), samples[8..18].iter().map(Sample::id).collect::<Vec<_>>());
}

/// Whoever was served last is last: over several claims nobody gets more than one ahead, however small the claims are.
pub async fn the_turn_goes_on_after_the_tenant_served_last(store: Arc<dyn Store>) {
    for (round, places) in (0..).zip([1, 2, 3, 5]) {
        let tenants = ["a", "b", "c", "d"];
        let number = |tenant: usize, index: u32| round * 1_000 + u32::try_from(tenant).unwrap() * 100 + index;
        let samples: Vec<_> = tenants
            .iter()
            .enumerate()
            .flat_map(|(place, tenant)| (0..10).map(move |index| Sample::new(number(place, index)).of(tenant)))
            .collect();
        accept_each(&store, &samples).await;
        let mut served: BTreeMap<&str, usize> = tenants.iter().map(|tenant| (*tenant, 0)).collect();
        for _ in 0..40 / places {
            for claimed in claim_some(&store, places, 0, 1_000_000).await {
                *served.get_mut(claimed.delivery.tenant.as_str()).unwrap() += 1;
            }
            let (least, most) = (served.values().min().unwrap(), served.values().max().unwrap());
            assert!(most - least <= 1, "{served:?} in claims of {places}");
        }
        claim_some(&store, 40, 0, 1_000_000).await;
        assert!(claim_some(&store, 1, 0, 1_000_000).await.is_empty());
    }
}

/// Who has nothing that is due takes no place.
pub async fn only_tenants_with_something_due_take_turns(store: Arc<dyn Store>) {
    let later = (0..5).map(|number| Sample::new(number).of(["a", "c", "d"][number as usize % 3]).due(5_000));
    let mut samples: Vec<_> = later.collect();
    samples.extend((10..14).map(|number| Sample::new(number).of("b").due(10)));
    accept_each(&store, &samples).await;
    let claimed = claim_some(&store, 3, 100, 1_000).await;
    assert_eq!(ids(&claimed), samples[5..8].iter().map(Sample::id).collect::<Vec<_>>());
    assert_eq!(claim_some(&store, 9, 4_999, 10_000).await.len(), 4, "one that is left, and three whose claims ended");
    assert_eq!(claim_some(&store, 9, 5_000, 10_000).await.len(), 5);
}

/// Neither a burst of what is to go out at once holds up what was given a time, nor the other way round; what was put off or is
/// tried again has no time of its own.
pub async fn what_has_a_time_does_not_wait_for_what_has_none(store: Arc<dyn Store>) {
    let prompt: Vec<_> = (0..50).map(Sample::new).collect();
    let scheduled: Vec<_> = (50..100).map(|number| Sample::new(number).due(i64::from(number))).collect();
    accept_each(&store, &prompt).await;
    accept_each(&store, &scheduled).await;
    let first = claim_some(&store, 10, 60, 1_000).await;
    let expected = |from: usize, to: usize| -> Vec<_> {
        prompt[from..to].iter().zip(&scheduled[from..to]).flat_map(|(a, b)| [a.id(), b.id()]).collect()
    };
    assert_eq!(ids(&first), expected(0, 5), "one each");
    let sending = begin_claimed(&store, &first[1], at(60), at(1_000)).await;
    store.settle(first[1].lease, retry(&sending, at(60))).await.unwrap();
    store.release(first[3].lease).await.unwrap();
    assert_eq!(ids(&claim_some(&store, 3, 60, 1_000).await), [prompt[5].id(), scheduled[1].id(), prompt[6].id()]);
    // All that is due at 60 ms of the one; the other goes on alone.
    let rest = ids(&claim_some(&store, 99, 60, 1_000).await);
    assert_eq!(rest.len(), 43 + 6, "{rest:?}");
    assert_eq!(claim_some(&store, 99, 999, 2_000).await.len(), 40, "later ones, and the retry");
    assert_eq!(next_due(&store).await, Some(at(1_000)));
}

/// By due time, then by identifier, whatever order they came in.
pub async fn within_a_tenant_the_earliest_come_first(store: Arc<dyn Store>) {
    let due_ms = [30, 10, 20, 10, 0, 40];
    let tenants = ["north", "south"];
    let sample = |number: u32, due: i64| Sample::new(number).of(tenants[number as usize % 2]).due(due);
    let samples: Vec<_> =
        (0..).zip(due_ms.iter().flat_map(|due| [*due, *due])).map(|(number, due)| sample(number, due)).collect();
    accept_each(&store, &samples).await;
    let mut claimed = Vec::new();
    for places in [1, 4, 3, 9] {
        claimed.extend(claim_some(&store, places, 100, 1_000).await);
    }
    assert_eq!(claimed.len(), samples.len());
    for tenant in tenants {
        let of_tenant = claimed.iter().filter(|claimed| claimed.delivery.tenant.as_str() == tenant);
        let found: Vec<_> = of_tenant.map(|claimed| (claimed.delivery.due_at, claimed.delivery.id)).collect();
        assert!(found.is_sorted(), "{tenant}: {found:?}");
    }
}

/// Given back, tried again, brought forward, just accepted, or left by who had it: the earliest is the first again.
pub async fn what_comes_free_before_others_is_not_passed_over(store: Arc<dyn Store>) {
    let samples: Vec<_> = (0..6).map(|number| Sample::new(number).due(i64::from(number) * 10)).collect();
    accept_each(&store, &samples).await;
    let first = claim_some(&store, 4, 100, 10_000).await;
    store.release(first[1].lease).await.unwrap();
    let again = claim_some(&store, 1, 100, 10_000).await;
    assert_eq!(ids(&again), [samples[1].id()], "given back");
    let earlier = Sample::new(90).due(-10);
    earlier.accepted_by(&store).await;
    assert_eq!(ids(&claim_some(&store, 1, 100, 10_000).await), [earlier.id()], "just accepted");
    let revision = Revision::Reschedule { due_at: at(-50), expires_at: at(1_000_000) };
    store.revise(samples[5].tenant(), samples[5].id(), &revision, at(50)).await.unwrap().unwrap();
    assert_eq!(ids(&claim_some(&store, 1, 100, 2_000).await), [samples[5].id()], "brought forward");
    let sending = begin_claimed(&store, &first[0], at(100), at(20_000)).await;
    let change = retry(&sending, at(100));
    assert!(change.delivery.due_at < at(8_000), "the next attempt is soon");
    store.settle(first[0].lease, change).await.unwrap();
    assert_eq!(
        ids(&claim_some(&store, 1, 1_999, 10_000).await),
        [samples[0].id()],
        "tried again: the turn of what has no time"
    );
    assert_eq!(
        ids(&claim_some(&store, 9, 9_000, 20_000).await),
        [samples[5].id(), samples[4].id()],
        "left by who had it; never claimed"
    );
    // Turn by turn: two have no time.
    let rest = [earlier.id(), samples[1].id(), samples[0].id(), samples[2].id(), samples[3].id()];
    assert_eq!(ids(&claim_some(&store, 9, 10_000, 20_000).await), rest, "left by who had them");
}

/// What falls due a little later can be claimed ahead; claims still end by the clock.
pub async fn what_is_due_soon_can_be_claimed_ahead(store: Arc<dyn Store>) {
    let samples = [Sample::new(1).due(100), Sample::new(2).due(200), Sample::new(3).due(201)];
    accept_each(&store, &samples).await;
    let ahead = |now_ms, due_by_ms| ClaimQuery {
        due_by: at(due_by_ms),
        ..due_on(Channel::Sms, 9, at(now_ms), at(now_ms + 120))
    };
    let claimed = store.claim(&ahead(0, 200)).await.unwrap();
    assert_eq!(ids(&claimed), [samples[0].id(), samples[1].id()]);
    assert_eq!(store.claim(&ahead(119, 200)).await.unwrap(), [], "they are held until 120, whatever is asked for");
    assert_eq!(ids(&store.claim(&ahead(120, 200)).await.unwrap()), ids(&claimed));
    assert_eq!(ids(&store.claim(&ahead(121, 201)).await.unwrap()), [samples[2].id()]);
}

/// Of nothing else, whatever is due or ends there.
pub async fn the_next_due_time_is_that_of_the_channel_and_lanes(store: Arc<dyn Store>) {
    let samples = [
        Sample::new(1).on(&[Channel::Sms]).in_lane(Lane::Urgent).due(500),
        Sample::new(2).on(&[Channel::Sms]).in_lane(Lane::Normal).due(200).of("other"),
        Sample::new(3).on(&[Channel::Email]).in_lane(Lane::Bulk).due(100),
    ];
    accept_each(&store, &samples).await;
    let expect = async |channel: Channel, lanes: &[Lane], expected_ms: Option<i64>| {
        assert_eq!(store.next_due(channel, lanes).await.unwrap(), expected_ms.map(at), "{channel} {lanes:?}");
    };
    expect(Channel::Sms, &[Lane::Urgent], Some(500)).await;
    expect(Channel::Sms, &[Lane::Normal], Some(200)).await;
    expect(Channel::Sms, &[Lane::Bulk], None).await;
    expect(Channel::Sms, &[Lane::Urgent, Lane::Bulk], Some(500)).await;
    expect(Channel::Sms, &Lane::ALL, Some(200)).await;
    expect(Channel::Sms, &[], None).await;
    expect(Channel::Email, &[Lane::Urgent, Lane::Normal], None).await;
    expect(Channel::Email, &Lane::ALL, Some(100)).await;
    claim_on(&store, Channel::Email, at(100), at(650)).await;
    claim_on(&store, Channel::Sms, at(200), at(900)).await;
    expect(Channel::Email, &[Lane::Bulk], Some(650)).await;
    expect(Channel::Email, &[Lane::Normal], None).await;
    expect(Channel::Sms, &[Lane::Normal], Some(900)).await;
    expect(Channel::Sms, &[Lane::Urgent, Lane::Normal], Some(500)).await;
    let urgent = claim_on(&store, Channel::Sms, at(500), at(800)).await;
    expect(Channel::Sms, &Lane::ALL, Some(800)).await;
    begin_claimed(&store, &urgent, at(500), at(700)).await;
    expect(Channel::Sms, &Lane::ALL, Some(900)).await;
    expect(Channel::Sms, &[Lane::Urgent], None).await;
    assert_eq!(next_due(&store).await, Some(at(650)));
}
