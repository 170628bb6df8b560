//! What all parts of a frame look like.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Span;
use ratatui::widgets::{Block, BorderType};

use crate::results::standing::Standing;

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

/// Returns the colour of how a run stands.
pub fn colour(standing: Standing) -> Color {
    match standing {
        Standing::Running => Color::Green,
        Standing::Stopping | Standing::Stopped => Color::Yellow,
        Standing::Finished => Color::Cyan,
        Standing::Diverged | Standing::Failed | Standing::Damaged => Color::Red,
    }
}
