//! Opening, with a guard at every place where sled is known to trip.
//!
//! ```text
//! <path>/lock       held while the store is open
//! <path>/commit     the commit marker
//! <path>/sled/      sled's own files: conf, db, snap.*, blobs/
//! <path>/aside/     what stood in the way of opening
//! <path>/sled.new/  a compacted copy that is being made
//! <path>/sled.old/  what a finished copy has replaced
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::batches::Batches;
use super::envelope::{self, Record};
use super::records::{FormatRecord, ProgressRecord};
use super::stored::{self, Trouble};
use super::sync::{DataSync, FileSync, sync_folder};
use super::{compact, keys, marker};
use crate::ports::store::UNMATCHED_RECEIPTS_MAX;

/// How a store is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SledOptions {
    /// Bytes of pages that are kept in memory. The process takes several times as much under load.
    pub cache_bytes: u64,
    /// Opens a store although it has lost acknowledged data, and takes what is left for the truth from then on.
    pub accept_loss: bool,
    /// Reports about nothing known that are kept, each for three days; of more, the latest.
    pub unmatched_receipts_max: usize,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024, accept_loss: false, unmatched_receipts_max: UNMATCHED_RECEIPTS_MAX }
    }
}

/// Why a store was not opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("{}: {source}", path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has it open.
    #[error("{} is in use: a store belongs to one process at a time", path.display())]
    Locked {
        /// Which store.
        path: PathBuf,
    },
    /// The folder holds a database that is not a store of ours.
    #[error("{} holds data that is not a notifier store", path.display())]
    Foreign {
        /// Which folder.
        path: PathBuf,
    },
    /// It was written by a newer program.
    #[error("the store has format {found}; this program knows formats up to {newest}: use a newer one")]
    Format {
        /// The format that it has.
        found: u32,
        /// The newest that we know.
        newest: u32,
    },
    /// The data is older than what was acknowledged: its end is lost, or an old copy was put in its place.
    #[error(
        "acknowledged data is lost: operation {acknowledged} was confirmed, the data ends with operation {found}; \
         restore it from a backup, or accept the loss (`accept_loss`, `notifier store check --repair`)"
    )]
    Lost {
        /// The last operation that is known to have been acknowledged.
        acknowledged: u64,
        /// The last operation in the data.
        found: u64,
    },
    /// The data cannot be read.
    #[error("the data is damaged: {problem} (see `notifier store check`)")]
    Damaged {
        /// In what way.
        problem: String,
    },
}

/// The layout of keys and values that this program writes.
const FORMAT: u32 = 3;
/// While data is being converted, the number of the format that it comes from, times this, is added to the one it goes to.
const CONVERTING: u32 = 1 << 16;
/// Bounds what is in one unsynced group, and keeps the file from growing without end. Never to be changed: sled refuses
/// to open a file that has another.
const SEGMENT_BYTES: usize = 8 * 1024 * 1024;
/// Lets sled clean up in the background; durability does not depend on it.
const FLUSH_EVERY_MS: u64 = 500;
/// sled may hold its lock for a moment after it was dropped.
const LOCK_TRIES: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// An open database, and the lock on its folder.
#[derive(Debug)]
pub(super) struct Database {
    db: sled::Db,
    folder: Folder,
    /// Which layout of keys and values its data has.
    format: u32,
}

