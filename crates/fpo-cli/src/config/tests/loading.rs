//! Tests of what is accepted, and of how layers are put together.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

#[test]
fn a_task_alone_gives_the_papers_settings() {
    let config = Config::from_toml_str("env.task = 'CheetahRun'", "text").unwrap();
    assert_eq!(config.env.num_envs, 2048);
    assert_eq!(config.iteration_length(), 480);
    assert_eq!(config.steps_per_iteration(), 983_040);
    assert_eq!(config.num_iterations(), 61);
    assert_eq!(config.policy.hidden, [32; 4]);
    assert_eq!(config.value.hidden, [256; 5]);
    assert_eq!(config.algorithm.objective.clip_epsilon, 0.05);
    assert_eq!(config.algorithm.objective.log_ratio_clamp, None);
    assert_eq!(config.optimizer.max_grad_norm, None);
}

#[test]
fn fewer_steps_than_one_iteration_still_make_one() {
    let config = load("train.total_steps = 1", &[]).unwrap();
    assert_eq!(config.num_iterations(), 1);
}

#[test]
fn without_a_task_the_error_says_how_to_set_one() {
    let error = Config::from_toml_str("[train]\nseed = 3", "a.toml").unwrap_err().to_string();
    assert!(error.contains("`env.task` is not set in a.toml"), "{error}");
    assert!(error.contains("--set env.task="), "{error}");
}

#[test]
fn the_written_configuration_loads_as_an_equal_one() {
    let overrides = [
        "train.device=cuda:3",
        "train.overlap=off",
        "train.precision=tf32",
        "algorithm.log_ratio_clamp=3",
        "optimizer.max_grad_norm=0.5",
        "optimizer.learning_rate=1.2345678901234567e-5",
        "env.episode_length=77",
        "env.action_repeat=4",
        "env.starts=official",
        "policy.hidden=[7, 9]",
        "eval.seed=9223372036854775807",
    ];
    for overrides in [&overrides[..], &[]] {
        let config = load("", overrides).unwrap();
        let text = config.to_toml().unwrap();
        assert_eq!(Config::from_toml_str(&text, "written").unwrap(), config, "{text}");
    }
}

#[test]
fn the_written_configuration_has_every_field() {
    let text = load("", &[]).unwrap().to_toml().unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    let fields: usize = table.values().map(|section| section.as_table().unwrap().len()).sum();
    // Eighteen more fields are optional and not set.
    assert_eq!((table.len(), fields), (9, 76), "{text}");
}

#[test]
fn a_correlation_falls_in_a_straight_line_where_it_has_an_end() {
    let stays = load("", &["algorithm.noise_correlation=0.75"]).unwrap().algorithm;
    let falls = ["algorithm.noise_correlation=0.75", "algorithm.noise_correlation_to=0.25"];
    let falls = load("", &falls).unwrap().algorithm;
    for (iteration, expected) in [(0, 0.75), (1, 0.625), (3, 0.375), (4, 0.25), (9, 0.25)] {
        assert_eq!(falls.noise_correlation_at(iteration, 4), expected);
        assert_eq!(stays.noise_correlation_at(iteration, 4), 0.75);
    }
}

#[test]
fn an_entropy_bonus_falls_in_a_straight_line_where_it_has_an_end() {
    let nats = ["policy.loss_reduction=nats", "algorithm.entropy_coefficient=0.5"];
    let stays = load("", &nats).unwrap().algorithm;
    let falls = load("", &[nats[0], nats[1], "algorithm.entropy_coefficient_to=0.25"]).unwrap();
    for (iteration, expected) in [(0, 0.5), (1, 0.4375), (3, 0.3125), (4, 0.25), (9, 0.25)] {
        assert_eq!(falls.algorithm.entropy_coefficient_at(iteration, 4), expected);
        assert_eq!(stays.entropy_coefficient_at(iteration, 4), 0.5);
    }
}

#[test]
fn a_source_becomes_narrower_by_equal_factors_where_its_width_has_an_end() {
    let stays = load("", &["policy.source_std=0.8"]).unwrap().policy;
    let falls = load("", &["policy.source_std=0.8", "policy.source_std_to=0.05"]).unwrap().policy;
    for (iteration, expected) in [(0, 0.8), (1, 0.4), (3, 0.1), (4, 0.05), (9, 0.05)] {
        let std = falls.source_std_at(iteration, 5);
        assert!((std - expected).abs() < 1e-15, "{iteration}: {std}");
        assert_eq!(stays.source_std_at(iteration, 5), 0.8);
    }
    // A single iteration is the first one.
    assert_eq!(falls.source_std_at(0, 1), 0.8);
}

#[test]
fn overrides_win_and_later_ones_last() {
    let overrides = ["train.seed=1", "train.seed=2", "env.task=GridWorld/two_walls"];
    let config = load("[train]\nseed = 7\nnum_epochs = 3", &overrides).unwrap();
    assert_eq!((config.train.seed, config.train.num_epochs), (2, 3));
    assert_eq!(config.env.task, "GridWorld/two_walls");
}

