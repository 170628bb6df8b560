//! One row of results: a run, what it was, and every evaluation of it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::results::identity::FORMAT;
use crate::results::outcome::{MadeBy, Status};
use crate::text::shown::shown;

/// An evaluation during training.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Evaluation {
    /// Environment steps that the policy was trained for.
    pub step: u64,
    /// Wall-clock of the run up to the end of the evaluation, in seconds.
    pub seconds: f64,
    /// Mean of the episodes' summed rewards.
    pub mean: f64,
    /// Standard error of that mean over the episodes; one episode has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<f64>,
    /// Mean number of steps of an episode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<f64>,
    /// Share of episodes that reached the goal, where the task has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<f64>,
    /// Mean number of modes of the policy where several actions are equally good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<f64>,
    /// Mean dip of its actions there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dip: Option<f64>,
    /// Mean share of the rarest of these modes; 0 for a single one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rarest: Option<f64>,
}

/// One run of a file of results. [`crate::results`] shows a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// [`FORMAT`] of the program that wrote the row.
    pub format: u64,
    /// Name of the task in the sweep, or the environment's own.
    pub task: String,
    /// Name of the method in the sweep, or the algorithm's.
    pub method: String,
    /// Seed of training.
    pub seed: u64,
    /// Digest of the configuration ([`crate::results::identity`]).
    pub digest: String,
    /// What the sweep changed in the configuration of task and method, by dotted names.
    pub settings: Map<String, Value>,
    /// What decides the result and differs from the program's defaults, by dotted names.
    pub config: Map<String, Value>,
    /// How the run ended.
    pub status: Status,
    /// What was wrong, if it did not finish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Environment steps done.
    pub env_steps: u64,
    /// Every evaluation, in the order of their steps.
    pub evaluations: Vec<Evaluation>,
    /// Mean return of the last evaluation.
    pub last: Option<f64>,
    /// Mean return of the best evaluation.
    pub best: Option<f64>,
    /// Wall-clock that training and evaluations took, in seconds.
    pub seconds: f64,
    /// The most memory that the run had at once, in bytes, where the system says.
    pub peak_memory_bytes: Option<u64>,
    /// Machine and program.
    pub made_by: MadeBy,
}

/// Which evaluation of a run is its score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Scored {
    /// The last one: what the run was worth when it was over.
    #[default]
    Last,
    /// The best one, which flatters noisy methods.
    Best,
}

impl Row {
    /// Returns the two numbers by which a run is known: its configuration's digest and its seed.
    pub fn key(&self) -> (&str, u64) {
        (&self.digest, self.seed)
    }

    /// Returns the score of the run: a mean return. `None` if it was never evaluated.
    pub fn score(&self, scored: Scored) -> Option<f64> {
        match scored {
            Scored::Last => self.last,
            Scored::Best => self.best,
        }
    }

    /// Returns the row as one line of JSON, without a line break.
    ///
    /// # Errors
    /// If a number is not finite: JSON has no such numbers.
    pub fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// Reads one line.
    ///
    /// # Errors
    /// In words: no JSON, with the column; another format; a field that is missing or that holds
    /// something else, with its name.
    pub fn from_line(line: &str) -> Result<Row, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| at_column(&error))?;
        match value.get("format") {
            Some(format) if format.as_u64() == Some(FORMAT) => {}
            Some(other) => {
                let other = shown(&other.to_string());
                return Err(format!("format {other}; this program reads format {FORMAT}"));
            }
            None => return Err("no row of results: it has no field `format`".into()),
        }
        serde_path_to_error::deserialize(&value).map_err(|error| in_field(&error))
    }
}

/// What serde expects of a number, and the same in words.
const NUMBERS: [(&str, &str); 3] = [
    ("expected u64", "expected a whole number from 0"),
    ("expected usize", "expected a whole number from 0"),
    ("expected f64", "expected a number"),
];

