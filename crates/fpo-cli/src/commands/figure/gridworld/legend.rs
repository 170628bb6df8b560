//! What colours and lines mean, in as many rows as the figure's width asks for.

use fpo_envs::gridworld::Cell;

use crate::commands::figure::font::{Fonts, Weight};
use crate::commands::figure::gridworld::palette;
use crate::commands::figure::gridworld::palette::label;
use crate::commands::figure::gridworld::survey::{EPISODES, Survey};
use crate::commands::figure::scene::{Anchor, Paint, Scene, Shape, Style, Text};

/// Height of a row.
pub const ROW: f32 = 20.0;
const SIZE: f32 = 11.0;
const SWATCH: f32 = 16.0;
const GAP: f32 = 22.0;

/// How an entry is marked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mark {
    Square(Paint),
    Stroke(Paint),
    Dot,
    Ring,
    Frame,
    Threshold,
}

/// The entries that surveys need, broken into rows.
pub struct Legend {
    rows: Vec<Vec<(Mark, String, f32)>>,
}

impl Legend {
    /// Returns a legend that is at most `width` wide.
    pub fn new(surveys: &[Survey], fonts: &Fonts, width: f32) -> Legend {
        let has = |kind| surveys.iter().any(|s| s.world.map().cells(kind).next().is_some());
        let mut entries = vec![
            (Mark::Stroke(palette::UP), "sample moves up".to_owned()),
            (Mark::Stroke(palette::STAY), "stays in its row".into()),
            (Mark::Stroke(palette::DOWN), "moves down".into()),
            (Mark::Square(palette::GOAL), "goal".into()),
        ];
        if let Some(state) = surveys.iter().flat_map(|survey| &survey.states).next() {
            let text = format!("one of {} actions", state.actions.len());
            entries.insert(3, (Mark::Dot, text));
        }
        if has(Cell::Wall) {
            entries.push((Mark::Square(palette::WALL), "wall".into()));
        }
        if has(Cell::Death) {
            entries.push((Mark::Square(palette::DEATH), "death".into()));
        }
        entries.push((Mark::Ring, format!("start of {EPISODES} episodes")));
        entries.push((Mark::Frame, "state shown below".into()));
        entries.push((Mark::Threshold, "threshold of a step".into()));

        let (mut rows, mut used) = (vec![Vec::new()], 0.0);
        for (mark, text) in entries {
            let entry = SWATCH + 6.0 + fonts.width(&text, SIZE, Weight::Regular) + GAP;
            if used + entry - GAP > width {
                rows.push(Vec::new());
                used = 0.0;
            }
            used += entry;
            if let Some(row) = rows.last_mut() {
                row.push((mark, text, entry));
            }
        }
        Legend { rows }
    }

    /// Returns its height.
    pub fn height(&self) -> f32 {
        self.rows.len() as f32 * ROW
    }

    /// Paints it with its upper left corner at (`left`, `top`).
    pub fn paint(self, scene: &mut Scene, left: f32, top: f32) {
        let mut y = top + 0.5 * ROW;
        for row in self.rows {
            let mut x = left;
            for (mark, text, width) in row {
                mark.paint(scene, x, y);
                let text = label(text, x + SWATCH + 6.0, y + 4.0, SIZE, Anchor::Start);
                scene.text(Text { paint: palette::INK, ..text });
                x += width;
            }
            y += ROW;
        }
    }
}

impl Mark {
    fn paint(self, scene: &mut Scene, x: f32, y: f32) {
        let middle = x + 0.5 * SWATCH;
        let square = |side: f32| Shape::Rect {
            x: middle - 0.5 * side,
            y: y - 0.5 * side,
            width: side,
            height: side,
        };
        let line = Shape::Line(vec![(x, y), (x + SWATCH, y)]);
        let ring = Shape::Circle { x: middle, y, radius: 5.0 };
        let (style, shape) = match self {
            Mark::Square(paint) => (Style::filled(paint), square(12.0)),
            Mark::Stroke(paint) => (Style::line(paint, 2.0), line),
            Mark::Dot => {
                (Style::filled(palette::STAY), Shape::Circle { x: middle, y, radius: 2.5 })
            }
            Mark::Ring => (Style::line(palette::INK, 1.6), ring),
            Mark::Frame => (Style::line(palette::INK, 1.2), square(11.0)),
            Mark::Threshold => (Style::line(palette::THRESHOLD, 1.2).dashed(2.5), line),
        };
        scene.shapes("legend", style, [shape]);
    }
}
