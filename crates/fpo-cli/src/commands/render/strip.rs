//! What one policy did: its name and its episodes.

use crate::commands::render::episode::Episode;

/// A policy and the episodes that it played.
pub struct Strip {
    /// What to call the policy.
    pub name: String,
    /// Its episodes, as many as of every other policy.
    pub episodes: Vec<Episode>,
}
