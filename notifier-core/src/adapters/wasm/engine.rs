//! The engine: one compiler, one pool of instances and one ticker for all plugins.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::cache::{Compiled, ComponentCache};
use super::call::CallState;
use super::error::PluginError;
use super::memory::MemoryPool;
use super::share::FairShare;
use super::ticker::Ticker;
use super::{v0_1, wasi};
use crate::ports::clock::Clock;
use crate::ports::entropy::Entropy;

/// How the engine is set up. Limits of single calls are in [`CallLimits`](super::CallLimits).
#[derive(Debug, Clone)]
pub struct WasmEngineOptions {
    /// Where compiled components are kept between starts; made private to its owner. Without it every start compiles.
    pub cache_dir: Option<PathBuf>,
    /// Bytes that any memory of any plugin may have. 64 MiB unless told otherwise.
    pub memory_bytes_max: usize,
    /// Bytes that all memories of all running calls may have together; one provider's calls may have half of it. A call
    /// that finds none left can be tried again. 256 MiB unless told otherwise.
    pub memory_total_bytes_max: usize,
    /// Elements that any table of any plugin may have. 20,000 unless told otherwise.
    pub table_elements_max: usize,
    /// Bytes of stack that a plugin's code may use. 512 KiB unless told otherwise.
    pub stack_bytes_max: usize,
    /// Calls that may run at the same time, of all plugins together; more wait. 256 unless told otherwise.
    pub instances_max: u32,
    /// How often running code is interrupted to let others run and to check its budget. 2 ms unless told otherwise.
    pub tick: Duration,
}

impl Default for WasmEngineOptions {
    fn default() -> Self {
        Self {
            cache_dir: None,
            memory_bytes_max: 64 * 1024 * 1024,
            memory_total_bytes_max: 256 * 1024 * 1024,
            table_elements_max: 20_000,
            stack_bytes_max: 512 * 1024,
            instances_max: 256,
            tick: Duration::from_millis(2),
        }
    }
}

/// Compiles components and runs them metered. One serves a whole process.
pub struct WasmEngine {
    engine: Engine,
    cache: ComponentCache,
    /// What the host offers to components, of every supported version of the contract.
    pub(super) linker: Linker<CallState>,
    /// As many as there are slots for instances.
    pub(super) instances: Semaphore,
    pub(super) options: WasmEngineOptions,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) ticker: Ticker,
    pub(super) share: FairShare,
    pub(super) memory: Arc<MemoryPool>,
}

impl WasmEngine {
    /// Starts the engine. What is encrypted for plugins takes its randomness from `entropy`.
    ///
    /// # Errors
    /// [`PluginError::Engine`] when this machine cannot run it, [`PluginError::Cache`] when the cache directory cannot
    /// be made private.
    pub fn new(
        options: WasmEngineOptions,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Result<Arc<Self>, PluginError> {
        let failed = |error: wasmtime::Error| PluginError::Engine(format!("{error:#}"));
        let engine = Engine::new(&engine_config(&options)).map_err(failed)?;
        let cache = ComponentCache::open(options.cache_dir.clone(), &engine)?;
        let mut linker = Linker::new(&engine);
        v0_1::add_to_linker(&mut linker).map_err(failed)?;
        wasi::add_to_linker(&mut linker).map_err(failed)?;
        let ticker = Ticker::start(&engine, options.tick)
            .map_err(|error| PluginError::Engine(format!("no thread for the ticker: {error}")))?;
        let instances = Semaphore::new(options.instances_max as usize);
        let memory = MemoryPool::new(options.memory_total_bytes_max);
        let share = FairShare::new(options.tick);
        Ok(Arc::new(Self { engine, cache, linker, instances, options, clock, entropy, ticker, share, memory }))
    }

    /// Room for one instance, once there is some; held until dropped.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed.
        self.instances.acquire().await.ok()
    }

    pub(super) fn compile(&self, component: &[u8]) -> Result<Compiled, PluginError> {
        self.cache.compile(&self.engine, component)
    }

    pub(super) fn raw(&self) -> &Engine {
        &self.engine
    }
}

impl fmt::Debug for WasmEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmEngine").field("options", &self.options).finish_non_exhaustive()
    }
}

// The pool has room for `instances_max` components of the largest permitted shape, so that no plugin can use up what
// another needs.

/// Components made by language toolchains consist of many core modules; one of Python has 60 instances.
const CORE_INSTANCES_PER_COMPONENT_MAX: u32 = 64;

/// One for the program, one for an adapter, and one for what stands in for WASI, as with JavaScript.
const MEMORIES_PER_COMPONENT_MAX: u32 = 3;

/// Compilers make one for each module; languages that have their own make a few more.
const TABLES_PER_COMPONENT_MAX: u32 = 8;
const TABLES_PER_MODULE_MAX: u32 = 4;

/// What a slot keeps mapped between calls: most plugins fit, so that most calls start without page faults. Where the
/// kernel tells which pages were written (Linux 6.7), only those are kept.
const RESIDENT_BYTES: usize = 1024 * 1024;

fn engine_config(options: &WasmEngineOptions) -> Config {
    let instances = options.instances_max;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT_MAX)
        .max_memories_per_component(MEMORIES_PER_COMPONENT_MAX)
        .max_tables_per_component(TABLES_PER_COMPONENT_MAX)
        .max_tables_per_module(TABLES_PER_MODULE_MAX)
        .total_core_instances(instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT_MAX))
        .total_memories(instances.saturating_mul(MEMORIES_PER_COMPONENT_MAX))
        .total_tables(instances.saturating_mul(TABLES_PER_COMPONENT_MAX))
        .total_stacks(instances)
        .max_memory_size(options.memory_bytes_max)
        .table_elements(options.table_elements_max)
        .linear_memory_keep_resident(RESIDENT_BYTES)
        .pagemap_scan(Enabled::Auto)
        .table_keep_resident(64 * 1024);
    let mut config = Config::new();
    config
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool))
        .epoch_interruption(true)
        .max_wasm_stack(options.stack_bytes_max)
        // Host functions run on the same stack: requests with TLS need room of their own.
        .async_stack_size(options.stack_bytes_max + 1536 * 1024)
        .wasm_backtrace_max_frames(None);
    config
}