/// The folder of a store, locked.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    fn lock(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(at(path))?;
        let lock_path = path.join("lock");
        let lock = File::options().write(true).create(true).truncate(false).open(&lock_path).map_err(at(&lock_path))?;
        for _ in 0..LOCK_TRIES {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { path: path.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(at(&lock_path)(error)),
            }
        }
        Err(OpenError::Locked { path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn sled(&self) -> PathBuf {
        self.path.join("sled")
    }

    pub(super) fn aside(&self) -> PathBuf {
        self.path.join("aside")
    }

    pub(super) fn marker(&self) -> PathBuf {
        self.path.join("commit")
    }
}

impl Database {
    /// Opens the folder, makes a new store in it if it is empty, and checks that it is one of ours.
    pub(super) fn open(path: &Path, options: &SledOptions) -> Result<Self, OpenError> {
        let folder = Folder::lock(path)?;
        compact::finish_interrupted(&folder)?;
        let db = open_sled(&folder.sled(), options.cache_bytes, &folder.aside())?;
        let mut database = Self { db, folder, format: FORMAT };
        database.format = database.find_format()?;
        Ok(database)
    }

    /// Which layout its data has, or had until somebody began to bring it up to the present one.
    pub(super) fn format(&self) -> u32 {
        self.format
    }

    /// Whether its data has an older layout, and has to be brought up to the present one before anything else.
    pub(super) fn is_old(&self) -> bool {
        self.format < FORMAT
    }

    pub(super) fn tree(&self) -> &sled::Tree {
        &self.db
    }

    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The same folder after its data was replaced, while nobody had it open.
    pub(super) fn reopen(
        self,
        options: &SledOptions,
        replace: impl FnOnce(&Folder) -> Result<(), OpenError>,
    ) -> Result<Self, OpenError> {
        let Self { db, folder, format } = self;
        let_go(db, &folder.sled());
        replace(&folder)?;
        let db = open_sled(&folder.sled(), options.cache_bytes, &folder.aside())?;
        Ok(Self { db, folder, format })
    }

    pub(super) fn flush(&self) -> Result<(), sled::Error> {
        self.db.flush().map(drop)
    }

    /// What syncs the data file.
    pub(super) fn data_sync(&self) -> Result<FileSync, OpenError> {
        let data_file = self.folder.sled().join("db");
        FileSync::open(&data_file).map_err(at(&data_file))
    }

    /// Bytes of the data file.
    pub(super) fn file_bytes(&self) -> Result<u64, OpenError> {
        let data_file = self.folder.sled().join("db");
        fs::metadata(&data_file).map(|metadata| metadata.len()).map_err(at(&data_file))
    }

    /// How far the store has come.
    pub(super) fn progress(&self) -> Result<ProgressRecord, OpenError> {
        Ok(self.bookkeeping(keys::PROGRESS)?.unwrap_or_default())
    }

    /// Refuses data that is behind what was acknowledged, or accepts it with an alarm.
    pub(super) fn compare_marker(&self, found: u64, accept_loss: bool) -> Result<(), OpenError> {
        let path = self.folder.marker();
        match marker::read(&path).map_err(at(&path))? {
            Some(acknowledged) if acknowledged > found => {
                let lost = OpenError::Lost { acknowledged, found };
                tracing::error!("{lost}");
                if !accept_loss {
                    return Err(lost);
                }
                marker::reset(&path, found).map_err(at(&path))?;
            }
            Some(_) => {}
            None => {
                if found > 0 {
                    tracing::warn!(path = %path.display(), "the commit marker is gone; loss before now goes unnoticed");
                }
                marker::reset(&path, found).map_err(at(&path))?;
            }
        }
        Ok(())
    }

    /// Writes bookkeeping down and makes it durable, with the folders that lead to it.
    pub(super) fn record(&self, progress: &ProgressRecord) -> Result<(), OpenError> {
        let mut batch = sled::Batch::default();
        batch.insert(keys::FORMAT, envelope::seal(&FormatRecord { number: FORMAT }));
        batch.insert(keys::PROGRESS, envelope::seal(progress));
        self.db.apply_batch(batch).map_err(medium)?;
        self.sync()
    }

    /// Says that the data is on its way to the present format. Until [`Self::record`] says that it has come there, no program
    /// of an older format opens it, and one of this format goes on.
    pub(super) fn mark_converting(&self, batches: &mut Batches<'_>) -> Result<(), sled::Error> {
        let number = self.format * CONVERTING + FORMAT;
        batches.insert(keys::FORMAT, envelope::seal(&FormatRecord { number }));
        batches.finish()
    }

    /// Makes everything durable that was written so far.
    pub(super) fn sync(&self) -> Result<(), OpenError> {
        self.flush().map_err(medium)?;
        let mut sync = self.data_sync()?;
        sync.sync().map_err(at(&self.folder.sled().join("db")))?;
        for folder in [self.folder.sled().as_path(), self.folder.path()] {
            sync_folder(folder).map_err(at(folder))?;
        }
        // Somebody else's folder: we may not be allowed to open it, and it matters only when the store is new.
        if let Some(parent) = self.folder.path.parent().filter(|parent| !parent.as_os_str().is_empty())
            && let Err(error) = sync_folder(parent)
        {
            tracing::debug!(folder = %parent.display(), %error, "the folder around the store cannot be synced");
        }
        Ok(())
    }

    /// Lets go of everything; when it returns, the store can be opened again.
    pub(super) fn release(self) {
        let Self { db, folder, .. } = self;
        let_go(db, &folder.sled());
    }

    fn find_format(&self) -> Result<u32, OpenError> {
        match self.bookkeeping::<FormatRecord>(keys::FORMAT)? {
            Some(FormatRecord { number }) if number % CONVERTING > FORMAT => {
                Err(OpenError::Format { found: number % CONVERTING, newest: FORMAT })
            }
            // Converted in part: what is not done yet is as it was in the format before.
            Some(FormatRecord { number }) if number > CONVERTING => Ok(number / CONVERTING),
            Some(FormatRecord { number }) => Ok(number),
            None if self.db.is_empty() => Ok(FORMAT),
            None => Err(OpenError::Foreign { path: self.folder.path.clone() }),
        }
    }

    fn bookkeeping<R: Record>(&self, key: &[u8]) -> Result<Option<R>, OpenError> {
        match stored::fetch(self.tree(), key) {
            Ok(found) => Ok(found.map(|(record, _)| record)),
            Err(Trouble::Medium(error)) => Err(medium(error)),
            Err(Trouble::Damaged { problem, .. }) => {
                Err(OpenError::Damaged { problem: format!("the {} record: {problem}", R::KIND.name()) })
            }
            Err(Trouble::Refused(error)) => Err(OpenError::Damaged { problem: error.to_string() }),
        }
    }
}

/// Opens sled's folder.
pub(super) fn open_sled(folder: &Path, cache_bytes: u64, aside: &Path) -> Result<sled::Db, OpenError> {
    let config = sled::Config::new()
        .path(folder)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS));
    remove_unfinished_snapshots(folder)?;
    let mut moved = false;
    for _ in 0..LOCK_TRIES {
        // Some damage makes sled panic; whoever opens a store wants an error that they can act on.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(error)) if is_lock(&error) => std::thread::park_timeout(LOCK_PAUSE),
            // A snapshot only saves time: without it everything is read from the log.
            Ok(Err(error @ sled::Error::Corruption { .. })) if !moved => {
                tracing::warn!(%error, "sled's snapshot is damaged: it is moved aside and the whole log is read");
                move_snapshots(folder, aside)?;
                moved = true;
            }
            Ok(Err(error)) => return Err(medium(error)),
            Err(panic) => return Err(OpenError::Damaged { problem: format!("sled panicked: {}", message(&*panic)) }),
        }
    }
    Err(OpenError::Locked { path: folder.to_owned() })
}

