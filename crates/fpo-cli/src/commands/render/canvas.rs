//! A page with captions, onto which pictures are put.

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, PixmapPaint, Transform};

use crate::commands::figure::font::{Fonts, Weight};
use crate::commands::figure::gridworld::palette;
use crate::commands::figure::png::pixels;
use crate::commands::figure::scene::{Anchor, Scene, Text};
use crate::commands::figure::svg::svg;

/// Room around everything and between pictures, in pixels.
pub const GAP: u32 = 12;
/// The most pixels of a page: about a gigabyte of memory.
const MOST: u64 = 1 << 28;

/// A page of so many pixels.
pub struct Canvas {
    scene: Scene,
    pictures: Vec<(u32, u32, Pixmap)>,
}

/// A line of text on a page.
pub struct Line {
    /// Its left end, in pixels.
    pub x: u32,
    /// Its base line, in pixels.
    pub y: u32,
    /// Room for it, in pixels; what is longer is cut.
    pub width: u32,
    /// What it says.
    pub text: String,
    /// Height of its letters, in pixels.
    pub size: f32,
    /// Whether it is a title.
    pub title: bool,
}

impl Canvas {
    /// Returns an empty white page.
    ///
    /// # Errors
    /// If it would be too large.
    pub fn new(width: u32, height: u32) -> Result<Canvas> {
        if u64::from(width) * u64::from(height) > MOST {
            anyhow::bail!("a picture of {width} x {height} pixels is too large");
        }
        let scene = Scene { width, height, title: String::new(), layers: Vec::new() };
        Ok(Canvas { scene, pictures: Vec::new() })
    }

    /// Writes a line.
    pub fn line(&mut self, line: Line, fonts: &Fonts) {
        let (weight, paint) = match line.title {
            true => (Weight::SemiBold, palette::INK),
            false => (Weight::Regular, palette::QUIET),
        };
        let (x, y, size) = (line.x as f32, line.y as f32, line.size);
        let text = fonts.fitted(&line.text, size, weight, line.width as f32);
        self.scene.text(Text { x, y, text, size, weight, anchor: Anchor::Start, paint });
    }

    /// Puts a picture with its upper left corner at (`x`, `y`).
    pub fn put(&mut self, x: u32, y: u32, picture: Pixmap) {
        self.pictures.push((x, y, picture));
    }

    /// Returns the pixels of the page.
    ///
    /// # Errors
    /// If there is no memory for them.
    pub fn into_pixels(self, fonts: &Fonts) -> Result<Pixmap> {
        let mut page = pixels(&svg(&self.scene, fonts), 1.0).context("cannot draw the page")?;
        for (x, y, picture) in &self.pictures {
            let (paint, place) = (PixmapPaint::default(), Transform::identity());
            page.draw_pixmap(*x as i32, *y as i32, picture.as_ref(), &paint, place, None);
        }
        Ok(page)
    }
}
