//! The numbers behind a figure, as tables for people and as JSON for programs.

use std::path::PathBuf;

use serde::Serialize;

use crate::commands::bench::table::Table;
use crate::commands::figure::gridworld::goals::Goal;
use crate::commands::figure::gridworld::plan::Place;
use crate::commands::figure::gridworld::survey::{EPISODES, StateSamples, Survey};
use crate::commands::figure::gridworld::walks::{End, Walk};
use crate::commands::figure::gridworld::ways::{SAMPLES, Ways};
use crate::text::shown::line;

/// Everything that is printed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The picture's file.
    pub file: PathBuf,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// Seed of the noise.
    pub seed: u64,
    /// Samples at each state.
    pub samples: usize,
    /// The policies.
    pub runs: Vec<RunReport>,
}

/// One policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunReport {
    /// Its title in the figure.
    pub title: String,
    /// Its task.
    pub task: String,
    /// Environment steps it was trained for.
    pub steps: u64,
    /// The goals.
    pub goals: Vec<Goal>,
    /// Action samples at each state.
    pub states: Vec<StateReport>,
    /// Whether both ways are kept; `null` in a world without two.
    pub ways: Option<Ways>,
    /// Episodes from each start.
    pub starts: Vec<StartReport>,
}

/// Shares of moves along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shares {
    /// Towards larger coordinates: up or right.
    pub forward: f64,
    /// No move along the axis.
    pub stay: f64,
    /// Towards smaller coordinates: down or left.
    pub back: f64,
}

/// Action samples at one state.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StateReport {
    /// The cell.
    pub state: Place,
    /// Whether two ways are equally good there.
    pub saddle: bool,
    /// Moves along y: up, stay, down.
    pub vertical: Shares,
    /// Moves along x: right, stay, left.
    pub horizontal: Shares,
    /// Number of modes.
    pub modes: usize,
    /// Dip, p-value and shares of the modes.
    #[serde(flatten)]
    pub modality: fpo_core::modality::Modality,
}

/// Episodes from one start.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StartReport {
    /// The cell.
    pub start: Place,
    /// Episodes played.
    pub episodes: usize,
    /// How many reached each goal, in the order of the goals.
    pub reached: Vec<usize>,
    /// How many ended in death.
    pub deaths: usize,
    /// How many ended at the step limit.
    pub unfinished: usize,
}

impl RunReport {
    /// Returns the numbers of one survey.
    pub fn of(survey: &Survey) -> RunReport {
        let starts = survey.walks.iter().map(|(start, walks)| of_start(survey, *start, walks));
        RunReport {
            title: survey.title.clone(),
            task: survey.task.clone(),
            steps: survey.steps,
            goals: survey.goals.clone(),
            states: survey.states.iter().map(of_state).collect(),
            ways: survey.ways.clone(),
            starts: starts.collect(),
        }
    }
}

fn of_state(samples: &StateSamples) -> StateReport {
    StateReport {
        state: samples.place,
        saddle: samples.saddle,
        vertical: shares(samples.moves.iter().map(|&(_, y)| y)),
        horizontal: shares(samples.moves.iter().map(|&(x, _)| x)),
        modes: samples.modality.mode_count(),
        modality: samples.modality.clone(),
    }
}

fn shares(moves: impl ExactSizeIterator<Item = i8> + Clone) -> Shares {
    let share = |of: i8| {
        moves.clone().filter(|&step| step.signum() == of).count() as f64 / moves.len() as f64
    };
    Shares { forward: share(1), stay: share(0), back: share(-1) }
}

fn of_start(survey: &Survey, start: Place, walks: &[Walk]) -> StartReport {
    let count = |end| walks.iter().filter(|walk| walk.end == end).count();
    StartReport {
        start,
        episodes: walks.len(),
        reached: (0..survey.goals.len()).map(|goal| count(End::Goal(goal))).collect(),
        deaths: count(End::Death),
        unfinished: count(End::Limit),
    }
}

/// Returns a p-value as people read it.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".into() } else { format!("p = {p:.3}") }
}

/// Returns in two lines whether both ways are kept, and why.
fn verdict(ways: &Ways) -> String {
    format!(
        "  both ways are{} kept: at {:?} of {SAMPLES} samples {:.1} % go up and {:.1} % down, dip \
         {:.3}, {};\n  {:.1} % of episodes from all cells reach a goal, in {:.2} times the fewest \
         steps",
        if ways.kept { "" } else { " not" },
        ways.state,
        100.0 * ways.up,
        100.0 * ways.down,
        ways.dip,
        p_value(ways.p_value),
        100.0 * ways.success_rate,
        ways.relative_length
    )
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for run in &self.runs {
            let RunReport { title, task, steps, .. } = run;
            writeln!(f, "{}: {task}, {steps} steps", line(title))?;
            writeln!(f, "{}", self.states(run))?;
            if let Some(ways) = &run.ways {
                writeln!(f, "{}\n", verdict(ways))?;
            }
            writeln!(f, "{}", starts(run))?;
        }
        Ok(())
    }
}

impl Report {
    fn states(&self, run: &RunReport) -> String {
        let title = format!("{} samples at", self.samples);
        let head = [&title, "up", "stay", "down", "right", "stay", "left", "dip", "p", "modes"];
        let mut table = Table::new(&head);
        for state in &run.states {
            let kind = if state.saddle { " saddle" } else { "" };
            let (v, h) = (state.vertical, state.horizontal);
            let shares = [v.forward, v.stay, v.back, h.forward, h.stay, h.back];
            let mut cells = vec![format!("  {:?}{kind}", state.state)];
            cells.extend(shares.map(|share| format!("{:.1} %", 100.0 * share)));
            cells.push(format!("{:.3}", state.modality.dip));
            cells.push(
                p_value(state.modality.p_value).trim_start_matches("p = ").replace("p < ", "< "),
            );
            cells.push(state.modes.to_string());
            table.row(cells);
        }
        table.text()
    }
}

fn starts(run: &RunReport) -> String {
    let goal = |goal: &Goal| {
        format!("goal {} (x {}–{}, y {}–{})", goal.name, goal.x.0, goal.x.1, goal.y.0, goal.y.1)
    };
    let mut head = vec![format!("{EPISODES} episodes from")];
    head.extend(run.goals.iter().map(goal));
    head.extend(["death".into(), "neither".into()]);
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for start in &run.starts {
        let mut cells = vec![format!("  {:?}", start.start)];
        cells.extend(start.reached.iter().map(usize::to_string));
        cells.extend([start.deaths.to_string(), start.unfinished.to_string()]);
        table.row(cells);
    }
    table.text()
}
