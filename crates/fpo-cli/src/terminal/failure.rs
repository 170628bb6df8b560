//! Errors of commands, and the exit codes with which they end the process.
//!
//! Code 2 means that what was asked for is wrong: the command line or the configuration. Code 1
//! means that it was right but could not be done: a missing or damaged file, a missing device, a
//! run that diverged. Code 130, the shell's for Ctrl-C, means that a run was stopped from outside
//! and saved.

use fpo_envs::EnvError;

use crate::config::error::ConfigError;

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

/// Returns the error with its causes in one line.
pub fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut before = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries repeat their source in their own text.
        if !before.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
        before = text;
    }
    line
}
