//! The list of the last values of metrics.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Color, Style};
use ratatui::text::Text;
use ratatui::widgets::{Row, Table};

use crate::dashboard::course::{Course, RETURN, TRAIN_RETURN};
use crate::dashboard::draw::style::block;
use crate::terminal::humanize::short_count;

/// Draws the list: what matters most comes first, so that a short one still has it.
pub fn draw(frame: &mut Frame, area: Rect, course: &Course) {
    let rows = rows(course).into_iter().map(|(name, value)| {
        let style = match name {
            "warnings" => Style::new().fg(Color::Red),
            _ => Style::new(),
        };
        Row::new([Text::from(name), Text::from(value).right_aligned()]).style(style)
    });
    let widths = [Constraint::Length(14), Constraint::Fill(1)];
    frame.render_widget(Table::new(rows, widths).block(block("numbers")), area);
}

fn rows(course: &Course) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    let last = |key: &str| course.last(key);
    if course.warnings() > 0 {
        rows.push(("warnings", course.warnings().to_string()));
    }
    if let Some(value) = last(RETURN) {
        let error = last("eval/episode_return_stderr");
        let error = error.map(|error| format!(" ± {}", short_number(error))).unwrap_or_default();
        rows.push(("return", short_number(value) + &error));
    }
    if let Some((step, value)) = course.best() {
        rows.push(("best", format!("{} at {}", short_number(value), short_count(step))));
    }
    let mut one = |name, key: &str| {
        if let Some(value) = last(key) {
            rows.push((name, short_number(value)));
        }
    };
    one("in training", TRAIN_RETURN);
    one("success", "eval/success_rate");
    one("modes", "eval/mode_count");
    one("policy loss", "train/policy_loss");
    one("value loss", "train/value_loss");
    one("clip fraction", "train/clip_fraction");
    if let (Some(low), Some(high)) = (last("train/ratio_min"), last("train/ratio_max")) {
        rows.push(("ratio", format!("{} … {}", short_number(low), short_number(high))));
    }
    let mut one = |name, key: &str| {
        if let Some(value) = last(key) {
            rows.push((name, short_number(value)));
        }
    };
    one("divergence", "train/divergence");
    one("exact KL", "train/kl");
    one("entropy", "train/action_entropy");
    one("learning rate", "train/learning_rate");
    one("gradient norm", "train/grad_norm");
    one("explained var.", "train/explained_variance");
    one("episode length", "rollout/episode_length_mean");
    if let Some(bytes) = course.memory {
        rows.push(("memory", format!("{} MB", bytes / 1_000_000)));
    }
    rows
}

/// Returns a number in about four digits.
pub fn short_number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        format!("{value}")
    } else if size == 0.0 {
        "0".into()
    } else if !(1e-3..1e6).contains(&size) {
        format!("{value:.1e}")
    } else if size >= 1000.0 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 10.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}
