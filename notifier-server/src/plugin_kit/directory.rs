//! The directory of installed plugins: components by their digests, and the lock file that says which is which.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::lock::{Installed, Lock, LockError};
use super::sha256;

const LOCK_FILE: &str = "plugins.lock";

/// A directory of plugins.
pub(crate) struct Directory {
    path: PathBuf,
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

    /// Writes a component, before the lock file names it.
    pub(super) fn keep(&self, component: &[u8]) -> Result<(), DirectoryError> {
        let made = fs::create_dir_all(&self.path);
        made.map_err(|source| DirectoryError::File { path: self.path.clone(), source })?;
        write_whole(&self.component_path(&sha256(component)), component)
    }

    /// Writes the lock file, and takes away what it does not name any more of `dropped`.
    pub(super) fn write(&self, lock: &Lock, dropped: &[Installed]) -> Result<(), DirectoryError> {
        write_whole(&self.path.join(LOCK_FILE), lock.to_toml().as_bytes())?;
        let versions = dropped.iter().flat_map(|plugin| std::iter::once(&plugin.current).chain(&plugin.previous));
        for version in versions.filter(|version| !lock.refers_to(&version.sha256)) {
            let path = self.component_path(&version.sha256);
            match fs::remove_file(&path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(DirectoryError::File { path, source });
                }
                _ => {}
            }
        }
        Ok(())
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

/// Writes to a temporary name first: a reader sees the whole file or the one before.
fn write_whole(path: &Path, content: &[u8]) -> Result<(), DirectoryError> {
    let temporary = path.with_extension(format!("{}.new", std::process::id()));
    let written = || {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    written().map_err(|source| DirectoryError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::super::lock::Version;
    use super::*;

    fn install(directory: &Directory, lock: &mut Lock, component: &[u8]) {
        let version = Version {
            version: "1.0.0".into(),
            sha256: sha256(component),
            contract: "notifier:provider@0.1.0".into(),
            signer: None,
            installed_at: "2026-01-01T00:00:00Z".into(),
        };
        directory.keep(component).unwrap();
        lock.install("acme", version, vec![], vec![]).unwrap();
        directory.write(lock, &[]).unwrap();
    }

    #[test]
    fn what_was_installed_is_found_until_it_is_changed_or_removed() {
        let place = tempfile::tempdir().unwrap();
        let directory = Directory::new(place.path().join("plugins"));
        let mut lock = directory.lock().unwrap();
        assert!(lock.plugins().is_empty());
        install(&directory, &mut lock, b"first");
        install(&directory, &mut lock, b"second");
        assert_eq!(directory.component("acme").unwrap().0, b"second");
        lock.roll_back("acme").unwrap();
        directory.write(&lock, &[]).unwrap();
        assert_eq!(directory.component("acme").unwrap().0, b"first");

        fs::write(directory.component_path(&sha256(b"first")), b"altered").unwrap();
        let error = directory.component("acme").unwrap_err().to_string();
        assert!(error.contains(&sha256(b"first")) && error.contains(&sha256(b"altered")), "{error}");

        let dropped = lock.remove("acme").unwrap();
        directory.write(&lock, &[dropped]).unwrap();
        assert!(directory.component("acme").is_err());
        let left: Vec<_> = fs::read_dir(&directory.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [LOCK_FILE]);
    }
}
