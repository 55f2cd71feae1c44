//! Compiled components, in memory and on disk: compiling takes a tenth of a second and more, loading compiled code
//! well under a millisecond.
//!
//! Compiled code is native code that runs unchecked. It is therefore only ever read from a directory that belongs to
//! this process's user and that nobody else can write to, from a file for which both are true as well, which this module
//! wrote, whole, and whose checksum is right.

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use ring::digest::{Context, Digest, SHA256, digest};
use wasmtime::Engine;
use wasmtime::component::Component;

use super::error::PluginError;

/// Turns component bytes into compiled code, remembering the result where there is a directory for it.
pub(super) struct ComponentCache {
    directory: Option<PathBuf>,
    /// Identifies compiler, version and settings: code of another engine is another file.
    engine_key: String,
    /// Two accounts with one vendor share their code. What was asked for last stands at the end.
    compiled: Mutex<Vec<Remembered>>,
}

struct Remembered {
    /// Hash of the component.
    key: String,
    component: Component,
    users: Weak<()>,
}

/// A component's code, for whoever uses it.
pub(super) struct Compiled {
    component: Component,
    _user: Arc<()>,
}

impl Compiled {
    pub(super) fn component(&self) -> &Component {
        &self.component
    }
}

/// So many components are remembered that nobody uses, as those that were replaced: somebody may go back, or try once more.
const UNUSED_MAX: usize = 4;
/// So many files are kept; those that were written first go first. What is needed and gone is compiled again.
const FILES_MAX: usize = 64;
/// How the names of files end that are whole, and of those that are being written.
const FILE_ENDINGS: [&str; 2] = ["cwasm", "new"];

/// Begins every file, so that a foreign or older file is recognised.
const MAGIC: &[u8; 8] = b"NTFYWC01";

impl ComponentCache {
    pub(super) fn open(directory: Option<PathBuf>, engine: &Engine) -> Result<Self, PluginError> {
        if let Some(path) = &directory {
            prepare(path).map_err(|error| PluginError::Cache {
                path: path.clone(),
                problem: format!("cannot be made private to its owner: {error}"),
            })?;
        }
        let mut hasher = DigestHasher(Context::new(&SHA256));
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let engine_key = hex(&hasher.0.finish().as_ref()[..8]);
        Ok(Self { directory, engine_key, compiled: Mutex::default() })
    }

    /// The compiled component, from the cache if it is there. Trouble with the cache costs time, never correctness.
    pub(super) fn compile(&self, engine: &Engine, bytes: &[u8]) -> Result<Compiled, PluginError> {
        let key = hex(digest(&SHA256, bytes).as_ref());
        // Held while compiling: who wants the same component at the same time waits for it.
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        let known = compiled.iter().position(|remembered| remembered.key == key).map(|at| compiled.remove(at));
        let (component, user) = match known {
            Some(known) => (known.component, known.users.upgrade()),
            None => (self.load_or_compile(engine, bytes, &key)?, None),
        };
        let user = user.unwrap_or_default();
        compiled.push(Remembered { key, component: component.clone(), users: Arc::downgrade(&user) });
        let is_unused = |remembered: &Remembered| remembered.users.strong_count() == 0;
        let mut surplus = compiled.iter().filter(|one| is_unused(one)).count().saturating_sub(UNUSED_MAX);
        compiled.retain(|remembered| {
            let is_surplus = surplus > 0 && is_unused(remembered);
            surplus -= usize::from(is_surplus);
            !is_surplus
        });
        Ok(Compiled { component, _user: user })
    }

    /// Hashes of the components that are remembered, the one that was asked for last at the end.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> Vec<String> {
        let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        compiled.iter().map(|remembered| remembered.key.clone()).collect()
    }

    fn load_or_compile(&self, engine: &Engine, bytes: &[u8], component_key: &str) -> Result<Component, PluginError> {
        let invalid = |error: wasmtime::Error| PluginError::Component(format!("{error:#}"));
        let Some(directory) = &self.directory else { return Component::new(engine, bytes).map_err(invalid) };
        let path = directory.join(format!("{component_key}-{}.cwasm", self.engine_key));
        let found = read(&path).and_then(|code| match code {
            Some(code) => deserialize(engine, &code).map(Some).map_err(io::Error::other),
            None => Ok(None),
        });
        match found {
            Ok(Some(component)) => return Ok(component),
            Ok(None) => {}
            Err(error) => tracing::warn!(path = %path.display(), %error, "compiled component unusable, compiling anew"),
        }
        let component = Component::new(engine, bytes).map_err(invalid)?;
        let written = component.serialize().map_err(io::Error::other).and_then(|code| write(&path, &code));
        if let Err(error) = written.and_then(|()| make_room(directory)) {
            tracing::warn!(path = %path.display(), %error, "compiled component not kept, or too many others");
        }
        Ok(component)
    }
}

fn deserialize(engine: &Engine, code: &[u8]) -> wasmtime::Result<Component> {
    // SAFETY: the code was produced by `Component::serialize`: it was read from a file that `write` completed (its
    // checksum over the whole content is right) in a directory that only its owner can write to. wasmtime itself checks
    // that it was compiled by this version with these settings.
    #[expect(unsafe_code, reason = "loading compiled code is what makes a start take milliseconds")]
    unsafe {
        Component::deserialize(engine, code)
    }
}

