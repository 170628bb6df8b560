//! The files of a checkpoint. The first byte says which of them the rest takes the place of; the
//! others are whole, and the manifest is made to fit, so that what is behind digests is reached.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;

use fpo_cli::run::checkpoint_files::CheckpointFiles;
use fpo_cli::run::dir::RunDir;
use fpo_cli::run::sealed_json;
use fpo_cli::training::checkpoint;
use fpo_cli::training::trainer::Trainer;
use serde_json::{Map, Value};

const NAMES: [&str; 3] = ["state.json", "learner.safetensors", "envs.safetensors"];

/// A trainer, and the files of its checkpoint.
struct Run {
    trainer: Trainer,
    whole: Vec<Vec<u8>>,
}

thread_local! {
    static RUN: RefCell<Run> = RefCell::new(run());
}

fn run() -> Run {
    let trainer = super::trainer();
    let folder = RunDir::at(&super::path("whole"));
    let files = || -> anyhow::Result<Vec<Vec<u8>>> {
        std::fs::create_dir_all(folder.root())?;
        checkpoint::save(&folder, &trainer, 1.0)?;
        let files = CheckpointFiles::read(&folder.checkpoint_dir(trainer.steps()))?;
        NAMES.iter().map(|name| Ok(files.file(name)?.to_vec())).collect()
    };
    let whole = files().unwrap_or_else(|error| panic!("the small checkpoint: {error:#}"));
    Run { trainer, whole }
}

/// Returns the error of the manifest `bytes`, sealed anew where they are an object.
fn manifest(bytes: &[u8]) {
    let sealed = serde_json::from_slice::<Map<String, Value>>(bytes)
        .ok()
        .and_then(|content| sealed_json::seal(&content).ok());
    let folder = super::path("manifest");
    let written = std::fs::create_dir_all(&folder).and_then(|()| {
        std::fs::write(folder.join("manifest.json"), sealed.as_deref().unwrap_or(bytes))
    });
    written.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    if let Err(error) = CheckpointFiles::read(&folder) {
        super::require_place(&error.into(), "manifest");
    }
}

fn file(index: usize, bytes: &[u8]) {
    RUN.with_borrow_mut(|Run { trainer, whole }| {
        let folder = RunDir::at(Path::new(&super::path("fuzzed")));
        let files = |at: usize| if at == index { bytes } else { &whole[at] };
        let files: Vec<_> = NAMES.iter().enumerate().map(|(at, name)| (*name, files(at))).collect();
        let read = std::fs::create_dir_all(folder.root())
            .map_err(anyhow::Error::from)
            .and_then(|()| Ok(CheckpointFiles::write(&folder, 8, &files, 1)?))
            .and_then(|written| Ok(CheckpointFiles::read(&written)?));
        let read = read.unwrap_or_else(|error| panic!("{error:#}"));
        let _ = checkpoint::learnt(&read, &trainer.config);
        match checkpoint::restore(&read, trainer) {
            // What was taken up must work, or fail with an error.
            Ok(_) => drop(trainer.iterate(&mut |_| ControlFlow::Continue(()))),
            Err(error) => {
                let text = format!("{error:#}");
                let named = text.contains("checkpoint") || text.contains("train.total_steps");
                assert!(named, "the error does not say where: {text}");
            }
        }
    });
}

/// Feeds one input; panics where it finds a fault.
pub fn feed(bytes: &[u8]) {
    match bytes.split_first() {
        Some((b'm', rest)) => manifest(rest),
        Some((which, rest)) if (b'0'..b'3').contains(which) => file((which - b'0').into(), rest),
        _ => {}
    }
}
