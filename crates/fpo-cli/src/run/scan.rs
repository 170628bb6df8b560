//! Finds the runs below a folder.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::run::dir::RunDir;
use crate::run::durable;

/// How many folders deep runs lie at most: `runs/SWEEP/runs/NAME` is three below `runs`.
const DEEPEST: usize = 3;

/// Returns the folders of the runs in `folder`, or `folder` itself if it is a run. The runs of
/// sweeps lie deeper and are found as well. A run that has lost its configuration counts too. One
/// that links lead to as well is there once, by its shortest path.
///
/// # Errors
/// If `folder` itself cannot be read. A folder in it that cannot is passed over: it may be nobody's
/// run, or may be gone by now.
pub fn scan(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?;
    if is_run(folder) {
        return Ok(vec![folder.into()]);
    }
    let mut found = Vec::new();
    descend(entries, 1, &mut found);
    found.sort_by_key(|path| path.components().count());
    let mut known = HashSet::new();
    found.retain(|path| known.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())));
    Ok(found)
}

fn descend(entries: fs::ReadDir, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Those are hidden, or half of a run that is being removed.
        if name.starts_with('.') || durable::is_temporary(&name) {
            continue;
        }
        // A file is no folder that can be read, and a link is followed.
        let Ok(inside) = fs::read_dir(&path) else { continue };
        if is_run(&path) {
            found.push(path);
        } else if depth < DEEPEST {
            descend(inside, depth + 1, found);
        }
    }
}

/// Returns whether `path` is the folder of a run, be it damaged.
fn is_run(path: &Path) -> bool {
    let run = RunDir::at(path);
    run.config_path().is_file() || run.metrics_path().is_file() || run.checkpoints_dir().is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_sweeps_are_found_and_what_is_no_run_is_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let make = |path: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        };
        make("a/config.toml");
        make("a/best/config.toml");
        make("lost/checkpoints/step_1/x");
        make("sweep/runs/b/config.toml");
        make("sweep/configs/0123.toml");
        make("notes/runs.txt");
        make("1/2/3/4/config.toml");
        make(".unfinished-c/config.toml");
        // A link to the folder itself, in which everything lies again.
        #[cfg(unix)]
        std::os::unix::fs::symlink(dir.path(), dir.path().join("again")).unwrap();
        let mut found = scan(dir.path()).unwrap();
        found.sort();
        let expected = ["a", "lost", "sweep/runs/b"].map(|name| dir.path().join(name));
        assert_eq!(found, expected);
        let run = dir.path().join("a");
        assert_eq!(scan(&run).unwrap(), [run]);
        assert!(scan(&dir.path().join("nowhere")).is_err());
    }
}
