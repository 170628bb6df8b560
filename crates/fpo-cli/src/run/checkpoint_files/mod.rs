//! Checkpoints on disk: named blobs of bytes in one folder, with a manifest of their digests.
//!
//! A checkpoint is whole or invisible (see [`crate::run::durable`]), and a damaged one is refused:
//! the manifest holds the size and SHA-256 of every file and is sealed itself (see
//! [`crate::run::sealed_json`]).

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::dir::RunDir;
use crate::run::sealed_json::{Refused, sha256};
use crate::run::{durable, sealed_json};

/// Version of the layout that this program writes and reads.
const VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";
const PREFIX: &str = "step_";

/// A checkpoint that was read and found whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointFiles {
    step: u64,
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// A file is not as it was written.
    #[error("checkpoint file {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The checkpoint is of another version of this program.
    #[error("{} has format version {found}; this program reads {VERSION}", path.display())]
    Version {
        /// The manifest.
        path: PathBuf,
        /// The version found.
        found: u64,
    },
    /// A blob's name cannot be that of a file in the checkpoint.
    #[error("`{0}` cannot be the name of a file in a checkpoint")]
    BadName(String),
    /// A whole checkpoint lacks a blob that was asked for.
    #[error("checkpoint {} has no file `{name}`", folder.display())]
    NoSuchFile {
        /// The checkpoint.
        folder: PathBuf,
        /// The blob.
        name: String,
    },
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What [`CheckpointFiles::latest_good`] found.
#[derive(Debug)]
pub struct Search {
    /// The newest whole checkpoint, if there is one.
    pub found: Option<CheckpointFiles>,
    /// Newer ones that were refused, newest first, each with the reason.
    pub refused: Vec<(PathBuf, CheckpointError)>,
}

/// The content of `manifest.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u32,
    step: u64,
    files: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    /// In bytes.
    size: u64,
    /// In hexadecimal.
    sha256: String,
}

impl CheckpointFiles {
    /// Writes the checkpoint of `run` after `step` environment steps and returns its folder.
    ///
    /// Then removes all but the newest `keep` whole checkpoints up to this step. A folder whose
    /// manifest cannot be read or is of another version stays. A checkpoint of the same step is
    /// replaced where it is damaged or of another state, such as one from before that step's
    /// evaluation.
    ///
    /// # Errors
    /// [`CheckpointError::BadName`] and those of the file system. The checkpoints from before are
    /// then still there.
    pub fn write(
        run: &RunDir,
        step: u64,
        files: &[(&str, &[u8])],
        keep: usize,
    ) -> Result<PathBuf, CheckpointError> {
        let parent = run.checkpoints_dir();
        let folder = run.checkpoint_dir(step);
        let manifest = manifest_of(step, files)?;
        // A run whose folder was removed is not made anew by this: it would lack its configuration.
        match fs::create_dir(&parent) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_error(&parent)(error));
            }
            _ => {}
        }
        durable::sync_folder(run.root()).map_err(io_error(run.root()))?;
        durable::remove_leftovers(&parent).map_err(io_error(&parent))?;
        let stays = match Self::read(&folder) {
            Ok(_) => fs::read(folder.join(MANIFEST)).is_ok_and(|found| found == manifest),
            Err(CheckpointError::Damaged { .. }) => false,
            // This program does not know what it is, and so must not throw it away.
            Err(_) => true,
        };
        if !stays {
            let mut all = files.to_vec();
            all.push((MANIFEST, &manifest));
            durable::replace_folder(&folder, &all).map_err(io_error(&folder))?;
        }
        prune(run, step, keep)?;
        Ok(folder)
    }

    /// Reads the checkpoint in `folder` and checks every byte of it.
    ///
    /// # Errors
    /// [`CheckpointError::Damaged`] naming the first file that is not as it was written.
    pub fn read(folder: &Path) -> Result<Self, CheckpointError> {
        let manifest = read_manifest(&folder.join(MANIFEST))?;
        let mut files = BTreeMap::new();
        for (name, entry) in manifest.files {
            let path = folder.join(&name);
            let bytes = read_bytes(&path)?;
            if bytes.len() as u64 != entry.size {
                let reason = format!("{} bytes instead of {}", bytes.len(), entry.size);
                return Err(CheckpointError::Damaged { path, reason });
            }
            if sha256(&bytes) != entry.sha256 {
                let reason = "its SHA-256 is not that of the manifest".into();
                return Err(CheckpointError::Damaged { path, reason });
            }
            files.insert(name, bytes);
        }
        Ok(Self { step: manifest.step, folder: folder.into(), files })
    }

    /// Returns the newest whole checkpoint of `run`, and the newer damaged ones that were refused.
    ///
    /// # Errors
    /// A checkpoint that is not damaged but cannot be read, such as one of a newer format or one
    /// without permission: nothing must be built on an older one in its place. A run without
    /// checkpoints is no error.
    pub fn latest_good(run: &RunDir) -> Result<Search, CheckpointError> {
        let mut refused = Vec::new();
        for (_, folder) in newest_first(run)? {
            match Self::read(&folder) {
                Ok(found) => return Ok(Search { found: Some(found), refused }),
                Err(error @ CheckpointError::Damaged { .. }) => refused.push((folder, error)),
                Err(error) => return Err(error),
            }
        }
        Ok(Search { found: None, refused })
    }

    /// Returns the folders of the checkpoints of `run`, the oldest first.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn folders(run: &RunDir) -> Result<Vec<PathBuf>, CheckpointError> {
        Ok(newest_first(run)?.into_iter().rev().map(|(_, folder)| folder).collect())
    }

    /// Returns the content of the blob `name`.
    ///
    /// # Errors
    /// [`CheckpointError::NoSuchFile`] where the checkpoint has no blob of that name.
    pub fn file(&self, name: &str) -> Result<&[u8], CheckpointError> {
        self.files.get(name).map(Vec::as_slice).ok_or_else(|| CheckpointError::NoSuchFile {
            folder: self.folder.clone(),
            name: name.into(),
        })
    }

    /// Returns the number of environment steps after which it was written.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Returns the folder in which it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Returns the bytes of the manifest for these blobs.
