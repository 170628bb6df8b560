//! What rank 0 wants done next.

use fpo_core::Rate;
use serde::{Deserialize, Serialize};

/// Something that all ranks do together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Command {
    /// Build a trainer of this configuration, which is in TOML.
    Build {
        /// The resolved configuration.
        config: String,
    },
    /// Make an iteration.
    Iterate(Turn),
    /// Play the episodes of an evaluation.
    Evaluate,
    /// Send the environments' state.
    SendEnvironments,
    /// Take the state that follows.
    TakeState,
    /// Go: the run is over, or saved.
    End,
}

/// What rank 0 alone may have changed between two iterations.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    /// Iterations done.
    pub iteration: u64,
    /// The learning rate.
    pub rate: Rate,
    /// How often the run went back after a divergence.
    pub rollbacks: u64,
}
