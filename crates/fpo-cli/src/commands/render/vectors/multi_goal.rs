//! MultiGoal and DrawnGoal: the square with its four goals, the way so far, and where the point is.
//! The goals that were not drawn for an episode of DrawnGoal are circles without a filling.

use fpo_envs::classic::{DrawnGoal, GOAL_RADIUS, GOALS};

use crate::commands::figure::gridworld::palette;
use crate::commands::figure::scene::{Paint, Scene, Shape, Style};
use crate::commands::render::episode::Moment;
use crate::commands::render::vectors::ink::{AGENT, TRAIL};

/// Width and height of the drawing.
pub const SIZE: (u32, u32) = (456, 456);
/// Pixels of a metre: the square of ±2 m has a little room around it.
const METRE: f32 = 106.0;

/// Returns the point (`x`, `y`) of the plane, in metres.
fn point([x, y]: [f32; 2]) -> (f32, f32) {
    (SIZE.0 as f32 / 2.0 + x * METRE, SIZE.1 as f32 / 2.0 - y * METRE)
}

/// Draws the plane after the last of `moments`.
pub fn draw(scene: &mut Scene, moments: &[Moment]) {
    let (x, y) = point([-2.0, 2.0]);
    let side = 4.0 * METRE;
    let lines = (-3_i8..=3).flat_map(|tick| {
        let at = f32::from(tick) / 2.0;
        let ends = [[[at, -2.0], [at, 2.0]], [[-2.0, at], [2.0, at]]];
        ends.map(|[from, to]| Shape::Line(vec![point(from), point(to)]))
    });
    scene.shapes("grid", Style::line(palette::GRID, 1.0), lines);
    let square = Shape::Rect { x, y, width: side, height: side };
    scene.shapes("edge", Style::line(palette::FRAME, 1.5), [square]);
    let circle = |place: [f32; 2], radius: f32| {
        let (x, y) = point(place);
        Shape::Circle { x, y, radius }
    };
    let goal = Style::filled(palette::GOAL).outlined(palette::GOAL_LETTER, 1.5);
    let radius = GOAL_RADIUS as f32 * METRE;
    let drawn = moments.first().and_then(|moment| DrawnGoal::goal(&moment.obs));
    let (right, wrong): (Vec<usize>, Vec<usize>) =
        (0..GOALS.len()).partition(|&index| drawn.is_none_or(|drawn| drawn == index));
    let circles =
        |of: Vec<usize>| of.into_iter().map(|index| circle(GOALS[index].map(|x| x as f32), radius));
    scene.shapes("goal", goal, circles(right));
    if !wrong.is_empty() {
        scene.shapes("other goal", Style::line(palette::GOAL_LETTER, 1.5), circles(wrong));
    }
    let places: Vec<[f32; 2]> =
        moments.iter().filter_map(|moment| moment.obs.first_chunk().copied()).collect();
    let (Some(&start), Some(&now)) = (places.first(), places.last()) else { return };
    if places.len() > 1 {
        let way = Shape::Line(places.iter().map(|&place| point(place)).collect());
        scene.shapes("way", Style::line(TRAIL, 2.5), [way]);
    }
    scene.shapes("visited", Style::filled(TRAIL), places.iter().map(|&place| circle(place, 3.5)));
    let ring = Style::filled(Paint::solid(0xffffff)).outlined(palette::INK, 1.6);
    scene.shapes("start", ring, [circle(start, 5.0)]);
    let agent = Style::filled(AGENT).outlined(Paint::solid(0xffffff), 1.6);
    scene.shapes("agent", agent, [circle(now, 9.0)]);
}
