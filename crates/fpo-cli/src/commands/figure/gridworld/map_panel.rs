//! A panel with the map: its cells, samples as strokes from their cells, and episodes as lines.

use fpo_envs::gridworld::{Cell, Map, SIZE};

use crate::commands::figure::font::Weight;
use crate::commands::figure::gridworld::goals::Goal;
use crate::commands::figure::gridworld::palette;
use crate::commands::figure::gridworld::palette::label;
use crate::commands::figure::gridworld::plan::{Place, SPACING};
use crate::commands::figure::gridworld::survey::Survey;
use crate::commands::figure::scene::{Anchor, Paint, Scene, Shape, Style, Text};

/// Side of a cell.
pub const CELL: f32 = 17.0;
/// Side of the map.
pub const SIDE: f32 = CELL * SIZE as f32;

/// Length of a stroke per size of its action, in cells: strokes of neighbours do not meet.
const STROKE: f32 = 0.46 * SPACING as f32;
/// How far the line of an episode lies off the middle of its cells at most, in cells.
const SPREAD: f32 = 0.34;
/// Columns and rows with a number.
const TICK: usize = 6;

/// Where a map is drawn.
#[derive(Clone, Copy, Debug)]
pub struct MapPanel {
    /// Its left edge.
    pub x: f32,
    /// Its upper edge.
    pub y: f32,
}

impl MapPanel {
    /// Returns the point (`right`, `up`) cells from the lower left corner.
    fn point(&self, right: f32, up: f32) -> (f32, f32) {
        (self.x + right * CELL, self.y + SIDE - up * CELL)
    }

    /// Returns the middle of a cell.
    pub fn middle(&self, (x, y): Place) -> (f32, f32) {
        self.point(x as f32 + 0.5, y as f32 + 0.5)
    }

    fn square(&self, (x, y): Place) -> Shape {
        let (x, y) = self.point(x as f32, y as f32 + 1.0);
        Shape::Rect { x, y, width: CELL, height: CELL }
    }

    /// Paints cells, grid and numbers.
    pub fn ground(&self, scene: &mut Scene, map: &Map) {
        let line = |a: (f32, f32), b: (f32, f32)| Shape::Line(vec![a, b]);
        let side = SIZE as f32;
        let lines = (1..SIZE).flat_map(|i| {
            let i = i as f32;
            [
                line(self.point(i, 0.0), self.point(i, side)),
                line(self.point(0.0, i), self.point(side, i)),
            ]
        });
        scene.shapes("grid", Style::line(palette::GRID, 0.75), lines);
        for (name, kind, paint) in [
            ("goal", Cell::Goal, palette::GOAL),
            ("wall", Cell::Wall, palette::WALL),
            ("death", Cell::Death, palette::DEATH),
        ] {
            // Covers the grid, and leaves no seams between cells.
            let style = Style::filled(paint).outlined(paint, 0.75);
            scene.shapes(name, style, map.cells(kind).map(|place| self.square(place)));
        }
        let crosses = map.cells(Cell::Death).flat_map(|place| cross(self.middle(place)));
        scene.shapes("death-cross", Style::line(palette::DEATH_CROSS, 1.0), crosses);
        let (x, y) = (self.x, self.y);
        let frame = Shape::Rect { x, y, width: SIDE, height: SIDE };
        scene.shapes("frame", Style::line(palette::FRAME, 1.0), [frame]);
        for tick in (0..SIZE).step_by(TICK) {
            let middle = tick as f32 + 0.5;
            let (x, y) = self.point(middle, 0.0);
            scene.text(label(tick.to_string(), x, y + 13.0, 10.0, Anchor::Middle));
            let (x, y) = self.point(0.0, middle);
            scene.text(label(tick.to_string(), x - 6.0, y + 3.5, 10.0, Anchor::End));
        }
    }