fn manifest_of(step: u64, files: &[(&str, &[u8])]) -> Result<Vec<u8>, CheckpointError> {
    let mut entries = BTreeMap::new();
    for (name, bytes) in files {
        let entry = Entry { size: bytes.len() as u64, sha256: sha256(bytes) };
        if !is_plain_name(name) || entries.insert((*name).to_string(), entry).is_some() {
            return Err(CheckpointError::BadName((*name).into()));
        }
    }
    let manifest = Manifest { version: VERSION, step, files: entries };
    sealed_json::seal(&manifest).map_err(|error| io_error(Path::new(MANIFEST))(error.into()))
}

fn read_manifest(path: &Path) -> Result<Manifest, CheckpointError> {
    let opened = sealed_json::open::<Manifest>(&read_bytes(path)?, VERSION);
    let manifest = opened.map_err(|refused| match refused {
        Refused::Damaged(reason) => CheckpointError::Damaged { path: path.into(), reason },
        Refused::Version(found) => CheckpointError::Version { path: path.into(), found },
    })?;
    match manifest.files.keys().find(|name| !is_plain_name(name)) {
        Some(name) => {
            let reason = format!("it names a file `{name}`, which cannot be in a checkpoint");
            Err(CheckpointError::Damaged { path: path.into(), reason })
        }
        None => Ok(manifest),
    }
}

/// Removes what is older than the newest `keep` whole checkpoints up to `step`.
///
/// Digests are not computed again, for a checkpoint can be large: one is taken for whole if its
/// files are as long as its manifest says. Folders without a manifest that this program can read
/// stay, for it does not know what they are.
fn prune(run: &RunDir, step: u64, keep: usize) -> Result<(), CheckpointError> {
    let mut whole = 0;
    for (_, folder) in newest_first(run)?.into_iter().filter(|(other, _)| *other <= step) {
        let Ok(manifest) = read_manifest(&folder.join(MANIFEST)) else { continue };
        if whole >= keep.max(1) {
            durable::remove_folder(&folder).map_err(io_error(&folder))?;
        } else if has_all(&folder, &manifest) {
            whole += 1;
        }
    }
    Ok(())
}

/// Returns whether every file of `manifest` is in `folder` and as long as it was written.
fn has_all(folder: &Path, manifest: &Manifest) -> bool {
    manifest.files.iter().all(|(name, entry)| {
        let found = fs::metadata(folder.join(name));
        found.is_ok_and(|found| found.is_file() && found.len() == entry.size)
    })
}

/// Returns the checkpoint folders of `run` with their steps, highest step first; after each, the
/// one that a killed replacement set aside.
fn newest_first(run: &RunDir) -> Result<Vec<(u64, PathBuf)>, CheckpointError> {
    let parent = run.checkpoints_dir();
    let entries = match fs::read_dir(&parent) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io_error(&parent)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io_error(&parent))?;
        let name = entry.file_name();
        let own = |name: &str| name.strip_prefix(durable::SET_ASIDE).unwrap_or(name).to_string();
        let step = name.to_str().and_then(|name| own(name).strip_prefix(PREFIX)?.parse().ok());
        found.extend(step.map(|step| (step, entry.path())));
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Returns whether `name` stays within the checkpoint's folder and is not the manifest's.
fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain) && name != MANIFEST
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, CheckpointError> {
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            CheckpointError::Damaged { path: path.into(), reason: "it is missing".into() }
        }
        _ => io_error(path)(error),
    })
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> CheckpointError {
    move |source| CheckpointError::Io { path: path.into(), source }
}

#[cfg(test)]
mod tests;
