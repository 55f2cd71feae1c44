//! `notifier plugin check`: what a component is, and what it asks for.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use notifier_core::wasm::rehearsal::{Inspection, Portrait, Rehearsal, inspect};
use notifier_core::{Clock as _, SystemClock};
use serde_json::{Value, json};

use super::portrait::{SENTENCE_CHARS_MAX, portrait};
use super::{Done, PluginKitError, engine, plain, read, sha256};

/// What is known of a component.
struct Findings {
    sha256: String,
    size_bytes: usize,
    compiled_in: Duration,
    inspection: Inspection,
    portrait: Portrait,
}

pub(super) fn check(path: &Path, json: bool) -> Result<Done, PluginKitError> {
    let refused = |source| PluginKitError::Component { path: path.to_owned(), source };
    let bytes = read(path)?;
    let engine = engine()?;
    let started = SystemClock.now();
    let inspection = made_plain(inspect(&engine, &bytes).map_err(refused)?);
    let compiled_in = SystemClock.now().duration_since(started).unsigned_abs();
    // Refuses another version of the contract, and imports that this host does not offer, by name.
    let portrait = portrait(path, &Rehearsal::load(&engine, &bytes).map_err(refused)?)?;
    let findings = Findings { sha256: sha256(&bytes), size_bytes: bytes.len(), compiled_in, inspection, portrait };
    let text = if json { findings.to_json()? } else { findings.to_text() };
    Ok(Done { text, is_sound: true })
}

/// Names of interfaces are checked by nobody but for their form.
fn made_plain(inspection: Inspection) -> Inspection {
    let plain = |names: Vec<String>| names.iter().map(|name| plain::line(name, SENTENCE_CHARS_MAX)).collect();
    Inspection { imports: plain(inspection.imports), exports: plain(inspection.exports) }
}

/// The version of the contract among the exports of a component, as `notifier:provider@0.1.0`.
pub(super) fn contract_of(exports: &[String]) -> String {
    let interface = exports.iter().find_map(|name| name.strip_prefix("notifier:provider/provider@"));
    interface.map_or_else(|| "no notifier:provider".into(), |version| format!("notifier:provider@{version}"))
}

impl Findings {
    /// Imports of the contract, those of WASI, and others.
    fn imports(&self) -> [Vec<&str>; 3] {
        let imports = || self.inspection.imports.iter().map(String::as_str);
        let is_ours = |name: &&str| name.starts_with("notifier:provider/");
        let is_wasi = |name: &&str| name.starts_with("wasi:");
        let others = imports().filter(|name| !is_ours(name) && !is_wasi(name));
        [imports().filter(is_ours).collect(), imports().filter(is_wasi).collect(), others.collect()]
    }

    fn settings(&self) -> Vec<Setting> {
        settings(&serde_json::from_str(&self.portrait.settings_schema).unwrap_or_default())
    }

    fn to_json(&self) -> Result<String, serde_json::Error> {
        let Portrait { name, version, summary, channels, hosts, receipts, attributes, .. } = &self.portrait;
        let secrets = self.portrait.secrets.iter();
        let secrets: Vec<_> = secrets
            .map(|secret| json!({ "name": secret.name, "required": secret.is_required, "description": secret.description }))
            .collect();
        let [contract, wasi, other] = self.imports();
        let value = json!({
            "name": name,
            "version": version,
            "summary": summary,
            "contract": contract_of(&self.inspection.exports),
            "sha256": self.sha256,
            "size_bytes": self.size_bytes,
            "compile_ms": u64::try_from(self.compiled_in.as_millis()).unwrap_or(u64::MAX),
            "imports": { "contract": contract, "wasi": wasi, "other": other },
            "exports": self.inspection.exports,
            "channels": channels,
            "hosts": hosts,
            "secrets": secrets,
            "receipts": receipts,
            "attributes": attributes.iter().cloned().collect::<BTreeMap<_, _>>(),
            "settings_schema": serde_json::from_str::<Value>(&self.portrait.settings_schema).unwrap_or_default(),
        });
        Ok(format!("{}\n", serde_json::to_string_pretty(&value)?))
    }

