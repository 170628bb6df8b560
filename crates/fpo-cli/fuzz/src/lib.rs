//! The fuzz targets, a module each, and what they share: a folder for the files that they write, a
//! small trained run, and what every error must be like.
//!
//! A target feeds one reader. It fails where the reader panics, takes memory or time without a
//! bound, returns something that does not survive being written and read again, or an error that
//! does not say where the mistake is. `tests/errors/seeds.rs` compiles these modules too and feeds
//! them their seeds, so that a target that has fallen behind its reader is noticed without
//! libFuzzer.

pub mod checkpoint;
pub mod config;
pub mod metrics;
pub mod policy;
pub mod set_flag;
pub mod sweep_file;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::LazyLock;

use candle_core::Device;
use fpo_cli::config::resolved::Config;
use fpo_cli::terminal::failure::describe;
use fpo_cli::training::trainer::Trainer;
use tempfile::TempDir;

/// A run so small that it is made in no time.
pub const SMALL: &str = include_str!("../corpus/config/small.toml");

/// The folder for files, which goes away with the process.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| match tempfile::tempdir() {
    Ok(folder) => folder,
    Err(error) => panic!("no folder for files: {error}"),
});

/// Returns the path of a file of this name.
pub fn path(name: &str) -> PathBuf {
    FOLDER.path().join(name)
}

/// Writes a file of this name and returns its path.
pub fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    if let Err(error) = std::fs::write(&path, bytes) {
        panic!("{}: {error}", path.display());
    }
    path
}

/// Returns a trainer of the small run after one iteration.
pub fn trainer() -> Trainer {
    let made = || -> anyhow::Result<Trainer> {
        let mut trainer = Trainer::new(Config::from_toml_str(SMALL, "small")?, &Device::Cpu)?;
        trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
        Ok(trainer)
    };
    match made() {
        Ok(trainer) => trainer,
        Err(error) => panic!("the small run: {error:#}"),
    }
}

/// Panics unless `error` is one line that holds `place`.
pub fn require_place(error: &anyhow::Error, place: &str) {
    let text = describe(error);
    assert!(text.contains(place), "the error does not say where: {text}");
}
