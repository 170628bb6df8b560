//! Errors of commands, and the exit codes with which they end the process.
//!
//! Code 2 means that what was asked for is wrong: the command line or the configuration. Code 1
//! means that it was right but could not be done: a missing or damaged file, a missing device, a
//! run that diverged. Code 130, the shell's for Ctrl-C, means that a run was stopped from outside
//! and saved.

use fpo_envs::EnvError;

use crate::config::error::ConfigError;
use crate::text::shown::line;

/// Exit code of a command that failed at its work.
pub const FAILED: u8 = 1;

/// Exit code of a request that cannot be understood.
pub const USAGE: u8 = 2;

/// Exit code of a run that was stopped from outside.
pub const STOPPED: u8 = 130;

/// A run, or a sweep of runs, that was stopped from outside and saved. Holds the command that goes
/// on with it.
#[derive(Debug, thiserror::Error)]
#[error("stopped and saved; go on with: {0}")]
pub struct Stopped(pub String);

/// A mistake on the command line that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// Returns whether `error` means that training has diverged.
pub fn is_divergence(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(fpo_core::Error::NonFinite { .. }))
}

/// Returns the exit code with which `error` ends the process.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Stopped>() {
        return STOPPED;
    }
    let usage = error.chain().any(|cause| {
        let config = cause.downcast_ref::<ConfigError>();
        let env = cause.downcast_ref::<EnvError>();
        config.is_some_and(|e| !matches!(e, ConfigError::Read { .. } | ConfigError::Write(_)))
            || env.is_some_and(|e| matches!(e, EnvError::UnknownTask { .. }))
            || cause.is::<UsageError>()
    });
    if usage { USAGE } else { FAILED }
}

/// Returns the error with its causes in one line. An error may hold text from files that others
/// wrote, so that what a terminal would obey or hide is spelled out, line breaks too, and what is
/// very long is cut.
pub fn describe(error: &anyhow::Error) -> String {
    let mut whole = String::new();
    let mut before = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries repeat their source in their own text.
        if !before.contains(&text) {
            if !whole.is_empty() {
                whole.push_str(": ");
            }
            whole.push_str(&line(&text));
        }
        before = text;
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_whatever_its_causes_hold() {
        let error = anyhow::anyhow!("unknown task `a\x1b[2J\n{}`", "b".repeat(1_000_000));
        let text = describe(&error.context("policy x\u{202e}.safetensors"));
        let expected = "policy x\\u{202e}.safetensors: unknown task `a\\u{1b}[2J\\nbbb";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.len() < 500 && text.ends_with("bbb`"), "{text}");
    }
}
