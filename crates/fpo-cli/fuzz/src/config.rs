//! A configuration file: an error names it, and what is read survives being written and read.

use fpo_cli::config::resolved::Config;

/// Feeds one input; panics where it finds a fault.
pub fn feed(text: &str) {
    match Config::from_toml_str(text, "fuzzed.toml") {
        Ok(config) => {
            // The sizes that follow from a configuration that was checked.
            let _ = (config.num_iterations(), config.steps_per_iteration());
            let written = config.to_toml().unwrap_or_else(|error| panic!("not written: {error}"));
            let again = Config::from_toml_str(&written, "written.toml");
            let again = again.unwrap_or_else(|error| panic!("not read again: {error}\n{written}"));
            assert_eq!(again, config);
        }
        Err(error) => super::require_place(&error.into(), "fuzzed.toml"),
    }
}
