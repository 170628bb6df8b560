//! Tests of what is read, left out and told.

use std::fs;

use tempfile::{TempDir, tempdir};

use super::*;
use crate::report::notes::NoteKind;
use crate::results::file::ResultsFile;
use crate::results::outcome::{Outcome, Status};
use crate::results::row::tests::example;

/// Makes the run `name` with `seed` in `dir`, which is finished if it has a `score`.
fn run(dir: &TempDir, name: &str, seed: u64, score: Option<f64>) -> PathBuf {
    let folder = dir.path().join(name);
    fs::create_dir_all(&folder).unwrap();
    let config = format!("env.task = \"GridWorld/two_walls\"\ntrain.seed = {seed}\n");
    fs::write(folder.join("config.toml"), config).unwrap();
    let evaluation =
        score.map_or(String::new(), |score| format!(",\"eval/episode_return_mean\":{score}"));
    let line = format!("{{\"step\":2048{evaluation}}}\n");
    fs::write(folder.join("metrics.jsonl"), line).unwrap();
    if score.is_some() {
        let outcome = Outcome::now(Status::Finished, None, 1.0, "cpu");
        outcome.save(&RunDir::at(&folder)).unwrap();
    }
    folder
}

/// Adds to the results of the sweep `name` the row that it has of the run in `folder`.
fn record(dir: &TempDir, name: &str, folder: &Path) {
    let row = row_of(folder).unwrap();
    let row = Row { task: "Walls".into(), method: "ours".into(), ..row };
    let path = dir.path().join(name).join("results.jsonl");
    ResultsFile::open(&path).unwrap().append(&row).unwrap();
}

/// Returns task, method, seed and status of each run.
fn known(inputs: &Inputs) -> Vec<(&str, &str, u64, Status)> {
    let rows = inputs.rows.iter();
    rows.map(|row| (row.task.as_str(), row.method.as_str(), row.seed, row.status)).collect()
}

fn of_kind(inputs: &Inputs, kind: NoteKind) -> Vec<&str> {
    let notes = inputs.notes.iter().filter(|note| note.kind == kind);
    notes.map(|note| note.text.as_str()).collect()
}

fn error(path: PathBuf) -> String {
    format!("{:#}", read(&[path]).unwrap_err())
}

