//! `notifier plugin test`.

use std::path::Path;

use notifier_core::wasm::rehearsal::{Rehearsal, inspect};
use notifier_plugin_exchanges::Exchanges;

use super::check::contract_of;
use super::conformance::{self, Component, Lack, Lacking, Report};
use super::portrait::{SENTENCE_CHARS_MAX, portrait};
use super::{Done, PluginKitError, engine, now, plain, read, sha256};

pub(super) fn test(
    component: &Path,
    exchanges: Option<&Path>,
    json: bool,
    page: Option<&Path>,
    lacks: Vec<Lack>,
) -> Result<Done, PluginKitError> {
    let bytes = read(component)?;
    let file = exchanges.map_or_else(|| component.with_file_name("exchanges.json"), Path::to_owned);
    let documented = documented(&file)?;
    let report = report(component, &bytes, &documented, lacks)?;
    if let Some(page) = page {
        let written = std::fs::write(page, report.to_markdown());
        written.map_err(|source| PluginKitError::Write { path: page.to_owned(), source })?;
    }
    let text = if json { report.to_json()? } else { report.to_text() };
    Ok(Done { text, is_sound: report.is_sound() })
}

/// What `--lacks` says, as `WHAT=REASON`.
pub(super) fn lack(text: &str) -> Result<Lack, String> {
    let wanted = || format!("want WHAT=REASON, the first being one of {}", Lacking::names().join(", "));
    let (what, reason) = text.split_once('=').ok_or_else(wanted)?;
    let what = Lacking::named(what).ok_or_else(wanted)?;
    let reason = plain::line(reason.trim(), SENTENCE_CHARS_MAX);
    if reason.is_empty() { Err(wanted()) } else { Ok(Lack { what, reason }) }
}

fn documented(file: &Path) -> Result<Exchanges, PluginKitError> {
    let problem = |problem| PluginKitError::Exchanges { path: file.to_owned(), problem };
    let json = String::from_utf8(read(file)?).map_err(|error| problem(error.to_string()))?;
    Exchanges::read(&json).map_err(problem)
}

fn report(path: &Path, bytes: &[u8], documented: &Exchanges, lacks: Vec<Lack>) -> Result<Report, PluginKitError> {
    let refused = |source| PluginKitError::Component { path: path.to_owned(), source };
    let engine = engine()?;
    let inspection = inspect(&engine, bytes).map_err(refused)?;
    let rehearsal = Rehearsal::load(&engine, bytes).map_err(refused)?;
    // Of a name that cannot be shown there is nothing to report. What is tested is what it says, word for word.
    let shown = portrait(path, &rehearsal)?;
    let described = rehearsal.describe().map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(PluginKitError::Runtime)?;
    let groups = runtime.block_on(conformance::run(&rehearsal, &described, documented, &lacks));
    let component = Component {
        name: shown.name,
        version: shown.version,
        contract: contract_of(&inspection.exports),
        sha256: sha256(bytes),
        size_bytes: bytes.len(),
    };
    let (version, os, processor) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    let environment = format!("notifier {version}, {os} {processor}");
    Ok(Report { component, tested_at: now(), environment, lacks, groups })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lacking_has_a_reason() {
        for what in ["rejected-recipient", "other-scripts"] {
            let lacking = Lack { what: Lacking::named(what).unwrap(), reason: "Acme = any number".into() };
            assert_eq!(lack(&format!("{what}= Acme = any number")), Ok(lacking));
        }
        for wrong in ["rejected-recipient", "rejected-recipient= ", "rejected=x", ""] {
            let told = lack(wrong).unwrap_err();
            assert!(told.contains("rejected-provider, other-scripts, ordinary-sizes"), "{told}");
        }
    }
}
