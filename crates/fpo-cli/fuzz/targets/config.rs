//! A configuration file: an error names it, and what is read survives being written and read.
#![no_main]

use fpo_cli::config::resolved::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Config::from_toml_str(text, "fuzzed.toml") {
        Ok(config) => {
            // The sizes that follow from a configuration that was checked.
            let _ = (config.num_iterations(), config.steps_per_iteration());
            let written = config.to_toml().unwrap_or_else(|error| panic!("not written: {error}"));
            let again = Config::from_toml_str(&written, "written.toml");
            let again = again.unwrap_or_else(|error| panic!("not read again: {error}\n{written}"));
            assert_eq!(again, config);
        }
        Err(error) => fpo_fuzz::require_place(&error.into(), "fuzzed.toml"),
    }
});
