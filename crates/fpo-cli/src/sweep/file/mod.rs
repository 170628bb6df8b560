//! The file of a sweep, read and checked as far as that can be done without loading the
//! configurations that it names.
//!
//! ```toml
//! seeds = [1, 2, 3]                  # or { from = 1, count = 3 }
//!
//! [tasks]                            # files relative to this one, later ones win
//! CheetahRun = "../desk/cheetah_run.toml"
//! PointMass = { base = "easy", files = "../desk/point_mass.toml" }
//!
//! [methods]
//! fpo = []
//! ppo = "../desk/methods/ppo.toml"
//!
//! [bases.easy]                       # what the tasks of this base have in common
//! set.train.total_steps = 500_000
//! methods.ppo = { set.algorithm.kind = "ppo" }   # takes the place of the method above
//!
//! [set]                              # for every run
//! eval.count = 20
//!
//! [[settings]]                       # a list of settings, each a run of its own
//! set.value.hidden = [64, 64]
//!
//! [grid]                             # every combination
//! optimizer.learning_rate = [3e-4, 1e-3]
//! algorithm.entropy_coefficient = { values = [0.0, 0.01], only.method = "ppo" }
//!
//! [random]                           # so many draws, always the same for the same seed
//! draws = 20
//! seed = 0
//! fields.algorithm.clip_epsilon = { log_uniform = [0.02, 0.5] }
//! ```

pub mod lists;
pub mod only;
pub mod parts;
pub mod section;
pub mod values;

use std::path::{Path, PathBuf};

use anyhow::Result;
use toml::{Table, Value};

use crate::config::ConfigError;
use crate::config::document;
use crate::config::files::{folder_of, read_text};
use crate::sweep::file::lists::{Random, Setting};
use crate::sweep::file::parts::{Base, Known, Part, Task};
use crate::sweep::file::section::Section;
use crate::sweep::file::values::{Axis, fields};

/// A sweep as its file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepFile {
    /// The file.
    pub path: PathBuf,
    /// Seeds of training.
    pub seeds: Vec<u64>,
    /// What tasks have in common.
    pub bases: Vec<Base>,
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The methods.
    pub methods: Vec<(String, Part)>,
    /// Fields of every run.
    pub set: Part,
    /// The list of settings.
    pub settings: Vec<Setting>,
    /// Fields of which every combination is run.
    pub grid: Vec<Axis>,
    /// Fields that are drawn.
    pub random: Option<Random>,
}

impl SweepFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] if it cannot be read or is not TOML; else
    /// [`UsageError`](crate::terminal::failure::UsageError), which names the file, the field, what
    /// was found and what is expected.
    pub fn read(path: &Path) -> Result<SweepFile> {
        let text = read_text(path).map_err(|source| ConfigError::Read {
            path: path.into(),
            by: None,
            source,
        })?;
        let name = path.display().to_string();
        let table = document(&text, &name)?;
        Reader { folder: folder_of(path) }.sweep(path, &Section::whole(&name, &table))
    }
}

struct Reader<'a> {
    folder: &'a Path,
}

impl Reader<'_> {
    fn sweep(&self, path: &Path, file: &Section) -> Result<SweepFile> {
        file.allow(&[
            "seeds", "base", "bases", "tasks", "methods", "set", "settings", "grid", "random",
        ])?;
        let bases = file.sections("bases")?;
        let bases =
            bases.iter().map(|(name, base)| self.base(name, base)).collect::<Result<Vec<_>>>()?;
        let common = file.string("base")?;
        let tasks = file.values("tasks")?;
        let task = |(name, value): &(&str, &Value)| -> Result<Task> {
            let place = file.inside("tasks", name);
            let own = match value {
                Value::Table(table) => Section::new(file, place.clone(), table).string("base")?,
                _ => None,
            };
            let base = own.or_else(|| common.clone());
            if let Some(base) = base.as_ref().filter(|base| bases.iter().all(|b| b.name != **base))
            {
                let known: Vec<&str> = bases.iter().map(|base| base.name.as_str()).collect();
                let known = match known.is_empty() {
                    true => "there are no bases; write `[bases.…]`".into(),
                    false => format!("there are {}", known.join(", ")),
                };
                return Err(file.wrong(&place, &format!("there is no base `{base}`: {known}")));
            }
            let part = self.part(file, &place, value, &["base"])?;
            Ok(Task { name: (*name).into(), base, part })
        };
        let tasks = tasks.iter().map(task).collect::<Result<Vec<_>>>()?;
        if tasks.is_empty() {
            let expected =
                "no task; write `[tasks]` with lines such as CheetahRun = \"cheetah_run.toml\"";
            return Err(file.wrong("tasks", expected));
        }
        let methods = self.methods(file)?;
        let set = Part { files: vec![], set: fields(file, "set")?, place: file.named("[set]") };
        let known = Known { file, tasks: &tasks, methods: &methods, bases: &bases };
        Ok(SweepFile {
            path: path.into(),
            seeds: lists::seeds(file)?,
            set,
            settings: lists::settings(&known)?,
            grid: values::grid(&known)?,
            random: lists::random(&known)?,
            bases,
            tasks,
            methods,
        })
    }

    fn base(&self, name: &str, base: &Section) -> Result<Base> {
        let part = self.files_and_set(base, &["methods"])?;
        Ok(Base { name: name.into(), part, methods: self.methods(base)? })
    }

    fn methods(&self, section: &Section) -> Result<Vec<(String, Part)>> {
        let values = section.values("methods")?;
        let part = |(name, value): &(&str, &Value)| {
            let place = section.inside("methods", name);
            Ok(((*name).to_string(), self.part(section, &place, value, &[])?))
        };
        values.iter().map(part).collect()
    }

    /// Reads a part that is a file name, a list of them, or a table with `files`, `set` and
    /// `others`.
    fn part(&self, above: &Section, place: &str, value: &Value, others: &[&str]) -> Result<Part> {
        match value {
            Value::Table(table) => {
                self.files_and_set(&Section::new(above, place.into(), table), others)
            }
            value => {
                let files = self.files(above, place, value)?;
                Ok(Part { files, set: Table::new(), place: above.named(&format!("`{place}`")) })
            }
        }
    }

    fn files_and_set(&self, section: &Section, others: &[&str]) -> Result<Part> {
        section.allow(&[&["files", "set"], others].concat())?;
        let files = match section.get("files") {
            None => Vec::new(),
            Some(value) => self.files(section, &section.dotted("files"), value)?,
        };
        let set = fields(section, "set")?;
        Ok(Part { files, set, place: section.named(&format!("`{}`", section.dotted("set"))) })
    }

    fn files(&self, section: &Section, place: &str, value: &Value) -> Result<Vec<PathBuf>> {
        let names = section.strings(place, value, "a file name or a list of file names")?;
        Ok(names.iter().map(|name| self.folder.join(name)).collect())
    }
}
