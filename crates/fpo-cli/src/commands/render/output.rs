//! The file to which a picture is written; the end of its name says what it becomes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::run::durable;
use crate::terminal::failure::UsageError;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// An animation.
    Gif,
    /// A sheet of moments.
    Png,
}

/// A file for a picture.
#[derive(Clone, Debug)]
pub struct Output {
    path: PathBuf,
    /// What it becomes.
    pub format: Format,
}

impl Output {
    /// Checks, before anything is played, that a picture can be written to `path` and that none of
    /// `inputs` is lost by it.
    ///
    /// # Errors
    /// [`UsageError`] for another ending than `.gif` or `.png`, and for a name of an input; an
    /// error of the file system where the folder does not exist or `path` is one.
    pub fn new<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<Output> {
        let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let shown = path.display();
        let format = match end.as_str() {
            "gif" => Format::Gif,
            "png" => Format::Png,
            _ => {
                let text = format!(
                    "--output {shown}: the name must end in .gif (an animation) or .png (a sheet \
                     of moments)"
                );
                return Err(UsageError(text).into());
            }
        };
        if let Some(input) = durable::overwritten(path, inputs) {
            let text = format!("--output would write over the policy {}", input.display());
            return Err(UsageError(text).into());
        }
        durable::check_output(path).with_context(|| cannot_write(path))?;
        Ok(Output { path: path.into(), format })
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        durable::write_output(&self.path, bytes).with_context(|| cannot_write(&self.path))
    }

    /// Returns the file to which the picture is written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
