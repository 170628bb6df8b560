//! Writes files and folders that are either whole or absent, whenever the process is killed or the
//! power fails.
//!
//! Order: write under a temporary name in the same folder, fsync, rename, fsync the folder. What
//! a killed write leaves behind begins with [`TEMPORARY`] and is removed by
//! [`remove_leftovers`].

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the names of unfinished files and folders begin with.
pub const TEMPORARY: &str = ".unfinished-";

/// What the name of a folder begins with while another takes its place.
pub const SET_ASIDE: &str = ".replaced-";

/// Puts `bytes` at `path`, in place of what was there.
///
/// # Errors
/// Those of the file system; `path` then has its old content, or the whole new one.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    let written = write_synced(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if let Err(error) = written {
        let _ = remove_if_present(&temporary);
        return Err(error);
    }
    sync_parent(path)
}

/// Puts `bytes` where a user asked for: a link is followed, a device or pipe is written to.
///
/// # Errors
/// As [`write_file`].
pub fn write_output(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => write_file(&fs::canonicalize(path)?, bytes),
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => fs::write(path, bytes),
        Err(_) => write_file(path, bytes),
    }
}

/// Checks, before a long computation, that [`write_output`] can be expected to work.
///
/// # Errors
/// `NotFound` where the folder of `path` does not exist, `IsADirectory` where `path` is a folder.
pub fn check_output(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => fs::metadata(parent).map(drop),
        _ => Ok(()),
    }
}

/// Returns the first of `inputs` that writing to `output` would destroy: the same file, also
/// through links.
pub fn overwritten<'a>(
    output: &Path,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Option<&'a Path> {
    inputs.into_iter().find(|input| is_same_file(output, input))
}

fn is_same_file(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (fs::canonicalize(a), fs::canonicalize(b)) else { return false };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let number = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
        let (first, second) = (number(&a), number(&b));
        if first.is_some() && first == second {
            return true;
        }
    }
    a == b
}

/// Puts a folder with these `files` (name and content) at `path`, where there must be none.
///
/// # Errors
/// Those of the file system, with `AlreadyExists` where `path` is taken.
pub fn write_folder(path: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    if path.exists() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    fs::rename(unfinished_folder(path, files)?, path)?;
    sync_parent(path)
}

/// Puts a folder with these `files` at `path`, in place of the one that may be there.
///
/// No folder can be exchanged for another at once. A kill leaves the old one or the new one under
/// its name, or the old one with [`SET_ASIDE`] before it, until [`remove_leftovers`] puts it back.
///
/// # Errors
/// Those of the file system; then too, one of the two is there.
pub fn replace_folder(path: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    let temporary = unfinished_folder(path, files)?;
    let aside = beside(path, SET_ASIDE)?;
    if path.exists() {
        remove_if_present(&aside)?;
        fs::rename(path, &aside)?;
    }
    fs::rename(&temporary, path)?;
    sync_parent(path)?;
    remove_if_present(&aside)
}

/// Writes the folder that is to be at `path` under a temporary name, and returns its path.
fn unfinished_folder(path: &Path, files: &[(&str, &[u8])]) -> io::Result<PathBuf> {
    let temporary = temporary_beside(path)?;
    remove_if_present(&temporary)?;
    fs::create_dir(&temporary)?;
    for (name, bytes) in files {
        write_synced(&temporary.join(name), bytes)?;
    }
    sync_folder(&temporary)?;
    Ok(temporary)
}

/// Removes the folder `path`; at no moment is half of it to be seen under its name.
///
/// # Errors
/// Those of the file system.
pub fn remove_folder(path: &Path) -> io::Result<()> {
    let temporary = temporary_beside(path)?;
    remove_if_present(&temporary)?;
    fs::rename(path, &temporary)?;
    sync_parent(path)?;
    fs::remove_dir_all(&temporary)
}

/// Removes from `folder` what killed writes left behind, and puts back what they had set aside. No
/// other write may be under way there.
///
/// # Errors
/// Those of the file system.
pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        match name.strip_prefix(SET_ASIDE).map(|own| folder.join(own)) {
            Some(own) if !own.exists() => fs::rename(entry.path(), own)?,
            Some(_) => remove_if_present(&entry.path())?,
            None if is_temporary(&name) => remove_if_present(&entry.path())?,
            None => {}
        }
    }
    Ok(())
}

/// Returns whether `name` is that of an unfinished file or folder.
pub fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY)
}

/// Makes the names in `folder` durable. Does nothing where folders cannot be opened as files.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    beside(path, TEMPORARY)
}

/// Returns `path` with `prefix` before its name.
fn beside(path: &Path, prefix: &str) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    Ok(path.with_file_name(format!("{prefix}{name}")))
}

fn remove_if_present(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
