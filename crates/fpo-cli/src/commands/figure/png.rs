//! An SVG of [`crate::commands::figure::svg`] as PNG: the same picture in pixels, at a whole
//! multiple of its size.
//!
//! Letters come from the fonts of the program alone, never from those of the machine, so that a PNG
//! looks the same everywhere.

use std::sync::Arc;

use anyhow::{Context, Result};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, FaceInfo, ID, Language, Source};
use resvg::usvg::{Options, Tree, fontdb};

use crate::commands::figure::font::Weight;

/// Pixels of the PNG per pixel of the scene and axis.
pub const SCALE: u32 = 2;

/// Returns the PNG file of the picture `svg`, [`SCALE`] times as wide and high.
///
/// # Errors
/// If `svg` is not an SVG document, or the picture is too large for the memory.
pub fn png(svg: &str) -> Result<Vec<u8>> {
    Ok(pixels(svg, SCALE as f32)?.encode_png()?)
}

/// Returns the pixels of the picture `svg`, `scale` times as wide and high.
///
/// # Errors
/// As [`png`].
pub fn pixels(svg: &str, scale: f32) -> Result<Pixmap> {
    let tree = Tree::from_str(svg, &options()).context("cannot read the figure's own SVG")?;
    let pixels = |length: f32| (scale * length).round() as u32;
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    let mut pixels = Pixmap::new(width, height)
        .with_context(|| format!("no memory for a picture of {width} × {height} pixels"))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut pixels.as_mut());
    Ok(pixels)
}

/// Returns how the SVG is read: with the program's own two fonts and no others.
fn options() -> Options<'static> {
    let mut fonts = Database::new();
    for weight in [Weight::Regular, Weight::SemiBold] {
        // Most names were cut off the files, so the database cannot read from them what they are.
        fonts.push_face_info(FaceInfo {
            id: ID::dummy(),
            source: Source::Binary(Arc::new(weight.font_file())),
            index: 0,
            families: vec![("Inter".into(), Language::English_UnitedStates)],
            post_script_name: String::new(),
            style: fontdb::Style::Normal,
            weight: fontdb::Weight(weight.css()),
            stretch: fontdb::Stretch::Normal,
            monospaced: false,
        });
    }
    Options { fontdb: Arc::new(fonts), ..Options::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::figure::font::Fonts;
    use crate::commands::figure::scene::{Anchor, Paint, Scene, Shape, Style, Text};
    use crate::commands::figure::svg::svg;

    fn drawn(scene: &Scene) -> Pixmap {
        let png = png(&svg(scene, &Fonts::new().unwrap())).unwrap();
        Pixmap::decode_png(&png).unwrap()
    }

    fn scene() -> Scene {
        Scene { width: 40, height: 20, title: String::new(), layers: vec![] }
    }

    fn text(text: &str, weight: Weight) -> Text {
        let (x, y, size, anchor) = (40.0, 20.0, 20.0, Anchor::End);
        Text { x, y, text: text.into(), size, weight, anchor, paint: Paint::solid(0x0000ff) }
    }

    #[test]
    fn pixels_have_the_colours_of_what_was_painted() {
        let mut scene = scene();
        let square = |x| Shape::Rect { x, y: 5.0, width: 10.0, height: 10.0 };
        scene.shapes("red", Style::filled(Paint::solid(0xff0000)), [square(0.0)]);
        scene.shapes("half", Style::filled(Paint::solid(0).at(0.5)), [square(15.0), square(15.0)]);
        scene.text(text("—", Weight::SemiBold));
        let pixels = drawn(&scene);
        assert_eq!((pixels.width(), pixels.height()), (80, 40));
        let at = |x, y| {
            let colour = pixels.pixel(x, y).unwrap();
            [colour.red(), colour.green(), colour.blue(), colour.alpha()]
        };
        assert_eq!(at(1, 1), [255; 4]);
        assert_eq!(at(10, 20), [255, 0, 0, 255]);
        // Two halves over each other leave a quarter of the white.
        assert!(at(40, 20)[0].abs_diff(64) <= 2, "{:?}", at(40, 20));
        let blue = |&(x, y): &(u32, u32)| at(x, y) == [0, 0, 255, 255];
        let found = (50..80).flat_map(|x| (0..40).map(move |y| (x, y))).filter(blue).count();
        assert!((20..400).contains(&found), "{found} pixels of the dash");
    }

    #[test]
    fn each_weight_has_its_own_letters_and_a_missing_letter_is_a_box() {
        let ink = |letters: &str, weight| {
            let mut scene = scene();
            scene.text(text(letters, weight));
            let dark = |colour: &&resvg::tiny_skia::PremultipliedColorU8| colour.red() < 128;
            drawn(&scene).pixels().iter().filter(dark).count()
        };
        let (regular, semi_bold) = (ink("ll", Weight::Regular), ink("ll", Weight::SemiBold));
        assert!(regular > 0 && semi_bold * 5 > regular * 6, "{regular} and {semi_bold} pixels");
        assert!(ink("日", Weight::Regular) > 0, "nothing is drawn");
    }
}
