//! Scores to compare with: what counts as 0 and 1 on a task, and numbers that others published.
//!
//! ```toml
//! [CheetahRun]
//! low = 0.0
//! high = 850.0
//! paper = { ppo = 700.0 }
//!
//! [all]                        # the mean over these tasks
//! tasks = ["CheetahRun", "FishSwim"]
//! paper = { fpo = { mean = 759.3, plus_minus = 45.3 } }
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::config::document;
use crate::terminal::failure::UsageError;

/// The references that the program brings: the paper's Table 1.
const BUILT_IN: &str = include_str!("../../configs/references/paper.toml");

/// Name of the table that is about several tasks together.
const ALL: &str = "all";

/// A published number.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Published {
    /// The return, a mean over runs.
    pub mean: f64,
    /// What stands behind its "±", whatever the source means by it.
    pub plus_minus: Option<f64>,
}

/// A published number as a file has it.
#[derive(Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "expected a number, or a table such as { mean = 700.0, plus_minus = 45.3 }"
)]
enum Written {
    Mean(f64),
    WithSpread { mean: f64, plus_minus: f64 },
}

impl From<Written> for Published {
    fn from(written: Written) -> Published {
        match written {
            Written::Mean(mean) => Published { mean, plus_minus: None },
            Written::WithSpread { mean, plus_minus } => {
                Published { mean, plus_minus: Some(plus_minus) }
            }
        }
    }
}

/// The references of a task, or of several together.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
struct Table {
    low: Option<f64>,
    high: Option<f64>,
    tasks: Option<Vec<String>>,
    paper: BTreeMap<String, Published>,
}

/// Reference scores by task.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct References(BTreeMap<String, Table>);

impl References {
    /// Reads the file at `path`, or takes those that the program brings.
    ///
    /// # Errors
    /// If the file cannot be read; [`ConfigError`](crate::config::error::ConfigError) if it is not
    /// TOML, and [`UsageError`] if it does not have the form of references. Both name the file, and
    /// line and column where the reader of TOML says them.
    pub fn load(path: Option<&Path>) -> Result<References> {
        match path {
            None => References::parse(BUILT_IN, "the program's references"),
            Some(path) => {
                let name = path.display().to_string();
                References::parse(&fs::read_to_string(path).with_context(|| name.clone())?, &name)
            }
        }
    }

    fn parse(text: &str, name: &str) -> Result<References> {
        let wrong = |what: String| UsageError(format!("{name}: {what}"));
        // First as any TOML, whose mistakes are told as those of a configuration are.
        document(text, name)?;
        let tables: BTreeMap<String, Table> =
            toml::from_str(text).map_err(|error| misread(&error, text, name))?;
        for (task, table) in &tables {
            match (table.low, table.high) {
                (None, None) => {}
                _ if task == ALL => {
                    return Err(
                        wrong(format!("[{ALL}] has no low and high: give them by task")).into()
                    );
                }
                (Some(low), Some(high)) if low < high && (high - low).is_finite() => {}
                (Some(low), Some(high)) => {
                    let what =
                        format!("[{task}] low = {low} must be finite and below high = {high}");
                    return Err(wrong(what).into());
                }
                _ => return Err(wrong(format!("[{task}] needs both low and high")).into()),
            }
            if table.tasks.is_some() != (task == ALL) {
                let what = match task == ALL {
                    true => format!("[{ALL}] needs the list `tasks` over which it is a mean"),
                    false => format!("[{task}] has no `tasks`: only [{ALL}] is about several"),
                };
                return Err(wrong(what).into());
            }
        }
        Ok(References(tables))
    }

    /// Returns the scores that count as 0 and 1 on `task`.
    pub fn range(&self, task: &str) -> Option<(f64, f64)> {
        let table = self.0.get(task)?;
        Some((table.low?, table.high?))
    }

    /// Returns the numbers published for `task`, by method.
    pub fn of_task(&self, task: &str) -> BTreeMap<String, Published> {
        let table = self.0.get(task).filter(|_| task != ALL);
        table.map(|table| table.paper.clone()).unwrap_or_default()
    }

