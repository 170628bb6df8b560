//! One frame of the dashboard: a head with the progress, a panel, and the keys.
//!
//! What a frame holds follows from its size: a panel leaves out what has no room, and never draws
//! beyond its place.

mod curves;
mod head;
mod numbers;
mod shares;
mod story;
mod style;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::dashboard::course::{Course, RETURN, TRAIN_RETURN};
use crate::dashboard::draw::curves::{Curve, curves};
use crate::dashboard::draw::style::block;
use crate::terminal::reporter::Wishes;

/// The least columns and rows that a dashboard is of use in.
pub const LEAST: (u16, u16) = (60, 16);
/// Columns of the list of numbers.
const NUMBERS: u16 = 38;
/// Columns from which on the list of numbers stands beside the curve.
const WIDE: u16 = 90;

/// What a frame shows of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Panel {
    /// The return curve, the numbers, the shares of time and the last messages.
    #[default]
    Overview,
    /// Losses and what the networks learn.
    Learning,
    /// How far updates go.
    Updates,
    /// Where time goes.
    Time,
    /// What the run said.
    Story,
}

impl Panel {
    /// All panels in their order.
    pub const ALL: [Panel; 5] =
        [Panel::Overview, Panel::Learning, Panel::Updates, Panel::Time, Panel::Story];

    /// Returns the panel's name.
    pub fn name(self) -> &'static str {
        match self {
            Panel::Overview => "overview",
            Panel::Learning => "learning",
            Panel::Updates => "updates",
            Panel::Time => "time",
            Panel::Story => "messages",
        }
    }

    /// Returns the panel so many places further on, round and round.
    pub fn moved(self, places: usize) -> Panel {
        let at = Panel::ALL.iter().position(|panel| *panel == self).unwrap_or(0);
        Panel::ALL[(at + places) % Panel::ALL.len()]
    }
}

/// How a person looks at a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct View {
    /// The panel that is shown.
    pub panel: Panel,
    /// Whether the keys are explained.
    pub help: bool,
    /// What was wished for and not yet granted.
    pub waiting: Wishes,
    /// Whether the run is another process's, which takes no wishes from here.
    pub is_watched: bool,
}

/// Draws the frame.
pub fn draw(frame: &mut Frame, course: &Course, view: &View) {
    let area = frame.area();
    let rows = [Constraint::Length(3), Constraint::Fill(1), Constraint::Length(1)];
    let [top, middle, bottom] = Layout::vertical(rows).areas(area);
    head::draw(frame, top, course);
    match view.panel {
        Panel::Overview => overview(frame, middle, course),
        Panel::Learning => learning(frame, middle, course),
        Panel::Updates => updates(frame, middle, course),
        Panel::Time => time(frame, middle, course),
        Panel::Story => story::draw(frame, middle, course, "messages"),
    }
    frame.render_widget(keys(view, bottom.width), bottom);
    if view.help {
        help(frame, middle, view);
    }
}

fn overview(frame: &mut Frame, area: Rect, course: &Course) {
    let has_story = area.height >= 18;
    let rows = [Constraint::Fill(1), Constraint::Length(if has_story { 7 } else { 0 })];
    let [above, below] = Layout::vertical(rows).areas(area);
    let is_wide = area.width >= WIDE;
    let columns = [Constraint::Fill(1), Constraint::Length(if is_wide { NUMBERS } else { 30 })];
    let [left, right] = Layout::horizontal(columns).areas(above);
    let returns = [
        Curve { key: TRAIN_RETURN, name: "training", colour: Color::DarkGray },
        Curve { key: RETURN, name: "evaluation", colour: Color::Green },
    ];
    curves(frame, left, course, "return", &returns);
    numbers::draw(frame, right, course);
    if has_story {
        let columns = [Constraint::Fill(1), Constraint::Length(if is_wide { NUMBERS } else { 30 })];
        let [left, right] = Layout::horizontal(columns).areas(below);
        story::draw(frame, left, course, "last messages");
        shares::draw(frame, right, course);
    }
}

/// Draws four plots, or the first two of them where there are few rows.
fn plots(frame: &mut Frame, area: Rect, course: &Course, plots: [(&str, &[Curve]); 4]) {
    let count = if area.height >= 18 { 2 } else { 1 };
    let rows = Layout::vertical(vec![Constraint::Fill(1); count]).split(area);
    let places: Vec<Rect> = rows
        .iter()
        .flat_map(|row| Layout::horizontal([Constraint::Fill(1); 2]).areas::<2>(*row))
        .collect();
    for ((title, lines), place) in plots.into_iter().zip(places) {
        curves(frame, place, course, title, lines);
    }
}

