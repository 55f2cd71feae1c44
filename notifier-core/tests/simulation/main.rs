//! The whole flow, simulated: real engine, clock that is moved by hand, store in memory, providers that misbehave, and a
//! crash whenever the seed says so. Everything that happens follows from the seed.
//!
//! `make simulate SEEDS=20000` runs many; a failing seed prints itself, and `make simulate SEED=…` replays it with its story.
//! With the feature `planted`, each planted bug has to be found.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed expectation fails the test")]

mod chance;
mod checks;
mod ledger;
mod provider;
mod store;
mod story;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn number(name: &str) -> Option<u64> {
    std::env::var(name)
        .ok()
        .map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not `{text}`")))
}

/// Runs one seed to its end, and returns what is wrong with it.
fn run(seed: u64) -> Result<story::Totals, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let run = std::panic::AssertUnwindSafe(|| runtime.block_on(story::play(seed)));
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
    })
}

#[test]
fn no_seed_finds_anything() {
    if let Some(seed) = number("NOTIFIER_SEED") {
        match run(seed) {
            Ok(totals) => println!("seed {seed}: nothing found; {totals}"),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
        return;
    }
    let (first, count) = (number("NOTIFIER_SEED_FIRST").unwrap_or(1), number("NOTIFIER_SEEDS").unwrap_or(300));
    let next = AtomicU64::new(first);
    let is_over = AtomicBool::new(false);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let totals = std::thread::scope(|scope| {
        let worker = || {
            let mut totals = story::Totals::default();
            while !is_over.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + count {
                    break;
                }
                match run(seed) {
                    Ok(more) => totals.add(&more),
                    Err(problem) => {
                        is_over.store(true, Ordering::Relaxed);
                        panic!("seed {seed}: {problem}\nreplay it with: make simulate SEED={seed}");
                    }
                }
                let done = seed + 1 - first;
                if done.is_multiple_of(1_000) {
                    println!("{done} of {count} seeds, nothing found");
                }
            }
            totals
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let mut all = story::Totals::default();
        for worker in workers {
            match worker.join() {
                Ok(totals) => all.add(&totals),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    println!("{count} seeds from {first}: nothing found; {totals}");
    assert!(totals.covers_everything() || count < 200, "something never happened: {totals}");
}

#[cfg(feature = "planted")]
#[test]
fn every_planted_bug_is_found() {
    use notifier_core::planted::{Bug, plant};

    let found = |bug| {
        plant(Some(bug));
        let first = (1..=3_000).find_map(|seed| run(seed).err().map(|problem| (seed, problem)));
        plant(None);
        match &first {
            Some((seed, problem)) => {
                println!("{bug:?}: found by seed {seed}: {}", problem.lines().next().unwrap_or(""))
            }
            None => println!("{bug:?}: NOT found"),
        }
        first.is_some()
    };
    let asked = std::env::var("NOTIFIER_BUG").ok();
    let bugs: Vec<Bug> =
        Bug::ALL.into_iter().filter(|bug| asked.as_ref().is_none_or(|asked| *asked == format!("{bug:?}"))).collect();
    assert!(!bugs.is_empty(), "there is no bug {asked:?}");
    // Panics are what is looked for: nobody needs to read them.
    std::panic::set_hook(Box::new(|_| {}));
    let next = std::sync::atomic::AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    // A bug is planted in the thread that runs the story, and nowhere else.
    let results: Vec<bool> = std::thread::scope(|scope| {
        let worker = || {
            let take = || bugs.get(next.fetch_add(1, Ordering::Relaxed)).copied();
            std::iter::from_fn(take).map(found).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|_| vec![false])).collect()
    });
    drop(std::panic::take_hook());
    assert_eq!(results.len(), bugs.len());
    assert!(results.into_iter().all(|is_found| is_found), "some bugs were not found");
}
