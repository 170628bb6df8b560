//! Many runs from one file: what they are, which of them are done, and the rest of them side by
//! side, until each has its row of results.
//!
//! ```text
//! sweep.toml ──> file ──> plan: every run with its configuration, digest and seed
//!                           │
//! results*.jsonl ──> ledger: which runs have their row
//!                           │
//!                   schedule: the rest, longest first ──> one `fpo train` each ──> results.jsonl
//! ```

pub mod board;
pub mod child;
pub mod ending;
pub mod estimate;
pub mod file;
pub mod folder;
pub mod keep;
pub mod ledger;
pub mod measure;
pub mod plan;
pub mod schedule;
