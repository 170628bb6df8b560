//! What a policy or its critic is kept from seeing (`env.policy_sees` and its like): the same for
//! every method and way of computing, kept by checkpoints and policy files, followed by whatever
//! reads them, and refused with the names of the groups where it makes no sense.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;
#[allow(dead_code, reason = "this file needs only some of it")]
#[path = "onnx/interpreter.rs"]
mod interpreter;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::Device;
use common::{fail, metrics, root, small_config, stderr, succeed};
use fpo_cli::config::Config;
use fpo_cli::training::build;
use fpo_core::{Noise, PolicyFile, TensorFile};
use fpo_envs::{ObsGroup, VecEnvOptions};
use interpreter::Model;
use tempfile::{TempDir, tempdir};

const METHODS: [&str; 4] = ["fpo", "fpo++", "ppo", "dppo"];
const TASK: &str = "Classic/Cartpole";
/// All but its velocities, which are the second and the last number of its observation.
const SEES: &str = "env.policy_sees=[\"position\", \"orientation\"]";

/// Trains `method` into `run` of a new folder with more settings.
fn trained(method: &str, more: &[&str]) -> TempDir {
    trained_on(TASK, method, more)
}

/// Does the same on another task.
fn trained_on(task: &str, method: &str, more: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), task);
    let kind = format!("algorithm.kind={method}");
    let mut args = vec!["train", config.to_str().unwrap(), "--out", "run", "--set", &kind];
    more.iter().for_each(|&setting| args.extend(["--set", setting]));
    succeed(dir.path(), &args);
    dir
}

fn policy(dir: &Path) -> Vec<u8> {
    fs::read(dir.join("run/policy.safetensors")).unwrap()
}

/// One control of the policy in `bytes` at an observation whose hidden numbers are `unseen`.
fn control(bytes: &[u8], unseen: f32) -> Vec<f32> {
    let file = PolicyFile::from_bytes(bytes, &Device::Cpu).unwrap();
    let mut obs = [0.1, unseen, 0.99, -0.05, unseen];
    let mut control = vec![0.0];
    file.single_actor().unwrap().act_into(&obs, &[0.3], &mut control).unwrap();
    obs[0] += 0.5;
    let mut other = vec![0.0];
    file.single_actor().unwrap().act_into(&obs, &[0.3], &mut other).unwrap();
    assert_ne!(control, other, "what is seen matters");
    control
}

/// The kernels' and the composed operations' runs of each method; what is hidden moves no control,
/// and Python's and ONNX's reading of the file gives the recorded actions.
#[test]
fn every_method_learns_and_acts_without_what_is_hidden() {
    for method in METHODS {
        for kernels in ["auto", "composed"] {
            let dir = trained(method, &[SEES, &format!("train.kernels={kernels}")]);
            let bytes = policy(dir.path());
            assert_eq!(control(&bytes, 0.0), control(&bytes, 1e6), "{method} {kernels}");
            let record = ["eval", "run", "--episodes", "3", "--record", "steps.safetensors"];
            succeed(dir.path(), &record);
            python(dir.path());
            onnx(dir.path(), method);
        }
    }
}

fn python(dir: &Path) {
    let mut command = std::process::Command::new("python3");
    command.current_dir(dir).env("PYTHONPATH", root().join("third_party/python"));
    command.arg(root().join("scripts/read_policy.py"));
    let output = command.args(["run/policy.safetensors", "--check", "steps.safetensors"]).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    println!("{}", String::from_utf8_lossy(&output.stdout));
}

fn onnx(dir: &Path, method: &str) {
    succeed(dir, &["export", "run", "-o", "policy.onnx"]);
    let model = Model::parse(&fs::read(dir.join("policy.onnx")).unwrap());
    let steps = TensorFile::from_bytes(&fs::read(dir.join("steps.safetensors")).unwrap()).unwrap();
    let (obs, noise) = (steps.f32("obs").unwrap(), steps.f32("noise").unwrap());
    let rows = noise.len();
    let inputs = BTreeMap::from([("obs".to_string(), obs), ("noise".into(), noise)]);
    let found = &model.run(rows, &inputs)["action"];
    let expected = steps.f32("action").unwrap();
    let differences = found.iter().zip(&expected).map(|(a, b)| (a - b).abs() / b.abs().max(1.0));
    let most = differences.fold(0.0, f32::max);
    println!("{method}: {rows} actions of the graph, largest difference {most:.2e}");
    assert!(most < 1e-5, "{method}: {most}");
}

