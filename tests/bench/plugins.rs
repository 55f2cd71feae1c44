//! What a provider component costs: to compile, to start from the cache, to keep, and to call.
//!
//! Each of those that ship, and the same provider in four languages where `examples/plugins/*/build.sh` has built it. A call is
//! a fresh instance that makes one documented request and gets its documented answer without a network; one thread. What the
//! stand-in for the vendor takes is shown beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notifier_core::wasm::rehearsal::{Answer, Asked, Rehearsal, Scene, StandIn};
use notifier_core::wasm::{WasmEngine, WasmEngineOptions};
use notifier_core::{SystemClock, SystemEntropy};
use notifier_plugin_exchanges::{Exchanges, Outcome, Reply, Send};

use super::memory::private_mb;
use super::stopwatch::{Durations, Stopwatch};
use super::{Failure, Figures};

/// Of which the median is told.
const COMPILATIONS: usize = 3;
const STARTS: usize = 50;
const WARM_UP: usize = 200;
const CALLS: usize = 3_000;
/// For languages that take long.
const CALLS_FOR_AT_MOST: Duration = Duration::from_secs(5);
/// Loaded at once, to see what each adds.
const COPIES: usize = 16;

/// One component, and the message that it sends here.
struct Subject {
    name: String,
    component: Vec<u8>,
    exchanges: Exchanges,
}

/// Prints a row for each, and then the figures.
pub(crate) async fn plugins(figures: &mut Figures) -> Result<(), Failure> {
    println!("provider components: a fresh instance for each call, one request, no network");
    for subject in subjects()? {
        measure(&subject, figures).await.map_err(|error| format!("{}: {error}", subject.name))?;
    }
    Ok(())
}

async fn measure(subject: &Subject, figures: &mut Figures) -> Result<(), Failure> {
    let cache = tempfile::tempdir()?;
    let name = &subject.name;
    figures.add(format!("{name}_component_kb"), subject.component.len() as f64 / 1_000.0, "kB");
    let mut compiled = Vec::new();
    for _ in 0..COMPILATIONS {
        compiled.push(loading(&engine(None)?, subject)?);
    }
    figures.add(format!("{name}_compile_ms"), median_ms(compiled), "ms");
    loading(&engine(Some(cache.path()))?, subject)?;
    let mut started = Vec::new();
    for _ in 0..STARTS {
        started.push(loading(&engine(Some(cache.path()))?, subject)?);
    }
    figures.add(format!("{name}_start_from_cache_ms"), median_ms(started), "ms");

    let engine = engine(Some(cache.path()))?;
    let (case, scene) = subject.case()?;
    let rehearsal = Rehearsal::load(&engine, &subject.component)?;
    once(&rehearsal, &case, &scene).await?;
    let before = private_mb()?;
    let mut copies = Vec::new();
    for _ in 0..COPIES {
        let copy = Rehearsal::load(&engine, &subject.component)?;
        once(&copy, &case, &scene).await?;
        copies.push(copy);
    }
    figures.add(format!("{name}_idle_mb"), (private_mb()? - before) / COPIES as f64, "MB");
    drop(copies);

    for _ in 0..WARM_UP.min(if name.ends_with("python") { 5 } else { WARM_UP }) {
        once(&rehearsal, &case, &scene).await?;
    }
    let (mut calls, watch) = (Vec::with_capacity(CALLS), Stopwatch::start());
    while calls.len() < CALLS && watch.elapsed() < CALLS_FOR_AT_MOST {
        let call = Stopwatch::start();
        once(&rehearsal, &case, &scene).await?;
        calls.push(call.elapsed());
    }
    let calls = Durations::new(calls, watch.elapsed());
    figures.add(format!("{name}_call_us"), calls.percentile_ms(50) * 1_000.0, "us");
    figures.add(format!("{name}_call_p99_us"), calls.percentile_ms(99) * 1_000.0, "us");
    figures.add(format!("{name}_stand_in_us"), stand_in_us(&scene), "us");
    Ok(())
}

