//! `notifier store check`: a look through a store that no process has open, as text or JSON.

use std::fmt::Write;

use notifier_core::sled::Report;
use serde_json::json;

/// The report as one JSON object.
pub(crate) fn to_json(report: &Report) -> String {
    let damaged: Vec<_> =
        report.damaged_records.iter().map(|(key, problem)| json!({"key": key, "problem": problem})).collect();
    let object = json!({
        "sound": report.is_sound(),
        "repaired": report.repaired,
        "counts": report.counts,
        "damaged": report.damaged,
        "damaged_records": damaged,
        "missing_entries": report.missing_entries,
        "stale_entries": report.stale_entries,
        "quarantined": report.quarantined,
        "operations": report.operations,
        "acknowledged": report.acknowledged,
        "live_bytes": report.live_bytes,
        "file_bytes": report.file_bytes,
    });
    format!("{object}\n")
}

/// The report for people.
pub(crate) fn to_text(report: &Report) -> String {
    let mut text = String::new();
    for (kind, count) in &report.counts {
        line(&mut text, kind, *count);
    }
    line(&mut text, "bytes live", report.live_bytes);
    line(&mut text, "bytes on disk", report.file_bytes);
    line(&mut text, "operations", report.operations);
    line(&mut text, "in quarantine", report.quarantined);
    line(&mut text, "damaged records", report.damaged);
    line(&mut text, "missing index entries", report.missing_entries);
    line(&mut text, "stale index entries", report.stale_entries);
    for (key, problem) in &report.damaged_records {
        push(&mut text, format_args!("  {key}: {problem}\n"));
    }
    if let Some(acknowledged) = report.acknowledged.filter(|_| report.has_lost()) {
        let found = report.operations;
        push(&mut text, format_args!("LOST: operation {acknowledged} was confirmed, the data ends with {found}\n"));
    }
    text.push_str(match (report.is_sound(), report.repaired) {
        (true, _) => "The store is sound.\n",
        (false, true) => "The store was repaired.\n",
        (false, false) => "The store needs attention: `notifier store check --repair PATH`.\n",
    });
    text
}

fn line(text: &mut String, name: &str, count: u64) {
    push(text, format_args!("{name:<24} {count}\n"));
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_well_in_both_forms() {
        let mut report = Report::default();
        report.counts.insert("notification", 12);
        report.operations = 3;
        assert!(to_text(&report).contains("notification             12\n"));
        assert!(to_text(&report).ends_with("The store is sound.\n"));
        report.acknowledged = Some(5);
        report.damaged = 1;
        report.damaged_records.push(("n/1".into(), "bad checksum".into()));
        let text = to_text(&report);
        assert!(text.contains("LOST: operation 5 was confirmed, the data ends with 3\n"), "{text}");
        assert!(text.contains("  n/1: bad checksum\n") && text.contains("--repair"), "{text}");
        let value: serde_json::Value = serde_json::from_str(&to_json(&report)).unwrap();
        assert_eq!(value["sound"], false);
        assert_eq!(value["damaged_records"][0]["problem"], "bad checksum");
        report.repaired = true;
        assert!(to_text(&report).ends_with("The store was repaired.\n"));
    }
}
