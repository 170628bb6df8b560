//! A chart of lines with bands: learning curves and profiles.

use crate::report::html::axis::Axis;
use crate::report::html::series::{class, mark};
use crate::report::html::svg::{WIDTH, figure, line, path, text, titled};
use crate::statistics::bootstrap::Interval;

const HEIGHT: f64 = 240.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// A line of the chart.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Place of its entry among those that charts show.
    pub at: usize,
    /// Its label.
    pub label: &'a str,
    /// Points: where, how high, and the interval of the height.
    pub points: Vec<(f64, f64, Option<Interval>)>,
}

/// What the chart is to look like.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Its caption.
    pub caption: &'a str,
    /// What lies along the horizontal axis.
    pub horizontal: &'a str,
    /// Ends of the vertical axis [default: around the numbers].
    pub vertical_ends: Option<(f64, f64)>,
}

/// Returns the chart of `lines`.
pub fn chart(look: Look, lines: &[Line]) -> String {
    let points = || lines.iter().flat_map(|line| &line.points);
    let ends = points().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), point| {
        (low.min(point.0), high.max(point.0))
    });
    let heights = points().flat_map(|(_, y, interval)| {
        interval.iter().flat_map(|ends| [ends.low, ends.high]).chain([*y])
    });
    let bottom = HEIGHT - BOTTOM;
    let vertical = match look.vertical_ends {
        Some(ends) => Axis::within(ends, (bottom, TOP), 5),
        None => Axis::around(heights, (bottom, TOP), 5),
    };
    // From zero, if it is near; and a little further than the last point, which may lie just before
    // a round number.
    let (low, high) = ends;
    let low = if (0.0..0.1 * high).contains(&low) { 0.0 } else { low };
    let ends = (low, high + 0.005 * (high - low));
    let horizontal = Axis::within(ends, (LEFT, WIDTH - RIGHT), 5);
    let mut content = frame(&horizontal, &vertical, look.horizontal);
    // All bands lie below all lines.
    for line in lines {
        let band: Option<Vec<_>> =
            line.points.iter().map(|(x, _, interval)| Some((*x, (*interval)?))).collect();
        let Some(band) = band else { continue };
        let place = |x: f64, y: f64| (horizontal.place(x), vertical.place(y));
        let up = band.iter().map(|(x, ends)| place(*x, ends.high));
        let down = band.iter().rev().map(|(x, ends)| place(*x, ends.low));
        let outline: Vec<(f64, f64)> = up.chain(down).collect();
        let class = class(line.at);
        content.push_str(&format!(
            "<g class=\"{class}\"><path class=\"b\" d=\"{}Z\"/></g>",
            path(&outline)
        ));
    }
    for line in lines {
        let place = |(x, y, _): &(f64, f64, _)| (horizontal.place(*x), vertical.place(*y));
        let places: Vec<(f64, f64)> = line.points.iter().map(place).collect();
        let Some(&(x, y)) = places.last() else { continue };
        let drawn = format!("<path class=\"l\" d=\"{}\"/>", path(&places));
        let drawn = drawn + &mark(line.at, x, y, 4.0);
        content.push_str(&titled(&class(line.at), line.label, &drawn));
    }
    figure(look.caption, "", HEIGHT, &content)
}

/// Returns axes, ticks and grid of a chart of the usual size.
pub fn frame(horizontal: &Axis, vertical: &Axis, name: &str) -> String {
    let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
    let mut content = String::new();
    for (y, name) in vertical.ticks() {
        content.push_str(&line("g", (LEFT, y), (right, y)));
        content.push_str(&text("t e", (LEFT - 6.0, y + 4.0), &name));
    }
    for (x, name) in horizontal.ticks() {
        content.push_str(&line("x", (x, bottom), (x, bottom + 4.0)));
        let anchor = if x > right - 8.0 { "t e" } else { "t c" };
        let x = if x > right - 8.0 { WIDTH - 2.0 } else { x };
        content.push_str(&text(anchor, (x, bottom + 17.0), &name));
    }
    content.push_str(&line("x", (LEFT, bottom), (right, bottom)));
    content.push_str(&text("t c", (0.5 * (LEFT + right), HEIGHT - 6.0), name));
    content
}

/// The places between which a chart of the usual size has its horizontal axis.
pub const ACROSS: (f64, f64) = (LEFT, WIDTH - RIGHT);

/// The places between which a chart of the usual size has its vertical axis, upward.
pub const UPWARD: (f64, f64) = (HEIGHT - BOTTOM, TOP);

/// The height of a chart of the usual size.
pub const USUAL_HEIGHT: f64 = HEIGHT;
