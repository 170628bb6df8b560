//! A chart with a row for each entry: its runs as dots, its mean as a mark, its interval as a bar.

use crate::report::html::axis::Axis;
use crate::report::html::escape::cut;
use crate::report::html::series::{class, mark};
use crate::report::html::svg::{WIDTH, figure, line, number, text, titled};
use crate::statistics::bootstrap::Interval;

/// Height of a row, with one line of text.
const ROW: f64 = 40.0;
/// Height of a second line of text, where labels are too long to have their number beside them.
const SECOND_LINE: f64 = 15.0;
const AXIS: f64 = 26.0;
const MARGIN: f64 = 14.0;

/// Width of a letter, about, in units.
const LETTER: f64 = 6.6;

/// A row of the chart.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Place of its entry among those that charts show.
    pub at: usize,
    /// What it is about.
    pub label: String,
    /// Its number, in words.
    pub value_text: String,
    /// The number.
    pub value: Option<f64>,
    /// The number's interval.
    pub interval: Option<Interval>,
    /// Single runs: score, what to say about each, and whether it diverged.
    pub dots: Vec<(f64, String, bool)>,
    /// A published number.
    pub published: Option<f64>,
}

/// What the chart is to look like.
#[derive(Clone, Copy, Debug, Default)]
pub struct Look<'a> {
    /// Its caption.
    pub caption: &'a str,
    /// What is to be said about it.
    pub about: &'a str,
    /// Ends of the axis [default: around the numbers].
    pub ends: Option<(f64, f64)>,
    /// A value to compare all rows with.
    pub reference: Option<f64>,
}

/// Returns the chart of `rows`.
pub fn chart(look: Look, rows: &[Row]) -> String {
    let values = rows.iter().flat_map(|row| {
        let ends = row.interval.iter().flat_map(|ends| [ends.low, ends.high]);
        let dots = row.dots.iter().map(|(score, ..)| *score);
        row.value.into_iter().chain(row.published).chain(ends).chain(dots)
    });
    let places = (MARGIN, WIDTH - MARGIN);
    let axis = match look.ends {
        Some(ends) => Axis::within(ends, places, 5),
        None => Axis::around(values, places, 5),
    };
    let second = if rows.iter().all(fits) { 0.0 } else { SECOND_LINE };
    let height = ROW + second;
    let bottom = height * rows.len() as f64;
    let mut content = String::new();
    for (x, name) in axis.ticks() {
        content.push_str(&line("g", (x, 0.0), (x, bottom)));
        let anchor = if x > WIDTH - 30.0 { "t e" } else { "t c" };
        let x = if x > WIDTH - 30.0 { WIDTH - 2.0 } else { x };
        content.push_str(&text(anchor, (x, bottom + 16.0), &name));
    }
    if let Some(reference) = look.reference {
        let x = axis.place(reference);
        content.push_str(&line("r", (x, 0.0), (x, bottom)));
    }
    for (index, row) in rows.iter().enumerate() {
        content.push_str(&row_content(row, height * index as f64, second, &axis));
    }
    figure(look.caption, look.about, bottom + AXIS, &content)
}

/// Returns whether the label has room beside the number.
fn fits(row: &Row) -> bool {
    let letters = row.label.chars().count() + row.value_text.chars().count() + 2;
    LETTER * letters as f64 <= WIDTH - 2.0 * MARGIN
}

fn row_content(row: &Row, top: f64, second: f64, axis: &Axis) -> String {
    let y = top + second + 23.0;
    let label = cut(&row.label, ((WIDTH - 2.0 * MARGIN) / LETTER) as usize);
    let mut content = text("n", (MARGIN, top + 12.0), &label);
    content.push_str(&text("t e", (WIDTH - MARGIN, top + second + 12.0), &row.value_text));
    let mut marks = line("x", (MARGIN, y), (WIDTH - MARGIN, y));
    if let Some(interval) = row.interval {
        marks.push_str(&line("i", (axis.place(interval.low), y), (axis.place(interval.high), y)));
    }
    for (index, (score, title, is_diverged)) in row.dots.iter().enumerate() {
        // Equal scores would hide each other on one line.
        let (x, y) = (axis.place(*score), y + [0.0, -4.0, 4.0][index % 3]);
        let dot = match is_diverged {
            true => cross(x, y),
            false => {
                format!("<circle class=\"d\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", number(x), number(y))
            }
        };
        marks.push_str(&titled("", title, &dot));
    }
    if let Some(published) = row.published {
        let x = axis.place(published);
        let (left, right) = (number(x - 5.0), number(x + 5.0));
        let (x, up, down, middle) = (number(x), number(y - 6.0), number(y + 6.0), number(y));
        let diamond = format!(
            "<polygon class=\"p\" points=\"{x},{up} {right},{middle} {x},{down} {left},{middle}\"/>"
        );
        marks.push_str(&titled("", "as published by the paper, at its own sizes", &diamond));
    }
    if let Some(value) = row.value {
        let mark = mark(row.at, axis.place(value), y, 5.0);
        marks.push_str(&titled("", &format!("{}: {}", row.label, row.value_text), &mark));
    }
    content.push_str(&format!("<g class=\"{}\">{marks}</g>", class(row.at)));
    content
}

fn cross(x: f64, y: f64) -> String {
    let [left, right, up, down] = [x - 3.5, x + 3.5, y - 3.5, y + 3.5].map(number);
    format!("<path class=\"k\" d=\"M{left} {up}L{right} {down}M{left} {down}L{right} {up}\"/>")
}
