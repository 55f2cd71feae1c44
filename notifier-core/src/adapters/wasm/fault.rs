//! How a call of a plugin can end without an answer.

use wasmtime::{PoolConcurrencyLimitError, Trap};

use super::call::CallState;
use crate::domain::outcome::Problem;

/// What the plugin did wrong, or what stopped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// Its own code ran longer than its budget.
    CpuBudget { budget_ms: u64 },
    /// The attempt's time ended.
    Deadline { timeout_ms: u128 },
    /// It wanted more memory than it may have.
    Memory { bytes_max: usize },
    /// It wanted larger tables than it may have.
    Table { elements_max: usize },
    /// Its calls nested too deeply.
    Stack,
    /// It handed over more at once than it may.
    Handover { bytes_max: usize },
    /// Anything else that ends a WebAssembly program.
    Trap(String),
    /// All calls of its provider, or of all providers, use what they may use together. It may well be good.
    PoolEmpty { bytes_max: usize },
    /// There was no free place to run it. It did nothing.
    Busy(String),
}

impl Fault {
    /// Reads what the engine says, in the light of what the host refused.
    pub(super) fn from_error(error: &wasmtime::Error, state: &CallState) -> Self {
        let limits = &state.grants.limits;
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::Busy(format!("{error:#}"));
        }
        if let Some(fault) = &state.interruption {
            return fault.clone();
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => Self::Stack,
            _ if state.limiter.pool_refused => Self::PoolEmpty { bytes_max: state.grants.memory.bytes_max() },
            _ if state.limiter.memory_refused => Self::Memory { bytes_max: limits.memory_bytes_max },
            _ if state.limiter.table_refused => Self::Table { elements_max: limits.table_elements_max },
            Some(trap) => Self::Trap(trap.to_string()),
            None => match format!("{error:#}") {
                // The engine has no public type for it.
                text if text.contains("fuel allocated for hostcalls") => {
                    Self::Handover { bytes_max: limits.handover_bytes_max }
                }
                text => Self::Trap(text),
            },
        }
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::CpuBudget { .. } => "plugin.cpu_budget",
            Self::Deadline { .. } => "plugin.deadline",
            Self::Memory { .. } => "plugin.memory",
            Self::Table { .. } => "plugin.table",
            Self::Stack => "plugin.stack",
            Self::Handover { .. } => "plugin.handover",
            Self::Trap(_) => "plugin.trap",
            Self::Busy(_) | Self::PoolEmpty { .. } => "plugin.busy",
        }
    }

    pub(super) fn problem(&self) -> Problem {
        Problem::coded(self.code(), self.to_string())
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::CpuBudget { budget_ms } => {
                write!(f, "the plugin computed for longer than its budget of {budget_ms} ms")
            }
            Self::Deadline { timeout_ms } => write!(f, "the plugin did not finish within {timeout_ms} ms"),
            Self::Memory { bytes_max } => write!(f, "the plugin wanted more memory than its {bytes_max} bytes"),
            Self::Table { elements_max } => {
                write!(f, "the plugin wanted larger tables than its {elements_max} elements")
            }
            Self::Stack => write!(f, "the plugin's calls nested too deeply for its stack"),
            Self::Handover { bytes_max } => write!(f, "the plugin handed over more than {bytes_max} bytes at once"),
            Self::Trap(what) => write!(f, "the plugin crashed: {what}"),
            Self::PoolEmpty { bytes_max } => write!(
                f,
                "no memory to run the plugin: the calls of one provider together use at most {bytes_max} bytes, and those \
                 of all providers twice as many"
            ),
            Self::Busy(what) => write!(f, "no place to run the plugin: {what}"),
        }
    }
}
