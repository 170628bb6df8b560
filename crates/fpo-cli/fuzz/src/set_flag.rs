//! `--set` on top of a configuration that is right: an error names the flag.

use std::path::PathBuf;
use std::sync::LazyLock;

use fpo_cli::config::resolved::Config;

static BASE: LazyLock<PathBuf> =
    LazyLock::new(|| super::write("base.toml", super::SMALL.as_bytes()));

/// Feeds one input; panics where it finds a fault.
pub fn feed(text: &str) {
    let sets: Vec<String> = text.lines().map(str::to_owned).collect();
    if let Err(error) = Config::load(&[BASE.as_path()], &sets) {
        super::require_place(&error.into(), "--set");
    }
}
