//! Tests of the folder of a run.

use super::*;

#[test]
fn a_run_that_was_created_can_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs/a");
    let (run, _lock) = RunDir::create(&path).unwrap();
    assert!(matches!(RunDir::open(&path), Err(RunDirError::NotARun(_))));
    run.save_config("x = 1").unwrap();
    assert_eq!(RunDir::open(&path).unwrap(), run);
}

#[test]
fn a_folder_with_anything_in_it_is_refused_for_a_new_run() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    let error = RunDir::create(folder.path()).unwrap_err().to_string();
    assert!(error.contains("is not empty") && !error.contains("resume"), "{error}");
    fs::write(folder.path().join("config.toml"), "").unwrap();
    let error = RunDir::create(folder.path()).unwrap_err().to_string();
    assert!(error.contains("or resume the run that is there"), "{error}");
}

#[test]
fn a_creation_that_was_killed_early_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    drop(RunDir::create(folder.path()).unwrap());
    let half = folder.path().join(format!("{}config.toml", durable::TEMPORARY));
    fs::write(&half, "x =").unwrap();
    let _made = RunDir::create(folder.path()).unwrap();
    assert!(!half.exists());
}

#[test]
fn checkpoint_names_sort_as_their_steps() {
    let run = RunDir { root: "r".into() };
    assert!(run.checkpoint_dir(123_456_789).ends_with("checkpoints/step_000123456789"));
    assert!(run.checkpoint_dir(9) < run.checkpoint_dir(10));
}
