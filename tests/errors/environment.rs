//! Environment variables with a wrong value: an error of every command that computes.

use fpo_core::Isa;
use tempfile::tempdir;

use crate::common::{fpo, small_config, stderr};

/// Commands that compute; none of the files that they name is there.
const COMPUTING: [&[&str]; 8] = [
    &["train", "no.toml"],
    &["sweep", "no.toml"],
    &["eval", "no.safetensors"],
    &["export", "no", "-o", "policy.safetensors"],
    &["report", "no"],
    &["figure", "gridworld", "no.safetensors", "-o", "figure.svg"],
    &["bench", "launch"],
    &["envs", "GridWorld/two_walls", "--rollout", "zero"],
];

#[test]
fn a_wrong_variable_ends_every_command_that_computes_with_one_line_that_names_it() {
    let dir = tempdir().unwrap();
    let mut wrong = vec![
        ("RAYON_NUM_THREADS", "abc", "whole number from 1 to"),
        ("RAYON_NUM_THREADS", "", "whole number from 1 to"),
        ("RAYON_RS_NUM_CPUS", "-1", "whole number from 1 to"),
        ("FPO_SIMD", "portble", "this processor has: `portable`"),
    ];
    let lacking = Isa::ALL.into_iter().filter(|isa| !isa.is_available());
    wrong.extend(lacking.map(|isa| ("FPO_SIMD", isa.name(), "this processor lacks")));
    for (name, value, right) in wrong {
        for args in COMPUTING {
            let output = fpo(dir.path()).args(args).env(name, value).output().unwrap();
            let text = stderr(&output);
            assert_eq!(output.status.code(), Some(2), "{name}={value} fpo {args:?}: {text}");
            assert_eq!(text.trim_end().lines().count(), 1, "{name}={value} fpo {args:?}: {text}");
            for word in [name, &format!("`{value}`"), right] {
                assert!(text.contains(word), "{name}={value} fpo {args:?}: no {word:?} in {text}");
            }
        }
    }
}

#[test]
fn a_wrong_variable_is_a_problem_to_the_doctor_and_none_to_what_computes_nothing() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    for (name, value, part) in
        [("RAYON_NUM_THREADS", "abc", "threads"), ("FPO_SIMD", "portble", "kernels")]
    {
        let output = fpo(dir.path()).arg("doctor").env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}={value}");
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find(|line| line.starts_with(part)).unwrap();
        for word in ["broken", name, value] {
            assert!(line.contains(word), "no {word:?} in {line}");
        }
        for args in [&["config", config.to_str().unwrap()][..], &["envs"], &["--help"]] {
            let output = fpo(dir.path()).args(args).env(name, value).output().unwrap();
            assert!(output.status.success(), "{name}={value} fpo {args:?}: {}", stderr(&output));
        }
    }
}

#[test]
fn right_values_are_taken_and_zero_threads_are_all() {
    let dir = tempdir().unwrap();
    let of = |name: &str, value: &str, part: &str| {
        let output = fpo(dir.path()).arg("doctor").env(name, value).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().find(|line| line.starts_with(part)).unwrap().to_owned()
    };
    let threads = std::thread::available_parallelism().unwrap().get();
    let all = format!("{threads} in use of {threads}");
    for (name, value, expected) in [
        ("RAYON_NUM_THREADS", "1", "1 in use of "),
        ("RAYON_NUM_THREADS", "0", &all),
        ("RAYON_RS_NUM_CPUS", "1", "1 in use of "),
    ] {
        let line = of(name, value, "threads");
        let set = format!("{name}={value}");
        assert!(line.contains(expected) && line.contains(&set), "{set}: {line}");
    }
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
        let line = of("FPO_SIMD", isa.name(), "kernels");
        assert!(line.ends_with(&format!("fused, {}", isa.name())), "{line}");
    }
}