    /// Paints samples as strokes from the middle of their cells, coloured by the way they lead.
    pub fn fans(&self, scene: &mut Scene, survey: &Survey) {
        for (name, paint, way) in
            [("stay", palette::STAY, 0), ("down", palette::DOWN, -1), ("up", palette::UP, 1)]
        {
            let strokes = survey.fans.iter().flat_map(|(place, controls)| {
                let leads = move |control: &&[f32; 2]| {
                    let (_, y) = survey.world.destination(*place, **control);
                    (y as i64 - place.1 as i64) == way
                };
                controls.iter().filter(leads).map(|control| {
                    let (x, y) = self.middle(*place);
                    let [right, up] = control.map(|a| a.clamp(-1.0, 1.0) * STROKE * CELL);
                    Shape::Line(vec![(x, y), (x + right, y - up)])
                })
            });
            scene.shapes(name, Style::line(paint.at(0.16), 0.9), strokes);
        }
        let dots = survey.fans.iter().map(|(place, _)| {
            let (x, y) = self.middle(*place);
            Shape::Circle { x, y, radius: 1.4 }
        });
        scene.shapes("state", Style::filled(palette::INK), dots);
    }

    /// Paints the letter of each goal, on a disc that keeps it legible over whatever ends there.
    pub fn letters(&self, scene: &mut Scene, goals: &[Goal]) {
        for goal in goals {
            let (x, y) = self.middle(goal.corner());
            let disc = Shape::Circle { x, y, radius: 0.44 * CELL };
            scene.shapes("goal-letter", Style::filled(palette::GOAL_LETTER), [disc]);
            scene.text(Text {
                weight: Weight::SemiBold,
                paint: Paint::solid(0xffffff),
                ..label(goal.name, x, y + 3.6, 10.0, Anchor::Middle)
            });
        }
    }

    /// Paints frames around the cells whose samples are shown in panels of their own.
    pub fn states(&self, scene: &mut Scene, survey: &Survey) {
        let frames = survey.states.iter().map(|state| self.square(state.place));
        scene.shapes("chosen-state", Style::line(palette::INK, 1.2), frames);
    }

    /// Paints episodes as lines, side by side, from a ring to a dot.
    pub fn walks(&self, scene: &mut Scene, survey: &Survey) {
        let (mut lines, mut ends, mut rings) = (Vec::new(), Vec::new(), Vec::new());
        for (start, walks) in &survey.walks {
            for (index, walk) in walks.iter().enumerate() {
                let (right, down) = offset(index, walks.len());
                let line: Vec<_> = walk
                    .path
                    .iter()
                    .map(|&place| self.middle(place))
                    .map(|(x, y)| (x + right, y + down))
                    .collect();
                ends.extend(line.last().map(|&(x, y)| Shape::Circle { x, y, radius: 1.5 }));
                lines.push(Shape::Line(line));
            }
            let (x, y) = self.middle(*start);
            rings.push(Shape::Circle { x, y, radius: 5.0 });
        }
        scene.shapes("episode", Style::line(palette::INK.at(0.38), 0.9), lines);
        scene.shapes("episode-end", Style::filled(palette::INK), ends);
        let ring = Style::filled(Paint::solid(0xffffff)).outlined(palette::INK, 1.6);
        scene.shapes("start", ring, rings);
    }
}

fn cross((x, y): (f32, f32)) -> [Shape; 2] {
    let arm = 0.2 * CELL;
    [-1.0, 1.0].map(|s| Shape::Line(vec![(x - arm, y - s * arm), (x + arm, y + s * arm)]))
}

/// Returns how far the line of episode `index` of `count` lies from the middle of its cells: points
/// of a sunflower, no two of them near each other.
fn offset(index: usize, count: usize) -> (f32, f32) {
    let turn = index as f32 * 2.399_963_2;
    let radius = SPREAD * CELL * ((index as f32 + 0.5) / count as f32).sqrt();
    (radius * turn.cos(), radius * turn.sin())
}
