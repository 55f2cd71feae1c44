//! The power goes at any moment: what was acknowledged is there, and nothing is there by half.
//!
//! A store works under load while every sync of its data file is recorded: what was written since the sync before. From that
//! follows what a disk may hold when the power goes during a sync: everything up to the sync before, and of the 512-byte
//! sectors that were written since any at all. Such states are made by chance and opened, some of them with a second power
//! cut while they are recovered. `NOTIFIER_POWER_CUTS` says how many.

mod load;
mod recorder;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use self::load::{History, Load, Problem};
use self::recorder::{Dice, Recorder, Recording, SECTOR_BYTES, Shared, Step};
use super::options;
use crate::adapters::sled::open::{Database, OpenError, snapshots};
use crate::adapters::sled::{SledStore, check, marker};
use crate::ports::store::Store;

const CUTS_DEFAULT: usize = 50;
/// One state in so many loses its power again while it is recovered.
const SECOND_CUT_EACH: usize = 4;
const ROUNDS: usize = 36;

/// The files beside the data file, which do not change while a store is open.
struct Beside {
    conf: Vec<u8>,
    snapshots: Vec<(String, Vec<u8>)>,
}

impl Beside {
    fn of(folder: &Path) -> io::Result<Self> {
        let mut found = Vec::new();
        for path in snapshots(&folder.join("sled")).unwrap() {
            found.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path)?));
        }
        Ok(Self { conf: fs::read(folder.join("sled/conf"))?, snapshots: found })
    }

    /// Makes a store of that state in an empty folder.
    fn write(&self, folder: &Path, data: &[u8], marker: &[u8]) -> io::Result<()> {
        fs::create_dir_all(folder.join("sled/blobs"))?;
        fs::write(folder.join("sled/conf"), &self.conf)?;
        fs::write(folder.join("sled/db"), data)?;
        for (name, bytes) in &self.snapshots {
            fs::write(folder.join("sled").join(name), bytes)?;
        }
        fs::write(folder.join("commit"), marker)
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_half_there_after_a_power_cut() {
    let cuts = std::env::var("NOTIFIER_POWER_CUTS").map_or(CUTS_DEFAULT, |cuts| cuts.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let ground = folder.path().join("store");
    let (recording, history) = record(&ground);
    let steps = &recording.steps;
    assert!(steps.len() >= ROUNDS, "{} syncs in {ROUNDS} rounds: something is acknowledged without one", steps.len());
    let beside = Beside::of(&ground).unwrap();
    let mut image = recording.first.clone();
    let mut tally = Tally::default();
    for (number, step) in steps.iter().enumerate() {
        tally.written += step.changed.len();
        let from = cuts * number / steps.len();
        let to = cuts * (number + 1) / steps.len();
        let trial = Trial { step, image: &image, beside: &beside, history: &history, folder: folder.path() };
        trial.run(from..to, &mut tally);
        step.apply_to(&mut image);
    }
    println!("{cuts} power cuts in {} syncs: {tally}", steps.len());
    let failures: Vec<_> =
        tally.failures.iter().map(|(number, problem)| format!("cut {number}: {problem:?}")).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// What came of it.
#[derive(Default)]
struct Tally {
    states: usize,
    /// Sectors that the syncs wrote.
    written: usize,
    /// Sectors that were not there, of all states together.
    missing: usize,
    failures: Vec<(usize, Problem)>,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = |is: fn(&Problem) -> bool| self.failures.iter().filter(|(_, problem)| is(problem)).count();
        write!(
            f,
            "{} states, {} that cannot be opened or read, {} with something lost, {} with something half there; {} sectors were written, of \
             which {} were missing in all states together",
            self.states,
            count(|problem| matches!(problem, Problem::Closed(_))),
            count(|problem| matches!(problem, Problem::Lost(_))),
            count(|problem| matches!(problem, Problem::Half(_))),
            self.written,
            self.missing,
        )?;
        match self.failures.iter().map(|(number, _)| number).min() {
            Some(first) => write!(f, "; the first that failed is {first}"),
            None => Ok(()),
        }
    }
}

/// Has a store with a past work, and records its syncs.
fn record(ground: &Path) -> (Recording, History) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let shared = Shared::default();
    let (rounds, recording) = (Arc::clone(&shared.rounds), Arc::clone(&shared.recording));
    let mut load = Load::default();
    runtime.block_on(async {
        let store = Arc::new(SledStore::open(ground, options()).unwrap());
        load.round(&store).await;
        load.close(store).await;
        let make_sync = |sync| Box::new(Recorder::new(sync, ground, shared.clone()).unwrap()) as Box<_>;
        let store = Arc::new(SledStore::open_with(ground, options(), make_sync).unwrap());
        let tree = store.read(|tree| Ok(tree.clone())).await.unwrap();
        shared.tree.set(tree).unwrap();
        drop(shared);
        load.begin_history(&store).await;
        for _ in 0..ROUNDS {
            load.round(&store).await;
            rounds.fetch_add(1, Ordering::SeqCst);
        }
        load.close(store).await;
    });
    let recording = std::mem::take(&mut *recording.lock().unwrap());
    (recording, load.into_history())
}

/// What may be found when the power goes during one sync.
struct Trial<'t> {
    step: &'t Step,
    /// The data file as it surely is.
    image: &'t [u8],
    beside: &'t Beside,
    history: &'t History,
    folder: &'t Path,
}