/// With everything visible a run has the bits of one that knows of no groups, its policy file too.
#[test]
fn seeing_every_group_changes_no_bit() {
    let all = "[\"position\", \"velocity\", \"orientation\", \"turning\"]";
    let (sees, critic) = (format!("env.policy_sees={all}"), format!("env.critic_sees={all}"));
    for method in METHODS {
        let plain = policy(trained(method, &[]).path());
        assert!(plain == policy(trained(method, &[&sees, &critic]).path()), "{method}");
        assert!(plain != policy(trained(method, &[SEES]).path()), "{method}");
    }
}

/// A run that is stopped halfway and goes on ends with the bits of one that was not stopped.
#[test]
fn a_run_goes_on_with_what_it_does_not_see() {
    for method in ["fpo", "ppo"] {
        let more = [SEES, "env.critic_sees=[\"velocity\"]"];
        let whole = trained(method, &more);
        let parted = trained(method, &[&more[..], &["train.total_steps=1024"]].concat());
        let resume = ["train", "--resume", "run", "--set", "train.total_steps=2048"];
        succeed(parted.path(), &resume);
        assert!(policy(whole.path()) == policy(parted.path()), "{method}");
        let other = ["train", "--resume", "run", "--set", "env.policy_sees=[\"velocity\"]"];
        fail(parted.path(), &other, 2, &["env.policy_sees"]);
    }
}

/// As above, in the middle of episodes that have drawn a goal, which the policy does not see.
#[test]
fn a_run_goes_on_in_the_middle_of_episodes_that_have_drawn_something() {
    // Rollouts of five steps end within episodes of eight.
    let more = ["env.policy_sees=[\"position\"]", "train.unroll_length=5"];
    let run =
        |steps: &str| trained_on("Classic/DrawnGoal", "fpo++", &[&more[..], &[steps]].concat());
    let (whole, parted) = (run("train.total_steps=1920"), run("train.total_steps=640"));
    let resume = ["train", "--resume", "run", "--set", "train.total_steps=1920"];
    succeed(parted.path(), &resume);
    assert!(policy(whole.path()) == policy(parted.path()));
    let envs = |dir: &Path| {
        let steps = fs::read_dir(dir.join("run/checkpoints")).unwrap();
        let newest = steps.map(|entry| entry.unwrap().path()).max().unwrap();
        fs::read(newest.join("envs.safetensors")).unwrap()
    };
    assert!(envs(whole.path()) == envs(parted.path()));
}

/// The critic learns from what the policy does not see, so that its errors and the policy differ;
/// where both see the same, hidden numbers are as good as absent.
#[test]
fn a_critic_sees_more_than_its_policy_unless_it_is_told_not_to() {
    let hides = "env.policy_hides=[\"velocity\", \"turning\"]";
    let seeing = trained("ppo", &[hides]);
    let blind = trained("ppo", &[hides, "env.critic_sees=[\"position\", \"orientation\"]"]);
    let error = |dir: &Path| metrics(&dir.join("run"))[1]["train/value_error"].as_f64().unwrap();
    assert_ne!(error(seeing.path()), error(blind.path()));
    assert!(policy(seeing.path()) != policy(blind.path()));
    // The first rollout has the same actions: only what was learned from it differs.
    let returns = |dir: &Path| metrics(&dir.join("run"))[0]["eval/episode_return_mean"].clone();
    assert_eq!(returns(seeing.path()), returns(blind.path()));
}

