//! Memory and tables of one call, counted together: many small memories are one big one.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::memory::MemoryPool;

/// Refuses growth past the limits, and remembers that it did.
pub(super) struct Limiter {
    memory_bytes_max: usize,
    memory_bytes: usize,
    pool: Arc<MemoryPool>,
    table_elements_max: usize,
    table_elements: usize,
    pub(super) memory_refused: bool,
    /// It was within its own limits; other calls had the memory.
    pub(super) pool_refused: bool,
    pub(super) table_refused: bool,
}

impl Limiter {
    pub(super) fn new(memory_bytes_max: usize, table_elements_max: usize, pool: Arc<MemoryPool>) -> Self {
        Self {
            memory_bytes_max,
            memory_bytes: 0,
            pool,
            table_elements_max,
            table_elements: 0,
            memory_refused: false,
            pool_refused: false,
            table_refused: false,
        }
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.pool.give_back(self.memory_bytes);
    }
}

#[cfg(test)]
impl Limiter {
    /// Elements of all tables at present.
    pub(super) fn table_elements(&self) -> usize {
        self.table_elements
    }
}

/// The new total, if it is within the limit.
fn grown(total: usize, current: usize, desired: usize, limit: usize) -> Option<usize> {
    total.checked_add(desired.saturating_sub(current)).filter(|total| *total <= limit)
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let within_its_own = maximum.is_none_or(|maximum| desired <= maximum);
        match grown(self.memory_bytes, current, desired, self.memory_bytes_max) {
            Some(total) if within_its_own && self.pool.take(total - self.memory_bytes) => self.memory_bytes = total,
            Some(_) if within_its_own => self.pool_refused = true,
            _ => self.memory_refused = true,
        }
        Ok(!self.memory_refused && !self.pool_refused)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let within_its_own = maximum.is_none_or(|maximum| desired <= maximum);
        match grown(self.table_elements, current, desired, self.table_elements_max) {
            Some(total) if within_its_own => self.table_elements = total,
            _ => self.table_refused = true,
        }
        Ok(!self.table_refused)
    }
}
