//! The grid world: its map, the way so far, and where the agent is.

use fpo_envs::GridWorld;

use crate::commands::figure::gridworld::goals::{Goal, goals};
use crate::commands::figure::gridworld::map_panel::{CELL, MapPanel, SIDE};
use crate::commands::figure::gridworld::palette;
use crate::commands::figure::scene::{Paint, Scene, Shape, Style};
use crate::commands::render::episode::Moment;
use crate::commands::render::vectors::ink::{AGENT, TRAIL};

/// Where the map is drawn: numbers of rows and columns have room at the left and below.
const PANEL: MapPanel = MapPanel { x: 24.0, y: 6.0 };
/// Width and height of the drawing.
pub const SIZE: (u32, u32) = (SIDE as u32 + 31, SIDE as u32 + 31);

/// A world and its goals.
pub struct Board {
    world: GridWorld,
    goals: Vec<Goal>,
}

impl Board {
    /// Returns the board of `world`.
    pub fn new(world: GridWorld) -> Board {
        let goals = goals(world.map());
        Board { world, goals }
    }

    /// Draws the world after the last of `moments`.
    pub fn draw(&self, scene: &mut Scene, moments: &[Moment]) {
        PANEL.ground(scene, self.world.map());
        PANEL.letters(scene, &self.goals);
        let places = moments.iter().filter_map(|moment| GridWorld::place(&moment.obs));
        let way: Vec<(f32, f32)> = places.map(|place| PANEL.middle(place)).collect();
        let (Some(&(left, top)), Some(&(x, y))) = (way.first(), way.last()) else { return };
        let circle =
            |(x, y): (f32, f32), radius: f32| Shape::Circle { x, y, radius: radius * CELL };
        scene.shapes("visited", Style::filled(TRAIL), way.iter().map(|&place| circle(place, 0.14)));
        if way.len() > 1 {
            scene.shapes("way", Style::line(TRAIL, 2.5), [Shape::Line(way)]);
        }
        let ring = Style::filled(Paint::solid(0xffffff)).outlined(palette::INK, 1.6);
        scene.shapes("start", ring, [circle((left, top), 0.3)]);
        let agent = Style::filled(AGENT).outlined(Paint::solid(0xffffff), 1.6);
        scene.shapes("agent", agent, [circle((x, y), 0.46)]);
    }
}
