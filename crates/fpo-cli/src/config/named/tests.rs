//! Tests of configurations that are called by the names of a task and a method.

use fpo_core::Registry;

use super::*;
use crate::config::resolved::Config;

fn words(words: &[&str]) -> Vec<PathBuf> {
    words.iter().map(PathBuf::from).collect()
}

fn load(names: &[&str]) -> Config {
    let named = Named::all(&words(names)).unwrap();
    Config::load_named(&Registry::default(), &named, &[]).unwrap()
}

fn error(names: &[&str]) -> String {
    Named::all(&words(names)).unwrap_err().to_string()
}

fn on_disk(files: &[&str]) -> Config {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let paths: Vec<PathBuf> = files.iter().map(|file| root.join(file)).collect();
    Config::load(&paths, &[]).unwrap()
}

#[test]
fn names_load_what_their_files_load() {
    assert_eq!(load(&["CheetahRun"]), on_disk(&["desk/cheetah_run.toml"]));
    assert_eq!(load(&["cheetah_run", "fpo"]), on_disk(&["desk/cheetah_run.toml"]));
    let adaptive = ["desk/ball_in_cup.toml", "desk/methods/ppo_adaptive.toml"];
    assert_eq!(load(&["ballincup", "PPO-adaptive"]), on_disk(&adaptive));
    let grid = ["gridworld/two_walls.toml", "gridworld/methods/fpo++.toml"];
    assert_eq!(load(&["two_walls", "fpo++"]), on_disk(&grid));
}

#[test]
fn every_task_has_a_configuration_with_every_method_of_its_family() {
    for name in fpo_envs::names() {
        let task = Task::find(&name).unwrap();
        assert_eq!(task.name, name);
        for method in task.methods() {
            assert_eq!(load(&[&name, method]).env.task, name, "{method}");
        }
    }
}

#[test]
fn the_last_part_of_a_name_is_enough_and_the_whole_name_wins() {
    for (word, name) in [
        ("two_walls", "GridWorld/two_walls"),
        ("Classic/Pendulum", "Classic/Pendulum"),
        ("pendulum", "Classic/Pendulum"),
        ("PendulumSwingup", "PendulumSwingup"),
        ("multi-goal", "Classic/MultiGoal"),
    ] {
        assert_eq!(Task::find(word).unwrap().name, name);
    }
    assert_eq!(Task::find("two"), None);
}

#[test]
fn what_is_neither_a_file_nor_a_name_is_told_with_both_and_the_nearest() {
    let text = error(&["CheetaRun"]);
    assert!(text.contains("neither a file nor a task: did you mean `CheetahRun`?"), "{text}");
    let text = error(&["finger"]);
    assert!(text.contains("`FingerSpin` or `FingerTurnEasy` or `FingerTurnHard`"), "{text}");
    let text = error(&["CheetahRun", "ppoo"]);
    assert!(text.contains("neither a file, a method nor a task: did you mean `ppo`"), "{text}");
    assert!(!error(&["xyzzy"]).contains("did you mean"));
}

#[test]
fn names_that_do_not_go_together_are_refused() {
    assert!(error(&["ppo"]).contains("needs a task's name before it"));
    assert!(error(&["nothing.toml", "ppo"]).contains("name its file"));
    assert!(error(&["CheetahRun", "FishSwim"]).contains("two tasks"));
    assert!(error(&["CheetahRun", "ppo", "dppo"]).contains("second method"));
    let text = error(&["two_walls", "fpo_nats"]);
    assert!(text.contains("has no method `fpo_nats`") && text.contains("fpo_spo"), "{text}");
}

#[test]
fn what_looks_like_a_file_is_left_to_the_reader_of_files() {
    for word in ["nowhere.toml", "src"] {
        let word = words(&[word]);
        assert_eq!(Named::all(&word).unwrap(), [Named::File(word[0].clone())]);
    }
}