/// A crash while sled writes a snapshot leaves a file that later blocks every opening (spacejam/sled#1527).
fn remove_unfinished_snapshots(folder: &Path) -> Result<(), OpenError> {
    for path in snapshots(folder)? {
        if path.extension().is_some_and(|extension| extension == "generating") {
            fs::remove_file(&path).map_err(at(&path))?;
        }
    }
    Ok(())
}

fn move_snapshots(folder: &Path, aside: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(aside).map_err(at(aside))?;
    for path in snapshots(folder)? {
        if let Some(name) = path.file_name() {
            fs::rename(&path, aside.join(name)).map_err(at(&path))?;
        }
    }
    Ok(())
}

/// Files in sled's folder that save it reading its whole log.
pub(super) fn snapshots(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(at(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(at(folder))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("snap.")) {
            found.push(path);
        }
    }
    Ok(found)
}

/// Drops the database and waits until sled's threads have closed its file, which they do in their own time.
pub(super) fn let_go(db: sled::Db, folder: &Path) {
    drop(db);
    let Ok(data_file) = File::open(folder.join("db")) else { return };
    for _ in 0..LOCK_TRIES {
        match data_file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::park_timeout(LOCK_PAUSE),
            Ok(()) | Err(TryLockError::Error(_)) => return,
        }
    }
    tracing::warn!(folder = %folder.display(), "sled still holds its file after it was closed");
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

/// Adds to an error of the system which path it is about.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError + use<> {
    let path = path.to_owned();
    move |source| OpenError::Folder { path, source }
}

pub(super) fn medium(error: sled::Error) -> OpenError {
    OpenError::Damaged { problem: error.to_string() }
}
