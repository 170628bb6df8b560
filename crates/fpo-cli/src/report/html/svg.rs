//! A chart as inline SVG in a `figure`. Charts are 360 units wide, about as many as a phone has
//! pixels, so that their text is as large as the page's.

use crate::report::html::escape::escaped;

/// Width of every chart, in units.
pub const WIDTH: f64 = 360.0;

/// Returns a coordinate with one digit after the point at most.
pub fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// Returns a straight line of class `class`.
pub fn line(class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(number);
    format!("<path class=\"{class}\" d=\"M{x1} {y1}L{x2} {y2}\"/>")
}

/// Returns text of class `class` at a point.
pub fn text(class: &str, (x, y): (f64, f64), content: &str) -> String {
    let (x, y) = (number(x), number(y));
    format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(content))
}

/// Returns `content` with a title that shows when a pointer rests on it.
pub fn titled(class: &str, title: &str, content: &str) -> String {
    format!("<g class=\"{class}\"><title>{}</title>{content}</g>", escaped(title))
}

/// Returns the points as the data of a path.
pub fn path(points: &[(f64, f64)]) -> String {
    let mut data = String::new();
    for (at, &(x, y)) in points.iter().enumerate() {
        data.push(if at == 0 { 'M' } else { 'L' });
        data.push_str(&number(x));
        data.push(' ');
        data.push_str(&number(y));
    }
    data
}

/// Returns a figure with a caption, what is to be said about it, and a chart of this height.
pub fn figure(caption: &str, about: &str, height: f64, content: &str) -> String {
    let about = match about.is_empty() {
        true => String::new(),
        false => format!("<small>{}</small>", escaped(about)),
    };
    let caption = escaped(caption);
    format!(
        "<figure><figcaption>{caption}{about}</figcaption><svg viewBox=\"0 0 {WIDTH} {}\" \
         role=\"img\" aria-label=\"{caption}\" xmlns=\"http://www.w3.org/2000/svg\">{content}</svg>\
         </figure>\n",
        number(height)
    )
}
