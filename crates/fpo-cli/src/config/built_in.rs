//! The configurations that the program carries, so that `fpo train CheetahRun` works wherever it is
//! installed: the files of `configs/desk` and `configs/gridworld` as they are.
//!
//! `configs` beside this crate's `Cargo.toml` is a link to the folder of the repository, which
//! `cargo package` follows: the files stand once, and are in the crate all the same.

use std::path::Path;

use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::files::{INCLUDE, parse};

/// Lists files of `configs` with their text.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/", $name)))),*]
    };
}

/// Every file that the program carries, by its path below `configs`.
const FILES: [(&str, &str); 24] = files![
    "desk/ball_in_cup.toml",
    "desk/base.toml",
    "desk/cartpole_balance.toml",
    "desk/cheetah_run.toml",
    "desk/finger_spin.toml",
    "desk/finger_turn_easy.toml",
    "desk/finger_turn_hard.toml",
    "desk/fish_swim.toml",
    "desk/point_mass.toml",
    "desk/reacher_easy.toml",
    "desk/reacher_hard.toml",
    "desk/methods/dppo.toml",
    "desk/methods/fpo++.toml",
    "desk/methods/fpo_clip.toml",
    "desk/methods/fpo_nats.toml",
    "desk/methods/ppo.toml",
    "desk/methods/ppo_adaptive.toml",
    "desk/methods/ppo_mean_ratio.toml",
    "gridworld/two_walls.toml",
    "gridworld/methods/dppo.toml",
    "gridworld/methods/fpo++.toml",
    "gridworld/methods/fpo_entropy.toml",
    "gridworld/methods/fpo_spo.toml",
    "gridworld/methods/ppo.toml",
];

/// The method that a task's file holds by itself.
pub(crate) const OWN_METHOD: &str = "fpo";

/// A file that the program carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BuiltIn {
    /// Its path below `configs`.
    pub name: &'static str,
    /// What it holds.
    pub text: &'static str,
}

/// Tasks that share a file to start from and the files of methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// The folder below `configs`.
    folder: &'static str,
    /// What a task is built on that has no file of its own.
    base: &'static str,
}

impl Family {
    /// Returns the family of the task `task`.
    pub fn of(task: &str) -> Family {
        match task.starts_with("GridWorld/") {
            true => Family { folder: "gridworld", base: "two_walls" },
            false => Family { folder: "desk", base: "base" },
        }
    }

    /// Returns the file of the task `task`, or the one that it is built on if it has none.
    pub fn file(self, task: &str) -> Option<BuiltIn> {
        let own = all().find(|file| {
            let is_here = file.name.strip_prefix(self.folder).is_some_and(|name| {
                // Methods lie one folder deeper.
                name.matches('/').count() == 1
            });
            is_here && task_of(file.text).is_some_and(|name| name == task)
        });
        own.or_else(|| get(&self.base_file()))
    }

    /// Returns the path below `configs` of what a task is built on that has no file of its own.
    pub fn base_file(self) -> String {
        format!("{}/{}.toml", self.folder, self.base)
    }

    /// Returns the names of the methods, in the order of the alphabet.
    pub fn methods(self) -> Vec<&'static str> {
        let mut names: Vec<&str> = all()
            .filter_map(|file| file.name.strip_prefix(self.folder)?.strip_prefix("/methods/"))
            .filter_map(|name| name.strip_suffix(".toml"))
            .chain([OWN_METHOD])
            .collect();
        names.sort_unstable();
        names
    }

    /// Returns the file of the method `name`; [`OWN_METHOD`] has none.
    pub fn method(self, name: &str) -> Option<BuiltIn> {
        get(&format!("{}/methods/{name}.toml", self.folder))
    }
}

impl BuiltIn {
    /// Returns how errors call the file.
    pub fn origin(self) -> String {
        format!("the built-in configs/{}", self.name)
    }

    /// Returns the file's values and the files that it includes, which come before it.
    ///
    /// # Errors
    /// If the file is not TOML.
    pub fn read(self) -> Result<(Table, Vec<BuiltIn>), ConfigError> {
        let mut table = parse(self.text, &self.origin())?;
        let included = match table.remove(INCLUDE) {
            Some(Value::Array(names)) => names,
            _ => Vec::new(),
        };
        let folder = Path::new(self.name).parent().unwrap_or(Path::new(""));
        let path = |name: &Value| get(&folder.join(name.as_str()?).to_string_lossy());
        Ok((table, included.iter().filter_map(path).collect()))
    }

    /// Returns the file behind all the files that it includes, in the order in which they are laid
    /// over each other.
    ///
    /// # Errors
    /// As [`BuiltIn::read`].
    pub fn with_included(self) -> Result<Vec<(BuiltIn, Table)>, ConfigError> {
        let (table, included) = self.read()?;
        let mut files = Vec::new();
        for file in included {
            files.extend(file.with_included()?);
        }
        files.push((self, table));
        Ok(files)
    }
}

/// Returns every file that the program carries.
fn all() -> impl Iterator<Item = BuiltIn> {
    FILES.into_iter().map(|(name, text)| BuiltIn { name, text })
}

/// Returns the file at the path `name` below `configs`.
fn get(name: &str) -> Option<BuiltIn> {
    all().find(|file| file.name == name)
}

/// Returns the task that a configuration names.
fn task_of(text: &str) -> Option<String> {
    let table: Table = toml::from_str(text).ok()?;
    Some(table.get("env")?.get("task")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;

    /// Returns the files below the folder `name` of the repository's `configs`.
    fn on_disk(name: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        let mut found = BTreeSet::new();
        for folder in [name.to_string(), format!("{name}/methods")] {
            for entry in fs::read_dir(root.join(&folder)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    found.insert(format!("{folder}/{}", entry.file_name().into_string().unwrap()));
                }
            }
        }
        found
    }

    #[test]
    fn every_file_of_the_two_folders_is_carried_and_reads_as_the_one_on_disk() {
        let expected: BTreeSet<String> =
            on_disk("desk").into_iter().chain(on_disk("gridworld")).collect();
        let carried: BTreeSet<String> = all().map(|file| file.name.to_owned()).collect();
        assert_eq!(carried, expected);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
        for file in all() {
            assert_eq!(file.text, fs::read_to_string(root.join(file.name)).unwrap());
        }
    }

    #[test]
    fn everything_that_a_carried_file_includes_is_carried() {
        for file in all() {
            let table: Table = toml::from_str(file.text).unwrap();
            let named = table.get(INCLUDE).map_or(0, |names| names.as_array().unwrap().len());
            assert_eq!(file.read().unwrap().1.len(), named, "{}", file.name);
        }
    }

    #[test]
    fn tasks_have_their_own_file_or_that_of_their_family() {
        for (task, name) in [
            ("CheetahRun", "desk/cheetah_run.toml"),
            ("HumanoidRun", "desk/base.toml"),
            ("GridWorld/two_walls", "gridworld/two_walls.toml"),
            ("GridWorld/cshape", "gridworld/two_walls.toml"),
        ] {
            assert_eq!(Family::of(task).file(task).unwrap().name, name);
        }
        let grid = Family::of("GridWorld/cshape");
        assert_eq!(grid.methods(), ["dppo", "fpo", "fpo++", "fpo_entropy", "fpo_spo", "ppo"]);
        assert!(grid.method("fpo_nats").is_none() && grid.method("ppo").is_some());
    }
}