    fn to_text(&self) -> String {
        let Portrait { name, version, summary, channels, hosts, receipts, .. } = &self.portrait;
        let mut text = format!("{name} {version}: {summary}\n\n");
        let [contract, wasi, other] = self.imports();
        let list = |items: &[&str]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        let texts = |items: &[String]| if items.is_empty() { "none".to_owned() } else { items.join(", ") };
        for (name, value) in [
            ("contract", contract_of(&self.inspection.exports)),
            ("sha256", self.sha256.clone()),
            ("size", format!("{} bytes", self.size_bytes)),
            ("compiled in", format!("{} ms", self.compiled_in.as_millis())),
            ("imports", list(&contract)),
            ("of WASI", list(&wasi)),
            ("of others", list(&other)),
            ("exports", texts(&self.inspection.exports)),
            ("channels", texts(channels)),
            ("hosts", texts(hosts)),
            ("receipts", texts(receipts)),
        ] {
            push(&mut text, format_args!("{name:<12} {value}\n"));
        }
        text.push_str("\nsecrets\n");
        for secret in &self.portrait.secrets {
            let need = if secret.is_required { "required" } else { "optional" };
            push(&mut text, format_args!("  {:<24} {need:<9} {}\n", secret.name, secret.description));
        }
        text.push_str("\nsettings\n");
        for setting in self.settings() {
            let need = if setting.is_required { "required" } else { "optional" };
            push(
                &mut text,
                format_args!("  {:<24} {need:<9} {:<8} {}\n", setting.name, setting.kind, setting.description),
            );
        }
        text
    }
}

/// A line of the table of settings.
#[derive(Debug, PartialEq, Eq)]
struct Setting {
    name: String,
    kind: String,
    is_required: bool,
    description: String,
}

fn settings(schema: &Value) -> Vec<Setting> {
    let is_required = |name: &str| {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        required.iter().any(|required| required == name)
    };
    let setting = |(name, property): (&String, &Value)| {
        let mut description = property["description"].as_str().unwrap_or_default().to_owned();
        if let Some(default) = property.get("default") {
            push(&mut description, format_args!(" ({default} unless told otherwise)"));
        }
        Setting {
            name: name.clone(),
            kind: property["type"].as_str().unwrap_or("any").to_owned(),
            is_required: is_required(name),
            description,
        }
    };
    schema["properties"].as_object().into_iter().flatten().map(setting).collect()
}

fn push(text: &mut String, piece: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = text.write_fmt(piece);
}

#[cfg(test)]
mod tests {
    use notifier_core::wasm::rehearsal::SecretWanted;

    use super::*;

    fn findings() -> Findings {
        let schema = json!({
            "type": "object",
            "properties": {
                "base_url": { "type": "string", "description": "Where it is", "default": "https://api.acme.example" },
                "from": { "type": "string", "description": "Who sends" }
            },
            "required": ["from"]
        });
        Findings {
            sha256: "00ff".into(),
            size_bytes: 1024,
            compiled_in: Duration::from_millis(12),
            inspection: Inspection {
                imports: vec!["notifier:provider/http@0.1.0".into(), "wasi:io/streams@0.2.6".into()],
                exports: vec!["notifier:provider/provider@0.1.0".into()],
            },
            portrait: Portrait {
                name: "acme".into(),
                version: "1.2.0".into(),
                summary: "SMS through Acme".into(),
                channels: vec!["sms".into()],
                settings_schema: schema.to_string(),
                hosts: vec!["api.acme.example".into()],
                secrets: vec![SecretWanted {
                    name: "token".into(),
                    is_required: true,
                    description: "API token".into(),
                }],
                receipts: vec![],
                attributes: vec![],
            },
        }
    }

    #[test]
    fn for_people() {
        let text = findings().to_text();
        for line in [
            "acme 1.2.0: SMS through Acme\n",
            "contract     notifier:provider@0.1.0\n",
            "of WASI      wasi:io/streams@0.2.6\n",
            "of others    none\n",
            "receipts     none\n",
            "  token                    required  API token\n",
            "  from                     required  string   Who sends\n",
            "(\"https://api.acme.example\" unless told otherwise)\n",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }

    #[test]
    fn for_programs() {
        let value: Value = serde_json::from_str(&findings().to_json().unwrap()).unwrap();
        assert_eq!(value["imports"]["wasi"], json!(["wasi:io/streams@0.2.6"]));
        assert_eq!(value["settings_schema"]["required"], json!(["from"]));
        assert_eq!(value["secrets"][0]["required"], true);
        assert_eq!(value["compile_ms"], 12);
    }

    #[test]
    fn the_version_of_the_contract() {
        assert_eq!(contract_of(&["x".into(), "notifier:provider/provider@0.2.0".into()]), "notifier:provider@0.2.0");
        assert_eq!(contract_of(&[]), "no notifier:provider");
    }
}
