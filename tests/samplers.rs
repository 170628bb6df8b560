//! Tests `fpo eval --sampler …` from the command line.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use common::{fpo, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::tempdir;

#[test]
fn eval_plays_with_any_sampler_and_says_which() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "GridWorld/two_walls");
    succeed(dir.path(), &["train", config.to_str().unwrap(), "--out", "run"]);
    let eval = |flags: &[&str]| -> Value {
        let args = [&["eval", "run", "--episodes", "16", "--json"], flags].concat();
        serde_json::from_str(&succeed(dir.path(), &args)).unwrap()
    };

    let own = eval(&[]);
    assert!(own.get("sampler").is_none(), "{own}");
    for (flags, expected) in [
        (
            &["--sampler", "euler"][..],
            r#"{"method":"euler","steps":10,"start":"noise","evaluations":10.0}"#,
        ),
        (
            &["--sampler", "heun", "--steps", "4", "--start", "zero"],
            r#"{"method":"heun","steps":4,"start":"zero","evaluations":8.0}"#,
        ),
        (
            &["--sampler", "sde", "--steps", "6", "--churn", "0.5"],
            r#"{"method":"sde","steps":6,"start":"noise","churn":0.5,"evaluations":6.0}"#,
        ),
    ] {
        let report = eval(flags);
        assert_eq!(report["sampler"].to_string(), expected);
        assert_eq!(report["episodes"], own["episodes"]);
        assert_eq!(report, eval(flags), "{flags:?}: the same numbers again");
    }
    let report = eval(&["--sampler", "dopri5", "--rtol", "0.01", "--atol", "0.001"]);
    assert_eq!(report["sampler"]["rtol"], 0.01);
    assert!(report["sampler"]["evaluations"].as_f64().unwrap() >= 7.0, "{report}");
    assert!(report["sampler"].get("steps").is_none(), "{report}");

    let text = succeed(dir.path(), &["eval", "run", "--episodes", "4", "--sampler", "rk4"]);
    assert!(text.contains("rk4 10 steps from noise (40.0 velocity evaluations)"), "{text}");

    let record = ["eval", "run", "--episodes", "4", "--start", "zero", "--record", "zero.st"];
    succeed(dir.path(), &record);
    let bytes = std::fs::read(dir.path().join("zero.st")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert!(file.tensor("noise").unwrap().data().iter().all(|&byte| byte == 0));
    assert!(file.tensor("action").unwrap().data().iter().any(|&byte| byte != 0));

    for (flags, code, words) in [
        (
            &["--sampler", "heun", "--rtol", "1e-3"][..],
            2,
            "--rtol does not apply to --sampler heun",
        ),
        (
            &["--times", "1,0.5,0.6,0"],
            2,
            "--times: sampler grid: time 3 of 4 is 0.6; it must be below the one before it, 0.5",
        ),
        (&["--sampler", "leapfrog"], 2, "leapfrog"),
        (&["--sampler", "dopri5", "--rtol", "0", "--atol", "1e-30"], 1, "more than 1000 steps"),
    ] {
        let output = fpo(dir.path()).args(["eval", "run"]).args(flags).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{flags:?}: {text}");
        assert!(text.contains(words), "{flags:?}: no {words:?} in {text}");
    }
}
