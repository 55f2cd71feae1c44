//! Acknowledged means synced.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use super::{open, options, photograph};
use crate::adapters::sled::sync::DataSync;
use crate::adapters::sled::{SledStore, check};
use crate::domain::channel::Channel;
use crate::domain::receipt::ReceiptStatus;
use crate::domain::revision::Revision;
use crate::domain::timeline::FactKind;
use crate::ports::store::{Accepted, Store, StoreError};
use crate::testing::store_conformance::sample::{
    NEW, Sample, address, at, attempt, begin, begin_claimed, claim, claim_one, due_on, reported, sent,
};

/// A sync that says when it begins and ends when, and as, it is told to.
struct HeldSync {
    begun: UnboundedSender<()>,
    end: Receiver<io::Result<()>>,
}

impl DataSync for HeldSync {
    fn sync(&mut self) -> io::Result<()> {
        let _ = self.begun.send(());
        // Nobody holds it any longer once the test is over.
        self.end.recv().unwrap_or(Ok(()))
    }
}

struct Held {
    store: Arc<dyn Store>,
    begun: UnboundedReceiver<()>,
    end: Sender<io::Result<()>>,
}

fn held(path: &Path) -> Held {
    let (begun_sender, begun) = unbounded_channel();
    let (end, end_receiver) = std::sync::mpsc::channel();
    let sync = HeldSync { begun: begun_sender, end: end_receiver };
    let store = SledStore::open_with(path, options(), |_| Box::new(sync)).unwrap();
    Held { store: Arc::new(store), begun, end }
}

fn accept(store: &Arc<dyn Store>, number: u32) -> JoinHandle<Result<Accepted, StoreError>> {
    let store = Arc::clone(store);
    tokio::spawn(async move { store.accept(Sample::new(number).acceptance()).await })
}

/// Gives everything that could run the chance to: on this runtime of one thread whatever was woken before has its turn.
async fn settle_down() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn nothing_is_acknowledged_before_its_sync() {
    let folder = tempfile::tempdir().unwrap();
    let Held { store, mut begun, end } = held(folder.path());
    let first = accept(&store, 1);
    begun.recv().await.unwrap();
    let waiting: Vec<_> = (2..50).map(|number| accept(&store, number)).collect();
    let claiming = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { claim(&store, 100, at(0), at(1_000)).await })
    };
    settle_down().await;
    assert!(!first.is_finished(), "acknowledged while its sync was running");
    assert!(!claiming.is_finished(), "handed out while the sync of its acceptance was running");

    end.send(Ok(())).unwrap();
    assert_eq!(first.await.unwrap().unwrap(), NEW);
    begun.recv().await.unwrap();
    settle_down().await;
    assert!(waiting.iter().all(|task| !task.is_finished()), "acknowledged while their sync was running");
    assert!(!claiming.is_finished(), "the claim shares the group, so it waits for the same sync");

    end.send(Ok(())).unwrap();
    for task in waiting {
        assert_eq!(task.await.unwrap().unwrap(), NEW);
    }
    assert_eq!(claiming.await.unwrap().len(), 49);
    drop(end);
    store.close().await.unwrap();
}

#[tokio::test]
async fn many_operations_share_a_sync() {
    const OPERATIONS: u32 = 3_000;
    let folder = tempfile::tempdir().unwrap();
    let Held { store, mut begun, end } = held(folder.path());
    let first = accept(&store, 0);
    begun.recv().await.unwrap();
    let rest: Vec<_> = (1..OPERATIONS).map(|number| accept(&store, number)).collect();
    settle_down().await;
    drop(end);
    for task in std::iter::once(first).chain(rest) {
        assert_eq!(task.await.unwrap().unwrap(), NEW);
    }
    store.close().await.unwrap();
    let mut syncs = 1;
    while begun.recv().await.is_some() {
        syncs += 1;
    }
    // The first alone, the rest at most 1,024 at a time and about 1 MiB.
    assert!((4..=12).contains(&syncs), "{syncs} syncs for {OPERATIONS} operations");
}

