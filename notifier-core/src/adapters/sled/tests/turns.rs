//! Tenants take turns, whatever is left over of what they had.

use super::{cancel, make};
use crate::domain::channel::Channel;
use crate::ports::store::{ClaimQuery, Room};
use crate::testing::store_conformance::sample::{NO_ROOM, Sample, at, due_on};

/// A tenant whose first delivery was taken back is looked at, and has nothing: its turn is the next one's.
#[tokio::test]
async fn who_turns_out_to_have_nothing_costs_nobody_a_turn() {
    let (_folder, store) = make().await;
    let samples = [("a", 1), ("a", 2), ("b", 3), ("c", 4)].map(|(tenant, number)| Sample::new(number).of(tenant));
    for sample in &samples {
        sample.accepted_by(&store).await;
    }
    cancel(&store, &samples[2], at(0)).await;
    let query = ClaimQuery { room: Room { normal: 2, ..NO_ROOM }, ..due_on(Channel::Sms, 0, at(0), at(1_000)) };
    let claimed = store.claim(&query).await.unwrap();
    let tenants: Vec<_> = claimed.iter().map(|claimed| claimed.delivery.tenant.as_str()).collect();
    assert_eq!(tenants, ["a", "c"]);
    store.close().await.unwrap();
}