#[test]
fn includes_are_merged_in_order_and_the_file_itself_wins() {
    let folder = folder(&[
        ("base.toml", "env.task = 'A'\ntrain.seed = 1\n[algorithm]\ngamma = 0.9\ngae_lambda = 0.5"),
        ("second.toml", "[train]\nseed = 2\nnum_epochs = 2"),
        ("sub/run.toml", "include = ['../base.toml', '../second.toml']\ntrain.num_epochs = 5"),
    ]);
    let config = Config::load(&[folder.path().join("sub/run.toml")], &[]).unwrap();
    assert_eq!((config.train.seed, config.train.num_epochs), (2, 5));
    assert_eq!(
        (config.algorithm.objective.gamma, config.algorithm.objective.gae_lambda),
        (0.9, 0.5)
    );
}

#[test]
fn a_schedule_of_another_kind_replaces_the_whole_schedule_below() {
    use fpo_core::RateSchedule::{Constant, Exponential, Linear};
    let folder = folder(&[
        (
            "base.toml",
            "env.task = 'A'\n[optimizer]\nkind = 'radam'\nlearning_rate = 1e-3\n\
             schedule = { kind = 'exponential', decay = 1e-4, floor = 0.2 }",
        ),
        (
            "run.toml",
            "include = ['base.toml']\n[optimizer]\nkind = 'adam'\n\
             schedule = { kind = 'linear', to = 0.1 }",
        ),
    ]);
    let load = |file: &str, overrides: &[&str]| {
        let overrides: Vec<String> = overrides.iter().map(|text| text.to_string()).collect();
        Config::load(&[folder.path().join(file)], &overrides).unwrap().optimizer
    };
    let optimizer = load("run.toml", &[]);
    assert_eq!(optimizer.schedule, Linear { to: 0.1 });
    // The `kind` of a section is a field like any other.
    assert_eq!((optimizer.kind, optimizer.learning_rate), (fpo_core::OptimizerKind::Adam, 1e-3));
    let constant = "optimizer.schedule={ kind = 'constant' }";
    assert_eq!(load("base.toml", &[constant]).schedule, Constant);
    assert_eq!(load("base.toml", &["optimizer.schedule.kind=constant"]).schedule, Constant);
    let fields = ["optimizer.schedule.kind=linear", "optimizer.schedule.to=0.5"];
    assert_eq!(load("base.toml", &fields).schedule, Linear { to: 0.5 });
    let same = ["optimizer.schedule={ kind = 'exponential', floor = 0.5 }"];
    assert_eq!(load("base.toml", &same).schedule, Exponential { decay: 1e-4, floor: 0.5 });
}

#[test]
fn a_file_may_be_included_twice_by_two_roads() {
    let folder = folder(&[
        ("base.toml", "env.task = 'A'"),
        ("left.toml", "include = ['base.toml']"),
        ("right.toml", "include = ['base.toml']"),
        ("run.toml", "include = ['left.toml', 'right.toml']"),
    ]);
    assert!(Config::load(&[folder.path().join("run.toml")], &[]).is_ok());
}

#[test]
fn every_file_under_configs_loads() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut folders = vec![root];
    let mut loaded: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            // Sweeps and references are no configurations; tests of the program read them.
            let is_other = ["sweeps", "references"].iter().any(|name| path.ends_with(name));
            if path.is_dir() && !is_other {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "toml") {
                // A base is made to be included and a method to be laid over a task, so that these
                // files may lack a task, but nothing else.
                let is_base = path.file_stem().is_some_and(|stem| stem == "base");
                let is_overlay = ["methods", "ablations"].iter().any(|name| folder.ends_with(name));
                let overrides =
                    if is_base || is_overlay { vec!["env.task=X".to_string()] } else { Vec::new() };
                let config = Config::load(&[&path], &overrides);
                assert!(config.is_ok(), "{}: {}", path.display(), config.unwrap_err());
                loaded.push(path);
            }
        }
    }
    assert!(loaded.len() >= 7, "{loaded:?}");
}

#[test]
fn the_papers_files_have_the_papers_sizes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs/paper/cheetah_run.toml");
    let config = Config::load(&[path], &[]).unwrap();
    let mut defaults = Config::from_toml_str("env.task = 'CheetahRun'", "defaults").unwrap();
    defaults.algorithm.objective.advantage = fpo_core::gae::AdvantageKind::Vtrace;
    defaults.env.starts = fpo_envs::Starts::Official;
    defaults.env.stagger = false;
    assert_eq!(config, defaults);
}

proptest! {
    #[test]
    fn no_text_makes_the_loader_panic(text in "\\PC{0,60}", more in "\\PC{0,40}") {
        let _ = Config::from_toml_str(&text, "text");
        let _ = load(&text, &[&more]);
    }

    #[test]
    fn whatever_loads_survives_being_written(
        seed in 0..=i64::MAX as u64,
        rate in 1e-37..1e38,
        widths in proptest::collection::vec(1_usize..=65_536, 1..6),
    ) {
        prop_assume!(seed != 1_000_000);
        let mut config = load("", &[]).unwrap();
        config.train.seed = seed;
        config.optimizer.learning_rate = rate;
        config.policy.hidden = widths;
        let text = config.to_toml().unwrap();
        prop_assert_eq!(Config::from_toml_str(&text, "written").unwrap(), config);
    }
}
