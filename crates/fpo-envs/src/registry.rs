//! Tasks by name.

use crate::gridworld::{LAYOUTS, SIZE};
use crate::{Batch, EnvError, EnvSpec, GridWorld, Task, VecEnv, VecEnvOptions};

/// Names of the MuJoCo tasks, known in every build so that one without MuJoCo can say what it
/// lacks.
const MUJOCO_TASKS: &[&str] = &[
    "CartpoleBalance",
    "CartpoleBalanceSparse",
    "CartpoleSwingup",
    "CartpoleSwingupSparse",
    "PointMass",
    "CheetahRun",
    "AcrobotSwingup",
    "AcrobotSwingupSparse",
    "BallInCup",
    "FingerSpin",
    "FingerTurnEasy",
    "FingerTurnHard",
    "PendulumSwingup",
    "ReacherEasy",
    "ReacherHard",
    "FishSwim",
    "SwimmerSwimmer6",
    "HopperHop",
    "HopperStand",
    "WalkerStand",
    "WalkerWalk",
    "WalkerRun",
    "HumanoidStand",
    "HumanoidWalk",
    "HumanoidRun",
];

/// Builds a batch of environments of a task.
///
/// # Errors
/// [`EnvError::UnknownTask`], [`EnvError::MujocoMissing`], or [`EnvError::Option`] for an option
/// out of range.
pub fn make(task: &str, options: &VecEnvOptions) -> Result<Box<dyn VecEnv>, EnvError> {
    #[cfg(feature = "mujoco")]
    if let Some(rules) = crate::mujoco::task(task) {
        return Ok(Box::new(Batch::new(crate::mujoco::Mujoco::new(rules)?, options)?));
    }
    if MUJOCO_TASKS.contains(&task) {
        return Err(EnvError::MujocoMissing { task: task.into() });
    }
    if let Some(batch) = crate::classic::make(task, options) {
        return batch;
    }
    if !task.starts_with("GridWorld/") {
        return Err(unknown(task));
    }
    Ok(Box::new(Batch::new(GridWorld::layout(task)?, options)?))
}

/// The specifications of every task that this build has.
pub fn tasks() -> Vec<EnvSpec> {
    let worlds = LAYOUTS.iter().filter_map(|layout| GridWorld::layout(layout.name).ok());
    let specs = worlds.map(|world| world.spec()).chain(crate::classic::specs());
    #[cfg(feature = "mujoco")]
    let specs = specs.chain(crate::mujoco::tasks().into_iter().map(|rules| rules.spec()));
    specs.collect()
}

/// The specification of one task.
///
/// # Errors
/// [`EnvError::UnknownTask`] or [`EnvError::MujocoMissing`].
pub fn spec(task: &str) -> Result<EnvSpec, EnvError> {
    if let Some(spec) = tasks().into_iter().find(|spec| spec.name == task) {
        return Ok(spec);
    }
    if MUJOCO_TASKS.contains(&task) {
        return Err(EnvError::MujocoMissing { task: task.into() });
    }
    Err(unknown(task))
}

/// The error for a name that no task has, with the nearest one that exists.
pub(crate) fn unknown(task: &str) -> EnvError {
    let worlds = LAYOUTS.iter().map(|layout| format!("GridWorld/{}", layout.name));
    let classic = crate::classic::specs().map(|spec| spec.name);
    let names = worlds.chain(classic).chain(MUJOCO_TASKS.iter().map(|&name| name.to_owned()));
    let wanted = task.to_lowercase();
    let nearest = names
        .map(|name| (edit_distance(&wanted, &name.to_lowercase()), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 2)
        .map(|(_, name)| name);
    EnvError::UnknownTask { task: task.into(), nearest }
}

/// Levenshtein distance: insertions, deletions and replacements of one character.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Observations of `task` at which several ways are equally good, so that the best policy has
/// several modes there; empty for tasks that are not known for any.
pub fn saddles(task: &str) -> Vec<Vec<f32>> {
    match task {
        // The row as far from the upper as from the lower goals.
        "GridWorld/two_walls" => {
            [4, 12, 20].map(|x| GridWorld::observation(x, SIZE / 2).to_vec()).into()
        }
        "Classic/MultiGoal" => vec![vec![0.0, 0.0]],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nearest(task: &str) -> Option<String> {
        match make(task, &VecEnvOptions::default()).err() {
            Some(EnvError::UnknownTask { task: asked, nearest }) => {
                assert_eq!(asked, task);
                nearest
            }
            other => panic!("{task}: {other:?}"),
        }
    }

    #[test]
    fn edit_distances_are_the_textbook_ones() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }

    #[test]
    fn an_unknown_name_brings_the_nearest_one() {
        assert_eq!(nearest("cheetahrun").as_deref(), Some("CheetahRun"));
        assert_eq!(nearest("GridWorld/two_wall").as_deref(), Some("GridWorld/two_walls"));
        assert_eq!(nearest("Gridworld/cshape").as_deref(), Some("GridWorld/cshape"));
        assert_eq!(nearest("classic/pendulm").as_deref(), Some("Classic/Pendulum"));
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

    #[cfg(feature = "mujoco")]
    #[test]
    fn the_mujoco_tasks_are_the_listed_ones() {
        let names: Vec<String> = tasks().into_iter().map(|spec| spec.name).collect();
        let others = LAYOUTS.len() + crate::classic::specs().len();
        assert_eq!(names[others..], *MUJOCO_TASKS);
    }

    #[cfg(not(feature = "mujoco"))]
    #[test]
    fn without_mujoco_its_tasks_say_how_to_get_them() {
        let error = make("CheetahRun", &VecEnvOptions::default()).err().unwrap();
        assert_eq!(error, EnvError::MujocoMissing { task: "CheetahRun".into() });
        assert!(error.to_string().contains("scripts/setup.sh && cargo build --release"));
        assert_eq!(spec("CheetahRun"), Err(error));
    }
}
