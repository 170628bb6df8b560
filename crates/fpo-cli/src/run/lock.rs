//! The right to write into the folder of a run, which one process has at a time.
//!
//! Two things are locked: the file `.lock`, and the folder itself. A file can be removed while
//! it is locked, and whoever makes it anew locks another file; the folder stays the same. Where a
//! file system cannot lock folders, the file alone has to do.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::run::durable;

/// Name of the file that is locked.
pub const LOCK: &str = ".lock";

/// How often a lock is tried, and how long is waited between: somebody may be looking whether it is
/// held.
const LOOKS: usize = 10;
const LOOK: Duration = Duration::from_millis(5);

/// The right to write into a run, held until this is dropped or the process ends in any way.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
    _folder: Option<File>,
}

impl RunLock {
    /// Takes the folder `root` for writing; returns `None` where another process holds it.
    ///
    /// # Errors
    /// Those of the file system, with its file [`LOCK`].
    pub fn take(root: &Path) -> io::Result<Option<RunLock>> {
        let file = File::create(root.join(LOCK))?;
        if lock(&file)?.is_none() {
            return Ok(None);
        }
        let folder = File::open(root).ok();
        match folder.as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => Ok(None),
            Some(Ok(())) => Ok(Some(RunLock { _file: file, _folder: folder })),
            // Neither folders as files nor locks on them are to be had everywhere.
            Some(Err(TryLockError::Error(_))) | None => {
                Ok(Some(RunLock { _file: file, _folder: None }))
            }
        }
    }
}

/// Returns whether another process holds the folder `root` for writing. Looks for an instant only,
/// and [`RunLock::take`] waits that long.
pub fn is_held(root: &Path) -> bool {
    let Ok(file) = File::open(root.join(LOCK)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

/// Takes a lock, or returns `None` where another process holds it for longer than [`is_held`] does.
fn lock(file: &File) -> io::Result<Option<()>> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Ok(()) => return Ok(Some(())),
            Err(TryLockError::WouldBlock) => thread::sleep(LOOK),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(None)
}

/// Returns whether the folder `root` holds nothing but what a start that was killed leaves behind.
///
/// # Errors
/// Those of the file system.
pub fn is_free(root: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if name != LOCK && !durable::is_temporary(&name) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let lock = RunLock::take(folder.path()).unwrap().unwrap();
        assert!(RunLock::take(folder.path()).unwrap().is_none());
        drop(lock);
        assert!(RunLock::take(folder.path()).unwrap().is_some());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_is_removed_lets_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let lock = RunLock::take(folder.path()).unwrap().unwrap();
        fs::remove_file(folder.path().join(LOCK)).unwrap();
        assert!(RunLock::take(folder.path()).unwrap().is_none());
        drop(lock);
        assert!(RunLock::take(folder.path()).unwrap().is_some());
    }
}
