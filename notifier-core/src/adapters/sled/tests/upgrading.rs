//! A store of an older format is brought up to the present one, however often that is cut short.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use super::{open, options, photograph};
use crate::adapters::sled::envelope::{self, Kind};
use crate::adapters::sled::keys::QueueEntry;
use crate::adapters::sled::open::{Database, OpenError};
use crate::adapters::sled::records::{DeliveryRecord, FormatRecord, NotificationRecord};
use crate::adapters::sled::sync::DataSync;
use crate::adapters::sled::{check, keys, marker, stored, upgrade};
use crate::domain::delivery::{Change, Delivery};
use crate::domain::lane::Timing;
use crate::domain::lifecycle::DeliveryState;
use crate::domain::notification::{ContentSource, Notification};
use crate::domain::recipient::Recipient;
use crate::domain::timeline::Fact;
use crate::ports::store::{DeadLetterQuery, Filter, Received, Room, StoreCounts};
use crate::testing::store_conformance::sample::{
    Sample, at, begin, claim, deferred, delivered, doubtful, failed, next_due, retry, sent,
};

/// A record as a program of format 1 wrote it.
fn seal_v1(kind: Kind, body: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![kind as u8, 1, 0, 0, 0, 0];
    bytes.extend(postcard::to_stdvec(body).unwrap());
    envelope::with_version(&bytes, 1)
}

fn write(tree: &sled::Tree, sample: &Sample, delivery: &Delivery, facts: &[Change]) {
    let notification = NotificationRecord::from(&sample.acceptance());
    let key = keys::notification(sample.tenant(), sample.id());
    tree.insert(key, seal_v1(Kind::Notification, &notification.as_v1())).unwrap();
    let mut record = DeliveryRecord::from(delivery);
    for (number, change) in (10..).zip(facts) {
        record = record.changed(delivery, &change.facts, number);
    }
    tree.insert(keys::delivery(sample.tenant(), delivery.id), seal_v1(Kind::Delivery, &record.as_v1())).unwrap();
    let entry = match delivery.state {
        DeliveryState::Pending => {
            let micros = (delivery.due_at.as_microsecond().cast_unsigned() ^ (1 << 63)).to_be_bytes();
            [&[keys::DUE][..], &micros, sample.id().as_bytes(), &[2]].concat()
        }
        DeliveryState::Sending => [&[keys::SENDING][..], sample.id().as_bytes(), &[2]].concat(),
        _ => return,
    };
    tree.insert(entry, sample.tenant().as_str()).unwrap();
}

/// One of each: untouched, put off, tried again, being sent for the first and for the second time, sent, failed.
fn samples() -> [Sample; 7] {
    [1, 2, 3, 4, 5, 6, 7].map(|number| Sample::new(number).due(i64::from(number)))
}

/// What a program of format 1 could say of it: there were email and text messages only.
fn known_then(sample: &Sample) -> Notification {
    let mut notification = sample.notification();
    notification.recipient = Recipient { push_token: None, chat_id: None, webhook_url: None, ..notification.recipient };
    if let ContentSource::Inline(content) = &mut notification.content {
        (content.push, content.chat, content.webhook) = (None, None, None);
    }
    notification
}

fn delivery_of(sample: &Sample) -> Delivery {
    sample.notification().first_deliveries().remove(0)
}

