//! Tests of checkpoints on disk: whole ones are read back, damaged ones refused.

use proptest::prelude::*;

use super::*;

const LEARNER: &[u8] = b"weights and moments";
const STATE: &[u8] = b"{\"step\": 1}";

fn run() -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = RunDir::create(&folder.path().join("run")).unwrap();
    (folder, run)
}

fn write(run: &RunDir, step: u64, keep: usize) -> PathBuf {
    let files: [(&str, &[u8]); 3] =
        [("learner.safetensors", LEARNER), ("state.json", STATE), ("empty.bin", b"")];
    CheckpointFiles::write(run, step, &files, keep).unwrap()
}

fn steps(run: &RunDir) -> Vec<u64> {
    newest_first(run).unwrap().into_iter().map(|(step, _)| step).collect()
}

#[test]
fn what_was_written_is_read_back() {
    let (_folder, run) = run();
    let checkpoint = CheckpointFiles::read(&write(&run, 123_456_789, 2)).unwrap();
    assert_eq!(checkpoint.step(), 123_456_789);
    assert_eq!(checkpoint.file("learner.safetensors").unwrap(), LEARNER);
    assert_eq!(checkpoint.file("state.json").unwrap(), STATE);
    assert_eq!(checkpoint.file("empty.bin").unwrap(), b"");
    let error = checkpoint.file("other").unwrap_err().to_string();
    assert!(error.contains("has no file `other`"), "{error}");
}

#[test]
fn a_run_without_checkpoints_has_no_latest() {
    let (_folder, run) = run();
    let search = CheckpointFiles::latest_good(&run).unwrap();
    assert!(search.found.is_none() && search.refused.is_empty());
}

#[test]
fn only_the_newest_are_kept() {
    let (_folder, run) = run();
    for step in [8, 9, 10, 11] {
        write(&run, step, 2);
    }
    assert_eq!(steps(&run), [11, 10]);
}

#[test]
fn damaged_checkpoints_do_not_push_out_whole_ones() {
    let (_folder, run) = run();
    write(&run, 1, 2);
    let damaged = write(&run, 2, 2);
    fs::write(damaged.join("state.json"), "").unwrap();
    write(&run, 3, 2);
    assert_eq!(steps(&run), [3, 2, 1]);
    write(&run, 4, 2);
    assert_eq!(steps(&run), [4, 3]);
}

#[test]
fn pruning_goes_by_manifests_and_sizes_and_reads_no_other_file() {
    let (_folder, run) = run();
    write(&run, 1, 2);
    // As long as it was: only its digest could tell.
    fs::write(write(&run, 2, 2).join("state.json"), STATE.to_ascii_uppercase()).unwrap();
    write(&run, 3, 2);
    assert_eq!(steps(&run), [3, 2]);
}

#[test]
fn pruning_leaves_what_it_cannot_read_and_what_another_version_wrote() {
    let (_folder, run) = run();
    let other_version = write(&run, 1, 9).join(MANIFEST);
    let manifest = Manifest { version: VERSION + 1, step: 1, files: BTreeMap::new() };
    fs::write(&other_version, sealed_json::seal(&manifest).unwrap()).unwrap();
    let unreadable = write(&run, 2, 9).join(MANIFEST);
    fs::remove_file(&unreadable).unwrap();
    fs::create_dir(&unreadable).unwrap();
    fs::write(write(&run, 3, 9).join(MANIFEST), "{").unwrap();
    fs::remove_file(write(&run, 4, 9).join(MANIFEST)).unwrap();
    write(&run, 5, 9);
    write(&run, 6, 1);
    assert_eq!(steps(&run), [6, 4, 3, 2, 1]);
}

#[test]
fn a_damaged_checkpoint_of_a_later_step_does_not_push_out_the_new_one() {
    let (_folder, run) = run();
    let damaged = write(&run, 10, 1);
    fs::write(damaged.join("state.json"), "").unwrap();
    write(&run, 7, 1);
    let search = CheckpointFiles::latest_good(&run).unwrap();
    assert_eq!(search.found.unwrap().step(), 7);
    assert_eq!(search.refused[0].0, damaged);
}

#[test]
fn a_run_taken_back_to_an_earlier_step_keeps_what_it_writes_then() {
    let (_folder, run) = run();
    write(&run, 10, 1);
    write(&run, 7, 1);
    assert_eq!(steps(&run), [10, 7]);
    write(&run, 11, 1);
    assert_eq!(steps(&run), [11]);
}

#[test]
fn a_checkpoint_of_the_same_step_is_replaced_where_it_is_damaged_or_of_another_state() {
    let (_folder, run) = run();
    let folder = write(&run, 5, 2);
    fs::write(folder.join("state.json"), "").unwrap();
    write(&run, 5, 2);
    assert_eq!(CheckpointFiles::read(&folder).unwrap().file("state.json").unwrap(), STATE);
    let written = || fs::metadata(folder.join("state.json")).unwrap().modified().unwrap();
    let before = written();
    write(&run, 5, 2);
    assert_eq!(written(), before, "the same state is not written twice");
    CheckpointFiles::write(&run, 5, &[("state.json", b"other")], 2).unwrap();
    let replaced = CheckpointFiles::read(&folder).unwrap();
    assert_eq!(replaced.file("state.json").unwrap(), b"other");
    assert!(replaced.file("learner.safetensors").is_err());
    assert_eq!(fs::read_dir(run.checkpoints_dir()).unwrap().count(), 1);
}

