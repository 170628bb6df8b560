//! Lines of metrics and of results, and what of a log is kept when a run is resumed.

use fpo_cli::results::from_run::MetricsLine;
use fpo_cli::results::row::Row;
use fpo_cli::run::metrics::kept::Kept;

/// Feeds one input; panics where it finds a fault.
pub fn feed(bytes: &[u8]) {
    let recorded = [0, 8, 16, 24];
    let kept = Kept::of(bytes, &recorded);
    // What is kept is kept again, whole.
    let again = Kept::of(&kept.text, &recorded);
    assert_eq!(again.text, kept.text);
    assert!(again.damaged.is_empty(), "{:?}", again.damaged);
    let _ = kept.complaint(recorded.len());
    for line in String::from_utf8_lossy(bytes).lines() {
        let _ = MetricsLine::parse(line);
        if let Ok(row) = Row::from_line(line) {
            let written = row.to_line().unwrap_or_else(|error| panic!("not written: {error}"));
            let again = Row::from_line(&written);
            assert_eq!(again.unwrap_or_else(|error| panic!("not read: {error}")), row);
        }
    }
}