fn write_format_1(path: &Path) -> Vec<Delivery> {
    let database = Database::open(path, &options()).unwrap();
    let tree = database.tree();
    let [untouched, put_off, tried, first, second, done, dead] = samples();
    let mut all = Vec::new();
    let mut keep = |sample: &Sample, steps: &[fn(&Delivery) -> Change]| {
        let mut delivery = delivery_of(sample);
        let changes: Vec<_> = steps
            .iter()
            .map(|step| {
                let change = step(&delivery);
                delivery = change.delivery.clone();
                change
            })
            .collect();
        // There was one provider and no rest of it.
        delivery.rounds = delivery.attempts;
        delivery.tried.clear();
        // The time of the next channel counted from the latest call.
        delivery.turn_since = delivery.last_attempt.as_ref().map(|attempt| attempt.send_at);
        write(tree, sample, &delivery, &changes);
        all.push(delivery);
    };
    keep(&untouched, &[]);
    keep(&put_off, &[|delivery| deferred(delivery, at(20))]);
    keep(&tried, &[|delivery| begin(delivery, at(20)), |delivery| retry(delivery, at(21))]);
    keep(&first, &[|delivery| begin(delivery, at(20))]);
    keep(
        &second,
        &[
            |delivery| begin(delivery, at(20)),
            |delivery| doubtful(delivery, at(21)),
            |delivery| begin(delivery, at(22)),
        ],
    );
    keep(&done, &[|delivery| begin(delivery, at(20)), |delivery| sent(delivery, at(21))]);
    keep(&dead, &[|delivery| begin(delivery, at(20)), |delivery| failed(delivery, at(21))]);
    tree.insert(keys::FORMAT, envelope::seal(&FormatRecord { number: 1 })).unwrap();
    tree.insert(keys::PROGRESS, seal_v1(Kind::Progress, &(90u64, 5_000u64, 3u64))).unwrap();
    database.sync().unwrap();
    marker::reset(&path.join("commit"), 90).unwrap();
    database.release();
    all
}

async fn assert_is_whole(path: &Path, before: &[Delivery]) {
    let report = check(path, false).unwrap();
    assert!(report.is_sound() && report.quarantined == 0, "{report:?}");
    assert_eq!(report.operations, 90);
    let store = open(path);
    let pending = Room { normal: 3, ..Room::default() };
    let counts = StoreCounts { pending, sending: 2, dead: 1, unmatched_receipts: 0 };
    assert_eq!(store.counts().await.unwrap(), counts);
    for (sample, delivery) in samples().iter().zip(before) {
        assert_eq!(sample.status_in(&store).await.notification, known_then(sample));
        assert_eq!(sample.delivery_in(&store).await, *delivery);
    }
    let timeline = samples()[4].timeline_in(&store).await;
    assert_eq!(timeline.len(), 7, "{timeline:?}");
    assert_eq!(next_due(&store).await, Some(at(1)));
    let reclaimed = store.reclaim(at(0), 10, at(90_000)).await.unwrap();
    let mut found: Vec<_> = reclaimed.iter().map(|claimed| &claimed.delivery).collect();
    found.sort_by_key(|delivery| delivery.id);
    assert_eq!(found, [&before[3], &before[4]]);
    store.settle(reclaimed[0].lease, sent(&reclaimed[0].delivery, at(40))).await.unwrap();
    let claimed = claim(&store, 9, at(80_000), at(90_000)).await;
    assert_eq!(claimed.len(), 3);
    let told = store.receive(vec![delivered(before[5].id, at(50))]).await.unwrap();
    assert!(matches!(told[..], [Received::Told(_)]), "{told:?}");
    let tenant = samples()[6].tenant().clone();
    let query = DeadLetterQuery { tenant, filter: Filter::default(), before: None, limit: 9 };
    let letters = store.dead_letters(&query).await.unwrap().items;
    assert_eq!(letters.iter().map(|letter| &letter.delivery).collect::<Vec<_>>(), [&before[6]]);
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound(), "{report:?}");
}

#[tokio::test]
async fn a_store_of_format_1_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let before = write_format_1(folder.path());
    let store = open(folder.path());
    store.close().await.unwrap();
    let database = Database::open(folder.path(), &options()).unwrap();
    assert!(!database.is_old());
    for prefix in [keys::DUE, keys::SENDING] {
        assert_eq!(database.tree().scan_prefix([prefix]).count(), 0);
    }
    database.release();
    assert_is_whole(folder.path(), &before).await;
}

#[tokio::test]
async fn a_check_brings_it_up_to_date_too() {
    let folder = tempfile::tempdir().unwrap();
    let before = write_format_1(folder.path());
    assert_is_whole(folder.path(), &before).await;
}

