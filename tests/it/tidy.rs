//! What a reader may rely on: who imports whom, how large things are, and what is nowhere to be found.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Folders of code that we wrote, below the root.
const CODE: [&str; 6] = ["notifier-core", "notifier-server", "plugins", "examples", "tests", "wit"];
const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// Stands before a function or at the top of a file that is longer than allowed, with the reason.
const LONG_BECAUSE: &str = "// Long because ";

struct Source {
    /// Below the root, with `/`.
    path: String,
    text: String,
}

/// Every file with that ending at the root and in those folders, without build output.
fn sources(ending: &str) -> Vec<Source> {
    let mut open = vec![root()];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let is_root = folder == root();
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            if path.is_dir() {
                let is_output = matches!(name.as_str(), "target" | "node_modules" | "testdata");
                if !is_output && (!is_root || CODE.contains(&name.as_str())) {
                    open.push(path);
                }
            } else if name.ends_with(ending) {
                let text = fs::read_to_string(&path).unwrap();
                found.push(Source {
                    path: path.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/"),
                    text,
                });
            }
        }
    }
    assert!(!found.is_empty(), "no file ends with {ending}");
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn rust() -> Vec<Source> {
    sources(".rs")
}

/// Fails with one line for each offence.
fn assert_none(what: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{what}:\n  {}", offences.join("\n  "));
}

