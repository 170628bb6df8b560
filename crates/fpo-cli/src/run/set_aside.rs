//! What a run cannot build on and must not throw away, such as a damaged file: it is moved into the
//! run's folder `set-aside/`, under its own name or with `-2`, `-3`, … behind it, where nothing
//! reads it and its owner finds it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::run::dir::RunDir;
use crate::run::durable;

/// Moves the file or folder at `path` aside. Returns where it lies now, or `None` if there was
/// nothing.
///
/// # Errors
/// Those of the file system; `path` is then still there.
pub fn set_aside(run: &RunDir, path: &Path) -> io::Result<Option<PathBuf>> {
    if fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let aside = free_place(run, path)?;
    fs::rename(path, &aside)?;
    sync(run, &aside)?;
    Ok(Some(aside))
}

/// Puts a copy of the file at `path` aside. Returns where it lies.
///
/// # Errors
/// Those of the file system.
pub fn copy(run: &RunDir, path: &Path) -> io::Result<PathBuf> {
    let aside = free_place(run, path)?;
    durable::write_file(&aside, &fs::read(path)?)?;
    sync(run, &aside)?;
    Ok(aside)
}

/// Returns a path of the name of `path` where nothing lies aside yet.
fn free_place(run: &RunDir, path: &Path) -> io::Result<PathBuf> {
    let folder = run.root().join("set-aside");
    fs::create_dir_all(&folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    let mut aside = folder.join(name.as_ref());
    for number in 2.. {
        if fs::symlink_metadata(&aside).is_err() {
            break;
        }
        aside = folder.join(format!("{name}-{number}"));
    }
    Ok(aside)
}

fn sync(run: &RunDir, aside: &Path) -> io::Result<()> {
    durable::sync_folder(aside.parent().unwrap_or(run.root()))?;
    durable::sync_folder(run.root())
}

/// Moves aside what an earlier life of the run left behind, for a run that starts over: nothing of
/// it may be taken for the new one's. Returns where it lies now.
///
/// # Errors
/// Those of the file system.
pub fn set_aside_earlier_life(run: &RunDir) -> io::Result<Vec<PathBuf>> {
    let metrics = run.metrics_path();
    // An empty log says nothing.
    let has_metrics = fs::metadata(&metrics).is_ok_and(|found| found.len() > 0);
    let metrics = has_metrics.then_some((metrics, run.tensorboard_dir()));
    let (metrics, events) = metrics.unzip();
    let all = [metrics, events, Some(run.best_dir()), Some(run.policy_path())];
    let mut moved = Vec::new();
    for path in all.into_iter().flatten() {
        moved.extend(set_aside(run, &path)?);
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_aside_twice_is_there_twice() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path());
        for (text, name) in [("a", "best.json"), ("b", "best.json-2"), ("c", "best.json-3")] {
            fs::write(folder.path().join("best.json"), text).unwrap();
            let moved = set_aside(&run, &folder.path().join("best.json")).unwrap().unwrap();
            assert_eq!(moved, folder.path().join("set-aside").join(name));
            assert_eq!(fs::read_to_string(moved).unwrap(), text);
        }
        assert_eq!(set_aside(&run, &folder.path().join("best.json")).unwrap(), None);
    }

    #[test]
    fn an_earlier_life_leaves_its_log_only_where_it_said_something() {
        let folder = tempfile::tempdir().unwrap();
        let run = RunDir::at(folder.path());
        fs::write(run.metrics_path(), "").unwrap();
        fs::create_dir(run.tensorboard_dir()).unwrap();
        assert!(set_aside_earlier_life(&run).unwrap().is_empty());
        fs::write(run.metrics_path(), "{\"step\":0}\n").unwrap();
        fs::create_dir(run.best_dir()).unwrap();
        let names = ["metrics.jsonl", "tensorboard", "best"];
        let expected: Vec<_> =
            names.iter().map(|n| folder.path().join("set-aside").join(n)).collect();
        assert_eq!(set_aside_earlier_life(&run).unwrap(), expected);
    }
}
