//! Flags with a number that is wrong, and flags that nothing takes of what is asked for: an error
//! that names the flag and says what would be right.

use tempfile::tempdir;

use crate::TASK;
use crate::common::fail;

/// Commands, a flag of each, and the whole numbers that it takes. None of the files is there.
const WHOLE: [(&[&str], &str, &str); 27] = [
    (&["train", TASK], "--seed", "0 to 9223372036854775807"),
    (&["config", TASK], "--seed", "0 to 9223372036854775807"),
    (&["eval", "run"], "--episodes", "1 to 1048576"),
    (&["eval", "run"], "--seed", "0 to 18446744073709551615"),
    (&["eval", "run"], "--steps", "1 to 100000"),
    (&["envs", TASK, "--rollout", "zero"], "--episodes", "1 to 1048576"),
    (&["envs", TASK, "--rollout", "zero"], "--seed", "0 to 18446744073709551615"),
    (&["render", "run", "-o", "a.gif"], "--episodes", "1 to 100"),
    (&["render", "run", "-o", "a.gif"], "--seed", "0 to 18446744073709551615"),
    (&["render", "run", "-o", "a.gif"], "--length", "1 to 4294967295"),
    (&["render", "run", "-o", "a.gif"], "--fps", "1 to 50"),
    (&["render", "run", "-o", "a.gif"], "--every", "1 to 4294967295"),
    (&["render", "run", "-o", "a.gif"], "--steps", "1 to 100000"),
    (&["figure", "gridworld", "run", "-o", "a.svg"], "--samples", "20 to 4000"),
    (&["figure", "gridworld", "run", "-o", "a.svg"], "--seed", "0 to 18446744073709551615"),
    (&["verify", "run"], "--replay", "1 to 18446744073709551615"),
    (&["sweep", "s.toml"], "--jobs", "1 to 65536"),
    (&["sweep", "s.toml"], "--threads", "1 to 65536"),
    (&["sweep", "s.toml"], "--index", "0 to 18446744073709551615"),
    (&["bench"], "--transitions", "1 to 16777216"),
    (&["bench"], "--envs", "1 to 16777216"),
    (&["bench"], "--threads", "1 to 4096"),
    (&["bench"], "--repeats", "1 to 100000"),
    (&["bench"], "--warmup", "0 to 4294967295"),
    (&["bench", "envs"], "--envs", "1 to 16777216"),
    (&["bench", "learner"], "--threads", "1 to 4096"),
    (&["bench", "ranks"], "--repeats", "1 to 100000"),
];

#[test]
fn a_number_that_a_flag_does_not_take_is_told_which_it_does() {
    let dir = tempdir().unwrap();
    for (command, flag, range) in WHOLE {
        for value in ["x", "-1", "1.5", "99999999999999999999"] {
            let args = [command, &[flag, value]].concat();
            let place = format!("invalid value '{value}' for '{flag} <");
            let right = format!(">': expected a whole number from {range}\n");
            fail(dir.path(), &args, 2, &[&place, &right]);
        }
    }
    let args = ["verify", "run", "--replay", "0"];
    fail(dir.path(), &args, 2, &["'0' for '--replay <N>': expected a whole number from 1 to "]);
}

#[test]
fn a_number_that_a_sampler_does_not_take_is_told_which_it_does() {
    let dir = tempdir().unwrap();
    for (flag, value, right) in [
        ("--times", "a", "a number from 0 to 1"),
        ("--times", "1,NaN,0", "a number from 0 to 1"),
        ("--rtol", "NaN", "a number of 0 or more, below 1"),
        ("--atol", "0", "a finite number above 0"),
        ("--churn", "-1", "a finite number of 0 or more"),
    ] {
        let right = format!("expected {right}\n");
        for command in [&["eval", "run"][..], &["render", "run", "-o", "a.gif"]] {
            let args = [command, &[flag, value]].concat();
            fail(dir.path(), &args, 2, &[&format!("for '{flag} <"), &right]);
        }
    }
}

#[test]
fn a_flag_that_nothing_takes_is_refused() {
    let dir = tempdir().unwrap();
    std::fs::write(dir.path().join("a.json"), "{}").unwrap();
    let untrained = ["render", "random", "--task", TASK, "-o", "a.png"];
    for (command, flags, words) in [
        (&["envs", TASK][..], &["--episodes", "3"][..], &["--episodes", "--rollout random"][..]),
        (&["envs", TASK], &["--record", "x"], &["--record", "--rollout random"]),
        (&["envs"], &["--seed", "3"], &["--seed", "--rollout random"]),
        (&untrained, &["--fps", "10"], &["--fps is for a .gif", "a.png is none"]),
        (&untrained, &["--best"], &["--best", "none is given", "the folder of a run"]),
        (&untrained, &["--steps", "3"], &["--steps", "none is given", "a policy file or"]),
        (&untrained, &["--start", "zero"], &["--start", "none is given", "a policy file or"]),
        (&["bench", "launch"], &["--sizes", "nope"], &["--sizes does not apply to launch"]),
        (&["bench", "launch"], &["--tasks", TASK], &["--tasks", "it applies to envs"]),
        (&["bench", "envs"], &["--transitions", "7"], &["--transitions", "applies to learner"]),
        (&["bench", "ranks"], &["--warmup", "7"], &["`fpo bench ranks` is made by itself"]),
        (&["bench", "envs"], &["--compare", "a.json", "a.json"], &["--compare", "cannot be used"]),
    ] {
        fail(dir.path(), &[command, flags].concat(), 2, words);
    }
    let files = std::fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 1, "nothing was written");
}
