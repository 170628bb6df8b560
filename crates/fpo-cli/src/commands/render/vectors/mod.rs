//! Drawings of the tasks that need no simulator: a map or a sketch of the mechanism, by the numbers
//! that the policy sees.

mod cartpole;
mod gridworld;
mod ink;
mod multi_goal;
mod pendulum;

use anyhow::{Context, Result};
use fpo_envs::GridWorld;
use resvg::tiny_skia::{Color, Pixmap, PixmapPaint, Transform};

use crate::commands::figure::font::Fonts;
use crate::commands::figure::png::pixels;
use crate::commands::figure::scene::Scene;
use crate::commands::figure::svg::svg;
use crate::commands::render::episode::{Episode, Moment};
use crate::commands::render::vectors::gridworld::Board;

/// Width of a drawing where no size is asked for, in pixels.
const WIDTH: u32 = 320;

/// The drawing of a task.
pub enum Drawing {
    /// A map of the grid world.
    Board(Box<Board>),
    /// A square with four goals, of which one may be drawn for the episode.
    MultiGoal,
    /// A rod with a weight.
    Pendulum,
    /// A cart on a rail with a pole.
    Cartpole,
}

impl Drawing {
    /// Returns the drawing of `task`, if it has one.
    pub fn of(task: &str) -> Option<Drawing> {
        match task {
            "Classic/MultiGoal" | "Classic/DrawnGoal" => Some(Drawing::MultiGoal),
            "Classic/Pendulum" => Some(Drawing::Pendulum),
            "Classic/Cartpole" => Some(Drawing::Cartpole),
            _ => Some(Drawing::Board(Box::new(Board::new(GridWorld::layout(task).ok()?)))),
        }
    }

    /// Returns the size of its pictures where none is asked for, in pixels.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.scene_size();
        (WIDTH, (WIDTH * height).div_ceil(width))
    }

    /// Returns width and height of its scenes.
    fn scene_size(&self) -> (u32, u32) {
        match self {
            Drawing::Board(_) => gridworld::SIZE,
            Drawing::MultiGoal => multi_goal::SIZE,
            Drawing::Pendulum => pendulum::SIZE,
            Drawing::Cartpole => cartpole::SIZE,
        }
    }

    /// Returns the scene after the last of `moments`, the first of which is the start.
    pub fn scene(&self, moments: &[Moment]) -> Scene {
        let (width, height) = self.scene_size();
        let mut scene = Scene { width, height, title: String::new(), layers: Vec::new() };
        match self {
            Drawing::Board(board) => board.draw(&mut scene, moments),
            Drawing::MultiGoal => multi_goal::draw(&mut scene, moments),
            Drawing::Pendulum => pendulum::draw(&mut scene, moments),
            Drawing::Cartpole => cartpole::draw(&mut scene, moments),
        }
        scene
    }

    /// Draws moment `index` of `episode`, as large as fits into `size`, on white.
    ///
    /// # Errors
    /// If the picture is too large for the memory.
    pub fn paint(
        &self,
        episode: &Episode,
        index: usize,
        (width, height): (u32, u32),
        fonts: &Fonts,
    ) -> Result<Pixmap> {
        let moments = &episode.moments[..=index.min(episode.moments.len().saturating_sub(1))];
        let scene = self.scene(moments);
        let scale =
            f32::min(width as f32 / scene.width as f32, height as f32 / scene.height as f32);
        let drawn = pixels(&svg(&scene, fonts), scale)?;
        let mut picture = Pixmap::new(width, height).context("no memory for a picture")?;
        picture.fill(Color::WHITE);
        let middle = |room: u32, used: u32| (room as i32 - used as i32) / 2;
        let (x, y) = (middle(width, drawn.width()), middle(height, drawn.height()));
        let (paint, place) = (PixmapPaint::default(), Transform::identity());
        picture.draw_pixmap(x, y, drawn.as_ref(), &paint, place, None);
        Ok(picture)
    }
}
