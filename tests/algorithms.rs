//! Tests every algorithm and option of the trainer end to end: it trains, its first ratio is 1, it
//! resumes to the same bits, and another reader computes the same actions from its policy.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::path::Path;
use std::process::Command;

use candle_core::Device;
use common::{fpo, root, small_config, stderr, succeed};
use fpo_core::PolicyFile;
use serde_json::Value;
use tempfile::tempdir;

type Row = serde_json::Map<String, Value>;

/// Names and overrides, each of which chooses an algorithm or an option of it.
const VARIANTS: [(&str, &[&str]); 9] = [
    ("fpo", &[]),
    ("fpo++", &["algorithm.kind=fpo++", "algorithm.ema_warmup=1"]),
    ("ppo", &["algorithm.kind=ppo"]),
    ("dppo", &["algorithm.kind=dppo"]),
    ("dppo-final", &["algorithm.kind=dppo", "algorithm.scored_steps=final_half"]),
    (
        "cosine",
        &["policy.path=cosine", "policy.output_mode=velocity", "algorithm.reward_scaling=returns"],
    ),
    ("data", &["policy.prediction=data", "policy.output_mode=data", "algorithm.surrogate=spo"]),
    (
        "learned-source",
        &[
            "policy.loss_reduction=nats",
            "policy.source_width=learned",
            "policy.source_std=0.6",
            "policy.source_std_to=0.2",
            "policy.output_mode=velocity",
            "algorithm.entropy_coefficient=0.05",
            "algorithm.entropy_coefficient_to=0.5",
        ],
    ),
    (
        "noise",
        &[
            "policy.path=cosine",
            "policy.prediction=noise",
            "policy.training_times=uniform",
            "policy.source_std_to=0.3",
        ],
    ),
];

