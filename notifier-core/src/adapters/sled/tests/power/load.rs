//! What the store is asked to do, and what is known about it from then on.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::recorder::Dice;
use crate::adapters::sled::stored::Trouble;
use crate::adapters::sled::{SledStore, reader};
use crate::domain::channel::Channel;
use crate::domain::delivery::Delivery;
use crate::domain::id::NotificationId;
use crate::domain::lane::Lane;
use crate::domain::revision::Revision;
use crate::domain::timeline::{Fact, Reason};
use crate::ports::store::{Accepted, ClaimQuery, Claimed, Lease, Room, Status, Store};
use crate::testing::store_conformance::sample::{
    NO_ROOM, Sample, at, begin, delivered, doubtful, due_on, failed, retry, sent,
};

const MINUTE_MS: i64 = 60_000;
/// How many are accepted in a round, in turn: alone, a few, and as many as a group holds.
const ACCEPTED: [u32; 12] = [3, 1, 20, 8, 1, 2, 60, 1, 5, 2, 1, 3];
/// The last round has this many: as many as share a sync.
const ACCEPTED_MAX: u32 = 1_100;

/// What is wrong with a store after a power cut.
#[derive(Debug)]
pub(super) enum Problem {
    /// It does not open, or cannot be read.
    Closed(String),
    /// Something acknowledged is missing.
    Lost(String),
    /// Something is there in part.
    Half(String),
}

impl Problem {
    /// Says after which cut it was found.
    pub(super) fn after(self, cut: &str) -> Self {
        match self {
            Self::Closed(text) => Self::Closed(format!("{cut}: {text}")),
            Self::Lost(text) => Self::Lost(format!("{cut}: {text}")),
            Self::Half(text) => Self::Half(format!("{cut}: {text}")),
        }
    }
}

/// A notification as it is: where it stands, and its timeline.
type Seen = Option<(Status, Vec<Fact>)>;

/// What was there after which round.
#[derive(Clone, Default)]
pub(super) struct History {
    versions: Arc<BTreeMap<NotificationId, Vec<(usize, Seen)>>>,
}

impl History {
    /// Whether everything is as it was after that many rounds, or as the round that was under way made it: wholly.
    pub(super) fn compare(&self, tree: &sled::Tree, rounds: usize) -> Result<(), Problem> {
        for (id, versions) in self.versions.iter() {
            let known = versions.iter().rev().find(|(round, _)| *round <= rounds);
            let coming = versions.iter().find(|(round, _)| *round == rounds + 1);
            let found = look(tree, *id).map_err(|trouble| Problem::Half(format!("{id}: {trouble:?}")))?;
            let fits = |version: &(usize, Seen)| version.1 == found;
            let is_as_before = known.map_or(found.is_none(), fits);
            if !is_as_before && !coming.is_some_and(fits) {
                let was_so_before =
                    found.is_none() || versions.iter().any(|(round, seen)| *round < rounds && *seen == found);
                let kind = if was_so_before { Problem::Lost } else { Problem::Half };
                return Err(kind(format!("{id} is {found:?}; it was {known:?}, and was to be {coming:?}")));
            }
        }
        Ok(())
    }
}

fn look(tree: &sled::Tree, id: NotificationId) -> Result<Seen, Trouble> {
    let sample = Sample::new(0);
    let Some(status) = reader::status(tree, sample.tenant(), id)? else { return Ok(None) };
    let timeline = reader::timeline(tree, sample.tenant(), id)?.unwrap_or_default();
    Ok(Some((status, timeline)))
}

/// Rounds of operations, of which those of one round touch each notification at most once and go out together.
#[derive(Default)]
pub(super) struct Load {
    round: usize,
    accepted: u32,
    /// What is being sent.
    begun: Vec<(Lease, Delivery)>,
    sent: Vec<Delivery>,
    /// What waits in the lane from which nothing is claimed.
    waiting: Vec<Sample>,
    touched: HashSet<NotificationId>,
    versions: BTreeMap<NotificationId, Vec<(usize, Seen)>>,
}

impl Load {
    pub(super) fn into_history(self) -> History {
        History { versions: Arc::new(self.versions) }
    }

    /// From here on it counts what is there after each round; what there is already, is there before the first.
    pub(super) async fn begin_history(&mut self, store: &Arc<SledStore>) {
        self.round = 0;
        self.touched = self.versions.keys().copied().collect();
        self.versions.clear();
        // Claims and leases are those of another process.
        self.begun.clear();
        for claimed in store.reclaim(self.now(), usize::MAX, self.until()).await.unwrap() {
            self.begun.push((claimed.lease, claimed.delivery));
        }
        self.end_round(store).await;
    }

    pub(super) async fn close(&self, store: Arc<SledStore>) {
        store.close().await.unwrap();
    }

    fn now(&self) -> jiff::Timestamp {
        at(i64::try_from(self.round).unwrap() * MINUTE_MS)
    }

    fn until(&self) -> jiff::Timestamp {
        at(i64::try_from(self.round + 1_000).unwrap() * MINUTE_MS)
    }

