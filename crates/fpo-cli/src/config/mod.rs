//! The configuration of a run: TOML files that may include others, overridden field by field,
//! typed, checked, and from then on frozen.
//!
//! ```toml
//! include = ["../base.toml"] # relative to this file; merged in order, this file wins
//!
//! [env]
//! task = "CartpoleBalance"
//! ```
//!
//! An iteration steps every environment `batch_size · num_minibatches · unroll_length / num_envs`
//! times, so that its unrolls fill `num_minibatches` minibatches exactly.
//!
//! ```
//! use fpo_cli::config::Config;
//! let config = Config::from_toml_str("env.task = 'CheetahRun'", "example")?;
//! assert_eq!((config.iteration_length(), config.num_iterations()), (480, 61));
//! # Ok::<(), fpo_cli::config::ConfigError>(())
//! ```

pub mod algorithm;
mod built_in;
pub mod choices;
pub mod error;
mod field_names;
pub(crate) mod files;
mod layers;
pub mod learning;
mod loading;
pub(crate) mod merge;
pub mod named;
pub mod nearest;
mod overrides;
mod presets;
pub mod reference;
pub mod resolved;
mod schema;
pub mod sections;
pub mod sight;
#[cfg(test)]
mod tests;
mod validate;
pub(crate) mod wanted;

use toml::Table;

pub use error::ConfigError;
pub use resolved::Config;

/// Reads `text` as a TOML document; `origin_name` names it in errors.
///
/// # Errors
/// [`ConfigError::Syntax`], with line and column.
pub fn document(text: &str, origin_name: &str) -> Result<Table, ConfigError> {
    files::parse(text, origin_name)
}