fn rows(run: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn number(row: &Row, key: &str) -> f64 {
    row.get(key).unwrap_or_else(|| panic!("no {key} in {row:?}")).as_f64().unwrap()
}

/// Trains the small configuration of `task` with `overrides` into `out`. Returns its metrics, but
/// not those of the evaluation before training.
fn train(folder: &Path, task: &str, overrides: &[&str], out: &str) -> Vec<Row> {
    let config = small_config(folder, task);
    let mut args = vec!["train", config.to_str().unwrap(), "--out", out];
    overrides.iter().for_each(|text| args.extend(["--set", text]));
    succeed(folder, &args);
    rows(&folder.join(out)).split_off(1)
}

#[test]
fn the_first_minibatch_of_every_iteration_has_the_ratio_one() {
    let dir = tempdir().unwrap();
    // A rollout is one minibatch, so that every gradient step is the first on it.
    let one = ["train.num_minibatches=1", "train.batch_size=64", "train.num_epochs=1"];
    for kernels in ["auto", "composed"] {
        for (name, variant) in VARIANTS {
            let kernels_override = format!("train.kernels={kernels}");
            let overrides = [&one[..], variant, &[&kernels_override]].concat();
            let out = format!("{name}-{kernels}");
            let rows = train(dir.path(), "Classic/Pendulum", &overrides, &out);
            assert_eq!(rows.len(), 4);
            for row in &rows {
                for key in ["train/ratio_min", "train/ratio_max"] {
                    let ratio = number(row, key);
                    assert!((ratio - 1.0).abs() < 1e-6, "{name} {kernels}: {key} is {ratio}");
                }
                assert!(number(row, "train/grad_norm") > 0.0, "{name}");
            }
        }
    }
    // In the official order, losses are stored under other statistics than they are compared under.
    let official = [&one[..], &["normalizer.update=after"]].concat();
    let rows = train(dir.path(), "Classic/Pendulum", &official, "after");
    assert!(rows.iter().any(|row| (number(row, "train/ratio_max") - 1.0).abs() > 1e-4));
}

#[test]
fn every_algorithm_resumes_to_the_bits_of_an_uninterrupted_run() {
    let dir = tempdir().unwrap();
    let schedule = "optimizer.schedule={ kind = 'adaptive', target = 1e-9 }";
    for (name, variant) in VARIANTS {
        let all = ["checkpoint.interval_s=0.0", "checkpoint.keep=9", schedule];
        let whole = train(dir.path(), "Classic/Pendulum", &[variant, &all].concat(), name);
        assert_eq!(whole.len(), 4);
        let rate = |row: &Row| number(row, "train/learning_rate");
        assert!(whole.iter().any(|row| rate(row) != rate(&whole[0])), "{name}: the rate stays");

        // The copy is brought back to where the run stood in the middle.
        let (run, cut) = (dir.path().join(name), dir.path().join(format!("{name}-cut")));
        assert!(
            Command::new("cp")
                .args(["-r".as_ref(), run.as_os_str(), cut.as_os_str()])
                .status()
                .unwrap()
                .success()
        );
        for late in ["1536", "2048"] {
            std::fs::remove_dir_all(cut.join(format!("checkpoints/step_00000000{late}"))).unwrap();
        }
        let output = fpo(dir.path()).args(["train", "--resume"]).arg(&cut).output().unwrap();
        assert!(stderr(&output).contains("continued at step 1024"), "{}", stderr(&output));
        let timeless = |run: &Path| {
            let mut rows = rows(run);
            rows.iter_mut().for_each(|row| row.retain(|key, _| !key.starts_with("time/")));
            rows
        };
        assert_eq!(timeless(&run), timeless(&cut), "{name}");
        let policy = |run: &Path| std::fs::read(run.join("policy.safetensors")).unwrap();
        assert!(policy(&run) == policy(&cut), "{name}");
    }
}

#[test]
fn the_python_reader_plays_every_kind_of_policy() {
    let dir = tempdir().unwrap();
    for (name, variant) in VARIANTS {
        train(dir.path(), "Classic/Pendulum", variant, name);
        let recording = format!("{name}.safetensors");
        succeed(
            dir.path(),
            &["eval", name, "--episodes", "3", "--start", "noise", "--record", &recording],
        );
        let output = Command::new("python3")
            .current_dir(dir.path())
            .env("PYTHONPATH", root().join("third_party/python"))
            .arg(root().join("scripts/read_policy.py"))
            .args([&format!("{name}/policy.safetensors"), "--check", &recording])
            .output()
            .unwrap();
        let hint = "python3 with numpy and safetensors is needed: scripts/setup.sh provides them";
        assert!(output.status.success(), "{name}: {hint}\n{}", stderr(&output));
    }
}

#[test]
fn a_bound_on_the_divergence_ends_the_epochs_early() {
    let dir = tempdir().unwrap();
    let epochs = |overrides: &[&str], out| {
        let rows = train(dir.path(), "Classic/Pendulum", overrides, out);
        rows.iter().map(|row| number(row, "train/epochs")).collect::<Vec<_>>()
    };
    assert_eq!(epochs(&["train.num_epochs=5"], "free"), [5.0; 4]);
    let bound = ["train.num_epochs=5", "algorithm.target_divergence=1e-12"];
    assert_eq!(epochs(&bound, "bound"), [1.0; 4]);
}

#[test]
fn a_schedule_moves_the_learning_rate() {
    let dir = tempdir().unwrap();
    let linear =
        ["optimizer.schedule={ kind = 'linear', to = 0.0 }", "optimizer.learning_rate=1e-3"];
    let rows = train(dir.path(), "Classic/Pendulum", &linear, "linear");
    let rates: Vec<f64> = rows.iter().map(|row| number(row, "train/learning_rate")).collect();
    for (rate, expected) in rates.iter().zip([1e-3, 7.5e-4, 5e-4, 2.5e-4]) {
        assert!((rate - expected).abs() < 1e-12, "{rates:?}");
    }
}

#[test]
fn an_entropy_bonus_changes_over_a_run_and_not_in_its_first_iteration() {
    let dir = tempdir().unwrap();
    let stays = ["algorithm.kind=ppo", "algorithm.entropy_coefficient=0.5"];
    let falls = [stays[0], stays[1], "algorithm.entropy_coefficient_to=0"];
    let stays = train(dir.path(), "CartpoleBalance", &stays, "stays");
    let falls = train(dir.path(), "CartpoleBalance", &falls, "falls");
    let weight = |row| number(row, "train/entropy_coefficient");
    assert_eq!(falls.iter().map(weight).collect::<Vec<_>>(), [0.5, 0.375, 0.25, 0.125]);
    assert!(!stays[0].contains_key("train/entropy_coefficient"));
    let loss = |rows: &[Row], k: usize| number(&rows[k], "train/total_loss");
    assert_eq!(loss(&stays, 0), loss(&falls, 0));
    // In the second of four iterations the bonus, 0.5 nats for each nat, is a quarter less.
    let missing = loss(&falls, 1) - loss(&stays, 1);
    assert!(stays.len() == 4 && missing > 0.01, "{missing}, {} iterations", stays.len());
}

#[test]
fn a_scale_that_follows_the_returns_forgets_where_it_began() {
    let dir = tempdir().unwrap();
    let scales = |first: &str, kernels: &str| {
        let set = [
            "algorithm.kind=ppo",
            "algorithm.reward_scaling=returns",
            &format!("algorithm.reward_scale={first}"),
            &format!("train.kernels={kernels}"),
        ];
        let rows = train(dir.path(), "Classic/Pendulum", &set, &format!("{first}-{kernels}"));
        let scales = rows.iter().map(|row| number(row, "train/reward_scale")).collect::<Vec<_>>();
        assert_eq!(scales[0], first.parse::<f64>().unwrap());
        // Values are in units of the scale: near 1 from the second iteration on.
        for row in &rows[1..] {
            let target = number(row, "train/value_target_mean").abs();
            assert!((0.2..2.0).contains(&target), "{first} {kernels}: {target}");
        }
        scales
    };
    let (small, large) = (scales("10", "auto"), scales("1000", "auto"));
    for (small, large) in small.iter().zip(&large).skip(1) {
        assert!((0.4..2.5).contains(&(small / large)), "{small} {large}");
    }
    for (fused, composed) in large.iter().zip(scales("1000", "composed")) {
        assert!((fused / composed - 1.0).abs() < 1e-3, "{fused} {composed}");
    }
}

#[test]
fn a_source_becomes_narrower_over_a_run_and_so_is_the_policy_that_it_exports() {
    let dir = tempdir().unwrap();
    for kind in ["fpo", "dppo"] {
        let kind_override = format!("algorithm.kind={kind}");
        let falls = [&kind_override, "policy.source_std=0.8", "policy.source_std_to=0.1"];
        let rows = train(dir.path(), "Classic/Pendulum", &falls, kind);
        let widths: Vec<f64> = rows.iter().map(|row| number(row, "train/source_std")).collect();
        assert_eq!(widths.len(), 4, "{kind}");
        for (width, expected) in widths.iter().zip([0.8, 0.4, 0.2, 0.1]) {
            assert!((width - expected).abs() < 1e-12, "{kind}: {widths:?}");
        }
        succeed(dir.path(), &["export", kind, "-o", "exported.safetensors"]);
        for file in [format!("{kind}/policy.safetensors"), "exported.safetensors".into()] {
            let bytes = std::fs::read(dir.path().join(&file)).unwrap();
            let policy = PolicyFile::from_bytes(&bytes, &Device::Cpu).unwrap().policy;
            let std = policy.description().unwrap()["source_std"].as_f64().unwrap();
            assert_eq!(std, 0.1, "{file} of {kind}");
        }
    }
}

#[test]
fn a_cut_episode_counts_as_configured() {
    let dir = tempdir().unwrap();
    // Episodes have three steps and unrolls eight, so that the limit cuts episodes within unrolls.
    let short = ["env.episode_length=3", "env.stagger=false"];
    let of = |truncation: &str, out: &str| {
        let choice = format!("algorithm.truncation={truncation}");
        let rows = train(dir.path(), "Classic/Pendulum", &[&short[..], &[&choice]].concat(), out);
        number(&rows[3], "train/value_target_mean")
    };
    let (mask, bootstrap) = (of("mask", "mask"), of("bootstrap", "bootstrap"));
    assert!(mask.is_finite() && bootstrap.is_finite() && mask != bootstrap);
    let composed =
        [&short[..], &["algorithm.truncation=bootstrap", "train.kernels=composed"]].concat();
    let rows = train(dir.path(), "Classic/Pendulum", &composed, "composed");
    let found = number(&rows[3], "train/value_target_mean");
    assert!((found - bootstrap).abs() < 1e-3 * bootstrap.abs(), "{found} {bootstrap}");
}

#[test]
fn averaged_weights_are_exported_and_the_live_ones_trained() {
    let dir = tempdir().unwrap();
    let live = train(dir.path(), "Classic/Pendulum", &[], "live");
    let averaged = train(dir.path(), "Classic/Pendulum", &["algorithm.ema_decay=0.9"], "averaged");
    let losses =
        |rows: &[Row]| rows.iter().map(|r| number(r, "train/total_loss")).collect::<Vec<_>>();
    assert_eq!(losses(&live), losses(&averaged));
    let policy =
        |run: &str| std::fs::read(dir.path().join(run).join("policy.safetensors")).unwrap();
    assert!(policy("live") != policy("averaged"));
}

#[test]
fn the_best_policy_is_kept_and_played_by_name() {
    let dir = tempdir().unwrap();
    train(dir.path(), "Classic/Pendulum", &["eval.count=5"], "run");
    let evaluated: Vec<f64> = rows(&dir.path().join("run"))
        .iter()
        .filter_map(|row| row.get("eval/episode_return_mean")?.as_f64())
        .collect();
    assert_eq!(evaluated.len(), 5);
    let best = evaluated.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let args = ["eval", "run", "--best", "--episodes", "8", "--json"];
    let report: Value = serde_json::from_str(&succeed(dir.path(), &args)).unwrap();
    assert_eq!(report["return_mean"].as_f64().unwrap(), best);

    train(dir.path(), "Classic/Pendulum", &["eval.count=0"], "blind");
    let output = fpo(dir.path()).args(["eval", "blind", "--best"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no best policy"), "{}", stderr(&output));
}

#[test]
fn a_gaussian_policy_takes_no_sampler() {
    let dir = tempdir().unwrap();
    train(dir.path(), "Classic/Pendulum", &["algorithm.kind=ppo"], "run");
    let output = fpo(dir.path()).args(["eval", "run", "--sampler", "heun"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--sampler does not apply"), "{}", stderr(&output));
    let mean = succeed(dir.path(), &["eval", "run", "--episodes", "4", "--json"]);
    let sampled =
        succeed(dir.path(), &["eval", "run", "--episodes", "4", "--start", "noise", "--json"]);
    assert_ne!(mean, sampled);
}

#[test]
fn multimodal_tasks_have_their_modes_counted_and_all_runs_their_entropy() {
    let dir = tempdir().unwrap();
    for (task, counted) in [("Classic/MultiGoal", true), ("Classic/Pendulum", false)] {
        let out = task.replace('/', "-");
        let rows = train(dir.path(), task, &[], &out);
        assert!(rows.iter().all(|row| number(row, "train/action_entropy").is_finite()));
        assert_eq!(rows[3].contains_key("eval/mode_count"), counted, "{task}");
    }
}

#[test]
fn every_configuration_resolves_and_names_a_task_of_the_build() {
    let dir = tempdir().unwrap();
    let mut files = Vec::new();
    for part in ["gridworld", "desk", "paper", "conditioning"] {
        for entry in std::fs::read_dir(root().join("configs").join(part)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() && !path.ends_with("base.toml") {
                files.push(path);
            }
        }
    }
    assert!(files.len() >= 21, "{files:?}");
    let list: Value = serde_json::from_str(&succeed(dir.path(), &["envs", "--json"])).unwrap();
    let tasks: Vec<&str> =
        list.as_array().unwrap().iter().map(|task| task["name"].as_str().unwrap()).collect();
    let is_known = |task: &str| {
        // A build without MuJoCo lists only the tasks that need none.
        let needs_none = task.starts_with("GridWorld/") || task.starts_with("Classic/");
        tasks.contains(&task) || (!needs_none && cfg!(not(feature = "mujoco")))
    };
    for file in &files {
        let method = |folder: &str| file.parent().unwrap().join(folder);
        let mut overlays = vec![None];
        for folder in ["methods", "ablations"] {
            if let Ok(entries) = std::fs::read_dir(method(folder)) {
                overlays.extend(entries.map(|entry| Some(entry.unwrap().path())));
            }
        }
        for overlay in overlays {
            let mut command = fpo(dir.path());
            command.arg("config").arg(file);
            command.args(overlay.iter());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{file:?} {overlay:?}: {}", stderr(&output));
            let printed = String::from_utf8(output.stdout).unwrap();
            let printed: toml::Table = toml::from_str(&printed).unwrap();
            let task = printed["env"]["task"].as_str().unwrap();
            assert!(is_known(task), "{file:?} {overlay:?}: no task `{task}` among {tasks:?}");
        }
    }
}