    pub(super) async fn round(&mut self, store: &Arc<SledStore>) {
        self.round += 1;
        let mut dice = Dice::new(self.round);
        let news = self.news();
        let settled = std::mem::take(&mut self.begun);
        self.touched.extend(settled.iter().map(|(_, delivery)| delivery.id.notification));
        let reported = std::mem::take(&mut self.sent);
        let reported: Vec<_> =
            reported.into_iter().filter(|delivery| self.touched.insert(delivery.id.notification)).collect();
        let revised = self.take_waiting(&mut dice);
        let claimed = self.claim(store, &mut dice).await;
        let now = self.now();
        let outcomes: Vec<_> = settled
            .into_iter()
            .map(|(lease, delivery)| {
                let decide = [sent, sent, sent, retry, failed, doubtful][dice.below(6)];
                (lease, decide(&delivery, now))
            })
            .collect();
        self.sent = outcomes.iter().map(|(_, change)| change.delivery.clone()).filter(was_sent).collect();
        self.begun = claimed.iter().map(|claimed| (claimed.lease, begin(&claimed.delivery, now).delivery)).collect();
        let until = self.until();
        let accepting = store.accept_all(news.iter().map(Sample::acceptance).collect());
        let settling = join_all(outcomes.into_iter().map(|(lease, change)| store.settle(lease, change)));
        let beginning =
            join_all(claimed.iter().map(|claimed| store.begin(claimed.lease, begin(&claimed.delivery, now), until)));
        let receiving = store.receive(reported.iter().map(|delivery| delivered(delivery.id, now)).collect());
        let revising = join_all(
            revised.iter().map(|(sample, revision)| store.revise(sample.tenant(), sample.id(), revision, now)),
        );
        let (accepted, settled, begun, received, revised) =
            futures_util::future::join5(accepting, settling, beginning, receiving, revising).await;
        for accepted in accepted.unwrap() {
            let Accepted::New { replaced } = accepted.unwrap() else { panic!("every sample is new") };
            self.touched.extend(replaced);
        }
        assert!(settled.iter().chain(&begun).all(Result::is_ok), "{settled:?} {begun:?}");
        received.unwrap();
        assert!(revised.into_iter().all(|revised| revised.is_ok_and(|revised| revised.is_some())));
        self.end_round(store).await;
    }

    /// What is new in this round.
    fn news(&mut self) -> Vec<Sample> {
        let count = if self.round == super::ROUNDS { ACCEPTED_MAX } else { ACCEPTED[self.round % ACCEPTED.len()] };
        let mut news = Vec::new();
        for number in 0..count {
            self.accepted += 1;
            let sample = Sample::new(self.accepted).keyed(&format!("key-{}", self.accepted), 1);
            let sample = match self.accepted % 7 {
                0 | 1 => sample.on_two_channels(),
                // At most one under each key in a round.
                2 if number < 7 => sample.in_lane(Lane::Bulk).collapsing(&format!("c{}", self.accepted % 3)),
                3 if self.accepted.is_multiple_of(17) => sample.with_attachment(150 * 1024),
                4 => sample.in_lane(Lane::Bulk).due(3_600_000),
                _ => sample,
            };
            if self.accepted % 7 == 4 {
                self.waiting.push(sample.clone());
            }
            self.touched.insert(sample.id());
            news.push(sample);
        }
        news
    }

    /// Some of what waits, to be taken back or put off.
    fn take_waiting(&mut self, dice: &mut Dice) -> Vec<(Sample, Revision)> {
        let mut taken = Vec::new();
        for _ in 0..dice.below(4) {
            if self.waiting.is_empty() {
                break;
            }
            let sample = self.waiting.swap_remove(dice.below(self.waiting.len()));
            if !self.touched.insert(sample.id()) {
                continue;
            }
            let revision = match dice.below(2) {
                0 => Revision::Cancel(Reason::new("cancel.requested", "no")),
                _ => Revision::Reschedule { due_at: at(7_200_000), expires_at: at(90_000_000) },
            };
            taken.push((sample, revision));
        }
        taken
    }

    /// Some of what is due, if nothing else happens to it in this round.
    async fn claim(&mut self, store: &Arc<SledStore>, dice: &mut Dice) -> Vec<Claimed> {
        let channel = [Channel::Email, Channel::Sms][self.round % 2];
        let room = Room { normal: 1 + dice.below(30), ..NO_ROOM };
        let query = ClaimQuery { room, ..due_on(channel, 0, self.now(), self.until()) };
        let mut claimed = Vec::new();
        for one in store.claim(&query).await.unwrap() {
            if self.touched.insert(one.notification.id) {
                claimed.push(one);
            } else {
                store.release(one.lease).await.unwrap();
            }
        }
        claimed
    }

    /// Notes what was acknowledged. Without asking the committer: it would answer after the next sync, which then came in time
    /// for what was acknowledged too early.
    async fn end_round(&mut self, store: &Arc<SledStore>) {
        let touched: Vec<_> = self.touched.drain().collect();
        let seen =
            store.read(move |tree| touched.iter().map(|id| Ok((*id, look(tree, *id)?))).collect::<Result<Vec<_>, _>>());
        for (id, seen) in seen.await.unwrap() {
            self.versions.entry(id).or_default().push((self.round, seen));
        }
    }
}

fn was_sent(delivery: &Delivery) -> bool {
    delivery.state == crate::domain::lifecycle::DeliveryState::Sent
}
