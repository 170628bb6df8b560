//! What all parts of a frame look like.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;
use ratatui::widgets::{Block, BorderType};

use crate::dashboard::course::Standing;

/// Returns a block with a title, if it is not empty, in the manner of all of them.
pub fn block(title: &str) -> Block<'_> {
    let dim = Style::new().fg(Color::DarkGray);
    let block = Block::bordered().border_type(BorderType::Rounded).border_style(dim);
    match title {
        "" => block,
        title => block.title(Span::styled(format!(" {title} "), bold())),
    }
}

/// Returns the style of titles.
pub fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Returns how a run stands, in a word, and its colour.
pub fn standing(standing: Standing) -> (&'static str, Color) {
    match standing {
        Standing::Running => ("running", Color::Green),
        Standing::Stopping => ("stopping", Color::Yellow),
        Standing::Stopped => ("stopped", Color::Yellow),
        Standing::Finished => ("finished", Color::Cyan),
        Standing::Diverged => ("diverged", Color::Red),
        Standing::Failed => ("failed", Color::Red),
    }
}