/// Returns what is wrong with a field, behind its name. A field of the row that is missing has no
/// other place than the row, and its error names it.
fn in_field(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    let text = error.inner().to_string();
    let words = NUMBERS.iter().find_map(|(end, words)| Some((text.strip_suffix(end)?, words)));
    let what = words.map_or(text.clone(), |(start, words)| format!("{start}{words}"));
    match error.path().iter().next() {
        Some(_) => format!("`{}`: {what}", error.path()),
        None => what,
    }
}

/// Returns the error of a text of one line without the number of that line, which is always 1: the
/// line has another number in its file.
fn at_column(error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let text = error.to_string();
    match text.strip_suffix(&format!(" at line {line} column {column}")) {
        Some(what) => format!("{what} at column {column}"),
        None => text,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row of a finished run with two evaluations.
    pub(crate) fn example(task: &str, method: &str, seed: u64) -> Row {
        let evaluation = |step: u64, mean| Evaluation {
            step,
            seconds: step as f64 / 1000.0,
            mean,
            stderr: Some(0.5),
            ..Evaluation::default()
        };
        let config = serde_json::json!({"env.task": task, "algorithm.kind": method});
        Row {
            format: FORMAT,
            task: task.into(),
            method: method.into(),
            seed,
            digest: crate::run::sealed_json::sha256(config.to_string().as_bytes())[..16].into(),
            settings: Map::new(),
            config: config.as_object().unwrap().clone(),
            status: Status::Finished,
            reason: None,
            env_steps: 2000,
            evaluations: vec![evaluation(0, 1.0), evaluation(2000, 10.0 + seed as f64)],
            last: Some(10.0 + seed as f64),
            best: Some(10.0 + seed as f64),
            seconds: 2.5,
            peak_memory_bytes: Some(1 << 20),
            made_by: MadeBy::default(),
        }
    }

    #[test]
    fn a_row_survives_its_line() {
        let row = example("A", "fpo++", 3);
        let line = row.to_line().unwrap();
        assert!(!line.contains('\n') && line.starts_with("{\"format\":1,\"task\":\"A\""), "{line}");
        assert_eq!(Row::from_line(&line), Ok(row));
    }

    #[test]
    fn a_field_that_a_later_version_adds_is_passed_over() {
        let row = example("A", "fpo", 3);
        let line = row.to_line().unwrap().replacen('{', "{\"later\":[1],", 1);
        assert_eq!(Row::from_line(&line), Ok(row));
    }

    #[test]
    fn a_field_that_holds_something_else_is_named_wherever_it_stands() {
        let whole = "expected a whole number from 0";
        for (field, value, expected) in [
            ("/seed", "-2", format!("`seed`: invalid value: integer `-2`, {whole}")),
            ("/last", "[]", "`last`: invalid type: sequence, expected a number".into()),
            ("/status", "\"lost\"", "`status`: unknown variant `lost`".into()),
            ("/made_by/threads", "0.5", "`made_by.threads`: invalid type: floating".into()),
            ("/evaluations", "3", "`evaluations`: invalid type: integer `3`".into()),
            (
                "/evaluations/1/step",
                "null",
                format!("`evaluations[1].step`: invalid type: null, {whole}"),
            ),
            ("/evaluations/1", "{}", "`evaluations[1]`: missing field `step`".into()),
        ] {
            let mut row = serde_json::to_value(example("A", "fpo", 3)).unwrap();
            *row.pointer_mut(field).unwrap() = serde_json::from_str(value).unwrap();
            let error = Row::from_line(&row.to_string()).unwrap_err();
            assert!(error.starts_with(&expected), "{error}");
        }
    }

    #[test]
    fn the_score_is_the_last_evaluation_unless_the_best_is_asked_for() {
        let row = Row { best: Some(99.0), ..example("A", "fpo", 3) };
        assert_eq!((row.score(Scored::Last), row.score(Scored::Best)), (Some(13.0), Some(99.0)));
    }
}
