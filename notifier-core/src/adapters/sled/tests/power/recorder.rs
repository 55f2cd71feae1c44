//! What was written between two syncs, and what of it may be on the disk when the power goes.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use crate::adapters::sled::records::ProgressRecord;
use crate::adapters::sled::stored::fetch;
use crate::adapters::sled::sync::{DataSync, FileSync};
use crate::adapters::sled::{keys, marker};

/// What a disk writes wholly or not at all.
pub(super) const SECTOR_BYTES: usize = 512;

#[derive(Default)]
pub(super) struct Recording {
    /// The data file when the recording began: synced.
    pub(super) first: Vec<u8>,
    pub(super) steps: Vec<Step>,
}

/// What a sync brought onto the medium.
pub(super) struct Step {
    /// Bytes of the file afterwards.
    length: usize,
    /// By place; the last may be shorter.
    pub(super) changed: Vec<(usize, Vec<u8>)>,
    /// Rounds of which everything was acknowledged before it ended.
    pub(super) acknowledged: usize,
    /// The highest number that the marker may say before it ended: that of the sync before. If the marker's file said more,
    /// it is that.
    pub(super) marked: u64,
}

/// What the recorder and the one who makes the load share.
#[derive(Clone, Default)]
pub(super) struct Shared {
    /// Rounds of which everything was acknowledged.
    pub(super) rounds: Arc<AtomicUsize>,
    /// Known when the store is open, and let go of before it is closed.
    pub(super) tree: Arc<OnceLock<sled::Tree>>,
    pub(super) recording: Arc<Mutex<Recording>>,
}

impl Shared {
    fn operations(&self) -> u64 {
        let tree = self.tree.get().expect("nothing is synced before the tree is known");
        fetch::<ProgressRecord>(tree, keys::PROGRESS).unwrap().map_or(0, |(progress, _)| progress.operations)
    }
}

/// Looks at the data file before each sync.
pub(super) struct Recorder {
    sync: FileSync,
    data_file: PathBuf,
    marker: PathBuf,
    last: Vec<u8>,
    /// The commit number that the sync before brought onto the medium.
    synced: u64,
    shared: Shared,
}

impl Recorder {
    /// For the store in that folder, which is being opened.
    pub(super) fn new(sync: FileSync, folder: &Path, shared: Shared) -> io::Result<Self> {
        let (data_file, marker) = (folder.join("sled/db"), folder.join("commit"));
        let last = fs::read(&data_file)?;
        shared.recording.lock().unwrap().first.clone_from(&last);
        let synced = marker::read(&marker)?.unwrap_or(0);
        Ok(Self { sync, data_file, marker, last, synced, shared })
    }
}

impl DataSync for Recorder {
    fn sync(&mut self) -> io::Result<()> {
        let (now, operations) = (fs::read(&self.data_file)?, self.shared.operations());
        self.sync.sync()?;
        let mut step = Step::between(&self.last, &now);
        // Until here the power may have gone, so whoever was told something by now was promised that it is there.
        step.acknowledged = self.shared.rounds.load(Ordering::SeqCst);
        step.marked = self.synced.max(marker::read(&self.marker)?.unwrap_or(0));
        self.shared.recording.lock().unwrap().steps.push(step);
        self.last = now;
        self.synced = operations;
        Ok(())
    }
}

/// Which of the changes are on the disk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cut {
    Nothing,
    Everything,
    /// Each with the chance of that many in eight.
    Some(usize),
    /// Those before the one of that number, as if written in order.
    Before(usize),
    /// Those from that number on, as if written in the opposite order.
    From(usize),
    /// All but that many in a row from that number on.
    Without(usize, usize),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} of the unsynced sectors survived")
    }
}

impl Cut {
    fn by_chance(changes: usize, dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 => Self::Before(dice.below(changes + 1)),
            3 => Self::From(dice.below(changes + 1)),
            4 | 5 => Self::Without(dice.below(changes + 1), 1 + dice.below(16)),
            _ => Self::Some(1 + dice.below(7)),
        }
    }

    fn keeps(self, number: usize, dice: &mut Dice) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Some(eighths) => dice.below(8) < eighths,
            Self::Before(end) => number < end,
            Self::From(start) => number >= start,
            Self::Without(start, count) => !(start..start + count).contains(&number),
        }
    }
}

impl Step {
    pub(super) fn between(before: &[u8], after: &[u8]) -> Self {
        let sectors = after.chunks(SECTOR_BYTES).enumerate();
        let is_new = |(number, sector): &(usize, &[u8])| {
            let start = number * SECTOR_BYTES;
            before.get(start..start + sector.len()) != Some(*sector)
        };
        let changed = sectors.filter(is_new).map(|(number, sector)| (number, sector.to_vec())).collect();
        Self { length: after.len(), changed, acknowledged: 0, marked: 0 }
    }

    /// How many of its sectors are not as they are afterwards.
    pub(super) fn missing_in(&self, state: &[u8]) -> usize {
        let is_missing = |(number, sector): &&(usize, Vec<u8>)| {
            let start = number * SECTOR_BYTES;
            state.get(start..start + sector.len()) != Some(sector)
        };
        self.changed.iter().filter(is_missing).count()
    }

    pub(super) fn apply_to(&self, image: &mut Vec<u8>) {
        image.resize(self.length, 0);
        for (number, sector) in &self.changed {
            let start = number * SECTOR_BYTES;
            image[start..start + sector.len()].copy_from_slice(sector);
        }
    }

    /// The data file as it may be when the power goes before the sync has ended.
    pub(super) fn cut(&self, image: &[u8], dice: &mut Dice) -> (Vec<u8>, Cut) {
        let cut = Cut::by_chance(self.changed.len(), dice);
        let mut state = image.to_vec();
        let shortest = image.len().min(self.length);
        // How long the file is, is a write of its own; what is beyond its end is not there.
        let length = match cut {
            Cut::Everything => self.length,
            Cut::Nothing => image.len(),
            _ => {
                let more = (image.len().max(self.length) - shortest) / SECTOR_BYTES;
                let sectors = if dice.one_in(2) { more } else { dice.below(more + 1) };
                (shortest + sectors * SECTOR_BYTES).max(shortest)
            }
        };
        state.resize(length, 0);
        for (place, (number, sector)) in self.changed.iter().enumerate() {
            let start = number * SECTOR_BYTES;
            if cut.keeps(place, dice)
                && let Some(there) = state.get_mut(start..start + sector.len())
            {
                there.copy_from_slice(sector);
            }
        }
        (state, cut)
    }
}

/// Chance that can be repeated (`SplitMix64`).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: usize) -> Self {
        Self(u64::try_from(seed).unwrap().wrapping_mul(0x2545_f491_4f6c_dd1d))
    }

    /// At least 0 and less than that.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(end).unwrap()).unwrap()
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}
