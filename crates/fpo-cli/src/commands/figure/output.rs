//! The file to which a figure is written; the end of its name says in which format.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::commands::figure::font::Fonts;
use crate::commands::figure::scene::Scene;
use crate::commands::figure::{png, svg};
use crate::run::durable;
use crate::terminal::failure::UsageError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Svg,
    Png,
}

/// A file for a figure.
#[derive(Clone, Debug)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// Checks, before a long computation, that a figure can be written to `path`.
    ///
    /// # Errors
    /// [`UsageError`] for a name that ends neither in `.svg` nor in `.png`; an error of the file
    /// system where the folder does not exist or `path` is one.
    pub fn new(path: &Path) -> Result<Output> {
        let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let format = match end.as_str() {
            "svg" => Format::Svg,
            "png" => Format::Png,
            _ => {
                let path = path.display();
                let text = format!("--output {path}: the name must end in .svg or .png");
                return Err(UsageError(text).into());
            }
        };
        durable::check_output(path).with_context(|| cannot_write(path))?;
        Ok(Output { path: path.into(), format })
    }

    /// Writes `scene` and returns its width and height in pixels.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, scene: &Scene, fonts: &Fonts) -> Result<(u32, u32)> {
        let svg = svg::svg(scene, fonts);
        let (bytes, scale) = match self.format {
            Format::Svg => (svg.into_bytes(), 1),
            Format::Png => (png::png(&svg)?, png::SCALE),
        };
        durable::write_output(&self.path, &bytes).with_context(|| cannot_write(&self.path))?;
        Ok((scale * scene.width, scale * scene.height))
    }

    /// Returns the file to which the figure is written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
