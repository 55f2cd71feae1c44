//! The committed components are what the manifest says, and were built from the sources beside them.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use notifier_plugins::{Prebuilt, all, find};
use ring::digest;

/// All of them, fixtures included: their sources are checked wherever the sources are.
fn components() -> Vec<Prebuilt> {
    #[cfg_attr(not(feature = "fixtures"), expect(unused_mut, reason = "nothing is added without fixtures"))]
    let mut components = all().to_vec();
    #[cfg(feature = "fixtures")]
    components.push(notifier_plugins::HOSTILE);
    components
}

fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.file_name().and_then(|name| name.to_str()) {
            Some("tests" | "testing") if path.is_dir() => {}
            Some("tests.rs" | "exchanges.json") => {}
            _ if path.is_dir() => files_below(&path, found),
            _ => found.push(path),
        }
    }
}

/// The same as `sources_sha256` of `plugins/build.sh`.
fn sources_sha256(root: &Path, name: &str) -> String {
    let mut files = vec![root.join("plugins/Cargo.toml"), root.join("plugins/Cargo.lock")];
    let contract = fs::read_dir(root.join("wit")).unwrap().map(|entry| entry.unwrap().path());
    files.extend(contract.filter(|path| path.extension().is_some_and(|extension| extension == "wit")));
    files_below(&root.join("plugins/sdk"), &mut files);
    files_below(&root.join("plugins").join(name), &mut files);
    let relative = |path: &PathBuf| path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
    files.sort_by_key(relative);
    let lines = files.iter().map(|path| format!("{}  {}\n", sha256(&fs::read(path).unwrap()), relative(path)));
    sha256(lines.collect::<String>().as_bytes())
}

#[test]
fn components_are_those_of_the_manifest() {
    for Prebuilt { name, component, sha256: recorded, origin } in components() {
        assert_eq!(sha256(component), recorded, "{name}: run plugins/build.sh");
        assert_eq!(component.len(), origin.size_bytes, "{name}: run plugins/build.sh");
        // The magic number and version of a component (Component Model, binary format).
        assert_eq!(component[..8], *b"\0asm\x0d\0\x01\0", "{name} is not a component");
    }
}

#[test]
fn components_are_built_from_the_sources() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    for Prebuilt { name, origin, .. } in components() {
        let sources = sources_sha256(&root, name);
        assert_eq!(sources, origin.sources_sha256, "the sources of {name} changed: run plugins/build.sh and commit");
    }
}

#[test]
fn components_are_found_by_name() {
    let names: Vec<_> = all().iter().map(|prebuilt| prebuilt.name).collect();
    assert!(names.is_sorted() && names.len() == 12, "{names:?}");
    for name in names {
        assert_eq!(find(name).unwrap().name, name);
    }
    assert!(find("hostile").is_none() && find("").is_none());
}

#[test]
fn components_hold_no_path_of_the_machine_that_built_them() {
    for Prebuilt { name, component, .. } in components() {
        let text = String::from_utf8_lossy(component);
        let folders = ["home", "root", "tmp", "usr", "Users"].map(|folder| format!("/{folder}/"));
        for path in folders.iter().map(String::as_str).chain([".cargo"]) {
            assert!(!text.contains(path), "{name} holds `{path}`: plugins/build.sh does not remap it");
        }
    }
}
