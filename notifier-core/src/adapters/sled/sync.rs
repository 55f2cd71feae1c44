//! The moment from which on something is durable.

use std::fs::File;
use std::io;
use std::path::Path;

/// Brings everything that was written to the data file onto the medium.
///
/// sled's own flush ends in `sync_file_range`, which waits for the data and leaves out the file's metadata and the
/// device's cache: what it acknowledges is lost with the power (spacejam/sled#1452).
pub(super) trait DataSync: Send + 'static {
    /// Returns when it is done. After an error nothing is known about what was written (the kernel may have thrown it
    /// away), and no later success makes up for it.
    fn sync(&mut self) -> io::Result<()>;
}

/// `fdatasync` on a handle of our own.
#[derive(Debug)]
pub(super) struct FileSync(File);

impl FileSync {
    pub(super) fn open(data_file: &Path) -> io::Result<Self> {
        File::options().read(true).write(true).open(data_file).map(Self)
    }
}

impl DataSync for FileSync {
    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// Makes it durable which files a folder has.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
