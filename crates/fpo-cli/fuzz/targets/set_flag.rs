//! `--set` on top of a configuration that is right: an error names the flag.
#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use fpo_cli::config::resolved::Config;
use libfuzzer_sys::fuzz_target;

static BASE: LazyLock<PathBuf> =
    LazyLock::new(|| fpo_fuzz::write("base.toml", fpo_fuzz::SMALL.as_bytes()));

fuzz_target!(|text: &str| {
    let sets: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Err(error) = Config::load(&[BASE.as_path()], &sets) {
        fpo_fuzz::require_place(&error.into(), "--set");
    }
});
