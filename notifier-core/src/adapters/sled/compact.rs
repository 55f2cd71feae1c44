//! Giving room back: sled's file never shrinks, so a store that has become mostly empty is copied into a new file.
//!
//! The copy is complete and durable before the old data is touched, and every step can be cut short:
//!
//! | found at opening | means | done |
//! |---|---|---|
//! | `sled`, `sled.new` | the copy was not finished, or not yet put in place | the copy is removed |
//! | `sled.old`, `sled.new` | between the two renames | the old data is put back, the copy removed |
//! | `sled`, `sled.old` | the copy is in place | the old data is removed |

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::open::{Database, Folder, OpenError, SledOptions, at, let_go, medium, open_sled};
use super::sync::{DataSync, FileSync, sync_folder};

/// A file below this size is never worth it.
const FILE_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// sled needs about three times the live bytes in normal use.
const FILE_TO_LIVE_MIN: u64 = 4;
/// Changes in one batch of the copy.
const BATCH_CHANGES: usize = 384;

/// Whether a copy would be much smaller.
pub(super) fn is_worth_it(file_bytes: u64, live_bytes: u64) -> bool {
    file_bytes > FILE_BYTES_MIN && file_bytes > live_bytes.saturating_mul(FILE_TO_LIVE_MIN)
}

/// Replaces the data by a compact copy of itself. Without room for a copy the store stays as it is.
pub(super) fn compact(database: Database, options: &SledOptions) -> Result<Database, OpenError> {
    let before = database.file_bytes()?;
    if let Err(error) = copy(&database, options) {
        tracing::warn!(%error, "the store cannot be compacted; it stays as it is");
        remove(&new(database.folder()))?;
        return Ok(database);
    }
    let database = database.reopen(options, swap)?;
    tracing::info!(before_bytes = before, after_bytes = database.file_bytes()?, "the store was compacted");
    Ok(database)
}

/// Brings a compaction that was cut short to one of its ends.
pub(super) fn finish_interrupted(folder: &Folder) -> Result<(), OpenError> {
    let (current, new, old) = (folder.sled(), new(folder), old(folder));
    let exists = |path: &Path| path.try_exists().map_err(at(path));
    if exists(&old)? {
        if exists(&current)? {
            remove(&old)?;
        } else {
            fs::rename(&old, &current).map_err(at(&old))?;
            sync_folder(folder.path()).map_err(at(folder.path()))?;
        }
    }
    if exists(&new)? {
        remove(&new)?;
    }
    Ok(())
}

fn copy(database: &Database, options: &SledOptions) -> Result<(), OpenError> {
    let folder = database.folder();
    let target = new(folder);
    let copy = open_sled(&target, options.cache_bytes, &folder.aside())?;
    let mut batch = sled::Batch::default();
    let mut changes = 0;
    for entry in database.tree().iter() {
        let (key, value) = entry.map_err(medium)?;
        batch.insert(key, value);
        changes += 1;
        if changes == BATCH_CHANGES {
            copy.apply_batch(std::mem::take(&mut batch)).map_err(medium)?;
            changes = 0;
        }
    }
    copy.apply_batch(batch).map_err(medium)?;
    copy.flush().map_err(medium)?;
    let data_file = target.join("db");
    FileSync::open(&data_file).and_then(|mut file| file.sync()).map_err(at(&data_file))?;
    let_go(copy, &target);
    for folder in [target.as_path(), folder.path()] {
        sync_folder(folder).map_err(at(folder))?;
    }
    Ok(())
}

fn swap(folder: &Folder) -> Result<(), OpenError> {
    for (from, to) in [(folder.sled(), old(folder)), (new(folder), folder.sled())] {
        fs::rename(&from, &to).map_err(at(&from))?;
        sync_folder(folder.path()).map_err(at(folder.path()))?;
    }
    remove(&old(folder))
}

fn remove(path: &Path) -> Result<(), OpenError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(path)(error)),
        _ => Ok(()),
    }
}

fn new(folder: &Folder) -> PathBuf {
    folder.path().join("sled.new")
}

fn old(folder: &Folder) -> PathBuf {
    folder.path().join("sled.old")
}