#[tokio::test]
async fn a_failed_sync_acknowledges_nothing_and_ends_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let Held { store, mut begun, end } = held(folder.path());
    let before = accept(&store, 0);
    begun.recv().await.unwrap();
    end.send(Ok(())).unwrap();
    before.await.unwrap().unwrap();

    let in_the_group = accept(&store, 1);
    begun.recv().await.unwrap();
    let waiting: Vec<_> = (2..10).map(|number| accept(&store, number)).collect();
    settle_down().await;
    end.send(Err(io::Error::other("the disk is on fire"))).unwrap();
    let failed = |error: StoreError| matches!(&error, StoreError::Failed(problem) if problem.contains("on fire"));
    assert!(failed(in_the_group.await.unwrap().unwrap_err()));
    for task in waiting {
        assert!(failed(task.await.unwrap().unwrap_err()));
    }
    let sample = Sample::new(0);
    assert!(failed(accept(&store, 11).await.unwrap().unwrap_err()));
    assert!(failed(store.claim(&due_on(Channel::Sms, 1, at(0), at(1))).await.unwrap_err()));
    assert!(failed(store.status(sample.tenant(), sample.id()).await.unwrap_err()));
    assert!(failed(store.check().await.unwrap_err()));
    assert!(failed(store.close().await.unwrap_err()));
    assert!(begun.try_recv().is_err(), "nothing is synced after a failure");
    drop(store);

    // The medium may work again for the next process, and what was acknowledged is there.
    let store = open(folder.path());
    assert!(store.status(sample.tenant(), sample.id()).await.unwrap().is_some());
    store.close().await.unwrap();
}

/// Copies the files as they are when they are synced: what a power loss right after leaves at least.
struct Photographer {
    from: PathBuf,
    to: PathBuf,
}

impl DataSync for Photographer {
    fn sync(&mut self) -> io::Result<()> {
        photograph(&self.from, &self.to)
    }
}

#[tokio::test]
async fn what_is_acknowledged_was_in_the_file_when_it_was_synced() {
    let folder = tempfile::tempdir().unwrap();
    let (ground, picture) = (folder.path().join("store"), folder.path().join("picture"));
    let photographer = Photographer { from: ground.clone(), to: picture.clone() };
    let store: Arc<dyn Store> = Arc::new(SledStore::open_with(&ground, options(), |_| Box::new(photographer)).unwrap());
    let tasks: Vec<_> = (0..40).map(|number| accept(&store, number)).collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(1_000)).await.unwrap();

    // The store is still open: what it holds in memory does not count.
    let copy = open(&picture);
    for number in 0..40 {
        let sample = Sample::new(number);
        assert!(copy.status(sample.tenant(), sample.id()).await.unwrap().is_some(), "number {number}");
    }
    let reclaimed = copy.reclaim(at(0), 10, at(1_000)).await.unwrap();
    assert_eq!(reclaimed.iter().map(|claimed| &claimed.delivery).collect::<Vec<_>>(), [&change.delivery]);
    copy.close().await.unwrap();
    assert!(check(&picture, false).unwrap().is_sound());
    store.close().await.unwrap();
}

#[tokio::test]
async fn closing_finishes_what_was_handed_in() {
    let folder = tempfile::tempdir().unwrap();
    let Held { store, mut begun, end } = held(folder.path());
    let first = accept(&store, 0);
    begun.recv().await.unwrap();
    let waiting: Vec<_> = (1..20).map(|number| accept(&store, number)).collect();
    settle_down().await;
    let closing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.close().await })
    };
    settle_down().await;
    assert!(!closing.is_finished());
    assert_eq!(accept(&store, 99).await.unwrap().unwrap_err(), StoreError::Closed);
    drop(end);
    closing.await.unwrap().unwrap();
    for task in std::iter::once(first).chain(waiting) {
        assert_eq!(task.await.unwrap().unwrap(), NEW);
    }
    // At once, without a retry of ours: the lock is let go of when closing returns.
    let reopened = open(folder.path());
    assert_eq!(claim(&reopened, 100, at(0), at(1_000)).await.len(), 20);
    reopened.close().await.unwrap();
}