/// Creates the directory, or takes write and read access from everybody else. Fails when others could have put something
/// into it: that it is private now says nothing about what is in it.
fn prepare(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let metadata = fs::symlink_metadata(directory)?;
    if !metadata.is_dir() {
        return Err(io::Error::other("it is a symbolic link"));
    }
    #[cfg(unix)]
    {
        check_owner(&metadata)?;
        let is_empty = || Ok::<_, io::Error>(fs::read_dir(directory)?.next().is_none());
        let was_open = may_others_write(&metadata);
        let others_wrote =
            || io::Error::other("others may write to it, and it is not empty: empty it, or name another one");
        if was_open && !is_empty()? {
            return Err(others_wrote());
        }
        fs::set_permissions(directory, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        // Somebody may have been quicker.
        if was_open && !is_empty()? {
            return Err(others_wrote());
        }
    }
    Ok(())
}

#[cfg(unix)]
fn check_owner(metadata: &fs::Metadata) -> io::Result<()> {
    let (owner, user) = (std::os::unix::fs::MetadataExt::uid(metadata), rustix::process::geteuid().as_raw());
    if owner == user {
        return Ok(());
    }
    let problem =
        format!("it belongs to user {owner}, and this process runs as user {user}: change its owner, or name another");
    Err(io::Error::other(problem))
}

#[cfg(unix)]
fn may_others_write(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o022 != 0
}

/// The code in the file; `None` when there is no file.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => return Err(io::Error::other("it is not a plain file")),
        #[cfg(unix)]
        Ok(metadata) if may_others_write(&metadata) => return Err(io::Error::other("others may write to it")),
        #[cfg(unix)]
        Ok(metadata) => check_owner(&metadata)?,
        #[cfg(not(unix))]
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut content = Vec::new();
    File::open(path)?.read_to_end(&mut content)?;
    let damaged = || io::Error::other("it is damaged");
    let rest = content.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (checksum, code) = rest.split_at_checked(SHA256.output_len()).ok_or_else(damaged)?;
    if checksum_of(code).as_ref() != checksum {
        return Err(damaged());
    }
    Ok(Some(code.to_vec()))
}

/// Writes to a temporary name first: another process sees the whole file or none.
fn write(path: &Path, code: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(MAGIC)?;
    file.write_all(checksum_of(code).as_ref())?;
    file.write_all(code)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Removes the oldest of more files than are kept.
fn make_room(directory: &Path) -> io::Result<()> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_ours = path.extension().is_some_and(|ending| FILE_ENDINGS.iter().any(|ours| ending == *ours));
        // Another process may have been quicker.
        if let (true, Ok(metadata)) = (is_ours, fs::symlink_metadata(&path)) {
            found.push((metadata.modified()?, path));
        }
    }
    found.sort();
    let surplus = found.len().saturating_sub(FILES_MAX);
    found.iter().take(surplus).try_for_each(|(_, path)| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

fn checksum_of(code: &[u8]) -> Digest {
    digest(&SHA256, code)
}

/// Feeds what is hashed into SHA-256: the standard hasher promises no stable result between releases.
struct DigestHasher(Context);

impl Hasher for DigestHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        let digest = self.0.clone().finish();
        digest.as_ref().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
    }
}

/// By table: AWS signs with it in every call.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn component(number: usize) -> Vec<u8> {
        wat::parse_str(format!("(component (core module (memory {number})))")).unwrap()
    }

    fn key(number: usize) -> String {
        hex(digest(&SHA256, &component(number)).as_ref())
    }

    #[test]
    fn what_is_used_is_remembered_and_of_what_was_replaced_the_latest() {
        let engine = Engine::default();
        let cache = ComponentCache::open(None, &engine).unwrap();
        let compile = |number| cache.compile(&engine, &component(number)).unwrap();
        let [used, also_used] = [compile(0), compile(0)];
        for number in 1..=10 {
            drop(compile(number));
        }
        let current = compile(11);
        assert_eq!(cache.remembered(), [0, 7, 8, 9, 10, 11].map(key));
        drop((used, current));
        drop(compile(7));
        drop(compile(12));
        drop(compile(13));
        assert_eq!(cache.remembered(), [0, 10, 11, 7, 12, 13].map(key));
        drop(also_used);
        drop(compile(14));
        assert_eq!(cache.remembered().first(), Some(&key(11)), "nobody is left who uses it");
    }

    #[test]
    fn of_many_files_the_oldest_go() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("components");
        let engine = Engine::default();
        let cache = ComponentCache::open(Some(path.clone()), &engine).unwrap();
        let names = ["1.cwasm", "2.7.new", "somebody-elses.txt"].map(str::to_owned);
        let more = (3..=FILES_MAX + 1).map(|number| format!("{number}.cwasm"));
        for (age, name) in names.into_iter().chain(more).enumerate() {
            let file = File::create_new(path.join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(age as u64)).unwrap();
        }
        drop(cache.compile(&engine, &component(1)).unwrap());
        let is_there = |name: &str| path.join(name).exists();
        assert_eq!(["1.cwasm", "2.7.new", "3.cwasm", "65.cwasm"].map(is_there), [false, false, true, true]);
        assert!(is_there("somebody-elses.txt"), "it is not ours");
        assert_eq!(fs::read_dir(&path).unwrap().count(), FILES_MAX + 1);
        let again = ComponentCache::open(Some(path.clone()), &engine).unwrap();
        drop(again.compile(&engine, &component(1)).unwrap());
        assert!(is_there("3.cwasm"), "it was kept");
    }
}
