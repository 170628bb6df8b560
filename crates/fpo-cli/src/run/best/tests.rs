//! Tests of the best policy on disk: kills between writes, damage, and what counts as better.

use proptest::prelude::*;

use super::*;

const OLD: &[u8] = b"weights of the old best";
const NEW: &[u8] = b"weights of the new best";

fn run() -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = RunDir::create(&folder.path().join("run")).unwrap();
    (folder, run)
}

fn score(step: u64, return_mean: f64) -> Score {
    Score { step, return_mean, return_stderr: Some(0.5) }
}

fn entry(score: Score, policy: &[u8]) -> Entry {
    Entry { evaluation: score, policy_sha256: sha256(policy) }
}

#[track_caller]
fn assert_best(run: &RunDir, score: Score, policy: &[u8]) {
    let best = load(run).unwrap().unwrap();
    assert_eq!(best, Best { score, policy: run.best_policy_path() });
    assert_eq!(fs::read(best.policy).unwrap(), policy);
}

#[track_caller]
fn take(run: &RunDir, score: Score, policy: &[u8]) {
    assert!(matches!(offer(run, score, policy).unwrap(), Offered::Taken));
    assert_best(run, score, policy);
}

#[test]
fn a_run_without_evaluations_has_no_best() {
    let (_folder, run) = run();
    assert_eq!(load(&run).unwrap(), None);
}

#[test]
fn only_a_strictly_better_policy_is_taken() {
    let (_folder, run) = run();
    take(&run, score(10, -300.0), OLD);
    for worse in [-300.0, -300.1, f64::NEG_INFINITY, f64::NAN, f64::INFINITY] {
        assert!(matches!(offer(&run, score(20, worse), NEW).unwrap(), Offered::Declined));
        assert_best(&run, score(10, -300.0), OLD);
    }
    take(&run, score(30, -299.9), NEW);
    take(&run, score(40, 2.0), NEW);
    let names = fs::read_dir(run.best_dir()).unwrap().map(|e| e.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["best.json", "policy.safetensors"]);
}

#[test]
fn the_first_return_that_is_not_finite_is_not_kept() {
    let (_folder, run) = run();
    assert!(matches!(offer(&run, score(1, f64::NAN), OLD).unwrap(), Offered::Declined));
    assert_eq!(load(&run).unwrap(), None);
}

#[test]
fn numbers_come_back_to_the_bit_and_a_standard_error_may_be_missing() {
    let (_folder, run) = run();
    for (step, return_mean, return_stderr, kept) in [
        (1, -0.1 + 0.2, Some(1.0 / 3.0), Some(1.0 / 3.0)),
        (2, 1e300, None, None),
        (3, 2e300, Some(f64::NAN), None),
    ] {
        offer(&run, Score { step, return_mean, return_stderr }, OLD).unwrap();
        assert_best(&run, Score { step, return_mean, return_stderr: kept }, OLD);
    }
}

#[test]
fn a_kill_between_the_two_writes_leaves_the_old_best() {
    let (_folder, run) = run();
    take(&run, score(10, 1.0), OLD);
    replace_record(&run, entry(score(20, 2.0), NEW), entry(score(10, 1.0), OLD)).unwrap();
    assert_best(&run, score(10, 1.0), OLD);

    // The resumed run is at step 10 again and makes the same evaluation, or a lesser one.
    take(&run, score(20, 1.5), NEW);
}

#[test]
fn kills_between_the_writes_of_one_offer_after_another_do_no_harm() {
    let (_folder, run) = run();
    take(&run, score(1, 1.0), OLD);
    for mean in [2.0, 3.0] {
        replace_record(&run, entry(score(2, mean), NEW), entry(score(1, 1.0), OLD)).unwrap();
    }
    assert_best(&run, score(1, 1.0), OLD);
    replace_policy(&run, NEW).unwrap();
    assert_best(&run, score(2, 3.0), NEW);
}

#[test]
fn a_kill_in_the_middle_of_any_write_leaves_the_old_best_and_litter_that_goes() {
    let (_folder, run) = run();
    let half_folder = run.root().join(format!("{}best", durable::TEMPORARY));
    fs::create_dir(&half_folder).unwrap();
    fs::write(half_folder.join("best.json"), b"{").unwrap();
    assert_eq!(load(&run).unwrap(), None);
    take(&run, score(10, 1.0), OLD);
    assert!(!half_folder.exists());

    for name in ["best.json", "policy.safetensors"] {
        let half = run.best_dir().join(format!("{}{name}", durable::TEMPORARY));
        fs::write(&half, b"{").unwrap();
        assert_best(&run, score(10, 1.0), OLD);
        let better = load(&run).unwrap().unwrap().score.return_mean;
        assert!(matches!(offer(&run, score(20, better), NEW).unwrap(), Offered::Declined));
    }
    take(&run, score(20, 2.0), NEW);
    assert_eq!(fs::read_dir(run.best_dir()).unwrap().count(), 2);
}

#[test]
fn a_missing_file_is_named_and_the_next_policy_takes_its_place() {
    for name in ["best.json", "policy.safetensors"] {
        let (_folder, run) = run();
        take(&run, score(10, 5.0), OLD);
        let path = run.best_dir().join(name);
        fs::remove_file(&path).unwrap();
        let error = load(&run).unwrap_err().to_string();
        let expected = format!("best policy: {} is damaged: it is missing", path.display());
        assert_eq!(error, expected);
        let offered = offer(&run, score(20, 1.0), NEW).unwrap();
        assert!(matches!(offered, Offered::TakenForDamaged(e) if e.to_string() == expected));
        assert_best(&run, score(20, 1.0), NEW);
    }
}

#[test]
fn a_record_of_another_version_is_refused_and_not_replaced() {
    let (_folder, run) = run();
    take(&run, score(10, 5.0), OLD);
    let record = Record { version: 2, best: entry(score(10, 5.0), OLD), previous: None };
    fs::write(record_path(&run), sealed_json::seal(&record).unwrap()).unwrap();
    for error in [load(&run).unwrap_err(), offer(&run, score(20, 9.0), NEW).unwrap_err()] {
        let text = error.to_string();
        assert!(text.ends_with("best.json has format version 2; this program reads 1"), "{text}");
    }
    assert_eq!(fs::read(run.best_policy_path()).unwrap(), OLD);
}

proptest! {
    // Every case writes and syncs real files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cut_file_or_a_flipped_bit_is_refused_by_name(
        which in 0_usize..2,
        place in any::<prop::sample::Index>(),
        bit in prop::option::of(0_u8..8),
    ) {
        let (_folder, run) = run();
        take(&run, score(10, 1.0), OLD);
        take(&run, score(20, 2.0), NEW);
        let name = ["best.json", "policy.safetensors"][which];
        let path = run.best_dir().join(name);
        let mut bytes = fs::read(&path).unwrap();
        let place = place.index(bytes.len());
        match bit {
            Some(bit) => bytes[place] ^= 1 << bit,
            None => bytes.truncate(place),
        }
        fs::write(&path, &bytes).unwrap();
        let error = load(&run).unwrap_err();
        let is_damaged = matches!(error, BestError::Damaged { .. });
        prop_assert!(is_damaged && error.to_string().contains(name), "{}", error);
    }
}
