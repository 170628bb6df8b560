//! A drawing as data: shapes and texts in the order in which they are painted.
//!
//! Lengths are in pixels, from the upper left corner, x to the right and y downwards. Each shape
//! of a layer is painted by itself, so that translucent ones grow darker where they overlap.

use crate::commands::figure::font::Weight;

/// A colour and how much of it covers what is below.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paint {
    /// 0xRRGGBB.
    pub rgb: u32,
    /// 0 (nothing) to 1 (all).
    pub opacity: f32,
}

impl Paint {
    /// Returns a colour that covers all that is below.
    pub const fn solid(rgb: u32) -> Paint {
        Paint { rgb, opacity: 1.0 }
    }

    /// Returns the same colour with another opacity.
    pub const fn at(self, opacity: f32) -> Paint {
        Paint { opacity, ..self }
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pen {
    /// Its colour.
    pub paint: Paint,
    /// Its width.
    pub width: f32,
    /// Lengths of dashes and of the gaps between them; 0 for none.
    pub dash: f32,
}

/// How the shapes of a layer look.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub struct Style {
    /// What they are filled with.
    pub fill: Option<Paint>,
    /// Their outline.
    pub pen: Option<Pen>,
}

impl Style {
    /// Returns the style of filled shapes without an outline.
    pub const fn filled(paint: Paint) -> Style {
        Style { fill: Some(paint), pen: None }
    }

    /// Returns the style of an outline alone.
    pub const fn line(paint: Paint, width: f32) -> Style {
        Style { fill: None, pen: Some(Pen { paint, width, dash: 0.0 }) }
    }

    /// Returns the same style with a dashed outline.
    pub const fn dashed(mut self, dash: f32) -> Style {
        if let Some(pen) = &mut self.pen {
            pen.dash = dash;
        }
        self
    }

    /// Returns the same style with an outline.
    pub const fn outlined(mut self, paint: Paint, width: f32) -> Style {
        self.pen = Some(Pen { paint, width, dash: 0.0 });
        self
    }
}

/// A shape.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A rectangle by its upper left corner, width and height.
    Rect {
        /// Left.
        x: f32,
        /// Top.
        y: f32,
        /// To the right.
        width: f32,
        /// Downwards.
        height: f32,
    },
    /// A circle.
    Circle {
        /// Centre.
        x: f32,
        /// Centre.
        y: f32,
        /// Radius.
        radius: f32,
    },
    /// Straight lines from point to point, two or more.
    Line(Vec<(f32, f32)>),
}

/// Which point of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Its left end.
    Start,
    /// Its middle.
    Middle,
    /// Its right end.
    End,
}

/// A line of text.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// Where its anchor is.
    pub x: f32,
    /// Its base line.
    pub y: f32,
    /// What it says.
    pub text: String,
    /// Height of the font's em square.
    pub size: f32,
    /// How bold.
    pub weight: Weight,
    /// Its horizontal alignment.
    pub anchor: Anchor,
    /// Its colour.
    pub paint: Paint,
}

/// What is painted in one go.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// Shapes of one style.
    Shapes {
        /// What they show, for readers of an SVG.
        name: &'static str,
        /// How they look.
        style: Style,
        /// The shapes.
        shapes: Vec<Shape>,
    },
    /// A line of text.
    Text(Text),
}

/// A drawing on white.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// One line on what it shows.
    pub title: String,
    /// What is painted, from below to above.
    pub layers: Vec<Layer>,
}

impl Scene {
    /// Paints `shapes` on top.
    pub fn shapes(
        &mut self,
        name: &'static str,
        style: Style,
        shapes: impl IntoIterator<Item = Shape>,
    ) {
        let shapes: Vec<Shape> = shapes.into_iter().collect();
        if !shapes.is_empty() {
            self.layers.push(Layer::Shapes { name, style, shapes });
        }
    }

    /// Writes `text` on top.
    pub fn text(&mut self, text: Text) {
        self.layers.push(Layer::Text(text));
    }
}
