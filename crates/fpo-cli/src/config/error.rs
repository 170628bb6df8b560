//! The errors of a configuration. Every message names the file or override that is at fault, and
//! the field if one is.

use std::path::PathBuf;

/// A configuration that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file, or one it includes, cannot be read.
    #[error("cannot read {}{}: {source}", path.display(), included(by))]
    Read {
        /// The file.
        path: PathBuf,
        /// The file that includes it, if one does.
        by: Option<PathBuf>,
        /// What the system said.
        source: std::io::Error,
    },
    /// A name that is not that of a task, a method or a file, or names that do not go together.
    #[error("{0}")]
    Name(String),
    /// A file is not TOML.
    #[error("{origin}:{line}:{column}: {message}")]
    Syntax {
        /// The file, as it was named.
        origin: String,
        /// Line, from 1.
        line: usize,
        /// Column in characters, from 1.
        column: usize,
        /// What the parser expected.
        message: String,
    },
    /// Files include each other in a ring.
    #[error("files include each other in a ring: {}", names(chain))]
    IncludeCycle {
        /// The ring in order; its first and last entries are the same file.
        chain: Vec<PathBuf>,
    },
    /// Files include each other too deeply, without a ring.
    #[error(
        "{} includes a file that includes another, and so on: {} would be more than {most} deep",
        first.display(),
        last.display()
    )]
    IncludeDepth {
        /// The file that was asked for.
        first: PathBuf,
        /// The file that is one too many.
        last: PathBuf,
        /// The most files in a chain.
        most: usize,
    },
    /// An override is not of the form `section.field=value`.
    #[error("`--set {text}`: expected `section.field=value`")]
    BadOverride {
        /// What stood after `--set`.
        text: String,
    },
    /// A key that no field has.
    #[error("unknown key `{key}` in {origin}{}", suggestion(nearest))]
    UnknownKey {
        /// Dotted name.
        key: String,
        /// The file or override that holds it.
        origin: String,
        /// The known dotted name most like it, if one is near.
        nearest: Option<String>,
    },
    /// A value of the wrong type, or a choice that does not exist.
    #[error("`{field}` in {origin}: {message}")]
    WrongType {
        /// Dotted name.
        field: String,
        /// The file or override that holds it.
        origin: String,
        /// What was found and what is expected.
        message: String,
    },
    /// A value of the right type outside its range.
    #[error("`{field}` in {origin} is {value}; allowed: {allowed}")]
    OutOfRange {
        /// Dotted name.
        field: String,
        /// The file or override that holds it.
        origin: String,
        /// The value.
        value: String,
        /// The range in words.
        allowed: String,
    },
    /// A field without a default that nothing sets.
    #[error("`{field}` is not set in {origin}; it has no default: {hint}")]
    Missing {
        /// Dotted name.
        field: String,
        /// The file that was loaded.
        origin: String,
        /// How to set it.
        hint: String,
    },
    /// Values that are each in range but do not go together.
    #[error("{message} (from {origin})")]
    Combination {
        /// The files or overrides that hold the values.
        origin: String,
        /// Which values do not go together, and which would.
        message: String,
    },
    /// The configuration cannot be written as TOML.
    #[error("cannot write the configuration as TOML: {0}")]
    Write(#[from] toml::ser::Error),
}

fn included(by: &Option<PathBuf>) -> String {
    by.as_ref().map(|path| format!(", which {} includes", path.display())).unwrap_or_default()
}

fn names(chain: &[PathBuf]) -> String {
    chain.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" → ")
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}
