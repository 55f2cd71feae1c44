//! The commit number of acknowledged data, in a small file of its own beside the data.
//!
//! sled recovers from a damaged log by forgetting its end, and says nothing. Whoever opens the store compares: a tree
//! that is behind its marker has lost what was acknowledged.
//!
//! The marker follows the data and never leads it. It is written behind the acknowledgement by a thread of its own, at
//! most ten times a second, so that it costs the committer no second sync: loss of the last tenth of a second before a
//! crash is not noticed by it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

const PACE: Duration = Duration::from_millis(100);
/// Two places, written in turn: whatever happens while one is written, the other is whole.
const SLOT_BYTES: u64 = 512;
const MAGIC: &[u8; 4] = b"ntfM";

/// The highest commit number that the file holds; `None` when there is no file or nothing readable in it.
pub(super) fn read(path: &Path) -> io::Result<Option<u64>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(numbers(&file)?.into_iter().max().flatten())
}

/// What stands in each place; `None` when nothing readable does.
fn numbers(file: &File) -> io::Result<[Option<u64>; 2]> {
    let mut numbers = [None; 2];
    for (place, number) in (0..).zip(&mut numbers) {
        let mut bytes = [0; 16];
        match file.read_exact_at(&mut bytes, place * SLOT_BYTES) {
            Ok(()) => *number = parse(&bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
        }
    }
    Ok(numbers)
}

/// Makes the file say this, even if it said more.
pub(super) fn reset(path: &Path, number: u64) -> io::Result<()> {
    let file = File::options().write(true).create(true).truncate(true).open(path)?;
    for slot in 0..2 {
        file.write_all_at(&format(number), slot * SLOT_BYTES)?;
    }
    file.sync_all()
}

/// A whole file that says this.
#[cfg(test)]
pub(super) fn bytes(number: u64) -> Vec<u8> {
    let mut bytes = vec![0; 1_024];
    bytes[..16].copy_from_slice(&format(number));
    bytes[512..528].copy_from_slice(&format(number));
    bytes
}

/// Writes commit numbers down, behind the committer.
#[derive(Debug)]
pub(super) struct Marker {
    shared: Arc<(Mutex<Wanted>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Wanted {
    number: u64,
    written: u64,
    finish: bool,
}

impl Marker {
    /// Starts behind a file that says `number`.
    pub(super) fn start(path: &Path, number: u64) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let place = older_place(&file)?;
        let shared = Arc::new((Mutex::new(Wanted { number, written: number, finish: false }), Condvar::new()));
        let seen = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("notifier-marker".into()).spawn(move || follow(&file, place, &seen))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Everything up to this number is durable.
    pub(super) fn note(&self, number: u64) {
        let (wanted, changed) = &*self.shared;
        wanted.lock().unwrap_or_else(PoisonError::into_inner).number = number;
        changed.notify_one();
    }
}

impl Drop for Marker {
    /// Writes down what was noted last.
    fn drop(&mut self) {
        let (wanted, changed) = &*self.shared;
        wanted.lock().unwrap_or_else(PoisonError::into_inner).finish = true;
        changed.notify_one();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes the commit marker panicked");
        }
    }
}

/// The place that does not hold the highest number.
fn older_place(file: &File) -> io::Result<u64> {
    let [first, second] = numbers(file)?;
    Ok(u64::from(first >= second))
}

fn follow(file: &File, mut place: u64, shared: &(Mutex<Wanted>, Condvar)) {
    let (wanted, changed) = shared;
    loop {
        let waiting = wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = |wanted: &mut Wanted| wanted.number == wanted.written && !wanted.finish;
        let mut waiting = changed.wait_while(waiting, idle).unwrap_or_else(PoisonError::into_inner);
        let (number, finish) = (waiting.number, waiting.finish);
        let is_news = number != waiting.written;
        waiting.written = number;
        drop(waiting);
        if is_news {
            let written = file.write_all_at(&format(number), place * SLOT_BYTES).and_then(|()| file.sync_data());
            place = 1 - place;
            if let Err(error) = written {
                // The data is safe; only the alarm for its loss is out of order.
                tracing::error!(%error, "the commit marker cannot be written: loss of data may go unnoticed");
            }
        }
        if finish {
            return;
        }
        let waiting = wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = changed.wait_timeout_while(waiting, PACE, |wanted| !wanted.finish);
    }
}

fn format(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..12].copy_from_slice(&number.to_be_bytes());
    let checksum = crc32c::crc32c(&bytes[..12]);
    bytes[12..].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn parse(bytes: &[u8; 16]) -> Option<u64> {
    let [_, _, _, _, number @ .., _, _, _, _] = bytes;
    let number = u64::from_be_bytes(*number);
    (format(number) == *bytes).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_number_is_there_after_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commit");
        assert_eq!(read(&path).unwrap(), None);
        reset(&path, 5).unwrap();
        assert_eq!(read(&path).unwrap(), Some(5));
        let marker = Marker::start(&path, 5).unwrap();
        for number in 6..=100 {
            marker.note(number);
        }
        drop(marker);
        assert_eq!(read(&path).unwrap(), Some(100));
        reset(&path, 7).unwrap();
        assert_eq!(read(&path).unwrap(), Some(7), "a reset lowers the number too");
    }

    #[test]
    fn a_torn_slot_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commit");
        reset(&path, 8).unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        file.write_all_at(&format(9), SLOT_BYTES).unwrap();
        assert_eq!(read(&path).unwrap(), Some(9));
        file.write_all_at(&format(9)[..9], SLOT_BYTES + 3).unwrap();
        assert_eq!(read(&path).unwrap(), Some(8));
        file.set_len(10).unwrap();
        assert_eq!(read(&path).unwrap(), None);
    }
    /// Commit numbers do not come one by one.
    #[test]
    fn the_number_before_is_whole_while_one_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("commit");
        reset(&path, 2).unwrap();
        for number in [4, 6, 8, 10] {
            let marker = Marker::start(&path, number - 2).unwrap();
            marker.note(number);
            drop(marker);
            let mut places = numbers(&File::open(&path).unwrap()).unwrap();
            places.sort_unstable();
            assert_eq!(places, [Some(number - 2), Some(number)]);
        }
    }
}
