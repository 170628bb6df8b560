//! A sheet of moments: for each policy and episode a block of pictures, evenly spaced in time.

use anyhow::Result;
use resvg::tiny_skia::Pixmap;

use crate::commands::figure::font::Fonts;
use crate::commands::render::canvas::{Canvas, GAP, Line};
use crate::commands::render::film::caption;
use crate::commands::render::pace::Pace;
use crate::commands::render::painter::Painter;
use crate::commands::render::strip::Strip;
use crate::text::count::count;

/// Height of the title of a block, in pixels.
const HEAD: u32 = 30;
/// Height of the line below a picture, in pixels.
const FOOT: u32 = 18;

/// How pictures are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Pictures beside each other.
    pub columns: u32,
    /// Pictures above each other, in a block.
    pub rows: u32,
}

/// Returns the sheet of what is in `strips`.
///
/// # Errors
/// Those of [`Painter::paint`]; also if the sheet would be too large.
pub fn sheet(strips: &[Strip], painter: &mut Painter, pace: Pace, grid: Grid) -> Result<Pixmap> {
    let fonts = Fonts::new()?;
    let (width, height) = painter.size;
    let block = HEAD + grid.rows * (height + FOOT + GAP);
    let blocks: usize = strips.iter().map(|strip| strip.episodes.len()).sum();
    let page_width = GAP + grid.columns * (width + GAP);
    let mut page = Canvas::new(page_width, GAP + blocks as u32 * block)?;
    let mut top = GAP;
    for strip in strips {
        for (number, episode) in strip.episodes.iter().enumerate() {
            let which = match strip.episodes.len() {
                1 => String::new(),
                count => format!(", episode {} of {count}", number + 1),
            };
            let (earned, steps_of_it) = (episode.earned(), count(episode.length(), "step"));
            let text = format!("{}{which} · return {earned:.1} in {steps_of_it}", strip.name);
            let (x, y, width_of_page) = (GAP, top + 15, page_width - 2 * GAP);
            page.line(Line { x, y, width: width_of_page, text, size: 15.0, title: true }, &fonts);
            for (place, step) in (0..).zip(steps(episode.length(), grid.columns * grid.rows)) {
                let x = GAP + place % grid.columns * (width + GAP);
                let y = top + HEAD + place / grid.columns * (height + FOOT + GAP);
                let moment = episode.at(step);
                page.put(x, y, painter.paint(episode, moment)?);
                let text = caption(episode, moment, pace);
                let y = y + height + 14;
                page.line(Line { x, y, width, text, size: 12.0, title: false }, &fonts);
            }
            top += block;
        }
    }
    page.into_pixels(&fonts)
}

/// Returns `count` control steps from 0 to `length`, evenly spaced, fewer where there are not as
/// many.
fn steps(length: usize, count: u32) -> Vec<usize> {
    let last = (count as usize).saturating_sub(1).max(1);
    let mut steps: Vec<usize> =
        (0..count as usize).map(|index| (index * length + last / 2) / last).collect();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_spread_from_start_to_end() {
        assert_eq!(steps(1000, 5), [0, 250, 500, 750, 1000]);
        assert_eq!(steps(2, 12), [0, 1, 2]);
        assert_eq!(steps(7, 1), [0]);
        assert_eq!(steps(0, 4), [0]);
    }
}
