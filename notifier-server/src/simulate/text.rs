//! A report for people.

use std::fmt::Write;

use notifier_core::{NotificationId, TenantId};

use super::SimulateError;
use super::play::Played;
use super::report::{DeliveryRow, ProviderRow, Report};

/// The changes of circuit breakers that are shown; the others are in the JSON.
const BREAKERS_MAX: usize = 20;

/// The report as tables.
pub(super) fn table(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(out, "{} to {}, seed {}; over at {}\n", report.from, report.to, report.seed, report.over_at);
    let header = ["schedule", "accepted", "refused"];
    let row = |row: &super::report::ScheduleRow| vec![row.name.clone(), number(row.accepted), number(row.refused)];
    write_table(&mut out, 1, &header, &report.schedules.iter().map(row).collect::<Vec<_>>());
    for schedule in &report.schedules {
        for (reason, count) in &schedule.refusals {
            let _ = writeln!(out, "  {}: {count} refused: {reason}", schedule.name);
        }
    }
    let header = ["provider", "calls", "took", "unavailable", "limited", "rejected", "unclear"];
    write_table(&mut out, 1, &header, &report.providers.iter().map(provider).collect::<Vec<_>>());
    let header = [
        "category",
        "channel",
        "accepted",
        "sent",
        "delivered",
        "bounced",
        "failed",
        "expired",
        "unknown",
        "suppressed",
        "other",
        "repeats",
        "late p50",
        "p99",
        "max",
        "longest wait",
    ];
    write_table(&mut out, 2, &header, &report.deliveries.iter().map(delivery).collect::<Vec<_>>());
    if !report.breakers.is_empty() {
        let row = |row: &super::report::BreakerRow| {
            vec![row.at.clone(), row.provider.clone(), row.breaker.clone(), row.reason.clone()]
        };
        let rows: Vec<_> = report.breakers.iter().take(BREAKERS_MAX).map(row).collect();
        write_table(&mut out, 4, &["circuit breaker", "of", "is", "because"], &rows);
        if report.breakers.len() > BREAKERS_MAX {
            let _ = writeln!(out, "  and {} changes more: see --json", report.breakers.len() - BREAKERS_MAX);
        }
    }
    if !report.problems.is_empty() {
        let row = |row: &super::report::ProblemRow| {
            vec![row.state.clone(), row.reason.clone(), number(row.count), row.example.clone()]
        };
        let rows: Vec<_> = report.problems.iter().map(row).collect();
        write_table(&mut out, 4, &["not arrived", "because", "deliveries", "as"], &rows);
    }
    if !report.worst.is_empty() {
        let row = |row: &super::report::WorstRow| {
            let [delivery, due_at] = [row.delivery.clone(), row.due_at.clone()];
            let waited = length(row.waited_ms);
            vec![delivery, row.recipient.clone(), due_at, waited, row.state.clone(), row.reason.clone()]
        };
        let rows: Vec<_> = report.worst.iter().map(row).collect();
        write_table(&mut out, 6, &["worst", "to", "due", "waited", "is", "because"], &rows);
    }
    for missed in &report.missed {
        let _ = writeln!(out, "missed: {missed}");
    }
    out
}

fn provider(row: &ProviderRow) -> Vec<String> {
    let numbers = [row.calls, row.took, row.unavailable, row.rate_limited, row.rejected, row.unclear];
    std::iter::once(row.name.clone()).chain(numbers.map(number)).collect()
}

fn delivery(row: &DeliveryRow) -> Vec<String> {
    let numbers = [
        row.accepted,
        row.sent,
        row.delivered,
        row.bounced,
        row.failed,
        row.expired,
        row.unknown,
        row.suppressed,
        row.cancelled + row.unfinished,
        row.repeats,
    ];
    let times = [row.late_p50_ms, row.late_p99_ms, row.late_max_ms, row.longest_wait_ms];
    let names = [row.category.clone(), row.channel.clone()];
    names.into_iter().chain(numbers.map(number)).chain(times.map(length)).collect()
}

fn number(number: u64) -> String {
    number.to_string()
}

/// A length of time as people say it, to about two digits.
pub(super) fn length(ms: i64) -> String {
    let tenths = |unit_ms: i64, name: &str| {
        let tenths = ms * 10 / unit_ms;
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    };
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => tenths(1_000, "s"),
        60_000..3_600_000 => tenths(60_000, "min"),
        3_600_000..172_800_000 => tenths(3_600_000, "h"),
        _ => tenths(86_400_000, "d"),
    }
}

/// Columns as wide as what is in them; the first `left` of them stand at the left, the others are numbers.
fn write_table(out: &mut String, left: usize, header: &[&str], rows: &[Vec<String>]) {
    let header: Vec<String> = header.iter().map(|name| (*name).to_owned()).collect();
    let lines: Vec<&Vec<String>> = std::iter::once(&header).chain(rows).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    for line in lines {
        let cells = line.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column < left {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        let _ = writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    out.push('\n');
}

/// What happened to one notification.
pub(super) fn timeline(played: &Played, id: NotificationId) -> Result<String, SimulateError> {
    let tenant = TenantId::unnamed();
    let facts = played.engine.block_on(played.engine.notifier().timeline(&tenant, id))?;
    let facts = facts.ok_or(SimulateError::NoSuchNotification(id))?;
    let row = |fact: &notifier_core::Fact| {
        let channel = fact.channel.map(|channel| channel.to_string()).unwrap_or_default();
        vec![fact.at.to_string(), channel, fact.kind.name().to_owned(), fact.reason.text.clone()]
    };
    let mut out = String::new();
    write_table(&mut out, 4, &["timeline", "on", "what", "why"], &facts.iter().map(row).collect::<Vec<_>>());
    Ok(out)
}
