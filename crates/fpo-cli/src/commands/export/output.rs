//! Where an export goes: to one file, whose name chooses the format, or to a folder.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commands::export::args::ExportArgs;
use crate::commands::export::card::seal;
use crate::commands::export::formats::{FORMATS, Format, ONNX, SAFETENSORS};
use crate::run::dir::RunDir;
use crate::run::durable;
use crate::terminal::failure::UsageError;
use crate::terminal::reporter::{Notes, Reporter};
use crate::training::policy_file;

/// The names of the files in a folder.
pub(super) const POLICY: &str = "policy.safetensors";
pub(super) const GRAPH: &str = "policy.onnx";
pub(super) const CARD: &str = "README.md";

/// Where an export goes.
pub(super) enum Output {
    /// To one file.
    File {
        /// The file.
        path: PathBuf,
        /// What is written to it.
        format: &'static Format,
    },
    /// To a folder, with a card.
    Folder {
        /// The folder.
        path: PathBuf,
        /// The graph's format, if one was asked for.
        onnx: Option<&'static Format>,
    },
}

impl Output {
    /// Returns where `args` say. A name with an ending that no format has is a folder's, unless a
    /// file, a device or a pipe has that name: to that, a policy file is written.
    ///
    /// # Errors
    /// [`UsageError`] for flags that do not apply there; also if a new folder cannot be made there.
    pub(super) fn of(args: &ExportArgs) -> Result<Output> {
        let path = args.output.clone();
        let is_dash = path.as_os_str() == "-";
        require(!is_dash, "-o -: name a file or a folder; /dev/stdout takes a policy file")?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        let named = FORMATS.iter().find(|format| Some(format.extension) == extension);
        let is_folder = path.is_dir() || (named.is_none() && !path.exists());
        if is_folder {
            require(args.batch.is_none() || args.onnx, "--batch needs --onnx or -o FILE.onnx")?;
            if !path.is_dir() {
                // Episodes for the card may take long, so that this is better known before them.
                durable::check_output(&path)
                    .with_context(|| format!("cannot write {}", path.display()))?;
            }
            return Ok(Output::Folder { path, onnx: args.onnx.then_some(&ONNX) });
        }
        let format = named.copied().unwrap_or(&SAFETENSORS);
        let is_graph = format.extension == ONNX.extension;
        let of_folder = "goes with a folder, and -o names a file";
        require(!args.onnx || is_graph, &format!("--onnx {of_folder}; -o FILE.onnx is the graph"))?;
        require(args.license.is_none(), &format!("--license {of_folder}"))?;
        require(args.episodes.is_none(), &format!("--episodes {of_folder}"))?;
        require(args.seed.is_none(), &format!("--seed {of_folder}"))?;
        require(args.batch.is_none() || is_graph, "--batch needs --onnx or -o FILE.onnx")?;
        Ok(Output::File { path, format })
    }

    /// Returns the files that are going to be written.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match self {
            Output::File { path, .. } => vec![path.clone()],
            Output::Folder { path, onnx } => {
                let graph = onnx.map(|_| path.join(GRAPH));
                [path.join(POLICY), path.join(CARD)].into_iter().chain(graph).collect()
            }
        }
    }

    /// Fails if a file would be written over that belongs to a run: of another run than `exported`
    /// also its policy, which is then not what that run has trained, and of a run whose policy file
    /// is exported the one that it trained last.
    ///
    /// # Errors
    /// [`UsageError`] names the file and the run.
    pub(super) fn require_no_run(&self, exported: Option<&RunDir>) -> Result<()> {
        for file in self.files() {
            // A file of a run lies at most two folders below it.
            let Some(run) = file.ancestors().skip(1).take(3).find_map(run_at) else { continue };
            let is_own = exported.is_some_and(|exported| is_same_folder(&run, exported));
            let policy = (!is_own).then(|| run.policy_path());
            let taken: Vec<PathBuf> = run.own_files().into_iter().chain(policy).collect();
            let taken = taken.iter().map(PathBuf::as_path);
            if file == run.policy_path() && !is_own || durable::overwritten(&file, taken).is_some()
            {
                let text = format!(
                    "-o would write {}, which belongs to the run in {}: name a place outside of it",
                    file.display(),
                    run.root().display()
                );
                return Err(UsageError(text).into());
            }
        }
        Ok(())
    }

    /// Fails if a card would take the place of a file that `fpo export` did not write, or that
    /// somebody has changed since.
    ///
    /// # Errors
    /// [`UsageError`] names the file; also if it cannot be read.
    pub(super) fn require_own_card(&self) -> Result<()> {
        let Output::Folder { path, .. } = self else { return Ok(()) };
        let card = path.join(CARD);
        if fs::symlink_metadata(&card).is_err() {
            return Ok(());
        }
        let text = fs::read(&card).with_context(|| format!("cannot read {}", card.display()))?;
        let own = seal::is_whole(&text);
        let text = format!(
            "{} is not as `fpo export` writes it, and would be written over: name another folder, \
             or move the file",
            card.display()
        );
        require(own, &text)
    }
}

/// Returns the run whose folder this is, if it is one.
fn run_at(folder: &Path) -> Option<RunDir> {
    let here = folder.as_os_str().is_empty();
    RunDir::open(if here { Path::new(".") } else { folder }).ok()
}

fn is_same_folder(a: &RunDir, b: &RunDir) -> bool {
    match (fs::canonicalize(a.root()), fs::canonicalize(b.root())) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

fn require(good: bool, text: &str) -> Result<()> {
    if good { Ok(()) } else { Err(UsageError(text.into()).into()) }
}

/// Writes the files of a folder and returns their names. A folder that is not there yet is written
/// whole or not at all, one that is there file by file, the card last.
///
/// # Errors
/// Names the file or folder that cannot be written.
pub(super) fn write_folder(
    path: &Path,
    policy: &[u8],
    graph: Option<&[u8]>,
    card: &str,
) -> Result<Vec<&'static str>> {
    let graph = graph.map(|graph| (GRAPH, graph));
    let files: Vec<(&'static str, &[u8])> =
        [(POLICY, policy)].into_iter().chain(graph).chain([(CARD, card.as_bytes())]).collect();
    if !path.is_dir() {
        durable::write_folder(path, &files)
            .with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(files.iter().map(|(name, _)| *name).collect());
    }
    for (name, bytes) in &files {
        policy_file::write(&path.join(name), bytes)?;
    }
    let stale = path.join(GRAPH);
    if graph.is_none() && stale.exists() {
        let stale = stale.display();
        Notes.note(&format!("{stale} is of an earlier export; --onnx writes it anew"));
    }
    Ok(files.iter().map(|(name, _)| *name).collect())
}