#[test]
fn other_groups_than_there_are_are_refused_by_name() {
    let dir = tempdir().unwrap();
    let config = small_config(dir.path(), TASK);
    let groups = "the observation groups of Classic/Cartpole: `position`, `velocity`, \
                  `orientation`, `turning`";
    let refused = |set: &[&str], words: &[&str]| {
        let mut args = vec!["train", config.to_str().unwrap(), "--out", "run"];
        set.iter().for_each(|&setting| args.extend(["--set", setting]));
        let text = fail(dir.path(), &args, 2, words);
        println!("{text}");
        assert!(!dir.path().join("run").exists());
    };
    for field in ["env.policy_sees", "env.policy_hides", "env.critic_sees"] {
        let set = |list: &str| format!("{field}={list}");
        let origin = format!("`{field}` in `--set {field}=");
        let words = ["is `speed`; allowed: some of ", groups, &origin];
        refused(&[&set("[\"speed\"]")], &words);
        refused(&[&set("[]")], &["is empty; allowed: at least one of ", groups, &origin]);
        refused(&[&set("speed")], &[&origin, "expected a list"]);
    }
    let all = "env.policy_hides=[\"position\", \"velocity\", \"orientation\", \"turning\"]";
    refused(&[all], &["`env.policy_hides`", "is every group there is", groups]);
    let both = [SEES, "env.policy_hides=[\"velocity\"]"];
    refused(&both, &["`env.policy_sees` and `env.policy_hides` are both set"]);
}

#[cfg(feature = "mujoco")]
#[test]
fn a_policy_plays_no_task_with_other_groups() {
    let dir = trained("ppo", &[SEES]);
    let words =
        ["was trained on task Classic/Cartpole without seeing velocity, turning of its groups \
         position 0, velocity 1, orientation 2-3, turning 4, and cannot play CartpoleBalance, \
         whose groups are position 0, orientation 1-2, velocity 3-4"];
    let text = fail(dir.path(), &["eval", "run", "--task", "CartpoleBalance"], 1, &words);
    println!("{text}");
    let config = small_config(dir.path(), "CartpoleBalance");
    let set = "train.init=run/policy.safetensors";
    let args = ["train", config.to_str().unwrap(), "--out", "next", "--set", set];
    fail(dir.path(), &args, 2, &["its observations have the groups position 0, velocity 1"]);
    // A policy that sees all is told by its sizes alone, as ever.
    let whole = trained("ppo", &[]);
    succeed(whole.path(), &["eval", "run", "--task", "CartpoleBalance", "--episodes", "2"]);
}

/// A run may start from a policy that saw other groups of the same task, and says so.
#[test]
fn a_policy_may_be_trained_on_with_another_view() {
    let dir = trained("ppo", &[]);
    let config = small_config(dir.path(), TASK);
    let args = ["train", config.to_str().unwrap(), "--out", "next", "--set", SEES];
    let set = ["--set", "algorithm.kind=ppo", "--set", "train.init=run/policy.safetensors"];
    let output = common::fpo(dir.path()).args(args).args(set).output().unwrap();
    let text = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    let words = "it saw all of an observation and now sees position, orientation alone";
    assert!(
        text.contains(words) && text.contains("the policy does not see velocity, turning"),
        "{text}"
    );
}

