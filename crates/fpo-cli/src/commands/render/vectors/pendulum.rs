//! Pendulum: the rod with its weight, and where the weight was a moment ago.

use crate::commands::figure::gridworld::palette;
use crate::commands::figure::scene::{Paint, Scene, Shape, Style};
use crate::commands::render::episode::Moment;
use crate::commands::render::vectors::ink::{AGENT, TRAIL, last};

/// Width and height of the drawing.
pub const SIZE: (u32, u32) = (456, 456);
/// Pixels of the rod, which is 1 m long.
const ROD: f32 = 175.0;
const PIVOT: (f32, f32) = (228.0, 228.0);
/// Moments of which the weight leaves a trace.
const TRACE: usize = 16;

/// Returns the place of the weight for an observation, which begins with cosine and sine of the
/// angle from upright.
fn weight(obs: [f32; 3]) -> (f32, f32) {
    let [cosine, sine, _] = obs;
    (PIVOT.0 + ROD * sine, PIVOT.1 - ROD * cosine)
}

/// Draws the pendulum after the last of `moments`.
pub fn draw(scene: &mut Scene, moments: &[Moment]) {
    let circle = |(x, y): (f32, f32), radius: f32| Shape::Circle { x, y, radius };
    scene.shapes("reach", Style::line(palette::GRID, 1.5), [circle(PIVOT, ROD)]);
    let goal = Style::filled(palette::GOAL).outlined(palette::GOAL_LETTER, 1.5);
    scene.shapes("goal", goal, [circle((PIVOT.0, PIVOT.1 - ROD), 26.0)]);
    let Some(now) = last::<3>(moments) else { return };
    let recent = &moments[moments.len().saturating_sub(TRACE)..];
    let trace: Vec<_> = (1..=recent.len()).filter_map(|n| last(&recent[..n])).map(weight).collect();
    if trace.len() > 1 {
        scene.shapes("trace", Style::line(TRAIL, 5.0), [Shape::Line(trace)]);
    }
    let rod = Shape::Line(vec![PIVOT, weight(now)]);
    scene.shapes("rod", Style::line(palette::INK, 7.0), [rod]);
    scene.shapes("pivot", Style::filled(palette::INK), [circle(PIVOT, 8.0)]);
    let agent = Style::filled(AGENT).outlined(Paint::solid(0xffffff), 1.6);
    scene.shapes("agent", agent, [circle(weight(now), 19.0)]);
}
