//! Tests of the registry: names, their order, and the errors for names that it cannot serve.

use super::*;
use crate::gridworld::{GridWorld, LAYOUTS};

fn nearest(task: &str) -> Option<String> {
    match make(task, &VecEnvOptions::default()).err() {
        Some(EnvError::UnknownTask { task: asked, nearest }) => {
            assert_eq!(asked, task);
            nearest
        }
        other => panic!("{task}: {other:?}"),
    }
}

fn names() -> Vec<String> {
    registrations().into_iter().map(|registered| registered.name).collect()
}

#[test]
fn an_unknown_name_brings_the_nearest_one() {
    assert_eq!(nearest("cheetahrun").as_deref(), Some("CheetahRun"));
    assert_eq!(nearest("GridWorld/two_wall").as_deref(), Some("GridWorld/two_walls"));
    assert_eq!(nearest("Gridworld/cshape").as_deref(), Some("GridWorld/cshape"));
    assert_eq!(nearest("classic/pendulm").as_deref(), Some("Classic/Pendulum"));
    assert_eq!(nearest("two_walls").as_deref(), Some("GridWorld/two_walls"));
    assert_eq!(nearest("pendulum").as_deref(), Some("Classic/Pendulum"));
    assert_eq!(nearest("zzzzzz"), None);
}

#[test]
fn every_listed_task_can_be_made_and_has_its_name() {
    for listed in tasks() {
        assert_eq!(spec(&listed.name), Ok(listed.clone()));
        let envs = make(&listed.name, &VecEnvOptions::default()).unwrap();
        assert_eq!(envs.spec(), &listed);
    }
}

#[test]
fn every_name_is_registered_once_and_equals_that_in_the_specification() {
    let mut names = names();
    for registered in registrations() {
        if let Ok(spec) = registered.spec() {
            assert_eq!(registered.name, spec.name);
        }
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn layouts_come_first_then_closed_forms_then_tasks_on_mujoco() {
    let names = names();
    let families =
        names.chunk_by(|a, b| a.split_once('/').map(|x| x.0) == b.split_once('/').map(|x| x.0));
    let sizes: Vec<(bool, bool, usize)> = families
        .map(|family| {
            let starts = |with: &str| family[0].starts_with(with);
            (starts("GridWorld/"), starts("Classic/"), family.len())
        })
        .collect();
    assert_eq!(sizes, [(true, false, LAYOUTS.len()), (false, true, 4), (false, false, 25)]);
    let layouts = LAYOUTS.iter().map(|layout| GridWorld::layout(layout.name).is_ok());
    assert!(layouts.into_iter().all(|drawn| drawn));
}

#[test]
fn saddles_are_observations_of_their_task() {
    for task in tasks() {
        for saddle in saddles(&task.name) {
            assert_eq!(saddle.len(), task.obs_dim, "{}", task.name);
        }
    }
    assert_eq!(saddles("GridWorld/two_walls").len(), 3);
    assert_eq!(saddles("Classic/MultiGoal"), [[0.0, 0.0]]);
    assert_eq!(saddles("Classic/DrawnGoal").len(), 4);
    assert!(saddles("Classic/Pendulum").is_empty() && saddles("no task").is_empty());
}

#[test]
fn every_task_names_the_groups_of_its_observation() {
    for task in tasks() {
        assert!(!task.groups.is_empty() && task.has_whole_groups(), "{}", task.name);
    }
}

#[cfg(feature = "mujoco")]
#[test]
fn with_mujoco_every_registered_task_is_listed() {
    let listed: Vec<String> = tasks().into_iter().map(|spec| spec.name).collect();
    assert_eq!(listed, names());
    let rules: Vec<String> = mujoco_tasks().iter().map(|rules| rules.spec().name).collect();
    assert_eq!(listed[listed.len() - rules.len()..], rules);
    assert_eq!(mujoco_task("CheetahRun").map(|rules| rules.spec()), spec("CheetahRun").ok());
    assert!(mujoco_task("Classic/Pendulum").is_none() && mujoco_task("no task").is_none());
}

#[cfg(not(feature = "mujoco"))]
#[test]
fn without_mujoco_its_tasks_say_how_to_get_them() {
    let error = make("CheetahRun", &VecEnvOptions::default()).err().unwrap();
    assert_eq!(error, EnvError::MujocoMissing { task: "CheetahRun".into() });
    assert!(error.to_string().contains("scripts/setup.sh && cargo build --release"));
    assert_eq!(spec("CheetahRun"), Err(error));
    assert_eq!(nearest("cheetahrun").as_deref(), Some("CheetahRun"));
    assert_eq!(tasks().len(), names().len() - 25);
}
