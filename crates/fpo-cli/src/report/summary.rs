//! The report: every number of it, computed once.

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::report::best::{Best, best};
use crate::report::cells::{Making, Task, task_names};
use crate::report::checks::check;
use crate::report::differences::{Difference, differences};
use crate::report::entries::{Entry, entries};
use crate::report::hardware::{Hardware, hardware};
use crate::report::headline::{Headline, headline};
use crate::report::inputs::{Inputs, Source};
use crate::report::notes::{Note, NoteKind};
use crate::report::overall::{Overall, SHOWN, overall};
use crate::report::reading::read;
use crate::report::references::References;
use crate::report::scale::Origin;
use crate::report::sensitivity::{Sensitivity, sensitivity};
use crate::report::words::{fixed, list};
use crate::results::row::Scored;
use crate::statistics::bootstrap::Resampling;

/// Version of the layout of a report's JSON.
const FORMAT: u64 = 1;

/// What a report is to be made of.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Files of results, folders of them, and folders of runs.
    pub inputs: Vec<PathBuf>,
    /// Which evaluation of a run is its score.
    pub scored: Scored,
    /// A file of references.
    pub references: Option<PathBuf>,
    /// The command line that asks for it.
    pub command: String,
}

/// What is compared: a method with settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EntryName {
    /// Its name in the report.
    pub label: String,
    /// Name of the method.
    pub method: String,
    /// What sets it apart from other entries of the method.
    pub settings: Map<String, Value>,
}

/// A report. Every list of entries in it is in the order of [`Report::entries`].
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of this layout.
    pub format: u64,
    /// The command line that makes it again.
    pub command: String,
    /// What was read.
    pub inputs: Vec<Source>,
    /// Which evaluation of a run is its score: `last` or `best`.
    pub scored: &'static str,
    /// Replicates of each interval. Bands of learning curves have fewer.
    pub replicates: usize,
    /// The answer in a few sentences.
    pub headline: Headline,
    /// What must be known before believing the numbers.
    pub notes: Vec<Note>,
    /// What is compared, the best first.
    pub entries: Vec<EntryName>,
    /// The results by task.
    pub tasks: Vec<Task>,
    /// Numbers over all tasks, from normalised scores.
    pub overall: Option<Overall>,
    /// How scores depend on the settings that were varied.
    pub sensitivity: Vec<Sensitivity>,
    /// The best configurations by task and method.
    pub best: Vec<Best>,
    /// In what the configurations differ.
    pub differences: Vec<Difference>,
    /// What the runs were made with, and what they cost.
    pub hardware: Vec<Hardware>,
}

impl Report {
    /// Reads what `request` names and computes its report.
    ///
    /// # Errors
    /// Those of the inputs and of the references.
    pub fn make(request: &Request) -> Result<Report> {
        let references = References::load(request.references.as_deref())?;
        Ok(Report::of(read(&request.inputs)?, request, &references))
    }

    fn of(inputs: Inputs, request: &Request, references: &References) -> Report {
        let plan = Resampling::default();
        let making = Making { scored: request.scored, references, plan };
        let (entries, label_notes) = entries(&inputs.rows);
        let names = task_names(&inputs.rows);
        let tasks: Vec<Task> = names.iter().map(|name| making.task(name, &entries)).collect();
        let methods: Vec<(String, String)> =
            entries.iter().map(|entry| (entry.label.clone(), entry.method.clone())).collect();
        let (overall, task_notes) = overall(&tasks, &methods, references, plan);
        let mut notes = check(&entries, &names, request.scored);
        notes.extend([inputs.notes, label_notes, task_notes, scale_notes(&tasks)].concat());
        notes.sort_by_key(|note| note.kind);
        let (entries, tasks) = ranked(entries, tasks, overall.as_ref());
        let name = |entry: &Entry| EntryName {
            label: entry.label.clone(),
            method: entry.method.clone(),
            settings: entry.settings.clone(),
        };
        Report {
            format: FORMAT,
            command: request.command.clone(),
            inputs: inputs.sources,
            scored: match request.scored {
                Scored::Last => "last",
                Scored::Best => "best",
            },
            replicates: plan.count,
            headline: headline(&tasks, overall.as_ref()),
            notes,
            entries: entries.iter().map(name).collect(),
            sensitivity: sensitivity(&entries, &tasks, overall.as_ref()),
            best: best(&entries, &tasks),
            differences: differences(&entries),
            hardware: hardware(&entries),
            tasks,
            overall,
        }
    }

    /// Returns the labels of the entries that charts show, the best first.
    pub fn shown(&self) -> Vec<&str> {
        self.entries.iter().take(SHOWN).map(|entry| entry.label.as_str()).collect()
    }
}

/// Puts entries and their cells in order: as over all tasks, then those that take no part there, by
/// their normalised mean on the tasks that they have.
fn ranked<'a>(
    entries: Vec<Entry<'a>>,
    tasks: Vec<Task>,
    overall: Option<&Overall>,
) -> (Vec<Entry<'a>>, Vec<Task>) {
    let place = |entry: &Entry| {
        let mut ranking = overall.iter().flat_map(|overall| &overall.entries);
        ranking.position(|other| other.entry == entry.label).unwrap_or(usize::MAX)
    };
    let own_mean = |at: usize| {
        let scores: Vec<f64> = tasks.iter().flat_map(|task| task.cells[at].normalised()).collect();
        let count = scores.len();
        if count == 0 { f64::NEG_INFINITY } else { scores.iter().sum::<f64>() / count as f64 }
    };
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|&a, &b| {
        let by_place = place(&entries[a]).cmp(&place(&entries[b]));
        by_place.then_with(|| own_mean(b).total_cmp(&own_mean(a)))
    });
    let reordered = |task: Task| {
        let cells = order.iter().map(|&at| task.cells[at].clone()).collect();
        Task { cells, ..task }
    };
    let tasks = tasks.into_iter().map(reordered).collect();
    (order.iter().map(|&at| entries[at].clone()).collect(), tasks)
}

/// Tells which tasks have no scale of their own.
fn scale_notes(tasks: &[Task]) -> Vec<Note> {
    let seen = |task: &Task| {
        let scale = task.scale.filter(|scale| scale.origin == Origin::Seen)?;
        let [low, high] = [scale.low, scale.high].map(|score| fixed(score, task.decimals));
        Some(format!("{} ({low} to {high})", task.name))
    };
    let found: Vec<String> = tasks.iter().filter_map(seen).collect();
    if found.is_empty() {
        return Vec::new();
    }
    let text = format!(
        "these tasks are normalised by the lowest and the highest score in this report, for want \
         of bounds that an episode can reach: {}; other runs would change their normalised numbers",
        list(&found)
    );
    vec![Note::new(NoteKind::Scale, text)]
}
