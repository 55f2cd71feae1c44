//! Memory of this process, from `/proc` (proc_pid_smaps(5)).

use super::Failure;

/// What would be given back if this process ended: pages that it shares with nobody, of files excepted.
pub(crate) fn private_mb() -> Result<f64, Failure> {
    Ok(kb("Private_Dirty")? / 1_000.0)
}

/// What it has in memory, shared or not.
pub(crate) fn resident_mb() -> Result<f64, Failure> {
    Ok(kb("Rss")? / 1_000.0)
}

fn kb(field: &str) -> Result<f64, Failure> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")).ok_or_else(|| format!("no {field}"))?;
    Ok(kib.trim().parse::<f64>()? * 1.024)
}
