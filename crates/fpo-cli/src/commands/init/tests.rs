//! Tests of the files that `fpo init` writes: they load as what they were written from, and their
//! comments say what is so.

use super::*;

/// A task that every build has, with all methods.
const TASK: &str = "Classic/Pendulum";

#[test]
fn what_is_written_loads_as_what_it_was_written_from() {
    for spec in fpo_envs::tasks() {
        let task = Task::named(&spec.name).unwrap();
        for method in task.methods() {
            let method = task.method(method).unwrap();
            let start = Start::of(&task, &method).unwrap();
            let text = start.text(Path::new("x.toml")).unwrap();
            let loaded = Config::from_toml_str(&text, "written").unwrap();
            assert_eq!(loaded, start.config, "{} {}: {text}", task.name, method.name);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        }
    }
}

/// Returns the text of the file for a task and a method.
fn text_of(task: &str, method: &str) -> String {
    let task = Task::named(task).unwrap();
    let method = task.method(method).unwrap();
    Start::of(&task, &method).unwrap().text(Path::new("x.toml")).unwrap()
}

#[test]
fn what_the_kind_of_algorithm_sets_by_itself_is_in_the_file_or_at_its_head() {
    let text = text_of(TASK, "fpo++");
    let (head, body) = text.split_once("\n[env]\n").unwrap();
    let head = head.replace("\n# ", " ");
    let left = head.split_once("Left out too is what kind = \"fpo++\" sets by itself: ");
    let (left, _) = left.unwrap().1.split_once(".\n#").unwrap();
    for setting in ["algorithm.ema_decay = 0.95", "optimizer.max_grad_norm = 1.0"] {
        assert!(left.split(", ").any(|found| found == setting), "no {setting} in {left}");
    }
    let kind = Registry::default().get("fpo++").unwrap();
    let preset: Table = toml::from_str(kind.preset).unwrap();
    for (section, fields) in &preset {
        for field in fields.as_table().unwrap().keys() {
            let is_set = body.lines().any(|line| line.starts_with(&format!("{field} = ")));
            let is_left = left.contains(&format!("{section}.{field} = "));
            assert!(is_set != is_left, "{section}.{field}: {text}");
        }
    }
    assert!(!text_of(TASK, "fpo").contains("Left out too"), "fpo has no preset");
}

#[test]
fn comments_say_what_the_page_of_keys_says_and_have_none_of_its_marks() {
    let text = text_of(TASK, "fpo_nats");
    for line in [
        "# train.batch_size · train.num_minibatches. Default: 2048 (official).",
        "# ε of the surrogate: the trust region is 1 ± clip_epsilon. Value: a number, above 0,",
        "# - kind = \"constant\": The base throughout (the paper's Playground experiments).",
        "# - kind = \"exponential\": Exponentially down from the base.",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "no {line:?} in {text}");
    }
    for mark in ["*0", "· no default", "`", "). - kind"] {
        assert!(!text.contains(mark), "{mark:?} in {text}");
    }
}

#[test]
fn files_are_named_as_those_of_the_repository() {
    for (task, method, name) in [
        ("CheetahRun", "fpo", "cheetah_run.toml"),
        ("GridWorld/two_walls", "fpo++", "two_walls-fpo++.toml"),
        ("SwimmerSwimmer6", "ppo", "swimmer_swimmer6-ppo.toml"),
    ] {
        let task = Task::named(task).unwrap();
        assert_eq!(file_name(&task, &task.method(method).unwrap()), PathBuf::from(name));
    }
}