#[test]
fn a_replacement_killed_at_its_worst_moment_leaves_the_old_checkpoint() {
    let (_folder, run) = run();
    let folder = write(&run, 5, 1);
    // The old one is out of the way, the new one not yet in its place.
    let aside = folder.with_file_name(format!("{}step_000000000005", durable::SET_ASIDE));
    fs::rename(&folder, &aside).unwrap();
    let found = CheckpointFiles::latest_good(&run).unwrap().found.unwrap();
    assert_eq!((found.step(), found.file("state.json").unwrap()), (5, STATE));
    write(&run, 4, 1);
    assert_eq!(CheckpointFiles::read(&folder).unwrap().step(), 5);
    // And a moment later: both are there, and the new one counts.
    fs::create_dir(&aside).unwrap();
    fs::write(aside.join("state.json"), "{").unwrap();
    assert!(CheckpointFiles::latest_good(&run).unwrap().refused.is_empty());
    write(&run, 6, 1);
    assert!(!aside.exists());
}

#[test]
fn what_a_killed_write_left_is_ignored_and_then_removed() {
    let (_folder, run) = run();
    write(&run, 1, 2);
    let half = run.checkpoints_dir().join(format!("{}step_000000000002", durable::TEMPORARY));
    fs::create_dir(&half).unwrap();
    fs::write(half.join("state.json"), "{").unwrap();
    assert_eq!(CheckpointFiles::latest_good(&run).unwrap().found.unwrap().step(), 1);
    write(&run, 3, 2);
    assert!(!half.exists());
}

#[test]
fn a_file_of_another_version_is_refused_by_its_version() {
    let (_folder, run) = run();
    let folder = write(&run, 1, 2);
    let path = folder.join(MANIFEST);
    let text = fs::read_to_string(&path).unwrap().replace("\"version\": 1", "\"version\": 2");
    // As it stands that is a damaged digit; with a digest of its own it is another version.
    fs::write(&path, &text).unwrap();
    let error = CheckpointFiles::read(&folder).unwrap_err();
    assert!(matches!(error, CheckpointError::Damaged { .. }), "{error}");
    let mut manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
    manifest["sha256"] = "".into();
    let unsealed = format!("{}\n", serde_json::to_string_pretty(&manifest).unwrap());
    manifest["sha256"] = sha256(unsealed.as_bytes()).into();
    fs::write(&path, format!("{}\n", serde_json::to_string_pretty(&manifest).unwrap())).unwrap();
    let error = CheckpointFiles::read(&folder).unwrap_err();
    assert!(matches!(error, CheckpointError::Version { found: 2, .. }), "{error}");
    assert!(CheckpointFiles::latest_good(&run).is_err(), "nothing is built on an older one");
}

#[test]
fn names_that_lead_out_of_the_folder_are_refused() {
    let (_folder, run) = run();
    for name in ["../state", "a/b", "", ".", "..", MANIFEST, "a b", "C:x"] {
        let error = CheckpointFiles::write(&run, 1, &[(name, b"x")], 2).unwrap_err();
        assert!(matches!(error, CheckpointError::BadName(_)), "{name}: {error}");
    }
    let twice: [(&str, &[u8]); 2] = [("a", b"1"), ("a", b"2")];
    assert!(CheckpointFiles::write(&run, 1, &twice, 2).is_err());
    assert!(steps(&run).is_empty());
}

/// Writes two checkpoints, lets `damage` change the bytes of the newer one's file number `which`,
/// and expects that one to be refused by the file's name and the older one to be offered.
fn damaged_is_refused(which: usize, damage: impl Fn(&mut Vec<u8>)) -> Result<(), TestCaseError> {
    let (_folder, run) = run();
    write(&run, 1, 2);
    let newer = write(&run, 2, 2);
    let name = ["learner.safetensors", "state.json", MANIFEST][which];
    let path = newer.join(name);
    let mut bytes = fs::read(&path).unwrap();
    let before = bytes.clone();
    damage(&mut bytes);
    prop_assume!(bytes != before);
    fs::write(&path, &bytes).unwrap();
    let search = CheckpointFiles::latest_good(&run).unwrap();
    prop_assert_eq!(search.found.unwrap().step(), 1);
    let (folder, error) = &search.refused[0];
    prop_assert_eq!(folder, &newer);
    prop_assert!(error.to_string().contains(name), "{}", error);
    Ok(())
}

proptest! {
    // Every case writes and syncs real files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_file_cut_at_any_length_is_refused(
        which in 0_usize..3,
        cut in any::<prop::sample::Index>(),
    ) {
        damaged_is_refused(which, |bytes| bytes.truncate(cut.index(bytes.len())))?;
    }

    #[test]
    fn any_flipped_bit_is_refused(
        which in 0_usize..3,
        place in any::<prop::sample::Index>(),
        bit in 0_u8..8,
    ) {
        damaged_is_refused(which, |bytes| {
            let place = place.index(bytes.len());
            bytes[place] ^= 1 << bit;
        })?;
    }

    #[test]
    fn any_added_bytes_are_refused(
        which in 0_usize..3,
        tail in proptest::collection::vec(any::<u8>(), 1..9),
    ) {
        damaged_is_refused(which, |bytes| bytes.extend_from_slice(&tail))?;
    }
}

#[test]
fn a_missing_file_is_refused_by_name() {
    for name in ["learner.safetensors", "empty.bin", MANIFEST] {
        let (_folder, run) = run();
        let folder = write(&run, 1, 2);
        fs::remove_file(folder.join(name)).unwrap();
        let error = CheckpointFiles::read(&folder).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("missing"), "{error}");
    }
}
