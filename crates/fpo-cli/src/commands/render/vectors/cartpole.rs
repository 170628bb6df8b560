//! Cartpole: the cart on its rail and the pole on the cart.

use crate::commands::figure::gridworld::palette;
use crate::commands::figure::scene::{Paint, Scene, Shape, Style};
use crate::commands::render::episode::Moment;
use crate::commands::render::vectors::ink::{AGENT, last};

/// Width and height of the drawing.
pub const SIZE: (u32, u32) = (456, 200);
/// Pixels of a metre.
const METRE: f32 = 84.0;
/// Height of the rail in the drawing.
const RAIL: f32 = 150.0;
/// Distance of the rail's ends from the middle, and length of the pole, in metres.
const END: f32 = 2.4;
const POLE: f32 = 1.0;
/// Width and height of the cart.
const CART: (f32, f32) = (54.0, 26.0);

/// Draws cart and pole after the last of `moments`.
pub fn draw(scene: &mut Scene, moments: &[Moment]) {
    let along = |metres: f32| SIZE.0 as f32 / 2.0 + metres * METRE;
    let line = |from: (f32, f32), to: (f32, f32)| Shape::Line(vec![from, to]);
    let rail = line((along(-END), RAIL), (along(END), RAIL));
    scene.shapes("rail", Style::line(palette::FRAME, 3.0), [rail]);
    let ends = [-END, END].map(|end| line((along(end), RAIL - 12.0), (along(end), RAIL + 12.0)));
    scene.shapes("end", Style::line(palette::WALL, 4.0), ends);
    let middle = line((along(0.0), RAIL + 20.0), (along(0.0), RAIL + 28.0));
    scene.shapes("middle", Style::line(palette::GOAL_LETTER, 3.0), [middle]);
    let Some([position, _, cosine, sine, _]) = last::<5>(moments) else { return };
    let (x, y) = (along(position), RAIL - CART.1 / 2.0);
    let body = Shape::Rect { x: x - CART.0 / 2.0, y, width: CART.0, height: CART.1 };
    let agent = Style::filled(AGENT).outlined(Paint::solid(0xffffff), 1.6);
    scene.shapes("agent", agent, [body]);
    let tip = (x + POLE * METRE * sine, y - POLE * METRE * cosine);
    scene.shapes("pole", Style::line(Paint::solid(0xd55e00), 9.0), [line((x, y), tip)]);
    scene.shapes("hinge", Style::filled(palette::INK), [Shape::Circle { x, y, radius: 3.5 }]);
}