    /// Returns the numbers published for the mean over `tasks`, by method: none, unless they are
    /// exactly the tasks that the numbers are about.
    pub fn of_all(&self, tasks: &[&str]) -> BTreeMap<String, Published> {
        let Some(table) = self.0.get(ALL) else { return BTreeMap::new() };
        let listed = table.tasks.as_deref().unwrap_or_default();
        let same =
            listed.len() == tasks.len() && listed.iter().all(|task| tasks.contains(&task.as_str()));
        if same { table.paper.clone() } else { BTreeMap::new() }
    }
}

/// Returns the error of a document that is TOML and has another form than references, in one line.
fn misread(error: &toml::de::Error, text: &str, name: &str) -> UsageError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let what = error.message().replace('\n', ", ").replace("expected f64", "expected a number");
    UsageError(format!("{name}:{line}:{column}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        References::parse(text, "r.toml").unwrap_err().to_string()
    }

    #[test]
    fn the_papers_numbers_are_about_its_ten_tasks_alone() {
        let built_in = References::load(None).unwrap();
        let tasks = &built_in.0[ALL].tasks.clone().unwrap();
        let mut tasks: Vec<&str> = tasks.iter().map(String::as_str).collect();
        assert_eq!(tasks.len(), 10);
        #[cfg(feature = "mujoco")]
        tasks.iter().for_each(|task| drop(fpo_envs::spec(task).unwrap()));
        tasks.reverse();
        let paper = built_in.of_all(&tasks);
        assert_eq!(paper["fpo"], Published { mean: 759.3, plus_minus: Some(45.3) });
        assert_eq!(paper.keys().collect::<Vec<_>>(), ["dppo", "fpo", "ppo"]);
        assert!(built_in.of_all(&tasks[1..]).is_empty());
    }

    #[test]
    fn a_file_gives_ranges_and_numbers_by_task() {
        let text = "[A]\nlow = -1\nhigh = 2\npaper = { ppo = 1.5 }\n[\"B/c\"]\nlow = 0\nhigh = 1";
        let references = References::parse(text, "r.toml").unwrap();
        assert_eq!(references.range("A"), Some((-1.0, 2.0)));
        assert_eq!(references.of_task("A")["ppo"], Published { mean: 1.5, plus_minus: None });
        assert_eq!((references.range("B/c"), references.range("D")), (Some((0.0, 1.0)), None));
    }

    #[test]
    fn mistakes_name_file_and_table() {
        for (text, word) in [
            ("[A]\nlow = 2\nhigh = 1", "[A] low = 2 must be finite and below high = 1"),
            ("[A]\nlow = 2", "[A] needs both low and high"),
            ("[all]\nlow = 1\nhigh = 2", "[all] has no low and high"),
            ("[all]\npaper = { fpo = 1.0 }", "[all] needs the list `tasks`"),
            ("[A]\ntasks = ['B']", "only [all]"),
        ] {
            let found = error(text);
            assert!(found.starts_with("r.toml: ") && found.contains(word), "{found}");
        }
    }

    #[test]
    fn mistakes_of_form_are_one_line_with_line_and_column() {
        for (text, expected) in [
            ("[A]\nlow = 1\nhi = 2", "r.toml:3:1: unknown field `hi`, expected one of `low`"),
            ("[A]\nlow = 'é'", "r.toml:2:7: invalid type: string \"é\", expected a number"),
            ("A = 1", "r.toml:1:5: invalid type: integer `1`, expected a table"),
            ("[A]\npaper = { 'é' = 1, b = 'x' }", "r.toml:2:24: expected a number, or a table"),
            ("[A]\nlow = 1\nlow = 2", "r.toml:3:1: duplicate key"),
            ("[A", "r.toml:1:3: "),
        ] {
            let found = error(text);
            assert!(found.starts_with(expected) && !found.contains('\n'), "{found}");
        }
    }
}
