//! `fpo export -o FOLDER` writes a policy with a model card, and all that the card says is true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::fs;
use std::path::Path;

use common::{fail, fpo, metrics, small_config, stderr, succeed};
use serde_json::Value;
use tempfile::{TempDir, tempdir};

/// A folder with a finished run.
fn trained(settings: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), "Classic/MultiGoal");
    let mut args = vec!["train", config.to_str().unwrap(), "--out", "run"];
    settings.iter().for_each(|set| args.extend(["--set", set]));
    succeed(dir.path(), &args);
    dir
}

fn read(dir: &TempDir, name: &str) -> String {
    fs::read_to_string(dir.path().join(name)).unwrap()
}

/// Fails unless `text` holds all of `parts`.
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_folder_gets_the_policy_and_a_card_that_is_true_of_the_run() {
    let dir = trained(&["train.seed=5", "env.action_repeat=2"]);
    let run = dir.path().join("run");
    let args = ["export", "run", "-o", "shared", "--onnx", "--license", "Apache-2.0"];
    succeed(dir.path(), &[&args[..], &["--episodes", "9"]].concat());
    let bytes = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert!(bytes("shared/policy.safetensors") == bytes("run/policy.safetensors"));
    succeed(dir.path(), &["export", "run", "-o", "alone.onnx"]);
    assert!(bytes("shared/policy.onnx") == bytes("alone.onnx"));

    let card = read(&dir, "shared/README.md");
    let seed = "2000000";
    let eval = ["eval", "shared/policy.safetensors", "--episodes", "9", "--json", "--seed", seed];
    let played: Value = serde_json::from_str(&succeed(dir.path(), &eval)).unwrap();
    let number = |name: &str| played[name].as_f64().unwrap();
    let line = format!("Mean return **{:.2}**, 95 % interval [", number("return_mean"));
    let head = "---\nlibrary_name: fpo\nlicense: apache-2.0\npipeline_tag: reinforcement-learning";
    assert!(card.starts_with(head), "{card}");
    holds(
        &card,
        &[
            &line,
            &format!("     value: {:.4}\n", number("return_mean")),
            "over 9 episodes",
            &format!("least {:.2}, most {:.2}", number("return_min"), number("return_max")),
            "`fpo eval policy.safetensors --episodes 9 --seed 2000000`",
            "from seed 2000000, which neither training nor its evaluations used",
            "- \"Classic/MultiGoal\"\n",
            "- \"flow-matching\"\n- \"onnx\"\n",
            "each action held for 2 control steps",
            "| method | `fpo` (arXiv 2507.21053) |",
            "| as exported | as training left it |",
            "| trained for | 2,048 environment steps |",
            "| seed | 5: one run |",
            "| state of the run | finished |",
            "InferenceSession(\"policy.onnx\")",
            "`apache-2.0`, as whoever exported",
            &format!("````toml\n{}````", read(&dir, "run/config.toml")),
        ],
    );
    let made_by = json(&run.join("outcome.json"))["made_by"].clone();
    for field in ["cpu", "device", "os"] {
        holds(&card, &[&format!("`{}`", made_by[field].as_str().unwrap())]);
    }
    let lines = metrics(&run);
    let means = lines.iter().filter_map(|line| line.get("eval/episode_return_mean"));
    let means: Vec<f64> = means.map(|mean| mean.as_f64().unwrap()).collect();
    let (last, count) = (means.last().unwrap(), means.len());
    holds(&card, &[&format!("recorded {count} evaluations of 8 episodes, seed 1000000")]);
    holds(&card, &[&format!("| last | 2,048 | {last:.2} ± ")]);
    // The same export gives the same card, and takes the place of the first.
    succeed(dir.path(), &[&args[..], &["--episodes", "9"]].concat());
    assert_eq!(read(&dir, "shared/README.md"), card);
}

#[test]
fn a_card_says_how_an_exported_policy_differs_from_the_one_in_training() {
    for (settings, says) in [
        (&["algorithm.kind=dppo"][..], "without the noise that training adds after each step"),
        (
            &["algorithm.kind=ppo", "algorithm.ema_decay=0.5"],
            "its weights are averages over the iterations",
        ),
    ] {
        let dir = trained(settings);
        succeed(dir.path(), &["export", "run", "-o", "shared", "--episodes", "2"]);
        let card = read(&dir, "shared/README.md");
        holds(&card, &[&format!("| as exported | {says} |"), "license: unknown\n"]);
        holds(&card, &["Unknown: whoever exported the policy has named none"]);
        assert!(!card.contains("onnx"), "{card}");
    }
}

