//! `notifier plugin new`: a project that builds and passes `notifier plugin test`, to be changed step by step.
//!
//! It is the example of its language in `examples/plugins`, which is built and tested there, under another name.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::{Done, PluginKitError};

/// A language of components.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    Rust,
    Js,
    Python,
}

/// What `new` is told.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The vendor, in lower-case letters, digits and hyphens
    name: String,
    /// In which language
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Language,
    /// The directory to make; NAME unless told otherwise
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
    /// For Rust: where the guest SDK is, `plugins/sdk` of notifier's sources
    #[arg(long, value_name = "DIR", required_if_eq("lang", "rust"))]
    sdk: Option<PathBuf>,
}

/// A file of a project: its path, and its text. No path is made of the vendor's name, which may be that of another file, or of what
/// the language brings along.
type Template = (&'static str, &'static str);

const EXCHANGES: Template = ("exchanges.json", include_str!("../../../examples/plugins/acme.exchanges.json"));
const CONTRACT: Template = ("wit/provider.wit", include_str!("../../../wit/provider.wit"));

const RUST: &[Template] = &[
    ("README.md", include_str!("templates/rust.md")),
    ("Cargo.toml", include_str!("../../../examples/plugins/rust/Cargo.toml")),
    ("src/lib.rs", include_str!("../../../examples/plugins/rust/src/lib.rs")),
    ("src/send.rs", include_str!("../../../examples/plugins/rust/src/send.rs")),
    ("src/receive.rs", include_str!("../../../examples/plugins/rust/src/receive.rs")),
    ("src/tests.rs", include_str!("../../../examples/plugins/rust/src/tests.rs")),
    ("src/settings.schema.json", include_str!("../../../examples/plugins/rust/src/settings.schema.json")),
    EXCHANGES,
];

const JS: &[Template] = &[
    ("README.md", include_str!("templates/js.md")),
    ("package.json", include_str!("../../../examples/plugins/js/package.json")),
    ("tsconfig.json", include_str!("../../../examples/plugins/js/tsconfig.json")),
    ("contract.d.ts", include_str!("../../../examples/plugins/js/contract.d.ts")),
    ("plugin.js", include_str!("../../../examples/plugins/js/acme.js")),
    ("answer.js", include_str!("../../../examples/plugins/js/answer.js")),
    CONTRACT,
    EXCHANGES,
];

const PYTHON: &[Template] = &[
    ("README.md", include_str!("templates/python.md")),
    ("requirements.txt", include_str!("../../../examples/plugins/python/requirements.txt")),
    ("plugin.py", include_str!("../../../examples/plugins/python/acme.py")),
    ("answer.py", include_str!("../../../examples/plugins/python/answer.py")),
    CONTRACT,
    EXCHANGES,
];

pub(super) fn new(asked: &New) -> Result<Done, PluginKitError> {
    check_name(&asked.name)?;
    let into = asked.into.clone().unwrap_or_else(|| PathBuf::from(&asked.name));
    if into.exists() {
        return Err(PluginKitError::Exists(into));
    }
    for (path, text) in files(asked)? {
        write(&into.join(path), &text)?;
    }
    let readme = into.join("README.md");
    Ok(Done { text: format!("Made `{}`: see {}.\n", into.display(), readme.display()), is_sound: true })
}

fn check_name(name: &str) -> Result<(), PluginKitError> {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let begins_well = name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.ends_with('-');
    let is_name = begins_well && name.len() <= 64 && name.chars().all(is_plain) && !name.contains("--");
    if is_name { Ok(()) } else { Err(PluginKitError::NoName(name.to_owned())) }
}

fn files(asked: &New) -> Result<Vec<(String, String)>, PluginKitError> {
    let sdk = match (&asked.sdk, asked.lang) {
        (Some(path), Language::Rust) => {
            let found = fs::canonicalize(path);
            found.map_err(|source| PluginKitError::Read { path: path.clone(), source })?
        }
        _ => PathBuf::new(),
    };
    let templates = match asked.lang {
        Language::Rust => RUST,
        Language::Js => JS,
        Language::Python => PYTHON,
    };
    let replacements = replacements(&asked.name, &sdk);
    let file = |(path, text): &Template| {
        let text = if *path == CONTRACT.0 { (*text).to_owned() } else { renamed(text, &replacements) };
        ((*path).to_owned(), text)
    };
    Ok(templates.iter().map(file).collect())
}

/// What stands in the example, and what in a project for another vendor. Where several would do, the first counts.
fn replacements(name: &str, sdk: &Path) -> Vec<(&'static str, String)> {
    // Rust has a crate and a type of their own, which must not be `core` or `Message`.
    let vendor_type = format!("{}Plugin", camel(name));
    vec![
        ("{{module}}", name.replace('-', "_")),
        ("\"../../../plugins/sdk\"", serde_json::Value::from(sdk.display().to_string()).to_string()),
        ("../../acme.exchanges.json", "../exchanges.json".into()),
        ("\"acme.js\"", "\"plugin.js\"".into()),
        ("name = \"acme\"", format!("name = \"{name}-plugin\"")),
        (", a gateway that does not exist: an example of a provider plugin", String::new()),
        ("struct Acme;", format!("struct {vendor_type};")),
        ("for Acme {", format!("for {vendor_type} {{")),
        ("(Acme)", format!("({vendor_type})")),
        ("<Acme>", format!("<{vendor_type}>")),
        ("crate::Acme;", format!("crate::{vendor_type};")),
        ("Acme::", format!("{vendor_type}::")),
        ("X-Acme-", format!("X-{name}-")),
        ("acme", name.to_owned()),
        ("Acme", camel(name)),
    ]
}

