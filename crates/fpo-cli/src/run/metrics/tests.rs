//! Tests of the metrics file: what is appended, cut off and read again.

use proptest::prelude::*;

use super::*;

fn run() -> (tempfile::TempDir, RunDir) {
    let folder = tempfile::tempdir().unwrap();
    let (run, _) = RunDir::create(folder.path()).unwrap();
    (folder, run)
}

fn text(run: &RunDir) -> String {
    fs::read_to_string(run.metrics_path()).unwrap()
}

#[test]
fn a_line_has_the_step_first_and_keys_in_the_order_given() {
    let (_folder, run) = run();
    let mut log = MetricsLog::create(&run).unwrap();
    let values = [("z", 0.1), ("a", 3.0), ("n", f64::NAN), ("p", f64::INFINITY)];
    log.append(480, &values, None).unwrap();
    log.append(960, &[("m", f64::NEG_INFINITY)], None).unwrap();
    log.sync().unwrap();
    let expected = "{\"step\":480,\"z\":0.1,\"a\":3.0,\"n\":\"NaN\",\"p\":\"inf\"}\n\
                    {\"step\":960,\"m\":\"-inf\"}\n";
    assert_eq!(text(&run), expected);
}

#[test]
fn a_key_given_twice_is_refused_and_nothing_is_written() {
    let (_folder, run) = run();
    let mut log = MetricsLog::create(&run).unwrap();
    assert!(log.append(1, &[("a", 1.0), ("a", 2.0)], None).is_err());
    assert!(log.append(1, &[("step", 1.0)], None).is_err());
    assert_eq!(text(&run), "");
}

#[test]
fn resuming_drops_later_lines_and_a_half_written_end() {
    let (_folder, run) = run();
    let lines = "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"st";
    let recorded: [(&[u64], _); 3] =
        [(&[], ""), (&[10], "{\"step\":10}\n"), (&[10, 20], "{\"step\":10}\n{\"step\":20}\n")];
    for (recorded, kept) in recorded {
        fs::write(run.metrics_path(), lines).unwrap();
        let (mut log, complaint) = MetricsLog::resume(&run, recorded).unwrap();
        assert_eq!(complaint, None);
        assert_eq!(text(&run), kept);
        log.append(30, &[], None).unwrap();
        assert_eq!(text(&run), format!("{kept}{{\"step\":30}}\n"));
    }
}

#[test]
fn resuming_with_nothing_to_drop_leaves_the_file_alone() {
    let (_folder, run) = run();
    let lines = "{\"step\":10}\n{\"step\":20}\n";
    fs::write(run.metrics_path(), lines).unwrap();
    MetricsLog::resume(&run, &[10, 20]).unwrap();
    assert_eq!(text(&run), lines);
}

#[test]
fn a_damaged_line_is_left_out_and_the_log_as_it_was_is_kept() {
    let (folder, run) = run();
    let lines = "{\"step\":10}\nrubbish\n{\"step\":20}\n";
    fs::write(run.metrics_path(), lines).unwrap();
    let (_, complaint) = MetricsLog::resume(&run, &[10, 20]).unwrap();
    let complaint = complaint.unwrap();
    assert!(complaint.contains("metrics.jsonl: line 2 is damaged; it is kept"), "{complaint}");
    assert_eq!(text(&run), "{\"step\":10}\n{\"step\":20}\n");
    let copy = folder.path().join("set-aside/metrics.jsonl");
    assert_eq!(fs::read_to_string(copy).unwrap(), lines);
}

#[test]
fn a_run_whose_metrics_were_deleted_can_still_be_resumed() {
    let (_folder, run) = run();
    let (mut log, complaint) = MetricsLog::resume(&run, &[10, 20]).unwrap();
    assert!(complaint.unwrap().contains("2 of 2 lines are missing"));
    log.append(30, &[], None).unwrap();
    assert_eq!(text(&run), "{\"step\":30}\n");
}

#[test]
fn every_start_and_resumption_has_an_event_file_of_its_own() {
    let (_folder, run) = run();
    MetricsLog::create(&run).unwrap();
    MetricsLog::resume(&run, &[]).unwrap();
    assert_eq!(fs::read_dir(run.tensorboard_dir()).unwrap().count(), 2);
}

#[test]
fn every_event_file_has_the_configuration_as_it_is_by_then() {
    let (_folder, run) = run();
    run.save_config("[a]\nx = 1\n").unwrap();
    drop(MetricsLog::create(&run).unwrap());
    run.save_config("[a]\nx = 2\n").unwrap();
    drop(MetricsLog::resume(&run, &[]).unwrap());
    let mut files: Vec<_> =
        fs::read_dir(run.tensorboard_dir()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for (file, text) in files.iter().zip(["    [a]\n    x = 1", "    [a]\n    x = 2"]) {
        let bytes = fs::read(file).unwrap();
        let is_there = |part: &str| bytes.windows(part.len()).any(|at| at == part.as_bytes());
        assert!(is_there(text) && is_there("config") && is_there("text"));
    }
}

proptest! {
    #[test]
    fn every_finite_number_reads_back_to_the_same_bits(bits in any::<u64>()) {
        let value = f64::from_bits(bits);
        prop_assume!(value.is_finite());
        let text = number(value).to_string();
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), bits);
    }
}

proptest! {
    // Every case writes and syncs real files.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_log_cut_anywhere_keeps_exactly_its_whole_lines(cut in 0_usize..48) {
        let (_folder, run) = run();
        let lines = "{\"step\":10}\n{\"step\":20}\n{\"step\":30}\n{\"step\":40}\n";
        fs::write(run.metrics_path(), &lines[..cut]).unwrap();
        MetricsLog::resume(&run, &[10, 20, 30, 40]).unwrap();
        prop_assert_eq!(text(&run), &lines[..cut / 12 * 12]);
    }
}
