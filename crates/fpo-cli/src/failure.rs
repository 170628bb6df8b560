//! Errors of commands and the exit codes they end with.
//!
//! Code 2 means that what was asked for is wrong: the command line or the configuration. Code 1
//! means that it was right but could not be done: a missing or damaged file, a missing device, a
//! run that stopped.

use fpo_envs::EnvError;

use crate::config::ConfigError;

/// Exit code of a command that failed at its work.
pub const FAILED: u8 = 1;

/// Exit code of a request that cannot be understood.
pub const USAGE: u8 = 2;

/// A mistake on the command line that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The exit code that `error` ends the process with.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    let usage = error.chain().any(|cause| {
        let config = cause.downcast_ref::<ConfigError>();
        let env = cause.downcast_ref::<EnvError>();
        config.is_some_and(|e| !matches!(e, ConfigError::Read { .. } | ConfigError::Write(_)))
            || env.is_some_and(|e| matches!(e, EnvError::UnknownTask { .. }))
            || cause.is::<UsageError>()
    });
    if usage { USAGE } else { FAILED }
}

/// The error with its causes in one line.
pub fn describe(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        // Some libraries repeat their source in their own text.
        if !line.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    line
}
