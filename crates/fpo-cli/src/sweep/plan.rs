//! Every run of a sweep: task × method × setting × seed, each with its configuration, checked
//! before the first of them starts.
//!
//! Later layers win: the files and fields of the base, of the task, of the method, the fields of
//! the sweep, then the setting. A setting is an entry of the list, a combination of the grid and a
//! draw, as far as they apply to the run.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context, Result};
use fpo_core::Registry;
use serde_json::Map;
use toml::{Table, Value};

use crate::config::resolved::Config;
use crate::results::from_run::Labels;
use crate::results::identity::Identity;
use crate::sweep::file::SweepFile;
use crate::sweep::file::parts::{Base, Part, Task};
use crate::sweep::file::values::{self, nested};
use crate::terminal::failure::UsageError;
use crate::text::shown::shown;
use crate::training::initial::Initial;

/// More runs than anybody waits for are a mistake in the grid.
const MOST_RUNS: usize = 100_000;

/// A run of a sweep.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Names of task and method, and what the sweep changed.
    pub labels: Labels,
    /// The configuration, its seed included.
    pub config: Config,
    /// The digest of the configuration.
    pub digest: String,
}

/// A setting: dotted fields and their values.
type Fields = Vec<(String, Value)>;

impl Planned {
    /// Returns the run in a few words: task, method, setting and seed.
    pub fn describe(&self) -> String {
        let Labels { task, method, settings } = &self.labels;
        let settings: String =
            settings.iter().map(|(field, value)| format!(" · {}={value}", short(field))).collect();
        shown(&format!("{task} · {method}{settings} · seed {}", self.config.train.seed))
    }

    /// Returns the number of environment steps of the run.
    pub fn steps(&self) -> u64 {
        self.config.num_iterations() * self.config.steps_per_iteration()
    }

    /// Returns a name for files of the run, which no other run has.
    pub fn file_name(&self) -> String {
        let plain = |text: &str| -> String {
            let plain = |c: char| if c.is_alphanumeric() || "+_".contains(c) { c } else { '_' };
            text.chars().map(plain).collect()
        };
        let Labels { task, method, .. } = &self.labels;
        let (task, method) = (plain(task), plain(method));
        format!("{task}-{method}-{}-seed{}", &self.digest, self.config.train.seed)
    }
}

/// Returns the name of a field without its section.
fn short(field: &str) -> &str {
    field.rsplit('.').next().unwrap_or(field)
}

/// Returns every run of the sweep, in the order of tasks, methods, settings and seeds.
///
/// # Errors
/// Those of loading a configuration, which name the file or the table of the sweep; a task that
/// this build does not have; [`UsageError`] for runs that are the same, or too many.
pub fn plan(file: &SweepFile, registry: &Registry) -> Result<Vec<Planned>> {
    let mut runs = Vec::new();
    let mut known: HashMap<String, String> = HashMap::new();
    for task in &file.tasks {
        let base = file.bases.iter().find(|base| task.base.as_ref() == Some(&base.name));
        let methods = methods(file, base);
        if methods.is_empty() {
            let text = "no method; write `[methods]` with a line such as fpo = []";
            return Err(wrong(file, &format!("task `{}` has {text}", task.name)));
        }
        for (method, part) in methods {
            for setting in settings(file, task, method)? {
                if runs.len() + file.seeds.len() > MOST_RUNS {
                    return Err(wrong(file, &format!("more than {MOST_RUNS} runs")));
                }
                for run in runs_of(file, task, base, (method, part), &setting, registry)? {
                    let name = run.describe();
                    let key = format!("{}-{}", run.digest, run.config.train.seed);
                    if let Some(other) = known.insert(key, name.clone()) {
                        let text = format!("two runs have the same configuration: {other}; {name}");
                        return Err(wrong(file, &text));
                    }
                    runs.push(run);
                }
            }
        }
    }
    Ok(runs)
}

/// Returns the methods of tasks of `base`, in the order of their names.
fn methods<'a>(file: &'a SweepFile, base: Option<&'a Base>) -> Vec<(&'a str, &'a Part)> {
    let own = base.map_or(&[][..], |base| &base.methods);
    let mut all: Vec<(&str, &Part)> =
        own.iter().map(|(name, part)| (name.as_str(), part)).collect();
    for (name, part) in &file.methods {
        if own.iter().all(|(other, _)| other != name) {
            all.push((name, part));
        }
    }
    all.sort_by_key(|(name, _)| *name);
    all
}