/// The text with all of them made, from its beginning to its end: what was put in is not looked at again.
fn renamed(text: &str, replacements: &[(&str, String)]) -> String {
    let mut renamed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let found = replacements.iter().find_map(|(from, to)| Some((rest.strip_prefix(from)?, to)));
        match found {
            Some((after, to)) => {
                renamed.push_str(to);
                rest = after;
            }
            None => {
                renamed.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    renamed
}

/// As a type is named.
fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str()).unwrap_or_default()
    };
    name.split('-').map(word).collect()
}

fn write(path: &Path, text: &str) -> Result<(), PluginKitError> {
    let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, text));
    written.map_err(|source| PluginKitError::Write { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use notifier_plugin_exchanges::Exchanges;

    use super::*;

    fn project(lang: Language) -> tempfile::TempDir {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk");
        named("tele-post", lang, &sdk)
    }

    fn named(name: &str, lang: Language, sdk: &Path) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let into = Some(place.path().join("project"));
        new(&New { name: name.into(), lang, into, sdk: Some(sdk.to_owned()) }).unwrap();
        place
    }

    fn every_file(directory: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => every_file(&path, found),
                false => found.push((path.clone(), fs::read_to_string(&path).unwrap())),
            }
        }
    }

    #[test]
    fn projects_are_whole_and_have_nothing_of_the_example_left() {
        for (lang, main) in
            [(Language::Rust, "src/lib.rs"), (Language::Js, "plugin.js"), (Language::Python, "plugin.py")]
        {
            let place = project(lang);
            let root = place.path().join("project");
            assert!(fs::read_to_string(root.join(main)).unwrap().contains("\"tele-post\""), "{lang:?}");
            let exchanges = Exchanges::read(&fs::read_to_string(root.join("exchanges.json")).unwrap()).unwrap();
            assert_eq!(exchanges.settings["base_url"], "https://api.tele-post.example");
            let headers = exchanges.webhooks.iter().flat_map(|case| case.webhook.headers.keys());
            let other = headers
                .map(|name| name.to_lowercase())
                .find(|name| name.starts_with("x-") && name != "x-tele-post-signature");
            assert_eq!(other, None, "the header is one, whatever its letters");
            let mut files = Vec::new();
            every_file(&root, &mut files);
            for (path, text) in files {
                let is_left =
                    text.to_lowercase().contains("acme") || text.contains("{{module}}") || text.contains("../../");
                // The contract speaks of no vendor, and of none of these.
                assert!(!is_left || path.ends_with("wit/provider.wit"), "{lang:?} {}", path.display());
            }
        }
    }

    #[test]
    fn rust_names_its_sdk() {
        let place = project(Language::Rust);
        let manifest = fs::read_to_string(place.path().join("project/Cargo.toml")).unwrap();
        let line = manifest.lines().find(|line| line.starts_with("notifier-plugin-sdk")).unwrap();
        let path = line.split('"').nth(1).unwrap();
        assert!(Path::new(path).join("Cargo.toml").is_file(), "{line}");
    }

    /// The path of the SDK and the name are put in once, and not looked at again.
    #[test]
    fn what_was_put_in_stays_as_it_is() {
        let place = tempfile::tempdir().unwrap();
        let sdk = place.path().join("Acme/acme-sdk");
        fs::create_dir_all(&sdk).unwrap();
        let project = named("acme-2", Language::Rust, &sdk);
        let read = |path: &str| fs::read_to_string(project.path().join("project").join(path)).unwrap();
        let path = fs::canonicalize(&sdk).unwrap();
        assert!(read("Cargo.toml").contains(&format!("path = \"{}\"", path.display())), "{}", read("Cargo.toml"));
        assert!(read("Cargo.toml").contains("name = \"acme-2-plugin\"\n"));
        assert!(
            read("src/lib.rs").contains("name: \"acme-2\".into()") && read("src/lib.rs").contains("for Acme2Plugin {")
        );
        assert!(read("exchanges.json").contains("https://api.acme-2.example"));
    }

    #[test]
    fn a_vendor_may_be_called_like_a_file_a_module_or_a_type() {
        for (lang, templates) in [(Language::Js, JS), (Language::Python, PYTHON), (Language::Rust, RUST)] {
            for name in ["answer", "plugin", "json", "contract", "message", "core"] {
                let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk");
                let project = named(name, lang, &sdk);
                let mut files = Vec::new();
                every_file(&project.path().join("project"), &mut files);
                assert_eq!(files.len(), templates.len(), "{lang:?} {name}: each file is there");
            }
        }
        let project = named("message", Language::Rust, Path::new(env!("CARGO_MANIFEST_DIR")));
        let read = |path: &str| fs::read_to_string(project.path().join("project").join(path)).unwrap();
        assert!(
            !read("src/lib.rs").contains("struct Message;")
                && read("src/lib.rs").contains("export_provider!(MessagePlugin);")
        );
        assert!(
            read("src/tests.rs").contains("replay::<MessagePlugin>")
                && read("src/tests.rs").contains("use crate::MessagePlugin;")
        );
    }

    #[test]
    fn nothing_is_written_over_and_names_are_names() {
        let place = tempfile::tempdir().unwrap();
        let asked =
            |name: &str| New { name: name.into(), lang: Language::Js, into: Some(place.path().to_owned()), sdk: None };
        assert!(matches!(new(&asked("acme")), Err(PluginKitError::Exists(_))));
        for wrong in ["", "Acme", "1acme", "a--b", "acme-", "../acme", "a_b"] {
            assert!(matches!(new(&asked(wrong)), Err(PluginKitError::NoName(_))), "{wrong}");
        }
        assert_eq!(camel("tele-post-2"), "TelePost2");
    }
}