#[test]
fn a_card_and_the_list_of_a_task_say_what_is_seen() {
    let dir = trained("fpo", &[SEES]);
    succeed(dir.path(), &["export", "run", "-o", "card/"]);
    let card = fs::read_to_string(dir.path().join("card/README.md")).unwrap();
    assert!(
        card.contains("| sees | `position, orientation` of the observation's groups"),
        "{card}"
    );
    let text = succeed(dir.path(), &["envs", TASK]);
    assert!(
        text.contains("groups          position 0, velocity 1, orientation 2-3, turning 4\n"),
        "{text}"
    );
    let json = succeed(dir.path(), &["envs", TASK, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["groups"][2], serde_json::json!({"name": "orientation", "range": [2, 4]}));
}

/// Every group of every task, hidden alone: it reaches no action, and all others do.
#[test]
fn no_hidden_group_of_any_task_reaches_an_action() {
    let (noise, rows) = (Noise::new(3), 3);
    for spec in fpo_envs::tasks() {
        let hidden: Vec<_> = spec.groups.iter().filter(|_| spec.groups.len() > 1).collect();
        for group in hidden {
            let text = format!(
                "env.task = '{}'\nenv.policy_hides = ['{}']\npolicy.hidden = [8]\n\
                 value.hidden = [8]",
                spec.name, group.name
            );
            let config = Config::from_toml_str(&text, "text").unwrap();
            let learner = build::learner(&config, &spec, &noise, &Device::Cpu).unwrap();
            let actor = learner.collecting_actor().unwrap();
            let mut envs =
                fpo_envs::make(&spec.name, &VecEnvOptions { num_envs: rows, ..<_>::default() })
                    .unwrap();
            let mut obs = vec![0.0; rows * spec.obs_dim];
            envs.reset(&mut obs).unwrap();
            let draws = vec![0.5; rows * actor.policy.noise_len()];
            let act = |other: &ObsGroup| {
                let mut obs = obs.clone();
                for row in obs.chunks_mut(spec.obs_dim) {
                    row[other.range[0]..other.range[1]].iter_mut().for_each(|x| *x += 1e6);
                }
                actor.act(&obs, &draws).unwrap()
            };
            let plain = actor.act(&obs, &draws).unwrap();
            for other in &spec.groups {
                assert_eq!(act(other) == plain, other == group, "{} {}", spec.name, other.name);
            }
        }
    }
}

/// A sweep over what is told, its report, and the figure of both.
#[test]
fn a_sweep_over_degrees_becomes_a_figure() {
    let dir = tempdir().unwrap();
    small_config(dir.path(), "Classic/DrawnGoal");
    let text = "seeds = [1, 2]\n\
                [tasks]\nDrawnGoal-1-full = \"small.toml\"\n\
                DrawnGoal-2-minimal = { files = \"small.toml\", \
                set.env.policy_sees = [\"position\"] }\n\
                [methods]\nppo = { set.algorithm.kind = \"ppo\" }\n\
                fpo = { set.algorithm.kind = \"fpo\" }\n";
    fs::write(dir.path().join("told.toml"), text).unwrap();
    succeed(dir.path(), &["sweep", "told.toml", "--keep", "none"]);
    let rows = fs::read_to_string(dir.path().join("runs/told/results.jsonl")).unwrap();
    assert_eq!(rows.matches("\"rarest\":").count(), 2 * 8, "{rows}");
    succeed(dir.path(), &["report", "runs/told", "-o", "told.json"]);
    let draw = |report: &str| {
        let mut command = std::process::Command::new("python3");
        command.arg(root().join("scripts/conditioning_figure.py"));
        command.current_dir(dir.path()).args([report, "-o", "told.svg"]).output().unwrap()
    };
    let output = draw("told.json");
    assert!(output.status.success(), "{}", stderr(&output));
    let figure = fs::read_to_string(dir.path().join("told.svg")).unwrap();
    for word in [">DrawnGoal<", ">full<", ">minimal<", ">ppo<", ">fpo<"] {
        assert_eq!(figure.matches(word).count(), 1, "{word}: {figure}");
    }
    // Four means, and a dot before each name of an entry.
    assert_eq!(figure.matches("<circle").count(), 4 + 2, "{figure}");
    let output = draw("told.toml");
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("conditioning_figure: told.toml: "), "{output:?}");
}

/// Leads by hand: with one seed there is nothing to draw, so that an interval is its lead.
#[test]
fn leads_are_differences_of_mean_shares_of_the_best() {
    let dir = tempdir().unwrap();
    let row = |task: &str, method: &str, mean: f64| {
        format!(
            "{{\"task\":\"{task}\",\"method\":\"{method}\",\
             \"evaluations\":[{{\"mean\":0}},{{\"mean\":{mean}}}]}}\n"
        )
    };
    let rows = [
        row("DrawnGoal-3-minimal", "flow", 5.0),
        row("DrawnGoal-3-minimal", "normal", 4.0),
        row("CheetahRun-3-minimal", "flow", 200.0),
        row("CheetahRun-3-minimal", "normal", 260.0),
    ];
    fs::write(dir.path().join("rows.jsonl"), rows.concat()).unwrap();
    let leads = |args: &[&str]| {
        let mut command = std::process::Command::new("python3");
        command.arg(root().join("scripts/conditioning_leads.py"));
        command.current_dir(dir.path()).args(args).output().unwrap()
    };
    let output = leads(&["rows.jsonl", "flow"]);
    let expected = "minimal: flow 0.350, normal 0.330, lead 0.020 [0.020, 0.020], \
                    ahead on 1 of 2 tasks\n";
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap(), expected, "{}", stderr(&output));
    for (args, message) in [
        (["none.jsonl", "flow"], "conditioning_leads: cannot read none.jsonl"),
        (["rows.jsonl", "fpo"], "no method fpo where minimal is told; it has flow, normal"),
    ] {
        let output = leads(&args);
        assert_eq!(output.status.code(), Some(1));
        assert!(stderr(&output).contains(message), "{}", stderr(&output));
    }
}
