//! `notifier plugin test`.

use std::path::Path;

use notifier_core::wasm::rehearsal::{Rehearsal, inspect};
use notifier_plugin_exchanges::Exchanges;

use super::check::contract_of;
use super::conformance::{self, Component, Report};
use super::{Done, PluginKitError, engine, now, read, sha256};

pub(super) fn test(
    component: &Path,
    exchanges: Option<&Path>,
    json: bool,
    page: Option<&Path>,
) -> Result<Done, PluginKitError> {
    let bytes = read(component)?;
    let file = exchanges.map_or_else(|| component.with_file_name("exchanges.json"), Path::to_owned);
    let documented = documented(&file)?;
    let report = report(component, &bytes, &documented)?;
    if let Some(page) = page {
        let written = std::fs::write(page, report.to_markdown());
        written.map_err(|source| PluginKitError::Write { path: page.to_owned(), source })?;
    }
    let text = if json { report.to_json()? } else { report.to_text() };
    Ok(Done { text, is_sound: report.is_sound() })
}

fn documented(file: &Path) -> Result<Exchanges, PluginKitError> {
    let problem = |problem| PluginKitError::Exchanges { path: file.to_owned(), problem };
    let json = String::from_utf8(read(file)?).map_err(|error| problem(error.to_string()))?;
    Exchanges::read(&json).map_err(problem)
}

fn report(path: &Path, bytes: &[u8], documented: &Exchanges) -> Result<Report, PluginKitError> {
    let refused = |source| PluginKitError::Component { path: path.to_owned(), source };
    let engine = engine()?;
    let inspection = inspect(&engine, bytes).map_err(refused)?;
    let rehearsal = Rehearsal::load(&engine, bytes).map_err(refused)?;
    let portrait = rehearsal.describe().map_err(refused)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(PluginKitError::Runtime)?;
    let groups = runtime.block_on(conformance::run(&rehearsal, &portrait, documented));
    let component = Component {
        name: portrait.name,
        version: portrait.version,
        contract: contract_of(&inspection.exports),
        sha256: sha256(bytes),
        size_bytes: bytes.len(),
    };
    let (version, os, processor) = (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    Ok(Report { component, tested_at: now(), environment: format!("notifier {version}, {os} {processor}"), groups })
}
