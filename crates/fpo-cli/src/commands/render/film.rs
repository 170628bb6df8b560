//! The frames of an animation: all policies side by side, episode after episode.

use anyhow::Result;
use resvg::tiny_skia::Pixmap;

use crate::commands::figure::font::Fonts;
use crate::commands::render::canvas::{Canvas, GAP, Line};
use crate::commands::render::episode::Episode;
use crate::commands::render::pace::Pace;
use crate::commands::render::painter::Painter;
use crate::commands::render::strip::Strip;

/// Pictures in a row at most.
const COLUMNS: u32 = 4;
/// Height of the two lines above a picture, in pixels.
const HEAD: u32 = 42;

/// A frame: which episode, after which control step, for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    episode: usize,
    step: usize,
    /// Hundredths of a second.
    pub delay: u16,
}

/// An animation that is to be drawn.
pub struct Film<'a> {
    strips: &'a [Strip],
    painter: &'a mut Painter,
    pace: Pace,
    fonts: Fonts,
    /// Its frames.
    pub frames: Vec<Frame>,
}

impl<'a> Film<'a> {
    /// Returns the film of what is in `strips`, at most `limit` control steps of each episode.
    ///
    /// # Errors
    /// None, unless the program was built with other fonts.
    pub fn new(
        strips: &'a [Strip],
        painter: &'a mut Painter,
        pace: Pace,
        limit: usize,
    ) -> Result<Film<'a>> {
        let episodes = strips.first().map_or(0, |strip| strip.episodes.len());
        let mut frames = Vec::new();
        for episode in 0..episodes {
            let lengths = strips.iter().map(|strip| strip.episodes[episode].length());
            let length = lengths.max().unwrap_or(0).min(limit);
            let count = pace.frames(length);
            frames.extend((0..count).map(|index| {
                let step = (index * pace.every).min(length);
                Frame { episode, step, delay: pace.delay(index, count) }
            }));
        }
        Ok(Film { strips, painter, pace, fonts: Fonts::new()?, frames })
    }

    /// Returns width and height of a frame.
    pub fn size(&self) -> (u32, u32) {
        let (width, height) = self.painter.size;
        let count = self.strips.len() as u32;
        let (columns, rows) = (count.min(COLUMNS), count.div_ceil(COLUMNS));
        (GAP + columns * (width + GAP), GAP + rows * (HEAD + height + GAP))
    }

    /// Returns how long it plays, in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames.iter().map(|frame| f64::from(frame.delay)).sum::<f64>() / 100.0
    }

    /// Draws frame `index`.
    ///
    /// # Errors
    /// Those of [`Painter::paint`].
    pub fn draw(&mut self, index: usize) -> Result<Pixmap> {
        let Frame { episode: number, step, .. } = self.frames[index];
        let (page_width, page_height) = self.size();
        let mut page = Canvas::new(page_width, page_height)?;
        let (width, height) = self.painter.size;
        for (place, strip) in (0..).zip(self.strips) {
            let x = GAP + place % COLUMNS * (width + GAP);
            let y = GAP + place / COLUMNS * (HEAD + height + GAP);
            let episode = &strip.episodes[number];
            let moment = episode.at(step);
            let title = strip.name.clone();
            let says = match strip.episodes.len() {
                1 => caption(episode, moment, self.pace),
                count => {
                    let now = caption(episode, moment, self.pace);
                    format!("episode {} of {count} · {now}", number + 1)
                }
            };
            for (base, text, size, title) in [(11, title, 15.0, true), (29, says, 12.5, false)] {
                let line = Line { x, y: y + base, width, text, size, title };
                page.line(line, &self.fonts);
            }
            page.put(x, y + HEAD - 4, self.painter.paint(episode, moment)?);
        }
        page.into_pixels(&self.fonts)
    }
}

/// Returns what is said of a moment: how late it is and what was earned so far.
pub fn caption(episode: &Episode, moment: usize, pace: Pace) -> String {
    let Some(now) = episode.moments.get(moment) else { return String::new() };
    format!("{} · return {:.1}", pace.clock(now.step), now.earned)
}