/// As long as the format record says 1, everything is done again; nothing is lost or doubled by it.
#[tokio::test]
async fn an_interrupted_conversion_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let before = write_format_1(folder.path());
    let database = Database::open(folder.path(), &options()).unwrap();
    let old: Vec<_> = database.tree().iter().map(Result::unwrap).collect();
    upgrade::upgrade(&database, database.progress().unwrap()).unwrap();
    let new: Vec<_> = database.tree().iter().map(Result::unwrap).collect();
    database.release();
    let retired = |key: &[u8]| key.starts_with(&[keys::DUE]) || key.starts_with(&[keys::SENDING]);
    let indexes: Vec<_> = old.iter().map(|(key, _)| key).filter(|key| retired(key)).collect();
    // Delivery by delivery, then the removal of what is out of use, each cut short everywhere.
    for made in 0..=samples().len() + indexes.len() {
        let path = folder.path().join(format!("{made}"));
        let partly = Database::open(&path, &options()).unwrap();
        let mut batch = sled::Batch::default();
        for (key, value) in &old {
            batch.insert(key, value);
        }
        for sample in samples().iter().take(made) {
            let id = sample.id();
            let is_of = |bytes: &[u8]| bytes.windows(16).any(|window| window == id.as_bytes());
            for (key, value) in new.iter().filter(|(key, value)| is_of(key) || is_of(value)) {
                batch.insert(key, value);
            }
        }
        for key in indexes.iter().take(made.saturating_sub(samples().len())) {
            batch.remove(*key);
        }
        partly.tree().apply_batch(batch).unwrap();
        partly.sync().unwrap();
        marker::reset(&path.join("commit"), 90).unwrap();
        partly.release();
        assert_is_whole(&path, &before).await;
    }
}

/// As a program of format 2 left it: one queue in each lane, whatever waits there.
async fn write_format_2(path: &Path) -> [Sample; 4] {
    let [prompt, scheduled, sending, put_off] =
        [(1, 0), (2, 10), (3, 20), (4, 30)].map(|(number, due_ms)| Sample::new(number).due(due_ms));
    let store = open(path);
    for sample in [&prompt, &scheduled, &sending, &put_off] {
        sample.accepted_by(&store).await;
    }
    for claimed in claim(&store, 9, at(30), at(90_000)).await {
        match claimed.notification.id {
            id if id == sending.id() => {
                let mut change = begin(&claimed.delivery, at(30));
                // So large that it lies in parts.
                change.facts = vec![change.facts.remove(0).with("checks", "x".repeat(200_000))];
                store.begin(claimed.lease, change, at(90_000)).await.unwrap();
            }
            id if id == put_off.id() => store.settle(claimed.lease, deferred(&claimed.delivery, at(40))).await.unwrap(),
            _ => store.release(claimed.lease).await.unwrap(),
        }
    }
    store.close().await.unwrap();
    let database = Database::open(path, &options()).unwrap();
    let tree = database.tree();
    for entry in tree.scan_prefix([keys::QUEUE]) {
        let (key, value) = entry.unwrap();
        let old = QueueEntry { timing: Timing::Prompt, ..QueueEntry::parse(&key).unwrap() }.key();
        for part in tree.scan_prefix([&[keys::PART][..], &key].concat()) {
            let (part, bytes) = part.unwrap();
            let (_, number) = keys::parse_part(&part).unwrap();
            tree.remove(&part).unwrap();
            tree.insert(keys::part(&old, number), bytes).unwrap();
        }
        tree.remove(&key).unwrap();
        tree.insert(old, value).unwrap();
    }
    tree.insert(keys::FORMAT, envelope::seal(&FormatRecord { number: 2 })).unwrap();
    database.sync().unwrap();
    database.release();
    [prompt, scheduled, sending, put_off]
}

