//! The check that numbers keep their size where a run computes with them, in 32 bits: beyond that a
//! number is 0 or infinite, and a run would diverge for a reason that it could not name.

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::resolved::Config;
use crate::config::validate::Check;

impl Check<'_> {
    /// Fails with the first number whose size 32 bits cannot hold.
    pub(super) fn sizes(&self, config: &Config) -> Result<(), ConfigError> {
        match outlier(&Table::try_from(config)?, "") {
            Some((field, number)) => {
                let allowed = "0, or a size from 1.2e-38 to 3.4e38, as 32 bits hold it";
                Err(self.out_of_range(&field, format!("{number:e}"), allowed))
            }
            None => Ok(()),
        }
    }
}

/// Returns the first number of `table`, whose fields' names begin with `prefix`, that is neither 0
/// nor of a size that 32 bits hold, with its field.
fn outlier(table: &Table, prefix: &str) -> Option<(String, f64)> {
    table.iter().find_map(|(name, value)| match value {
        Value::Float(number) if *number != 0.0 && !(*number as f32).is_normal() => {
            Some((format!("{prefix}{name}"), *number))
        }
        Value::Table(inner) => outlier(inner, &format!("{prefix}{name}.")),
        _ => None,
    })
}
