//! The head of a frame: who the run is, how far it is, and what it is doing.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Paragraph};

use crate::dashboard::course::Course;
use crate::dashboard::draw::style::colour;
use crate::host::VERSION;
use crate::results::standing::Standing;
use crate::terminal::humanize::{grouped, short_count, short_duration};
use crate::text::columns::fitted;
use crate::text::shown::shown;

/// Draws the head.
pub fn draw(frame: &mut Frame, area: Rect, course: &Course) {
    let rows = [Constraint::Length(1); 3];
    let [name, bar, numbers] = Layout::vertical(rows).areas(area);
    frame.render_widget(who(course, name.width), name);
    let percent = (course.share() * 100.0).floor();
    let done = LineGauge::default()
        .ratio(course.share())
        .label(format!("{percent:>3.0} %"))
        .filled_symbol("█")
        .unfilled_symbol("░")
        .filled_style(Style::new().fg(colour(course.standing)))
        .unfilled_style(Style::new().fg(Color::DarkGray));
    frame.render_widget(done, bar);
    frame.render_widget(Paragraph::new(fitted(&progress(course), numbers.width.into())), numbers);
}

fn who(course: &Course, width: u16) -> Line<'static> {
    let run = &course.run;
    let word = course.standing.name();
    let state = Style::new().fg(colour(course.standing)).add_modifier(Modifier::BOLD);
    let text = format!(
        " · {} on {} · seed {} · {} · fpo {VERSION} · {}",
        shown(&run.method),
        shown(&run.task),
        run.seed,
        shown(&run.device),
        shown(&run.folder.display().to_string()),
    );
    let room = usize::from(width).saturating_sub(word.len());
    Line::from(vec![Span::styled(word, state), Span::raw(fitted(&text, room))])
}

fn progress(course: &Course) -> String {
    let mut text =
        format!("{}/{} steps", short_count(course.steps_done), short_count(course.run.steps_total));
    let is_going_on = matches!(course.standing, Standing::Running | Standing::Stopping);
    if course.steps_per_s > 0.0 && is_going_on {
        text += &format!("  {} steps/s", grouped(course.steps_per_s.round() as u64));
    }
    text += &format!("  {} gone", short_duration(course.elapsed_s.max(0.0) as u64));
    if let (Some(left), true) = (course.seconds_left(), is_going_on) {
        text += &format!("  {} left", short_duration(left.round() as u64));
    }
    if let Some(phase) = course.phase {
        text += &format!("  [{} {}/{}]", phase.name, phase.done, phase.total);
    }
    text
}
