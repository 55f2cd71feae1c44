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
use notifier_plugin_exchanges::{Body, Exchanges, Outcome, Reply, Response, Send};

use super::memory::private_mb;
use super::stopwatch::{Durations, Stopwatch};
use super::{Failure, Figures};

/// Of which the median is told.
const COMPILATIONS: usize = 3;
const STARTS: usize = 50;
const WARM_UP: usize = 200;
/// What else the machine does comes and goes in seconds: each component is called at many times.
const ROUNDS: usize = 40;
const CALLS_IN_ROUND: usize = 100;
/// For languages that take long.
const ROUND_TAKES_MAX: Duration = Duration::from_millis(100);
/// Of the medians of so many calls, the one that nine in ten exceed is the cost on a processor that does nothing else.
const BATCH: usize = 20;
/// Loaded at once, to see what each adds.
const COPIES: usize = 16;

/// One component, and the message that it sends here.
struct Subject {
    name: String,
    component: Vec<u8>,
    exchanges: Exchanges,
}

/// Prints the figures of each.
pub(crate) async fn plugins(figures: &mut Figures) -> Result<(), Failure> {
    println!("provider components: to compile, to start, to keep");
    let (cache, subjects) = (tempfile::tempdir()?, subjects()?);
    for subject in &subjects {
        loaded(subject, cache.path(), figures).await.map_err(|error| format!("{}: {error}", subject.name))?;
    }
    println!("a call: a fresh instance, one request, no network; in {ROUNDS} rounds through all of them");
    let engine = engine(Some(cache.path()))?;
    let mut called = Vec::new();
    for subject in &subjects {
        called.push(Called::new(&engine, subject).await.map_err(|error| format!("{}: {error}", subject.name))?);
    }
    let mut processor = Vec::new();
    for _ in 0..ROUNDS {
        for called in &mut called {
            processor.push(processor_takes());
            called.round().await?;
        }
    }
    let processor = Durations::new(processor, Duration::ZERO);
    figures.add("processor_loop_us", processor.percentile_ms(50) * 1_000.0, "us");
    figures.add("processor_loop_quiet_us", processor.percentile_ms(10) * 1_000.0, "us");
    for called in called {
        called.tell(figures);
    }
    Ok(())
}

/// What it takes until a component can be called, and what it holds until then.
async fn loaded(subject: &Subject, cache: &Path, figures: &mut Figures) -> Result<(), Failure> {
    let name = &subject.name;
    figures.add(format!("{name}_component_kb"), subject.component.len() as f64 / 1_000.0, "kB");
    let mut compiled = Vec::new();
    for _ in 0..COMPILATIONS {
        compiled.push(loading(&engine(None)?, subject)?);
    }
    figures.add(format!("{name}_compile_ms"), median_ms(compiled), "ms");
    loading(&engine(Some(cache))?, subject)?;
    let mut started = Vec::new();
    for _ in 0..STARTS {
        started.push(loading(&engine(Some(cache))?, subject)?);
    }
    figures.add(format!("{name}_start_from_cache_ms"), median_ms(started), "ms");

    let engine = engine(Some(cache))?;
    let (case, scene) = subject.case()?;
    let first = Rehearsal::load(&engine, &subject.component)?;
    once(&first, &case, &scene).await?;
    let before = private_mb()?;
    let mut copies = Vec::new();
    for _ in 0..COPIES {
        let copy = Rehearsal::load(&engine, &subject.component)?;
        once(&copy, &case, &scene).await?;
        copies.push(copy);
    }
    figures.add(format!("{name}_idle_mb"), (private_mb()? - before) / COPIES as f64, "MB");
    Ok(())
}

/// A subject that is called over and over.
struct Called {
    name: String,
    rehearsal: Rehearsal,
    case: Send,
    scene: Scene,
    calls: Vec<Duration>,
}

impl Called {
    async fn new(engine: &Arc<WasmEngine>, subject: &Subject) -> Result<Self, Failure> {
        let (case, scene) = subject.case()?;
        let rehearsal = Rehearsal::load(engine, &subject.component)?;
        let called = Self { name: subject.name.clone(), rehearsal, case, scene, calls: Vec::new() };
        let watch = Stopwatch::start();
        for _ in 0..WARM_UP {
            once(&called.rehearsal, &called.case, &called.scene).await?;
            if watch.elapsed() > ROUND_TAKES_MAX {
                break;
            }
        }
        Ok(called)
    }

    async fn round(&mut self) -> Result<(), Failure> {
        let round = Stopwatch::start();
        for _ in 0..CALLS_IN_ROUND {
            let call = Stopwatch::start();
            once(&self.rehearsal, &self.case, &self.scene).await?;
            self.calls.push(call.elapsed());
            if round.elapsed() > ROUND_TAKES_MAX {
                break;
            }
        }
        Ok(())
    }

    fn tell(self, figures: &mut Figures) {
        let Self { name, scene, calls, .. } = self;
        let batches = calls.chunks(BATCH).filter_map(|batch| median(batch.to_vec())).collect();
        let (batches, calls) = (Durations::new(batches, Duration::ZERO), Durations::new(calls, Duration::ZERO));
        figures.add(format!("{name}_call_us"), calls.percentile_ms(50) * 1_000.0, "us");
        figures.add(format!("{name}_call_quiet_us"), batches.percentile_ms(10) * 1_000.0, "us");
        figures.add(format!("{name}_call_p99_us"), calls.percentile_ms(99) * 1_000.0, "us");
        figures.add(format!("{name}_stand_in_us"), stand_in_us(&scene), "us");
    }
}

/// Some ten microseconds of arithmetic: how much slower the processor is at times shows how much of a call's time is not its own.
fn processor_takes() -> Duration {
    let (watch, mut number) = (Stopwatch::start(), 1_u64);
    for _ in 0..10_000 {
        number = std::hint::black_box(number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
    watch.elapsed()
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
    let answers = ROUNDS * CALLS_IN_ROUND;
    for _ in 0..answers {
        std::hint::black_box(scene.vendor.answer(std::hint::black_box(&asked)));
    }
    watch.elapsed().as_secs_f64() * 1e6 / answers as f64
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

fn median(mut durations: Vec<Duration>) -> Option<Duration> {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied()
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
            vendor: Arc::new(Documented(written(&case.exchanges[0].reply)?)),
            timeout: Duration::from_secs(30),
        };
        Ok((case.clone(), scene))
    }
}

/// The answer with its body as it goes over the wire: writing JSON is not part of a call.
fn written(reply: &Reply) -> Result<Reply, Failure> {
    let mut reply = reply.clone();
    if let Reply::Response(Response { body: Some(body), .. }) = &mut reply {
        *body = Body::Text(String::from_utf8(body.bytes().ok_or("the documented answer is not base64")?)?);
    }
    Ok(reply)
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
