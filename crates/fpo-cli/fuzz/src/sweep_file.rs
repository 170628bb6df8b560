//! The file of a sweep, and the plan of its runs: an error names the file.

use fpo_cli::sweep::file::SweepFile;
use fpo_cli::sweep::plan::plan;
use fpo_core::Registry;

/// More runs than this are not planned: each loads a configuration.
const MOST_RUNS: usize = 50;

/// Feeds one input; panics where it finds a fault.
pub fn feed(text: &str) {
    // It is what seeds name as the file of a task.
    super::write("small.toml", super::SMALL.as_bytes());
    let path = super::write("fuzzed.toml", text.as_bytes());
    let file = match SweepFile::read(&path) {
        Ok(file) => file,
        Err(error) => return super::require_place(&error, "fuzzed.toml"),
    };
    let draws = file.random.as_ref().map_or(1, |random| random.draws as usize);
    let lists =
        [file.seeds.len(), file.tasks.len(), file.methods.len(), file.settings.len(), draws];
    let values = file.grid.iter().map(|axis| axis.values.len());
    let runs = lists.into_iter().chain(values).map(|n| n.max(1)).fold(1, usize::saturating_mul);
    if runs <= MOST_RUNS {
        // A file of a task may be missing or wrong itself: its own name is in the error then.
        let _ = plan(&file, &Registry::default());
    }
}
