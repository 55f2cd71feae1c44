//! Looking a store over while nobody uses it, and putting its indexes in order.
//!
//! The records are the truth. Everything else is compared with them: each pending delivery has its queue entry, each dead
//! letter, message and collapse key its own, each idempotency key that still counts leads to its notification, no entry leads
//! nowhere, and there are as many of each as the store believes.

mod examine;

use std::collections::BTreeMap;
use std::path::Path;

use self::examine::Examination;
use super::batches::{BATCH_CHANGES_MAX, Batches};
use super::open::{Database, OpenError, SledOptions, at, medium};
use super::{marker, upgrade};

/// Damaged records that are named one by one; more are only counted.
const NAMED_MAX: usize = 100;

/// What was found, and put right if that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Report {
    /// How many of each kind there are: `notification`, `delivery`, `queue entry`, …
    pub counts: BTreeMap<&'static str, u64>,
    /// Records that cannot be read.
    pub damaged: u64,
    /// The first of them: key, and what is wrong.
    pub damaged_records: Vec<(String, String)>,
    /// Index entries that were not there. Repair adds them.
    pub missing_entries: u64,
    /// Index entries that contradict the records, and left-over parts. Repair moves them to the quarantine.
    pub stale_entries: u64,
    /// Numbers that the store keeps (of what is pending, being sent, dead, …) and that are wrong. Repair puts them right.
    pub wrong_counts: u64,
    /// Values in quarantine, from before. They are kept for whoever wants to look into them.
    pub quarantined: u64,
    /// The commit number of the data: how many operations have changed something.
    pub operations: u64,
    /// The commit number that is known to have been acknowledged, when that is known.
    pub acknowledged: Option<u64>,
    /// Bytes of all keys and values.
    pub live_bytes: u64,
    /// Bytes of the data file.
    pub file_bytes: u64,
    /// Whether what could be put right was put right.
    pub repaired: bool,
}

impl Report {
    /// Whether nothing was found that needs attention.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let wrong = [self.damaged, self.missing_entries, self.stale_entries, self.wrong_counts];
        wrong == [0; 4] && !self.has_lost()
    }

    /// Whether acknowledged data is missing at the end.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.acknowledged.is_some_and(|acknowledged| acknowledged > self.operations)
    }
}

/// What a walk through the data shows.
#[cfg(test)]
pub(super) fn look(tree: &sled::Tree) -> Result<Report, sled::Error> {
    Ok(Examination::of(tree)?.report())
}

/// Looks through the whole store in that folder, which no process may have open.
///
/// With `repair`, indexes are made to agree with the records, records that cannot be read are copied to the quarantine,
/// and lost data is accepted as lost. What cannot be read stays as it is: a newer program may be able to. A store of an older
/// format is brought up to the present one first.
///
/// # Errors
/// When the store cannot be opened at all.
pub fn check(path: impl AsRef<Path>, repair: bool) -> Result<Report, OpenError> {
    let path = path.as_ref();
    // Opening would make a store where there is none.
    std::fs::metadata(path.join("sled")).map_err(at(&path.join("sled")))?;
    let database = Database::open(path, &SledOptions::default())?;
    if database.is_old() {
        upgrade::upgrade(&database, database.progress()?)?;
    }
    let examination = Examination::of(database.tree()).map_err(medium)?;
    let marker_path = database.folder().marker();
    let acknowledged = marker::read(&marker_path).map_err(at(&marker_path))?;
    let mut progress = examination.progress(acknowledged);
    let mut report = examination.report();
    report.operations = progress.operations;
    report.acknowledged = acknowledged;
    report.file_bytes = database.file_bytes()?;
    if repair {
        let sync = Box::new(database.data_sync()?);
        let batches = Batches::new(database.tree(), sync, BATCH_CHANGES_MAX);
        examination.apply(database.tree(), batches).map_err(medium)?;
        progress.live_bytes = report.live_bytes;
        database.record(&progress)?;
        marker::reset(&marker_path, progress.operations).map_err(at(&marker_path))?;
        database.sync()?;
        if !report.is_sound() {
            tracing::warn!(?report, "the store was repaired");
        }
        report.repaired = true;
    }
    database.release();
    Ok(report)
}