#[test]
fn all_files_of_a_folder_are_merged_and_half_a_line_is_told() {
    let folder = tempdir().unwrap();
    let line = |seed| example("A", "fpo", seed).to_line().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    write("results.jsonl", format!("{}\n{}\n", line(1), line(2)));
    write("results-1.jsonl", format!("{}\n{}\n{{\"form", line(2), line(3)));
    write("other.jsonl", "nonsense\n".into());
    let inputs = read(&[folder.path().into()]).unwrap();
    let seeds: Vec<u64> = inputs.rows.iter().map(|row| row.seed).collect();
    assert_eq!(seeds, [2, 3, 1], "results-1.jsonl comes first");
    let kinds: Vec<NoteKind> = inputs.notes.iter().map(|note| note.kind).collect();
    assert_eq!(kinds, [NoteKind::Input, NoteKind::Duplicate], "{:?}", inputs.notes);
    assert_eq!(inputs.sources.iter().map(|source| source.rows).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn what_is_no_input_is_named() {
    let folder = tempdir().unwrap();
    assert!(error(folder.path().into()).contains("is neither a run"));
    assert!(error(folder.path().join("no.jsonl")).contains("no.jsonl"));
    let empty = folder.path().join("results.jsonl");
    fs::write(&empty, "").unwrap();
    assert!(error(empty).contains("there is no run in"));
}

#[test]
fn a_damaged_run_among_many_is_left_out_with_its_reason() {
    let dir = tempdir().unwrap();
    run(&dir, "runs/good", 1, Some(20.0));
    let damaged = [
        ("config", "config.toml", "", "config.toml is no configuration of a run"),
        ("garbage", "config.toml", "env = [", "config.toml:1:8: "),
        ("metrics", "metrics.jsonl", "{\"step\":1}\nx\n", "metrics.jsonl:2: not a line of"),
        ("outcome", "outcome.json", "x", "outcome.json: expected value at line 1 column 1"),
        ("sweep/runs/a", "../../results.jsonl", "x\n", "results.jsonl:1: expected value"),
    ];
    for (name, file, text, _) in damaged {
        let folder = run(&dir, &format!("runs/{name}"), 2, Some(20.0));
        fs::write(folder.join(file), text).unwrap();
    }
    let inputs = read(&[dir.path().join("runs")]).unwrap();
    let finished = Status::Finished;
    assert_eq!(known(&inputs), [("GridWorld/two_walls", "fpo", 1, finished)]);
    let notes = of_kind(&inputs, NoteKind::Input);
    assert_eq!(notes.len(), damaged.len(), "{notes:?}");
    for (note, (name, _, _, reason)) in notes.iter().zip(damaged) {
        let name = name.split('/').next().unwrap();
        let is_told = note.contains(reason) && note.ends_with(": it is left out");
        assert!(is_told && note.contains(&format!("runs/{name}")), "{note}");
    }

    // Named by itself, each is an error, and where all are left out nothing is reported.
    for (name, file, _, reason) in &damaged[..4] {
        let error = error(dir.path().join("runs").join(name));
        assert!(error.contains(reason) && !error.contains("--set"), "{file}: {error}");
    }
    fs::remove_dir_all(dir.path().join("runs/good")).unwrap();
    let error = error(dir.path().join("runs"));
    let words = ["there is no run in ", "runs that can be read: ", "; and 4 more"];
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
}

#[test]
fn runs_of_a_sweep_without_a_row_are_told_like_others() {
    let dir = tempdir().unwrap();
    fs::create_dir_all(dir.path().join("runs/long/runs")).unwrap();
    let results = dir.path().join("runs/long/results.jsonl");
    fs::write(&results, "").unwrap();
    run(&dir, "runs/long/runs/a", 1, None);
    // No run has a row yet, so that they are called as they call themselves.
    for path in ["runs", "runs/long"] {
        let inputs = read(&[dir.path().join(path)]).unwrap();
        let expected = [("GridWorld/two_walls", "fpo", 1, Status::Unfinished)];
        assert_eq!(known(&inputs), expected, "{path}");
    }

    // A row of another seed says what the sweep calls them.
    let second = run(&dir, "runs/long/runs/b", 2, Some(20.0));
    record(&dir, "runs/long", &second);
    run(&dir, "runs/long/runs/c", 3, Some(19.0));
    let other = run(&dir, "runs/long/runs/d", 4, None);
    let text = "env.task = \"GridWorld/two_walls\"\nenv.num_envs = 1024\ntrain.seed = 4\n";
    fs::write(other.join("config.toml"), text).unwrap();
    for path in ["runs", "runs/long"] {
        let inputs = read(&[dir.path().join(path)]).unwrap();
        let expected = [(2, Status::Finished), (1, Status::Unfinished), (3, Status::Finished)]
            .map(|(seed, status)| ("Walls", "ours", seed, status));
        assert_eq!(known(&inputs), expected, "{path}");
        let notes = of_kind(&inputs, NoteKind::Unfinished);
        let text = "runs/d, fpo on GridWorld/two_walls, seed 4: not over, after 2k steps";
        assert!(notes.len() == 1 && notes[0].contains(text), "{path}: {notes:?}");
    }
}

/// The metrics of a run that has its row are not read: here they could not be.
#[test]
fn a_run_that_has_its_row_is_known_by_the_name_of_its_folder() {
    let dir = tempdir().unwrap();
    let first = run(&dir, "s/runs/first", 1, Some(20.0));
    record(&dir, "s", &first);
    let digest = row_of(&first).unwrap().digest;
    let named = dir.path().join(format!("s/runs/Grid_Walls-ours-{digest}-seed1"));
    fs::rename(&first, &named).unwrap();
    fs::write(named.join("metrics.jsonl"), "x\n").unwrap();
    let inputs = read(&[dir.path().join("s")]).unwrap();
    assert_eq!(known(&inputs), [("Walls", "ours", 1, Status::Finished)]);
    assert_eq!(inputs.notes, []);
}
