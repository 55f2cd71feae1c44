//! One thread through which every operation goes, so that many share one sync.
//!
//! It takes what waits, runs each operation on the [`Engine`], puts the changes into the tree, flushes, syncs the data
//! file, and only then answers all of them. While it waits for the medium, the next group gathers. What an operation was
//! told is therefore always durable, including what it was told about others: a claim hands out nothing that a crash
//! could take back.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::engine::{Engine, failed};
use super::marker::Marker;
use super::open::Database;
use super::stored::Trouble;
use super::sync::DataSync;
use crate::ports::store::StoreError;

/// Operations that share one sync. With [`GROUP_BYTES_MAX`] it bounds what is unsynced when the power goes: sled
/// recovers well from a torn end of about that size, and badly from larger ones.
const GROUP_OPERATIONS_MAX: usize = 1_024;
/// Bytes of changes after which a group is closed.
const GROUP_BYTES_MAX: usize = 1024 * 1024;
/// Operations of one caller that are handed in together.
const TOGETHER_MAX: usize = 256;
/// With so many operations in a group, the next one waits a moment for more: each group costs several changes of thread
/// inside sled, which a busy machine has better uses for. A store with little to do answers at once.
const BUSY_OPERATIONS: usize = 8;
/// That moment.
const GATHERING_TIME: Duration = Duration::from_millis(1);
/// Operations that may wait; further callers are held up before they hand in theirs.
const WAITING_MAX: usize = 4 * GROUP_OPERATIONS_MAX;

/// Runs an operation; what it returns tells the caller about it once that is durable. Dropped instead, it tells them
/// that the store failed or is closed.
type Job = Box<dyn FnOnce(&mut Engine) -> Result<Answer, StoreError> + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// The near end: hands operations to the thread.
pub(super) struct Committer {
    /// `None` once the store is being closed.
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    failure: Arc<OnceLock<String>>,
    /// True when the thread has let go of everything.
    released: watch::Receiver<bool>,
}

impl Committer {
    /// Starts the thread.
    pub(super) fn start(
        engine: Engine,
        database: Database,
        sync: Box<dyn DataSync>,
        marker: Marker,
    ) -> io::Result<Self> {
        let (queue, waiting) = mpsc::channel(WAITING_MAX);
        let (let_go, released) = watch::channel(false);
        let failure = Arc::new(OnceLock::new());
        let failed = Arc::clone(&failure);
        let thread = Thread { waiting, engine, database, sync, marker, failure: failed, is_busy: false };
        std::thread::Builder::new().name("notifier-commit".into()).spawn(move || {
            thread.run();
            let_go.send_replace(true);
        })?;
        Ok(Self { queue: Mutex::new(Some(queue)), failure, released })
    }

