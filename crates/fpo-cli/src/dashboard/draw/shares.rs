//! Where the time of an iteration goes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use crate::dashboard::course::Course;
use crate::dashboard::draw::style::block;

/// Parts of an iteration, by what stands between `time/` and `_s` of their metrics, and in words.
const PARTS: [(&str, &str); 7] = [
    ("env", "physics"),
    ("sample", "sampling"),
    ("policy", "policy"),
    ("value", "value"),
    ("optim", "optimiser"),
    ("gae", "advantages"),
    ("other", "other"),
];
/// Columns beside a bar: name, percent, and the space between.
const BESIDE: u16 = 18;

/// Draws a bar for each part of the last iteration, the largest first.
pub fn draw(frame: &mut Frame, area: Rect, course: &Course) {
    let seconds = |part: &str| course.last(&format!("time/{part}_s")).filter(|s| s.is_finite());
    let mut parts: Vec<(&str, f64)> =
        PARTS.iter().filter_map(|(part, name)| Some((*name, seconds(part)?))).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let total: f64 = parts.iter().map(|(_, seconds)| seconds).sum();
    let title = match total > 0.0 {
        true => format!("time of an iteration, {total:.3} s"),
        false => "time of an iteration".into(),
    };
    let room = area.width.saturating_sub(BESIDE + 2);
    let lines: Vec<Line> = parts
        .iter()
        .map(|(name, seconds)| {
            let share = if total > 0.0 { seconds / total } else { 0.0 };
            let bar = "█".repeat((share * f64::from(room)).round() as usize);
            let text = format!("{name:<11}{:>4.0} % ", share * 100.0);
            Line::from(vec![Span::raw(text), Span::styled(bar, Style::new().fg(Color::Cyan))])
        })
        .collect();
    frame.render_widget(Paragraph::new(lines).block(block(&title)), area);
}
