//! The colours of the figure, which those who see few colours can tell apart.
//!
//! Hues are of M. Okabe and K. Ito's *Color Universal Design*; walls and deaths also differ from
//! goals in lightness and by a cross.

use crate::commands::figure::font::Weight;
use crate::commands::figure::scene::{Anchor, Paint, Text};

/// Titles and numbers.
pub const INK: Paint = Paint::solid(0x222222);
/// Text that explains.
pub const QUIET: Paint = Paint::solid(0x6a6a6a);
/// Frames of panels.
pub const FRAME: Paint = Paint::solid(0xb0b0b0);
/// Lines between cells.
pub const GRID: Paint = Paint::solid(0xf0f0f0);
/// Where the environment rounds an action to another move.
pub const THRESHOLD: Paint = Paint::solid(0xc8c8c8);

/// A goal.
pub const GOAL: Paint = Paint::solid(0xcdeae0);
/// The letter of a goal.
pub const GOAL_LETTER: Paint = Paint::solid(0x00795a);
/// A wall.
pub const WALL: Paint = Paint::solid(0x5f5f5f);
/// A death.
pub const DEATH: Paint = Paint::solid(0xf3dbe8);
/// The cross on a death.
pub const DEATH_CROSS: Paint = Paint::solid(0xcc79a7);

/// Samples that move up.
pub const UP: Paint = Paint::solid(0x0072b2);
/// Samples that stay in their row.
pub const STAY: Paint = Paint::solid(0x8c8c8c);
/// Samples that move down.
pub const DOWN: Paint = Paint::solid(0xd55e00);

/// Returns an ordinary line of text.
pub fn label(text: impl Into<String>, x: f32, y: f32, size: f32, anchor: Anchor) -> Text {
    Text { x, y, text: text.into(), size, weight: Weight::Regular, anchor, paint: QUIET }
}