    /// Runs an operation in its turn, and returns when it is durable.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        operation: impl FnOnce(&mut Engine) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, StoreError> {
        let job = move |engine: &mut Engine| match engine.run(operation) {
            Err(error @ StoreError::Failed(_)) => Err(error),
            outcome => Ok(outcome),
        };
        self.hand_in(job).await?
    }

    /// Has the thread do something; an error ends the store.
    async fn hand_in<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Engine) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let queue = queue.ok_or_else(|| self.end())?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |engine| {
            let outcome = work(engine)?;
            // Whoever asked may be gone; what they asked for is done all the same.
            Ok(Box::new(move || drop(reply.send(outcome))))
        });
        if queue.send(job).await.is_err() {
            return Err(self.end());
        }
        match answer.await {
            Ok(outcome) => Ok(outcome),
            Err(_) => {
                // The thread is on its way out; why is known when it is.
                let _ = self.released.clone().wait_for(|released| *released).await;
                Err(self.end())
            }
        }
    }

    /// Runs an operation for each item, in order and each for itself, and returns when all of them are durable. They
    /// are handed in some at a time, so that others have their turn in between.
    ///
    /// What an operation is told stands in its own result; the whole fails when nothing more can be promised.
    pub(super) async fn run_each<I: Send + 'static, T: Send + 'static>(
        &self,
        items: Vec<I>,
        operation: impl Fn(&mut Engine, &I) -> Result<T, Trouble> + Copy + Send + 'static,
    ) -> Result<Vec<Result<T, StoreError>>, StoreError> {
        let mut outcomes = Vec::with_capacity(items.len());
        let mut items = VecDeque::from(items);
        while !items.is_empty() {
            let mut some: VecDeque<_> = items.drain(..items.len().min(TOGETHER_MAX)).collect();
            let job = move |engine: &mut Engine| {
                let mut outcomes = Vec::with_capacity(some.len());
                while engine.staging().unsynced_bytes() < GROUP_BYTES_MAX
                    && let Some(item) = some.pop_front()
                {
                    match engine.run(|engine| operation(engine, &item)) {
                        Err(error @ StoreError::Failed(_)) => return Err(error),
                        outcome => outcomes.push(outcome),
                    }
                }
                Ok((outcomes, some))
            };
            let (done, rest) = self.hand_in(job).await?;
            outcomes.extend(done);
            // Those that did not fit into the group are the first of the next.
            rest.into_iter().rev().for_each(|item| items.push_front(item));
        }
        Ok(outcomes)
    }

    /// Why nothing can be done any longer, if that is so.
    pub(super) fn failure(&self) -> Option<StoreError> {
        self.failure.get().map(|problem| StoreError::Failed(problem.clone()))
    }

    /// Has the thread finish what waits and let go of the store.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let released = self.released.clone().wait_for(|released| *released).await.is_ok();
        match self.failure() {
            Some(failure) => Err(failure),
            None if released => Ok(()),
            None => Err(StoreError::Failed("the thread of the store panicked".into())),
        }
    }

    /// What an operation is told that was not run.
    fn end(&self) -> StoreError {
        self.failure().unwrap_or(StoreError::Closed)
    }
}

struct Thread {
    waiting: mpsc::Receiver<Job>,
    engine: Engine,
    database: Database,
    sync: Box<dyn DataSync>,
    marker: Marker,
    failure: Arc<OnceLock<String>>,
    is_busy: bool,
}

impl Thread {
    fn run(mut self) {
        let guard = FailureOnPanic(Arc::clone(&self.failure));
        while let Some(first) = self.waiting.blocking_recv() {
            match self.group(first) {
                Ok(answers) => answers.into_iter().for_each(|answer| answer()),
                Err(error) => {
                    tracing::error!(%error, "the store failed; it accepts nothing more");
                    let _ = self.failure.set(error.to_string());
                    break;
                }
            }
        }
        // What still waits is told of the failure: dropping it does that.
        self.waiting.close();
        while self.waiting.try_recv().is_ok() {}
        let Self { engine, database, sync, marker, failure, .. } = self;
        drop((marker, sync, engine));
        if failure.get().is_none() {
            database.release();
        }
        drop(guard);
    }

    /// Runs what waits and makes it durable. The answers are not given yet.
    fn group(&mut self, first: Job) -> Result<Vec<Answer>, StoreError> {
        let ran_before = self.engine.ran();
        let mut answers = vec![first(&mut self.engine)?];
        let mut may_gather = self.is_busy;
        while self.engine.ran() - ran_before < GROUP_OPERATIONS_MAX
            && self.engine.staging().unsynced_bytes() < GROUP_BYTES_MAX
        {
            match self.waiting.try_recv() {
                Ok(job) => answers.push(job(&mut self.engine)?),
                Err(_) if std::mem::take(&mut may_gather) => std::thread::park_timeout(GATHERING_TIME),
                Err(_) => break,
            }
        }
        self.is_busy = answers.len() >= BUSY_OPERATIONS;
        if self.engine.staging().unsynced_bytes() > 0 {
            self.engine.finish_group().map_err(failed)?;
            self.database.flush().map_err(failed)?;
            self.sync.sync().map_err(|error| StoreError::Failed(format!("the data file cannot be synced: {error}")))?;
            self.engine.synced();
            self.marker.note(self.engine.staging().operations());
        }
        Ok(answers)
    }
}

/// A panic in the thread is a failure of the store.
struct FailureOnPanic(Arc<OnceLock<String>>);

impl Drop for FailureOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = self.0.set("the thread of the store panicked".into());
        }
    }
}