fn learning(frame: &mut Frame, area: Rect, course: &Course) {
    let one = |key, name, colour| Curve { key, name, colour };
    let losses = [
        one("train/cfm_loss_old", "before", Color::DarkGray),
        one("train/cfm_loss_new", "during", Color::Cyan),
    ];
    let value = [one("train/value_loss", "value", Color::Magenta)];
    let explained = [one("train/explained_variance", "share", Color::Magenta)];
    let entropy = [one("train/action_entropy", "nats", Color::Yellow)];
    let all: [(&str, &[Curve]); 4] = [
        ("loss of actions", &losses),
        ("value loss", &value),
        ("entropy of actions", &entropy),
        ("explained variance", &explained),
    ];
    plots(frame, area, course, all);
}

fn updates(frame: &mut Frame, area: Rect, course: &Course) {
    let one = |key, name, colour| Curve { key, name, colour };
    let ratios = [
        one("train/ratio_max", "largest", Color::Red),
        one("train/ratio_mean", "mean", Color::Green),
        one("train/ratio_min", "smallest", Color::Blue),
    ];
    let clipped = [one("train/clip_fraction", "share", Color::Yellow)];
    let divergence =
        [one("train/divergence", "by ratios", Color::Cyan), one("train/kl", "exact", Color::White)];
    let rate = [one("train/learning_rate", "rate", Color::Magenta)];
    let all: [(&str, &[Curve]); 4] = [
        ("ratio", &ratios),
        ("clip fraction", &clipped),
        ("divergence", &divergence),
        ("learning rate", &rate),
    ];
    plots(frame, area, course, all);
}

fn time(frame: &mut Frame, area: Rect, course: &Course) {
    let columns = [Constraint::Fill(1), Constraint::Length(NUMBERS.min(area.width / 2))];
    let [left, right] = Layout::horizontal(columns).areas(area);
    let speed = [Curve { key: "time/steps_per_s", name: "of an iteration", colour: Color::Green }];
    curves(frame, left, course, "steps/s", &speed);
    shares::draw(frame, right, course);
}

/// Returns the line of keys, the panel that is shown emphasised.
fn keys(view: &View, width: u16) -> Paragraph<'static> {
    let dim = Style::new().fg(Color::DarkGray);
    let mut spans = Vec::new();
    for (at, panel) in Panel::ALL.into_iter().enumerate() {
        let is_shown = panel == view.panel;
        let style = if is_shown { Style::new().add_modifier(Modifier::REVERSED) } else { dim };
        let name = match is_shown || width >= WIDE {
            true => format!(" {} {} ", at + 1, panel.name()),
            false => format!(" {} ", at + 1),
        };
        spans.push(Span::styled(name, style));
    }
    let waits = match view.waiting {
        Wishes { save: true, evaluate: true } => " will save and evaluate ",
        Wishes { save: true, .. } => " will save ",
        Wishes { evaluate: true, .. } => " will evaluate ",
        _ => "",
    };
    spans.push(Span::styled(waits, Style::new().fg(Color::Yellow)));
    let quit = if view.is_watched { "q leave" } else { "s save  e evaluate  q quit" };
    spans.push(Span::styled(format!(" {quit}  ? help"), dim));
    Paragraph::new(Line::from(spans))
}

fn help(frame: &mut Frame, area: Rect, view: &View) {
    let mine = [
        "s      save a checkpoint after this iteration",
        "e      evaluate after this iteration; it is shown, and not recorded",
        "q      save and quit; Ctrl-C does the same, twice leaves at once",
    ];
    let watched = ["q      leave; the run goes on"];
    let all = ["1 … 5  a panel; Tab and the arrows move on", "Ctrl-Z suspends", "?      this list"];
    let first: &[&str] = if view.is_watched { &watched } else { &mine };
    let lines: Vec<Line> = first.iter().chain(&all).map(|text| Line::from(*text)).collect();
    let (width, height) = (area.width.min(72), area.height.min(lines.len() as u16 + 2));
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block("keys")), place);
}

#[cfg(test)]
mod tests;