#[test]
fn what_is_not_known_is_said_to_be_unknown() {
    let dir = trained(&[]);
    let args = ["export", "run/best/policy.safetensors", "-o", "best", "--episodes", "0"];
    succeed(dir.path(), &args);
    let card = read(&dir, "best/README.md");
    holds(
        &card,
        &[
            "| method | not known: the policy was exported from a file",
            "No episodes were played for this card.",
            "Configuration, seed, hardware and time are not known",
        ],
    );
    assert!(!card.contains("model-index") && !card.contains("return **"), "{card}");
    // An unfinished run has left no outcome.
    fs::remove_file(dir.path().join("run/outcome.json")).unwrap();
    succeed(dir.path(), &["export", "run", "-o", "unfinished", "--episodes", "1"]);
    let card = read(&dir, "unfinished/README.md");
    holds(&card, &["| state of the run | unfinished |", "| hardware | not known: the run has not"]);
    holds(&card, &["no interval, for one episode has none"]);
}

#[test]
fn a_readme_that_somebody_wrote_is_never_written_over() {
    let dir = trained(&[]);
    let args = ["export", "run", "-o", "shared", "--episodes", "1"];
    succeed(dir.path(), &args);
    let path = dir.path().join("shared/README.md");
    let edited = read(&dir, "shared/README.md").replace("# Classic", "# My Classic");
    fs::write(&path, &edited).unwrap();
    fs::remove_file(dir.path().join("shared/policy.safetensors")).unwrap();
    fail(dir.path(), &args, 2, &["shared/README.md is not as `fpo export` writes it"]);
    assert_eq!(read(&dir, "shared/README.md"), edited);
    assert!(!dir.path().join("shared/policy.safetensors").exists());
    // A run's folder may hold a card too, but nothing that the run needs is written over.
    succeed(dir.path(), &["export", "run", "-o", "run", "--episodes", "1"]);
    let best = ["export", "run", "-o", "run/best", "--episodes", "1"];
    fail(dir.path(), &best, 2, &["-o would write over", "which the run needs"]);
    let itself = ["export", "run/policy.safetensors", "-o", "run", "--episodes", "1"];
    fail(dir.path(), &itself, 2, &["-o would write over run/policy.safetensors, which is read"]);
}

#[test]
fn flags_that_do_not_go_together_are_refused_before_anything_is_written() {
    let dir = trained(&[]);
    for (output, flags, says) in [
        ("x.safetensors", &["--onnx"][..], "-o FILE.onnx is the graph"),
        ("x.safetensors", &["--batch", "2"], "--batch needs --onnx or -o FILE.onnx"),
        ("x", &["--batch", "2"], "--batch needs --onnx or -o FILE.onnx"),
        ("x.onnx", &["--license", "mit"], "--license goes with a folder"),
        ("x.onnx", &["--episodes", "3"], "--episodes goes with a folder"),
        ("x.onnx", &["--seed", "3"], "--seed goes with a folder"),
        ("x", &["--license", "my own: [1]"], "expected an identifier"),
        ("x.onnx", &["--batch", "0"], "--batch"),
    ] {
        let args = [&["export", "run", "-o", output][..], flags].concat();
        fail(dir.path(), &args, 2, &[says]);
        assert!(!dir.path().join(output).exists(), "{args:?}");
    }
    fail(dir.path(), &["export", "nothing", "-o", "x"], 1, &["nothing"]);
    fail(dir.path(), &["export", "run", "-o", "no/such/folder"], 1, &["no/such/folder"]);
}

/// A graph of an earlier export would not be that of the policy beside it.
#[test]
fn a_graph_that_stays_behind_is_named() {
    let dir = trained(&[]);
    let args = ["export", "run", "-o", "shared", "--episodes", "0"];
    succeed(dir.path(), &[&args[..], &["--onnx", "--batch", "3"]].concat());
    let output = fpo(dir.path()).args(args).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    holds(&stderr(&output), &["shared/policy.onnx is of an earlier export; --onnx writes it anew"]);
}
