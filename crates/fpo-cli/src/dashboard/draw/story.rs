//! What a run said: its last lines, as many as there is room for.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::dashboard::course::Course;
use crate::dashboard::draw::style::block;
use crate::text::columns::fitted;

/// Draws the last lines. A message that is too wide goes on in the next row.
pub fn draw(frame: &mut Frame, area: Rect, course: &Course, title: &str) {
    let (width, height) =
        (usize::from(area.width.saturating_sub(2)), area.height.saturating_sub(2));
    let mut lines: Vec<Line> = Vec::new();
    // From the last message backwards: a story may be long, and little of it is seen.
    for message in course.story.iter().rev() {
        let style = match message.starts_with("warning:") {
            true => Style::new().fg(Color::Red),
            false => Style::new(),
        };
        let mut rows: Vec<Line> = message
            .lines()
            .flat_map(|line| folded(line, width))
            .map(|row| Line::styled(row, style))
            .collect();
        rows.append(&mut lines);
        lines = rows;
        if lines.len() >= height.into() {
            break;
        }
    }
    let hidden = lines.len().saturating_sub(height.into());
    frame.render_widget(Paragraph::new(lines.split_off(hidden)).block(block(title)), area);
}

/// Returns a line as rows of at most `width` columns, broken between words where that is possible.
fn folded(line: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let row = rows.last().map_or("", String::as_str);
        let both = format!("{row}{word}");
        let fits = fitted(both.trim_end(), width) == both.trim_end();
        match rows.last_mut() {
            Some(row) if fits || row.is_empty() => *row = both,
            _ => rows.push(word.into()),
        }
    }
    rows.iter().map(|row| fitted(row.trim_end(), width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(folded("one two three", 8), ["one two", "three"]);
        assert_eq!(folded("  indented", 12), ["  indented"]);
        assert_eq!(folded("0123456789", 5), ["0123…"]);
        assert_eq!(folded("", 5), [""]);
    }
}
