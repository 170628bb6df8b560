//! Compares docs/metrics.md with the metrics of a run.

use std::collections::BTreeSet;
use std::fs;

use tempfile::tempdir;

use crate::common::{metrics, root, small_config, succeed};

/// Returns the keys that the tables of the page explain: each quoted name in a first column, where
/// `_x` stands for the name before it with another last part.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(root().join("docs/metrics.md")).unwrap();
    let mut found = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let mut stem = String::new();
        for name in row.split('|').nth(1).unwrap().split('`').skip(1).step_by(2) {
            let key = if name.starts_with('_') { format!("{stem}{name}") } else { name.into() };
            stem = key.rsplit_once('_').map_or(key.clone(), |(stem, _)| stem.into());
            assert!(found.insert(key), "{name} is there twice");
        }
    }
    found
}

#[test]
fn the_page_of_metrics_explains_those_of_a_run_and_no_others() {
    let dir = tempdir().unwrap();
    // The task has goals and states with several ways, returns to checkpoints are counted, all
    // settings move that can, and the policy has a frame: this run has every metric that there is.
    let config = small_config(dir.path(), "GridWorld/two_walls");
    let wanted = [
        "train.on_divergence=rollback",
        "policy.frame=per_state",
        "policy.loss_reduction=nats",
        "policy.output_mode=velocity",
        "algorithm.reward_scaling=returns",
        "algorithm.entropy_coefficient_to=0.01",
        "algorithm.noise_correlation_to=0.5",
        "policy.source_std_to=0.9",
    ];
    let args = ["train", config.to_str().unwrap(), "--out", "run"];
    let wanted = wanted.iter().flat_map(|setting| ["--set", setting]);
    succeed(dir.path(), &args.into_iter().chain(wanted).collect::<Vec<_>>());
    let rows = metrics(&dir.path().join("run"));
    let keys = rows.iter().flat_map(|row| row.keys());
    let written: BTreeSet<String> = keys.filter(|key| key.contains('/')).cloned().collect();
    let documented = documented();
    let unexplained: Vec<_> = written.difference(&documented).collect();
    let stale: Vec<_> = documented.difference(&written).collect();
    assert!(unexplained.is_empty(), "docs/metrics.md does not explain {unexplained:?}");
    assert!(stale.is_empty(), "docs/metrics.md explains what a run does not write: {stale:?}");
    let others: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.keys())
        .map(String::as_str)
        .filter(|k| !k.contains('/'))
        .collect();
    assert_eq!(others.into_iter().collect::<Vec<_>>(), ["params", "step"]);
}
