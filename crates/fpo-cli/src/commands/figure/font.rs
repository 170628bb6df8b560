//! The two fonts of the figures, and how wide a text is in them.
//!
//! Inter Regular and SemiBold 4.0 beta 7 (SIL Open Font License, `fonts/OFL.txt`), cut down to
//! ASCII, Latin-1 and a few signs with fonttools:
//!
//! ```text
//! pyftsubset Inter-Regular.otf --layout-features='' --no-hinting --desubroutinize \
//!   --notdef-outline --name-IDs=0,1,2,13,14 --unicodes=U+0020-007E,U+00A0-00FF,U+2013,U+2014, \
//!   U+2026,U+2190-2193,U+2212,U+2264,U+2265,U+03C3,U+00B0
//! ```

use anyhow::{Result, anyhow};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, GlyphId, MetadataProvider};

/// The name of the fonts for a reader of an SVG, followed by fonts that may stand in for them.
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
    /// Returns the number by which CSS and SVG know it.
    pub fn css(self) -> u16 {
        match self {
            Weight::Regular => 400,
            Weight::SemiBold => 600,
        }
    }

    /// Returns the bytes of its font's file, which are part of the program.
    pub fn font_file(self) -> &'static [u8] {
        match self {
            Weight::Regular => include_bytes!("fonts/Inter-Regular.otf"),
            Weight::SemiBold => include_bytes!("fonts/Inter-SemiBold.otf"),
        }
    }
}

/// Both fonts, parsed.
pub struct Fonts {
    regular: FontRef<'static>,
    semi_bold: FontRef<'static>,
}

impl Fonts {
    /// Parses the fonts that are part of the program.
    ///
    /// # Errors
    /// None, unless the program was built with other files.
    pub fn new() -> Result<Fonts> {
        let parse = |weight: Weight| {
            FontRef::new(weight.font_file()).map_err(|error| anyhow!("font: {error}"))
        };
        Ok(Fonts { regular: parse(Weight::Regular)?, semi_bold: parse(Weight::SemiBold)? })
    }

    fn font(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::SemiBold => &self.semi_bold,
        }
    }

    /// Returns whether the font has every letter of `text`; a PNG shows a box for one it lacks.
    pub fn has_all(&self, text: &str, weight: Weight) -> bool {
        let letters = self.font(weight).charmap();
        text.chars().all(|letter| letters.map(letter).is_some())
    }

    /// Returns the width of `text` in the unit of `size`, the height of the font's em square.
    pub fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        let (font, place) = (self.font(weight), LocationRef::default());
        let (letters, glyphs) = (font.charmap(), font.glyph_metrics(Size::unscaled(), place));
        let advance = |letter| {
            // Glyph 0 is the box of a missing letter.
            let glyph = letters.map(letter).unwrap_or(GlyphId::NOTDEF);
            glyphs.advance_width(glyph).unwrap_or(0.0)
        };
        let units: f32 = text.chars().map(advance).sum();
        units * size / f32::from(font.metrics(Size::unscaled(), place).units_per_em)
    }

    /// Returns `text`, cut where it would be wider than `width`.
    pub fn fitted(&self, text: &str, size: f32, weight: Weight, width: f32) -> String {
        if self.width(text, size, weight) <= width {
            return text.to_owned();
        }
        let mut cut = text.to_owned();
        while cut.pop().is_some() && self.width(&format!("{cut}…"), size, weight) > width {}
        cut + "…"
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
