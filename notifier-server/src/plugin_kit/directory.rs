//! The directory of installed plugins: components by their digests, and the lock file that says which is which.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{Installed, Lock, LockError};
use super::sha256;

const LOCK_FILE: &str = "plugins.lock";
/// Held by whoever changes the lock file. A file of its own, because the lock file is replaced by another at each change.
const GUARD_FILE: &str = "plugins.guard";

/// A directory of plugins.
pub(crate) struct Directory {
    path: PathBuf,
}

/// A change of the lock file, which nobody else can make before this one is made.
pub(super) struct Change<'a> {
    directory: &'a Directory,
    pub(super) lock: Lock,
    /// Released when it is closed.
    _guard: fs::File,
}

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("`{}`: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("`{}`: {source}", path.display())]
    Lock { path: PathBuf, source: LockError },
}

impl Directory {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The lock file; of a directory that is not there, one without plugins.
    pub(super) fn lock(&self) -> Result<Lock, DirectoryError> {
        let path = self.path.join(LOCK_FILE);
        match fs::read_to_string(&path) {
            Ok(toml) => Lock::read(&toml).map_err(|source| DirectoryError::Lock { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::new()),
            Err(source) => Err(DirectoryError::File { path, source }),
        }
    }

    /// The names of the plugins.
    pub(crate) fn names(&self) -> Result<Vec<String>, DirectoryError> {
        Ok(self.lock()?.plugins().iter().map(|plugin| plugin.name.clone()).collect())
    }

    /// What the lock file says of a plugin.
    pub(crate) fn installed(&self, name: &str) -> Result<Installed, DirectoryError> {
        let of_lock = |source| DirectoryError::Lock { path: self.path.join(LOCK_FILE), source };
        self.lock()?.get(name).cloned().map_err(of_lock)
    }

    /// Begins to change the lock file, once nobody else does; of a directory that is not there, makes it.
    pub(super) fn change(&self) -> Result<Change<'_>, DirectoryError> {
        let made = fs::create_dir_all(&self.path);
        made.map_err(|source| DirectoryError::File { path: self.path.clone(), source })?;
        let path = self.path.join(GUARD_FILE);
        let held = || {
            let guard = fs::File::options().create(true).write(true).truncate(false).open(&path)?;
            guard.lock()?;
            Ok(guard)
        };
        let guard = held().map_err(|source| DirectoryError::File { path: path.clone(), source })?;
        Ok(Change { directory: self, lock: self.lock()?, _guard: guard })
    }

    /// The component of an installed plugin, if it is the one that the lock file means.
    pub(crate) fn component(&self, name: &str) -> Result<(Vec<u8>, Installed), DirectoryError> {
        let installed = self.installed(name)?;
        let path = self.component_path(&installed.current.sha256);
        let component = fs::read(&path).map_err(|source| DirectoryError::File { path: path.clone(), source })?;
        installed.check_digest(&sha256(&component)).map_err(|source| DirectoryError::Lock { path, source })?;
        Ok((component, installed))
    }

    /// The lock file has digests of hexadecimal digits only, so that this stays in the directory.
    fn component_path(&self, sha256: &str) -> PathBuf {
        self.path.join(format!("{sha256}.wasm"))
    }
}

impl Change<'_> {
    /// Writes a component, before the lock file names it.
    pub(super) fn keep(&self, component: &[u8]) -> Result<(), DirectoryError> {
        write_whole(&self.directory.component_path(&sha256(component)), component)
    }

    /// Writes the lock file, and takes away what it does not name any more of `dropped`.
    pub(super) fn write(self, dropped: &[Installed]) -> Result<(), DirectoryError> {
        write_whole(&self.directory.path.join(LOCK_FILE), self.lock.to_toml().as_bytes())?;
        let versions = dropped.iter().flat_map(Installed::versions);
        for version in versions.filter(|version| !self.lock.refers_to(&version.sha256)) {
            let path = self.directory.component_path(&version.sha256);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(DirectoryError::File { path, source });
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes to a temporary name first: a reader sees the whole file or the one before, also after a power cut.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), DirectoryError> {
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    let written = written().inspect_err(|_| {
        // What went wrong is told; that something is left of it as well need not be.
        let _ = fs::remove_file(&temporary);
    });
    let durable = written.and_then(|()| sync_directory_of(path));
    durable.map_err(|source| DirectoryError::File { path: path.to_owned(), source })
}

/// The new name is durable once the directory is: to sync the file says nothing about it (fsync(2)).
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    // What is relative is so to the working directory, also where nothing else is left of it.
    fs::File::open(Path::new(".").join(directory))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::super::lock::{Access, Version};
    use super::*;

    fn version(component: &[u8]) -> Version {
        Version {
            version: "1.0.0".into(),
            sha256: sha256(component),
            contract: "notifier:provider@0.1.0".into(),
            signer: None,
            installed_at: "2026-01-01T00:00:00Z".into(),
            asks: Access::default(),
            granted: Access::default(),
        }
    }

    fn install(directory: &Directory, component: &[u8]) {
        let mut change = directory.change().unwrap();
        change.keep(component).unwrap();
        change.lock.install("acme", version(component)).unwrap();
        change.write(&[]).unwrap();
    }

    #[test]
    fn what_was_installed_is_found_until_it_is_changed_or_removed() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path().join("plugins"));
        assert!(directory.lock().unwrap().plugins().is_empty());
        install(&directory, b"first");
        install(&directory, b"second");
        assert_eq!(directory.component("acme").unwrap().0, b"second");
        let mut change = directory.change().unwrap();
        change.lock.roll_back("acme").unwrap();
        change.write(&[]).unwrap();
        assert_eq!(directory.component("acme").unwrap().0, b"first");

        fs::write(directory.component_path(&sha256(b"first")), b"altered").unwrap();
        let error = directory.component("acme").unwrap_err().to_string();
        assert!(error.contains(&sha256(b"first")) && error.contains(&sha256(b"altered")), "{error}");

        let mut change = directory.change().unwrap();
        let dropped = change.lock.remove("acme").unwrap();
        change.write(&[dropped]).unwrap();
        assert!(directory.component("acme").is_err());
        let left = fs::read_dir(&directory.path).unwrap().map(|entry| entry.unwrap().file_name());
        let mut left: Vec<_> = left.collect();
        left.sort();
        assert_eq!(left, [GUARD_FILE, LOCK_FILE]);
    }

    #[test]
    fn what_could_not_be_written_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        let taken = place.path().join(LOCK_FILE);
        fs::create_dir_all(taken.join("something")).unwrap();
        let error = write_whole(&taken, b"content").unwrap_err().to_string();
        assert!(error.contains(LOCK_FILE), "{error}");
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK_FILE]);
    }

    /// Each reads the lock file, changes it and writes it: whoever read it before another wrote would undo what that did.
    #[test]
    fn changes_are_made_one_after_the_other() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path());
        let held = directory.change().unwrap();
        let guard = fs::File::open(place.path().join(GUARD_FILE)).unwrap();
        assert!(matches!(guard.try_lock(), Err(fs::TryLockError::WouldBlock)));
        held.write(&[]).unwrap();
        assert!(guard.try_lock().is_ok());
        drop(guard);

        let names: Vec<String> = (0..16).map(|number| format!("acme-{number:02}")).collect();
        std::thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| {
                    let directory = Directory::new(place.path());
                    let mut change = directory.change().unwrap();
                    change.lock.install(name, version(name.as_bytes())).unwrap();
                    change.write(&[]).unwrap();
                });
            }
        });
        assert_eq!(directory.names().unwrap(), names);
    }
}
