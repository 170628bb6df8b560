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

/// How often a lock is tried that seems to be held: [`is_held`] takes it for a moment.
const TRIES: u32 = 5;
/// How long to wait between two tries.
const PAUSE: Duration = Duration::from_millis(10);

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
        for _ in 1..TRIES {
            if let Some(lock) = RunLock::try_take(root)? {
                return Ok(Some(lock));
            }
            thread::sleep(PAUSE);
        }
        RunLock::try_take(root)
    }

    fn try_take(root: &Path) -> io::Result<Option<RunLock>> {
        let file = File::create(root.join(LOCK))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
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

/// Returns whether a process holds the folder `root`. Nothing is written; what cannot be opened or
/// locked is held by nobody, as far as this can tell.
pub fn is_held(root: &Path) -> bool {
    [root.join(LOCK).as_path(), root].iter().any(|path| {
        let Ok(file) = File::open(path) else { return false };
        // Several that look at once share the lock, which they give back by closing the file.
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    })
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

    #[test]
    fn to_look_whether_a_run_is_held_changes_nothing_and_keeps_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_held(folder.path()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        let lock = RunLock::take(folder.path()).unwrap().unwrap();
        assert!(is_held(folder.path()) && is_held(folder.path()));
        drop(lock);
        assert!(!is_held(folder.path()));
        assert!(RunLock::take(folder.path()).unwrap().is_some());
        assert!(!is_held(&folder.path().join("nowhere")));
    }

    #[test]
    fn whoever_takes_a_run_waits_for_those_who_only_look() {
        let folder = tempfile::tempdir().unwrap();
        drop(RunLock::take(folder.path()).unwrap());
        let looking = File::open(folder.path().join(LOCK)).unwrap();
        looking.try_lock_shared().unwrap();
        let looker = thread::spawn(move || {
            thread::sleep(PAUSE / 2);
            drop(looking);
        });
        assert!(RunLock::take(folder.path()).unwrap().is_some());
        looker.join().unwrap();
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