/// One call, which has to come to what is documented.
async fn once(rehearsal: &Rehearsal, case: &Send, scene: &Scene) -> Result<(), Failure> {
    let played = rehearsal.send(scene, &case.message, &case.context).await?;
    match played.said {
        Ok(outcome) if outcome == case.outcome => Ok(()),
        other => Err(format!("\"{}\" came to {other:?}", case.name).into()),
    }
}

/// What the stand-in takes for the same request.
fn stand_in_us(scene: &Scene) -> f64 {
    let asked = Asked {
        method: "POST".into(),
        url: "https://example.com/".into(),
        headers: Vec::new(),
        auth: None,
        secrets: Vec::new(),
        body: vec![b'x'; 1_000],
        timeout_ms: None,
    };
    let watch = Stopwatch::start();
    for _ in 0..CALLS {
        std::hint::black_box(scene.vendor.answer(std::hint::black_box(&asked)));
    }
    watch.elapsed().as_secs_f64() * 1e6 / CALLS as f64
}

fn engine(cache: Option<&Path>) -> Result<Arc<WasmEngine>, Failure> {
    let options = WasmEngineOptions { cache_dir: cache.map(Path::to_owned), ..WasmEngineOptions::default() };
    Ok(WasmEngine::new(options, Arc::new(SystemClock), Arc::new(SystemEntropy::new()))?)
}

/// How long it takes until the component can be called.
fn loading(engine: &Arc<WasmEngine>, subject: &Subject) -> Result<Duration, Failure> {
    let watch = Stopwatch::start();
    Rehearsal::load(engine, &subject.component)?;
    Ok(watch.elapsed())
}

fn median_ms(durations: Vec<Duration>) -> f64 {
    Durations::new(durations, Duration::ZERO).percentile_ms(50)
}

impl Subject {
    /// The first documented message that the vendor takes at the first request.
    fn case(&self) -> Result<(Send, Scene), Failure> {
        let taken = |case: &&Send| case.exchanges.len() == 1 && matches!(case.outcome, Outcome::Accepted { .. });
        let case = self.exchanges.sends.iter().find(taken).ok_or("no documented message is taken at once")?;
        let scene = Scene {
            settings: self.exchanges.settings_of(case.settings.as_ref()),
            secrets: self.exchanges.secrets.clone(),
            now_ms: case.now_ms,
            occurred_at_ms: None,
            certificates: Default::default(),
            vendor: Arc::new(Documented(case.exchanges[0].reply.clone())),
            timeout: Duration::from_secs(30),
        };
        Ok((case.clone(), scene))
    }
}

/// Answers as documented, whatever it is asked.
struct Documented(Reply);

impl StandIn for Documented {
    fn answer(&self, _: &Asked) -> Answer {
        Answer::Reply(self.0.clone())
    }
}

fn subjects() -> Result<Vec<Subject>, Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut subjects = Vec::new();
    for plugin in notifier_plugins::all() {
        let exchanges = exchanges(&root.join("plugins").join(plugin.name).join("exchanges.json"))?;
        subjects.push(Subject { name: plugin.name.to_owned(), component: plugin.component.to_vec(), exchanges });
    }
    let examples = root.join("examples/plugins");
    for language in ["rust", "c", "js", "python"] {
        let built: PathBuf = examples.join(format!("target/acme-{language}.wasm"));
        if !built.exists() {
            println!("  {language}: not built, examples/plugins/{language}/build.sh does it");
            continue;
        }
        let exchanges = exchanges(&examples.join("acme.exchanges.json"))?;
        subjects.push(Subject { name: format!("acme_{language}"), component: fs::read(built)?, exchanges });
    }
    Ok(subjects)
}

fn exchanges(path: &Path) -> Result<Exchanges, Failure> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Exchanges::read(&text)?)
}
