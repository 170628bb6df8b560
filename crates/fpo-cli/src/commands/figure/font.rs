//! The two fonts of the figures: how wide a text is, and the outlines of its letters.
//!
//! Inter Regular and SemiBold 4.0 beta 7 (SIL Open Font License, `fonts/OFL.txt`), cut down to ASCII,
//! Latin-1 and a few signs with fonttools, so that a PNG looks the same on every machine:
//!
//! ```text
//! pyftsubset Inter-Regular.otf --layout-features='' --no-hinting --desubroutinize \
//!   --notdef-outline --name-IDs=0,1,2,13,14 --unicodes=U+0020-007E,U+00A0-00FF,U+2013,U+2014, \
//!   U+2026,U+2190-2193,U+2212,U+2264,U+2265,U+03C3,U+00B0
//! ```

use anyhow::{Result, anyhow};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

/// The name of the fonts for a reader of an SVG, with what may stand in for them.
pub const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// How bold a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Ordinary text.
    Regular,
    /// Titles.
    SemiBold,
}

impl Weight {
    /// The number by which CSS and SVG know it.
    pub fn css(self) -> u16 {
        match self {
            Weight::Regular => 400,
            Weight::SemiBold => 600,
        }
    }
}

/// Both fonts, parsed.
pub struct Fonts {
    regular: Face<'static>,
    semi_bold: Face<'static>,
}

impl Fonts {
    /// Parses the fonts that are part of the program.
    ///
    /// # Errors
    /// None, unless the program was built with other files.
    pub fn new() -> Result<Fonts> {
        let face = |bytes| Face::parse(bytes, 0).map_err(|error| anyhow!("font: {error}"));
        Ok(Fonts {
            regular: face(include_bytes!("fonts/Inter-Regular.otf"))?,
            semi_bold: face(include_bytes!("fonts/Inter-SemiBold.otf"))?,
        })
    }

    fn face(&self, weight: Weight) -> &Face<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::SemiBold => &self.semi_bold,
        }
    }

    /// Whether the font has every letter of `text`; what it lacks is drawn as a box.
    pub fn has_all(&self, text: &str, weight: Weight) -> bool {
        text.chars().all(|letter| self.face(weight).glyph_index(letter).is_some())
    }

    /// The width of `text` in the unit of `size`, the height of the font's em square.
    pub fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let face = self.face(weight);
        let units: u32 = glyphs(face, text).map(|glyph| advance(face, glyph)).sum();
        units as f32 * size / f32::from(face.units_per_em())
    }

    /// Hands the outline of each letter to `pen`, the first one's left end of the base line at
    /// (`x`, `y`); y grows downwards.
    pub fn outline(
        &self,
        text: &str,
        size: f32,
        weight: Weight,
        (x, y): (f32, f32),
        pen: &mut dyn OutlineBuilder,
    ) {
        let face = self.face(weight);
        let scale = size / f32::from(face.units_per_em());
        let mut pen = Placed { pen, x, y, scale };
        for glyph in glyphs(face, text) {
            face.outline_glyph(glyph, &mut pen);
            pen.x += advance(face, glyph) as f32 * scale;
        }
    }
}

fn glyphs(face: &Face<'_>, text: &str) -> impl Iterator<Item = GlyphId> {
    text.chars().map(|letter| face.glyph_index(letter).unwrap_or(GlyphId(0)))
}

fn advance(face: &Face<'_>, glyph: GlyphId) -> u32 {
    face.glyph_hor_advance(glyph).unwrap_or(0).into()
}

/// A pen that turns a glyph's units into those of the drawing.
struct Placed<'a> {
    pen: &'a mut dyn OutlineBuilder,
    x: f32,
    y: f32,
    scale: f32,
}

impl Placed<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, self.y - y * self.scale)
    }
}

impl OutlineBuilder for Placed<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.pen.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.pen.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.pen.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.pen.curve_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.pen.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_add_up_and_scale_with_the_size() {
        let fonts = Fonts::new().unwrap();
        let width = |text: &str, size| fonts.width(text, size, Weight::Regular);
        assert_eq!(width("", 10.0), 0.0);
        assert!((width("flow", 10.0) - width("fl", 10.0) - width("ow", 10.0)).abs() < 1e-4);
        assert!((width("flow", 20.0) - 2.0 * width("flow", 10.0)).abs() < 1e-4);
        assert!(fonts.width("flow", 10.0, Weight::SemiBold) > width("flow", 10.0));
    }

    #[test]
    fn every_sign_that_figures_use_is_there() {
        let fonts = Fonts::new().unwrap();
        for weight in [Weight::Regular, Weight::SemiBold] {
            assert!(fonts.has_all("Aa0 (12, 12) · × ± – − ≤ ≥ → σ ü é % <", weight));
            assert!(!fonts.has_all("日", weight));
        }
    }
}
