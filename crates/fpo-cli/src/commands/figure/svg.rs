//! A scene as SVG.
//!
//! Each layer is a group with its style; numbers have two decimals at most. A text says how wide it
//! is in the figures' own font, so that a reader without that font makes another one fit.

use std::fmt::Write;

use crate::commands::figure::font::{FAMILY, Fonts};
use crate::commands::figure::scene::{Anchor, Layer, Paint, Scene, Shape, Style, Text};

/// Returns the SVG document of `scene`.
pub fn svg(scene: &Scene, fonts: &Fonts) -> String {
    let (width, height) = (scene.width, scene.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{FAMILY}\" role=\"img\">\n\
         <title>{}</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(&scene.title)
    );
    for layer in &scene.layers {
        match layer {
            Layer::Shapes { name, style, shapes } => {
                out += &format!("<g class=\"{name}\"{}>\n", attributes(style));
                shapes.iter().for_each(|shape| out += &element(shape));
                out += "</g>\n";
            }
            Layer::Text(text) => out += &text_element(text, fonts),
        }
    }
    out + "</svg>\n"
}

fn attributes(style: &Style) -> String {
    let mut text = match style.fill {
        Some(fill) => paint("fill", fill),
        None => " fill=\"none\"".into(),
    };
    if let Some(pen) = style.pen {
        text += &paint("stroke", pen.paint);
        let _ = write!(text, " stroke-width=\"{}\"", number(pen.width));
        match pen.dash > 0.0 {
            true => text += &format!(" stroke-dasharray=\"{}\"", number(pen.dash)),
            false => text += " stroke-linecap=\"round\" stroke-linejoin=\"round\"",
        }
    }
    text
}

fn paint(what: &str, paint: Paint) -> String {
    let colour = format!(" {what}=\"#{:06x}\"", paint.rgb);
    match paint.opacity < 1.0 {
        true => format!("{colour} {what}-opacity=\"{}\"", number(paint.opacity)),
        false => colour,
    }
}

fn element(shape: &Shape) -> String {
    match shape {
        Shape::Rect { x, y, width, height } => format!(
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
            number(*x),
            number(*y),
            number(*width),
            number(*height)
        ),
        Shape::Circle { x, y, radius } => format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>\n",
            number(*x),
            number(*y),
            number(*radius)
        ),
        Shape::Line(points) => {
            let points: Vec<String> =
                points.iter().map(|&(x, y)| format!("{} {}", number(x), number(y))).collect();
            format!("<path d=\"M{}\"/>\n", points.join("L"))
        }
    }
}

fn text_element(text: &Text, fonts: &Fonts) -> String {
    let mut out = format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\"{}",
        number(text.x),
        number(text.y),
        number(text.size),
        paint("fill", text.paint)
    );
    if text.weight.css() != 400 {
        let _ = write!(out, " font-weight=\"{}\"", text.weight.css());
    }
    match text.anchor {
        Anchor::Start => {}
        Anchor::Middle => out += " text-anchor=\"middle\"",
        Anchor::End => out += " text-anchor=\"end\"",
    }
    if fonts.has_all(&text.text, text.weight) {
        let width = fonts.width(&text.text, text.size, text.weight);
        let _ = write!(out, " textLength=\"{}\" lengthAdjust=\"spacingAndGlyphs\"", number(width));
    }
    out + &format!(">{}</text>\n", escaped(&text.text))
}

/// Returns `x` with two decimals, fewer where they are zeros.
fn number(x: f32) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Returns `text` as character data; signs that XML cannot hold at all are left out.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars().filter(|&c| c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}') {
        match letter {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::figure::font::Weight;

    #[test]
    fn shapes_and_texts_become_the_elements_of_their_names() {
        let mut scene = Scene { width: 40, height: 20, title: "a < b".into(), layers: vec![] };
        let style = Style::filled(Paint::solid(0x00ff80).at(0.5)).outlined(Paint::solid(0), 1.5);
        scene.shapes("dots", style, [Shape::Circle { x: 1.0, y: 2.25, radius: 0.126 }]);
        let line = Shape::Line(vec![(0.0, -0.001), (3.0, 4.5)]);
        scene.shapes("rule", Style::line(Paint::solid(0x123456), 1.0).dashed(2.0), [line]);
        scene.shapes("nothing", style, []);
        scene.text(Text {
            x: 5.0,
            y: 6.0,
            text: "R&D".into(),
            size: 10.0,
            weight: Weight::SemiBold,
            anchor: Anchor::End,
            paint: Paint::solid(0x222222),
        });
        let svg = svg(&scene, &Fonts::new().unwrap());
        for part in [
            "width=\"40\" height=\"20\" viewBox=\"0 0 40 20\"",
            "<title>a &lt; b</title>",
            "<g class=\"dots\" fill=\"#00ff80\" fill-opacity=\"0.5\" stroke=\"#000000\" \
             stroke-width=\"1.5\"",
            "<circle cx=\"1\" cy=\"2.25\" r=\"0.13\"/>",
            "stroke-dasharray=\"2\"",
            "<path d=\"M0 0L3 4.5\"/>",
            "font-weight=\"600\" text-anchor=\"end\" textLength=\"",
            ">R&amp;D</text>",
        ] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
        assert!(!svg.contains("nothing"));
    }
}
