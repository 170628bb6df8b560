//! Curves of metrics over the run.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph};

use crate::dashboard::course::Course;
use crate::dashboard::draw::numbers::short_number;
use crate::dashboard::draw::style::{block, bold};
use crate::terminal::humanize::short_count;

/// A metric as it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    /// Its key.
    pub key: &'static str,
    /// Its name, which is shown where there are several.
    pub name: &'static str,
    /// Its colour.
    pub colour: Color,
}

/// Draws curves into one frame with a title. The horizontal axis is the whole run.
pub fn curves(frame: &mut Frame, area: Rect, course: &Course, title: &str, lines: &[Curve]) {
    let known: Vec<(Curve, &[(f64, f64)])> = lines
        .iter()
        .filter_map(|curve| Some((*curve, course.series(curve.key)?.points())))
        .filter(|(_, points)| !points.is_empty())
        .collect();
    let mut words = vec![Span::styled(format!(" {title} "), bold())];
    for (curve, _) in &known {
        // With several curves the title is also their legend.
        let name = if lines.len() > 1 { format!("{} ", curve.name) } else { String::new() };
        let value = course.last(curve.key).map(short_number).unwrap_or_default();
        words.push(Span::styled(format!("{name}{value} "), Style::new().fg(curve.colour)));
    }
    let block = block("").title(Line::from(words));
    let Some((low, high)) = range(&known) else {
        let nothing = Paragraph::new(Line::from("nothing yet")).block(block);
        return frame.render_widget(nothing.style(Style::new().fg(Color::DarkGray)), area);
    };
    let sets = known.iter().map(|(curve, points)| {
        Dataset::default()
            .marker(Marker::Braille)
            .graph_type(if points.len() > 1 { GraphType::Line } else { GraphType::Scatter })
            .style(Style::new().fg(curve.colour))
            .data(points)
    });
    let dim = Style::new().fg(Color::DarkGray);
    let total = course.run.steps_total.max(course.steps_done).max(1);
    let steps = Axis::default().style(dim).bounds([0.0, total as f64]).labels([
        "0".to_string(),
        short_count(total / 2),
        short_count(total),
    ]);
    let middle = (low + high) / 2.0;
    let values = Axis::default().style(dim).bounds([low, high]).labels([
        short_number(low),
        short_number(middle),
        short_number(high),
    ]);
    let chart = Chart::new(sets.collect()).block(block).x_axis(steps).y_axis(values);
    frame.render_widget(chart, area);
}

/// Returns the range of all points with a little room, if there are any.
fn range(known: &[(Curve, &[(f64, f64)])]) -> Option<(f64, f64)> {
    let values = || known.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
    let (low, high) = (values().reduce(f64::min)?, values().reduce(f64::max)?);
    let room = match high - low {
        wide if wide > 0.0 => 0.05 * wide,
        _ => (0.05 * high.abs()).max(1e-6),
    };
    // What is never negative gets no negative axis.
    let low = if low >= 0.0 { (low - room).max(0.0) } else { low - room };
    Some((low, high + room))
}