/// Returns the settings of the runs of `task` with `method`; one without fields if nothing applies.
fn settings(file: &SweepFile, task: &Task, method: &str) -> Result<Vec<Fields>> {
    let holds = |only: &crate::sweep::file::only::Only| {
        only.holds(&task.name, method, task.base.as_deref())
    };
    let entries = file.settings.iter().filter(|setting| holds(&setting.only));
    let mut settings: Vec<Fields> = entries.map(|entry| values::flat(&entry.set)).collect();
    if settings.is_empty() {
        settings.push(Vec::new());
    }
    for axis in file.grid.iter().filter(|axis| holds(&axis.only)) {
        let with = |setting: &Fields, value: &Value| {
            [setting.as_slice(), &[(axis.field.clone(), value.clone())]].concat()
        };
        if settings.len().saturating_mul(axis.values.len()) > MOST_RUNS {
            return Err(wrong(file, &format!("more than {MOST_RUNS} runs")));
        }
        settings = settings
            .iter()
            .flat_map(|setting| axis.values.iter().map(move |value| with(setting, value)))
            .collect();
    }
    let Some(random) = &file.random else { return Ok(settings) };
    let drawn: Vec<_> = random.fields.iter().filter(|draw| holds(&draw.only)).collect();
    if drawn.is_empty() {
        return Ok(settings);
    }
    if settings.len().saturating_mul(random.draws as usize) > MOST_RUNS {
        return Err(wrong(file, &format!("more than {MOST_RUNS} runs")));
    }
    let draw = |index: u64| -> Fields {
        let value = |draw: &&values::Draw| (draw.field.clone(), draw.value(random.seed, index));
        drawn.iter().map(value).collect()
    };
    let all = settings.iter().flat_map(|setting| {
        (0..random.draws).map(|index| [setting.as_slice(), &draw(index)].concat())
    });
    Ok(all.collect())
}

/// Returns the runs with one setting, one for each seed.
fn runs_of(
    file: &SweepFile,
    task: &Task,
    base: Option<&Base>,
    (method, part): (&str, &Part),
    setting: &Fields,
    registry: &Registry,
) -> Result<Vec<Planned>> {
    let parts: Vec<&Part> =
        base.map(|base| &base.part).into_iter().chain([&task.part, part]).collect();
    let files: Vec<PathBuf> = parts.iter().flat_map(|part| part.files.clone()).collect();
    let origin = file.path.display();
    let mut tables: Vec<(String, Table)> = parts
        .iter()
        .chain([&&file.set])
        .map(|part| (part.place.clone(), part.set.clone()))
        .collect();
    for (field, value) in setting {
        tables.push((format!("the settings of {origin}"), nested(field, value.clone())));
    }
    let labels = Labels {
        task: task.name.clone(),
        method: method.into(),
        settings: setting
            .iter()
            .map(|(field, value)| (field.clone(), json(value)))
            .collect::<Map<_, _>>(),
    };
    let seed = tables.len();
    tables.push((format!("`seeds` of {origin}"), Table::new()));
    let run = |number: &u64| -> Result<Planned> {
        // A seed above what TOML holds was never read from the file.
        let value = Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX));
        let mut tables = tables.clone();
        tables[seed].1 = nested("train.seed", value);
        let mut config = Config::load_under(registry, &files, &tables)?;
        // The digest of a policy to start from is a part of what the run is.
        Initial::pin(&mut config)?;
        let digest = Identity::of(&config)?.digest();
        Ok(Planned { labels: labels.clone(), config, digest })
    };
    let runs = file.seeds.iter().map(run).collect::<Result<Vec<_>>>()?;
    if let Some(run) = runs.first() {
        fpo_envs::spec(&run.config.env.task).context("`env.task`")?;
    }
    Ok(runs)
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or(serde_json::Value::Null)
}

fn wrong(file: &SweepFile, what: &str) -> anyhow::Error {
    UsageError(format!("{}: {what}", file.path.display())).into()
}