#[tokio::test]
async fn a_store_of_format_2_has_its_queues_divided() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let [prompt, scheduled, sending, put_off] = write_format_2(path).await;
    let timings = |database: &Database| {
        let entries =
            database.tree().scan_prefix([keys::QUEUE]).keys().map(|key| QueueEntry::parse(&key.unwrap()).unwrap());
        entries.map(|entry| (entry.timing, entry.notification)).collect::<Vec<_>>()
    };
    let database = Database::open(path, &options()).unwrap();
    assert!(database.is_old());
    assert!(timings(&database).iter().all(|(timing, _)| *timing == Timing::Prompt));
    database.release();
    let store = open(path);
    assert_eq!(store.counts().await.unwrap().sending, 1);
    let reclaimed = store.reclaim(at(50), 9, at(90_000)).await.unwrap();
    assert_eq!(reclaimed.iter().map(|claimed| claimed.notification.id).collect::<Vec<_>>(), [sending.id()]);
    let checks = |fact: &Fact| fact.details.iter().map(|(_, text)| text.len()).max();
    assert_eq!(sending.timeline_in(&store).await.iter().filter_map(checks).max(), Some(200_000));
    let claimed = claim(&store, 9, at(80_000), at(90_000)).await;
    let mut found: Vec<_> = claimed.iter().map(|claimed| claimed.notification.id).collect();
    found.sort();
    assert_eq!(found, [prompt.id(), scheduled.id(), put_off.id()]);
    store.close().await.unwrap();
    let report = check(path, false).unwrap();
    assert!(report.is_sound() && report.stale_entries == 0, "{report:?}");
    let database = Database::open(path, &options()).unwrap();
    let expected = [
        (Timing::Prompt, prompt.id()),
        (Timing::Prompt, put_off.id()),
        (Timing::Scheduled, scheduled.id()),
        (Timing::Scheduled, sending.id()),
    ];
    assert_eq!(timings(&database), expected);
    database.release();
}

/// Photographs the store at each sync: that is what is left when the power goes right after.
struct Photographer {
    from: PathBuf,
    to: PathBuf,
    taken: Arc<AtomicUsize>,
}

impl DataSync for Photographer {
    fn sync(&mut self) -> io::Result<()> {
        let number = self.taken.fetch_add(1, Ordering::Relaxed);
        photograph(&self.from, &self.to.join(number.to_string()))
    }
}

/// Until the end no program of format 1 takes it for its own, and one of the present format goes on.
#[tokio::test]
async fn a_conversion_is_synced_in_batches_and_refused_by_older_programs_until_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let (ground, pictures) = (folder.path().join("store"), folder.path().join("pictures"));
    let before = write_format_1(&ground);
    let taken = Arc::new(AtomicUsize::new(0));
    let photographer = Photographer { from: ground.clone(), to: pictures.clone(), taken: Arc::clone(&taken) };
    let database = Database::open(&ground, &options()).unwrap();
    upgrade::convert(&database, database.progress().unwrap(), Box::new(photographer), 2).unwrap();
    database.release();
    let taken = taken.load(Ordering::Relaxed);
    assert!((8..=16).contains(&taken), "{taken} batches");
    for number in 0..taken {
        let path = pictures.join(number.to_string());
        let partly = Database::open(&path, &options()).unwrap();
        let (format, _) = stored::fetch::<FormatRecord>(partly.tree(), keys::FORMAT).unwrap().unwrap();
        assert!(partly.is_old() && format.number > 1, "batch {number}: {format:?}");
        partly.release();
        assert_is_whole(&path, &before).await;
    }
}

#[tokio::test]
async fn a_store_that_a_newer_program_converts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::open(folder.path(), &options()).unwrap();
    database.tree().insert(keys::FORMAT, envelope::seal(&FormatRecord { number: (3 << 16) + 4 })).unwrap();
    database.release();
    let refused = Database::open(folder.path(), &options()).unwrap_err();
    assert!(matches!(refused, OpenError::Format { found: 4, newest: 3 }), "{refused}");
}
