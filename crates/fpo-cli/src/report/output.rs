//! The files to which a report is written; the end of a name says in which format.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::report::csv::csv;
use crate::report::html::page::html;
use crate::report::markdown::markdown;
use crate::report::summary::Report;
use crate::run::durable;
use crate::terminal::failure::UsageError;

/// How a report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A page for people, which needs nothing else.
    Html,
    /// Text for a README.
    Markdown,
    /// Every number.
    Json,
    /// A line for each run.
    Csv,
}

impl Format {
    /// Returns `report` in this format.
    ///
    /// # Errors
    /// If it has no form in JSON.
    pub fn write(self, report: &Report) -> Result<String> {
        Ok(match self {
            Format::Html => html(report),
            Format::Markdown => markdown(report),
            Format::Json => serde_json::to_string_pretty(report)? + "\n",
            Format::Csv => csv(report),
        })
    }
}

/// A file for a report.
#[derive(Clone, Debug)]
pub struct Output {
    path: PathBuf,
    format: Format,
}

impl Output {
    /// Checks, before a long computation, that a report can be written to `path`.
    ///
    /// # Errors
    /// [`UsageError`] for a name with another ending than `.html`, `.md`, `.json` or `.csv`; an
    /// error of the file system where the folder does not exist or `path` is one.
    pub fn new(path: &Path) -> Result<Output> {
        let end = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        let format = match end.as_str() {
            "html" => Format::Html,
            "md" => Format::Markdown,
            "json" => Format::Json,
            "csv" => Format::Csv,
            _ => {
                let path = path.display();
                let text =
                    format!("--output {path}: the name must end in .html, .md, .json or .csv");
                return Err(UsageError(text).into());
            }
        };
        durable::check_output(path).with_context(|| cannot_write(path))?;
        Ok(Output { path: path.into(), format })
    }

    /// Writes `report`, and returns how many bytes it takes.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, report: &Report) -> Result<usize> {
        let text = self.format.write(report)?;
        let written = durable::write_output(&self.path, text.as_bytes());
        written.with_context(|| cannot_write(&self.path))?;
        Ok(text.len())
    }

    /// Returns the file to which the report is written.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write {}", path.display())
}