impl Trial<'_> {
    /// Tries those numbers, on all cores.
    fn run(&self, numbers: std::ops::Range<usize>, tally: &mut Tally) {
        let (next, tally) = (AtomicUsize::new(numbers.start), Mutex::new(tally));
        std::thread::scope(|scope| {
            for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= numbers.end {
                            return;
                        }
                        let mut own = Tally::default();
                        let outcome = self.cut(number, &mut own);
                        let mut tally = tally.lock().unwrap();
                        tally.states += own.states;
                        tally.missing += own.missing;
                        tally.failures.extend(outcome.err().map(|problem| (number, problem)));
                    }
                });
            }
        });
    }

    fn cut(&self, number: usize, tally: &mut Tally) -> Result<(), Problem> {
        let mut dice = Dice::new(number);
        let (data, cut) = self.step.cut(self.image, &mut dice);
        tally.missing += self.step.missing_in(&data);
        let path = self.folder.join(format!("cut-{number}"));
        self.beside.write(&path, &data, &self.marker(&mut dice)).unwrap();
        let acknowledged = self.step.acknowledged;
        tally.states += 1;
        self.verify(&path, &format!("{cut}, {acknowledged} rounds acknowledged"))?;
        if number.is_multiple_of(SECOND_CUT_EACH) {
            fs::remove_dir_all(&path).unwrap();
            self.beside.write(&path, &data, &self.marker(&mut dice)).unwrap();
            let second = self.cut_again(&path, &data, &mut dice)?;
            tally.states += 1;
            self.verify(&path, &format!("{cut}, then {second}"))?;
        }
        fs::remove_dir_all(&path).unwrap();
        Ok(())
    }

    /// The marker as strict as it may be; one of its places may be torn.
    fn marker(&self, dice: &mut Dice) -> Vec<u8> {
        let operations = self.step.marked;
        let mut bytes = marker::bytes(operations);
        if dice.one_in(2) {
            let torn = usize::try_from((operations + 1) % 2).unwrap() * SECTOR_BYTES;
            bytes[torn..torn + 9].fill(0x5a);
        }
        bytes
    }

    /// Recovers the state, and has the power go while that is done: of what recovery wrote something is there, and of its
    /// snapshot what the order of its writes allows.
    fn cut_again(&self, path: &Path, before: &[u8], dice: &mut Dice) -> Result<String, Problem> {
        let recovered = Database::open(path, &options())
            .map_err(|error| Problem::Closed(format!("does not open again: {error}")))?;
        recovered.release();
        let (after, made) = (fs::read(path.join("sled/db")).unwrap(), Beside::of(path).unwrap());
        fs::remove_dir_all(path).unwrap();
        let step = Step::between(before, &after);
        let is_new = |name: &String| self.beside.snapshots.iter().all(|(old, _)| old != name);
        let mut snapshots = self.beside.snapshots.clone();
        let new = made.snapshots.into_iter().find(|(name, _)| is_new(name));
        let (data, text) = match dice.below(3) {
            // Before the snapshot: it may have been begun.
            0 => {
                if let Some((name, bytes)) = new {
                    let length = dice.below(bytes.len() + 1);
                    snapshots.push((format!("{name}.generating"), bytes[..length].to_vec()));
                }
                let (data, cut) = step.cut(before, dice);
                (data, format!("while its log was repaired ({cut})"))
            }
            // The folder was not synced: the old one may be gone or not, and the new one have its name or not.
            1 => {
                if dice.one_in(2) {
                    snapshots.clear();
                }
                let suffix = if dice.one_in(2) { ".generating" } else { "" };
                snapshots.extend(new.map(|(name, bytes)| (format!("{name}{suffix}"), bytes)));
                (after, format!("while its snapshot was put in place ({} of them)", snapshots.len()))
            }
            _ => (after, "after it was recovered".into()),
        };
        let beside = Beside { conf: made.conf, snapshots };
        beside.write(path, &data, &self.marker(dice)).unwrap();
        Ok(text)
    }

    /// Opens the store as everybody does, and compares what is in it.
    fn verify(&self, path: &Path, cut: &str) -> Result<(), Problem> {
        let closed = |what: &str, error: &dyn std::fmt::Display| Problem::Closed(format!("{cut}: {what}: {error}"));
        let store = match SledStore::open(path, options()) {
            Ok(store) => store,
            Err(error @ OpenError::Lost { .. }) => return Err(Problem::Lost(format!("{cut}: {error}"))),
            Err(error) => return Err(closed("does not open", &error)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (history, acknowledged) = (self.history.clone(), self.step.acknowledged);
        runtime.block_on(async {
            let compared = store.read(move |tree| {
                let report = check::look(tree)?;
                if !report.is_sound() || report.quarantined > 0 {
                    return Ok(Err(Problem::Half(format!("is not in order: {report:?}"))));
                }
                Ok(history.compare(tree, acknowledged))
            });
            let compared = compared.await.map_err(|error| closed("cannot be read", &error))?;
            store.close().await.map_err(|error| closed("cannot be closed", &error))?;
            compared.map_err(|problem| problem.after(cut))
        })
    }
}
