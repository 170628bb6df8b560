//! A scene as PNG: anti-aliased, at a whole multiple of the scene's size.

use anyhow::{Context, Result};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint as Ink, Path, PathBuilder, Pixmap, Stroke,
    StrokeDash, Transform,
};
use ttf_parser::OutlineBuilder;

use crate::commands::figure::font::Fonts;
use crate::commands::figure::scene::{Anchor, Layer, Paint, Pen, Scene, Shape, Style, Text};

/// Pixels of the PNG per pixel of the scene and axis.
pub const SCALE: u32 = 2;

/// The PNG file of `scene`, [`SCALE`] times as wide and high.
///
/// # Errors
/// If the picture is too large for the memory.
pub fn png(scene: &Scene, fonts: &Fonts) -> Result<Vec<u8>> {
    let (width, height) = (SCALE * scene.width, SCALE * scene.height);
    let mut pixels = Pixmap::new(width, height)
        .with_context(|| format!("no picture of {width} × {height} pixels"))?;
    pixels.fill(Color::WHITE);
    for layer in &scene.layers {
        match layer {
            Layer::Shapes { style, shapes, .. } => {
                for shape in shapes.iter().filter_map(path) {
                    paint(&mut pixels, &shape, style);
                }
            }
            Layer::Text(text) => {
                if let Some(letters) = letters(text, fonts) {
                    paint(&mut pixels, &letters, &Style::filled(text.paint));
                }
            }
        }
    }
    Ok(pixels.encode_png()?)
}

fn paint(pixels: &mut Pixmap, path: &Path, style: &Style) {
    let scale = Transform::from_scale(SCALE as f32, SCALE as f32);
    if let Some(fill) = style.fill {
        pixels.fill_path(path, &ink(fill), FillRule::Winding, scale, None);
    }
    if let Some(pen) = style.pen {
        pixels.stroke_path(path, &ink(pen.paint), &stroke(pen), scale, None);
    }
}

fn ink(paint: Paint) -> Ink<'static> {
    let [_, r, g, b] = paint.rgb.to_be_bytes();
    let mut ink = Ink { anti_alias: true, ..Ink::default() };
    ink.set_color_rgba8(r, g, b, (paint.opacity.clamp(0.0, 1.0) * 255.0).round() as u8);
    ink
}

fn stroke(pen: Pen) -> Stroke {
    let dash = if pen.dash > 0.0 { StrokeDash::new(vec![pen.dash; 2], 0.0) } else { None };
    let round = dash.is_none();
    Stroke {
        width: pen.width,
        line_cap: if round { LineCap::Round } else { LineCap::Butt },
        line_join: if round { LineJoin::Round } else { LineJoin::Miter },
        dash,
        ..Stroke::default()
    }
}

/// The outline of a shape; `None` where it has no extent.
fn path(shape: &Shape) -> Option<Path> {
    let mut path = PathBuilder::new();
    match *shape {
        Shape::Rect { x, y, width, height } => {
            path.push_rect(tiny_skia::Rect::from_xywh(x, y, width, height)?);
        }
        Shape::Circle { x, y, radius } => path.push_circle(x, y, radius),
        Shape::Line(ref points) => {
            let (&(x, y), rest) = points.split_first()?;
            path.move_to(x, y);
            rest.iter().for_each(|&(x, y)| path.line_to(x, y));
        }
    }
    path.finish()
}

/// The outlines of a text's letters; `None` where it has none.
fn letters(text: &Text, fonts: &Fonts) -> Option<Path> {
    let width = fonts.width(&text.text, text.size, text.weight);
    let left = match text.anchor {
        Anchor::Start => text.x,
        Anchor::Middle => text.x - 0.5 * width,
        Anchor::End => text.x - width,
    };
    let mut pen = Letters(PathBuilder::new());
    fonts.outline(&text.text, text.size, text.weight, (left, text.y), &mut pen);
    pen.0.finish()
}

struct Letters(PathBuilder);

impl OutlineBuilder for Letters {
    fn move_to(&mut self, x: f32, y: f32) {
        self.0.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.0.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        self.0.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        self.0.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::figure::font::Weight;

    #[test]
    fn pixels_have_the_colours_of_what_was_painted() {
        let mut scene = Scene { width: 40, height: 20, title: String::new(), layers: vec![] };
        let square = |x| Shape::Rect { x, y: 5.0, width: 10.0, height: 10.0 };
        scene.shapes("red", Style::filled(Paint::solid(0xff0000)), [square(0.0)]);
        scene.shapes("half", Style::filled(Paint::solid(0).at(0.5)), [square(15.0), square(15.0)]);
        scene.text(Text {
            x: 40.0,
            y: 20.0,
            text: "—".into(),
            size: 20.0,
            weight: Weight::SemiBold,
            anchor: Anchor::End,
            paint: Paint::solid(0x0000ff),
        });
        let png = png(&scene, &Fonts::new().unwrap()).unwrap();
        let pixels = Pixmap::decode_png(&png).unwrap();
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
}