#[tokio::test]
async fn an_operation_is_finished_although_nobody_waits_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let Held { store, mut begun, end } = held(folder.path());
    let abandoned = accept(&store, 1);
    begun.recv().await.unwrap();
    abandoned.abort();
    assert!(abandoned.await.unwrap_err().is_cancelled());
    drop(end);
    let sample = Sample::new(1);
    assert_eq!(store.accept(sample.acceptance()).await.unwrap(), Accepted::Before(sample.id()));
    store.close().await.unwrap();
}

#[tokio::test]
async fn tokens_are_not_given_twice_across_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let mut tokens = HashSet::new();
    for _ in 0..3 {
        let store = open(folder.path());
        for number in 0..5 {
            store.accept(Sample::new(number).acceptance()).await.unwrap();
        }
        let claimed = claim(&store, 10, at(0), at(1_000)).await;
        assert_eq!(claimed.len(), 5, "claims do not survive the process");
        assert!(claimed.iter().all(|claimed| tokens.insert(claimed.lease.token)));
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn what_was_being_sent_is_reclaimed_at_once_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    Sample::new(1).accepted_by(&store).await;
    Sample::new(2).accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let change = begin(&claimed.delivery, at(1));
    store.begin(claimed.lease, change.clone(), at(3_600_000)).await.unwrap();
    store.close().await.unwrap();

    let store = open(folder.path());
    assert!(store.next_lease_end().await.unwrap().is_some_and(|end| end <= at(0)));
    let reclaimed = store.reclaim(at(2), 10, at(60_000)).await.unwrap();
    assert_eq!(reclaimed.len(), 1);
    assert_eq!(reclaimed[0].delivery, change.delivery);
    assert!(store.reclaim(at(2), 10, at(60_000)).await.unwrap().is_empty());
    assert_eq!(store.next_lease_end().await.unwrap(), Some(at(60_000)));
    store.close().await.unwrap();
}

/// Whoever holds it goes on with it, and what was said meanwhile stays said.
#[tokio::test]
async fn what_is_said_about_a_claimed_delivery_is_not_lost_by_sending_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let claimed = claim_one(&store, at(0), at(1_000)).await;
    let acknowledge = Revision::Acknowledge { by: None };
    store.revise(sample.tenant(), sample.id(), &acknowledge, at(1)).await.unwrap().unwrap();
    let sending = begin_claimed(&store, &claimed, at(2), at(1_000)).await;
    store.settle(claimed.lease, sent(&sending, at(3))).await.unwrap();
    let kinds: Vec<_> = sample.timeline_in(&store).await.iter().map(|fact| fact.kind).collect();
    use FactKind as K;
    assert_eq!(kinds, [K::Accepted, K::Acknowledged, K::Checked, K::Attempting, K::Sent]);
    store.close().await.unwrap();
    assert!(check(folder.path(), false).unwrap().is_sound());
}

/// Which addresses nothing may be sent to is known without looking, from the first moment on.
#[tokio::test]
async fn the_list_of_suppressed_addresses_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let sample = Sample::new(1);
    sample.accepted_by(&store).await;
    let delivery = attempt(&store, Channel::Sms, at(0), sent).await;
    store.receive(vec![reported(delivery.id, ReceiptStatus::Bounced, at(1))]).await.unwrap();
    let listed = store.suppression(sample.tenant(), Channel::Sms, address(Channel::Sms)).await.unwrap();
    assert!(listed.is_some());
    store.close().await.unwrap();
    let closed = store.suppression(sample.tenant(), Channel::Sms, "+14155550102").await;
    assert_eq!(closed, Err(StoreError::Closed), "also about an address that is not on it");
    let store = open(folder.path());
    assert_eq!(store.suppression(sample.tenant(), Channel::Sms, address(Channel::Sms)).await.unwrap(), listed);
    store.close().await.unwrap();
}