/// The names that follow `prefix` as paths, those of a group (`prefix{a::b, c}`) one by one.
fn names_after(text: &str, prefix: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |path: &str| path.trim_start().chars().take_while(|c| is_name(*c)).collect::<String>();
    let mut names = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let rest = &text[at + prefix.len()..];
        if text[..at].ends_with(|c: char| is_name(c) || c == ':') {
            continue; // The end of a longer name or path.
        }
        let Some(group) = rest.strip_prefix('{') else {
            names.push(name(rest));
            continue;
        };
        let mut depth = 1;
        let mut item = String::new();
        for c in group.chars() {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 {
                break;
            }
            if c == ',' && depth == 1 { names.push(name(&std::mem::take(&mut item))) } else { item.push(c) }
        }
        names.push(name(&item));
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn layers_import_only_what_the_design_allows() {
    let allowed: [(&str, &[&str]); 5] = [
        ("domain", &["domain"]),
        ("ports", &["domain", "ports"]),
        // `error` holds the public errors, which speak of the domain and the ports only.
        ("flow", &["domain", "ports", "flow", "error"]),
        ("adapters", &["domain", "ports", "adapters"]),
        // The engine in virtual time stands beside the builder; the doubles are named together with it.
        ("testing", &["domain", "ports", "testing", "virtual_engine"]),
    ];
    let mut offences = Vec::new();
    for source in rust() {
        let Some(inside) = source.path.strip_prefix("notifier-core/src/") else { continue };
        let layer = inside.split(['/', '.']).next().unwrap();
        let Some((_, may)) = allowed.iter().find(|(name, _)| *name == layer) else { continue };
        // In an adapter's own tests the doubles and suites are what is wanted.
        let is_test = source.path.contains("/tests/") || source.text.contains("#[cfg(test)]");
        for module in names_after(&source.text, "crate::") {
            let is_macro = source.text.contains(&format!("crate::{module}!")) || module == "store_conformance";
            let is_module = module.starts_with(|c: char| c.is_ascii_lowercase());
            let is_test_double = module == "testing" && is_test;
            // `planted!` is `false` in every build that is not a search for planted bugs.
            let is_planted = module == "planted";
            if is_module && !is_macro && !is_planted && !may.contains(&module.as_str()) && !is_test_double {
                offences.push(format!("{}: `{layer}` must not use `{module}`", source.path));
            }
        }
        // Who climbs to the root of the crate leaves the layer without naming where to.
        let depth = inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
        if source.text.contains(&"super::".repeat(depth)) {
            offences.push(format!("{}: leaves `{layer}` by `super::`; write `crate::`", source.path));
        }
    }
    assert_none("imports against the table in ARCHITECTURE.md", &offences);
}

#[test]
fn the_inner_layers_use_few_and_pure_crates() {
    let pure = ["jiff", "serde_json", "thiserror"];
    let domain = ["uuid", "handlebars", "email_address", "rlibphonenumber"];
    let ports = ["async_trait", "futures_util", "secrecy"];
    // Of `std::io` only the traits and the error are of use without files and sockets.
    let plain = [
        "borrow",
        "cmp",
        "collections",
        "error",
        "fmt",
        "future",
        "hash",
        "io",
        "iter",
        "mem",
        "num",
        "ops",
        "pin",
        "str",
        "sync",
    ];
    let manifest = fs::read_to_string(root().join("notifier-core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().lines();
    let dependencies: BTreeSet<String> =
        dependencies.filter_map(|line| Some(line.split(['.', ' ']).next()?.replace('-', "_"))).collect();
    let mut offences = Vec::new();
    for source in rust() {
        let layer = [("notifier-core/src/domain/", &domain[..]), ("notifier-core/src/ports/", &ports[..])];
        let Some((_, may)) = layer.iter().find(|(folder, _)| source.path.starts_with(folder)) else { continue };
        let shipped = source.text.split("#[cfg(test)]").next().unwrap_or_default();
        if source.path.ends_with("/tests.rs") || source.path.contains("/tests/") {
            continue;
        }
        let code = shipped.lines().map(|line| line.split("//").next().unwrap_or_default());
        let code = code.collect::<Vec<_>>().join("\n");
        for name in dependencies.iter().filter(|name| !name.is_empty()) {
            let is_used = !names_after(&code, &format!("{name}::")).is_empty();
            if is_used && !pure.contains(&name.as_str()) && !may.contains(&name.as_str()) {
                offences.push(format!("{}: uses `{name}`", source.path));
            }
        }
        for module in names_after(&code, "std::") {
            let is_duration = module == "time" && !code.contains("Instant") && !code.contains("SystemTime");
            if !plain.contains(&module.as_str()) && !is_duration {
                offences.push(format!("{}: uses `std::{module}`", source.path));
            }
        }
    }
    assert_none("what does not belong into domain or ports", &offences);
}

#[test]
fn the_public_interface_names_no_library_behind_it() {
    let faces = ["notifier.rs", "builder.rs", "error.rs", "domain/", "ports/"];
    let hidden = ["sled::", "wasmtime::", "wasmtime_wasi::", "sqlx::", "axum::", "hyper::", "lettre::"];
    let mut offences = Vec::new();
    for source in rust() {
        let Some(inside) = source.path.strip_prefix("notifier-core/src/") else { continue };
        if !faces.iter().any(|face| inside.starts_with(face)) {
            continue;
        }
        for (number, line) in source.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default().replace("adapters::sled::", "");
            offences.extend(
                hidden
                    .iter()
                    .filter(|name| code.contains(*name))
                    .map(|name| format!("{}:{}: {name}", source.path, number + 1)),
            );
        }
    }
    assert_none("types of libraries in the public interface", &offences);
}

#[test]
fn every_module_says_what_it_is_for() {
    // It is a block of `plugins/README.md`, which says what it is for.
    const SHOWN: &str = "plugins/sdk/tests/readme/src/lib.rs";
    let opens = |source: &Source| ["//!", "#!"].iter().any(|start| source.text.starts_with(start));
    let silent = |source: &&Source| !opens(source) && source.path != SHOWN;
    let offences: Vec<String> = rust().iter().filter(silent).map(|source| source.path.clone()).collect();
    assert_none("modules that do not open with `//!`", &offences);
}

#[test]
fn files_and_functions_stay_short() {
    let mut offences = Vec::new();
    for source in rust() {
        let lines: Vec<&str> = source.text.lines().collect();
        let is_excused = lines.iter().take(10).any(|line| line.starts_with(LONG_BECAUSE));
        if lines.len() > FILE_LINES_MAX && !is_excused {
            offences.push(format!("{}: {} lines", source.path, lines.len()));
        }
        for (start, length) in functions(&lines) {
            let is_excused =
                lines[..start].iter().rev().take(12).any(|line| line.trim_start().starts_with(LONG_BECAUSE));
            if length > FUNCTION_LINES_MAX && !is_excused {
                offences.push(format!("{}:{}: {length} lines", source.path, start + 1));
            }
        }
    }
    assert_none("longer than allowed, without a reason", &offences);
}

/// Where each function starts, and its lines, the signature included.
fn functions(lines: &[&str]) -> Vec<(usize, usize)> {
    let starts = lines.iter().enumerate().filter(|(_, line)| is_function(line));
    let length = |start: usize, line: &str| {
        let indent = &line[..line.len() - line.trim_start().len()];
        let (end, declared) = (format!("{indent}}}"), format!("{indent})"));
        let is_end = |line: &str| line == end || (line.starts_with(&declared) && line.ends_with(';'));
        let is_one_line = line.ends_with([';', '}']);
        let rest = lines[start + 1..].iter().take_while(|line| !is_one_line && !is_end(line)).count();
        1 + if is_one_line { 0 } else { rest + 1 }
    };
    starts.map(|(start, line)| (start, length(start, line))).collect()
}

fn is_function(line: &str) -> bool {
    let code = line.trim_start();
    let code = code.strip_prefix("pub(").map_or(code, |rest| rest.split_once(')').map_or(rest, |(_, code)| code));
    let is_modifier = |word: &&str| matches!(*word, "pub" | "async" | "unsafe" | "const" | "extern" | "\"C\"");
    code.split_whitespace().find(|word| !is_modifier(word)) == Some("fn")
}

#[test]
fn the_rules_see_what_they_are_for() {
    let text = "use crate::{domain::{a, b}, flow::c};\nlet x = crate::adapters::Y; mycrate::no; crate::ports::p";
    assert_eq!(names_after(text, "crate::"), ["domain", "flow", "adapters", "ports"]);
    assert_eq!(names_after("use std::{fs, net::{self}};", "std::"), ["fs", "net"]);
    let lines = [
        "    pub(in crate::x) async fn long(",
        "        a: usize,",
        "    ) -> usize",
        "    where",
        "        A: B,",
        "    {",
        "        a",
        "",
        "    }",
        "    fn declared(&self);",
        "    fn short(&self) -> u8 { 1 }",
        "    const fn one() {",
        "    }",
    ];
    assert_eq!(functions(&lines), [(0, 9), (9, 1), (10, 1), (11, 2)]);
}

#[test]
fn nothing_is_put_off_or_left_out() {
    let marks =
        [["TO", "DO"], ["FIX", "ME"], ["todo", "!("], ["unimplemented", "!("], ["#[ign", "ore"]].map(|m| m.concat());
    let mut offences = Vec::new();
    for source in [rust(), sources(".md"), sources(".toml"), sources(".wit"), sources(".js")].into_iter().flatten() {
        for (number, line) in source.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("put off", &offences);
}

#[test]
fn names_say_what_things_are() {
    let vague = ["util", "utils", "common", "manager", "helper", "helpers", "misc"];
    let stem = |source: &Source| Path::new(&source.path).with_extension("").to_str().unwrap().to_owned();
    let is_vague = |source: &Source| stem(source).split('/').any(|part| vague.contains(&part));
    let offences: Vec<String> = rust().into_iter().filter(is_vague).map(|source| source.path).collect();
    assert_none("names that say nothing", &offences);
}

#[test]
fn the_root_holds_the_folders_of_the_design_and_no_other() {
    let listed = std::process::Command::new("git").args(["ls-files"]).current_dir(root()).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let folders: BTreeSet<&str> = listed.lines().filter_map(|path| Some(path.split_once('/')?.0)).collect();
    let extra: Vec<String> =
        folders.iter().filter(|f| !CODE.contains(f) && !f.starts_with('.')).map(ToString::to_string).collect();
    assert_none("folders beyond the fixed layout", &extra);
}

#[test]
fn every_dependency_earns_its_line() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let architecture = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let table = manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    let names =
        table.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).filter(|name| !name.starts_with("notifier"));
    let missing = names.filter(|name| !architecture.contains(&format!("`{name}`"))).map(str::to_owned);
    assert_none("dependencies without a line in ARCHITECTURE.md", &missing.collect::<Vec<_>>());
}

#[test]
fn no_file_speaks_of_the_machine_it_was_written_on() {
    let places = [["/ro", "ot/"], ["/ho", "me/"], ["/wo", "rk/"]].map(|place| place.concat());
    let mut offences = Vec::new();
    for source in [rust(), sources(".md"), sources(".toml"), sources(".sh")].into_iter().flatten() {
        for (number, line) in source.text.lines().enumerate() {
            // A list of such places, in a test that looks for them, is not one of them.
            let is_list = places.iter().all(|place| line.contains(place.as_str()) || place.contains("wo"));
            if !is_list && places.iter().any(|place| line.contains(place.as_str())) {
                offences.push(format!("{}:{}: {}", source.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("paths of a machine", &offences);
}
