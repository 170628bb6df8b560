//! How entries are told apart in charts: by colour, by dashes, and by the shape of their marks, so
//! that no two need colour. The colours and dashes stand in `style.css`.

use crate::report::html::escape::escaped;
use crate::report::html::svg::number;

/// Returns the class of the entry at place `at` of those that charts show.
pub fn class(at: usize) -> String {
    format!("s{at}")
}

/// Returns the mark of the entry at place `at`, centred at `x`, `y`.
pub fn mark(at: usize, x: f64, y: f64, radius: f64) -> String {
    let points = |corners: &[(f64, f64)]| {
        let corner = |&(dx, dy): &(f64, f64)| {
            format!("{},{}", number(x + dx * radius), number(y + dy * radius))
        };
        let corners: Vec<String> = corners.iter().map(corner).collect();
        format!("<polygon class=\"m\" points=\"{}\"/>", corners.join(" "))
    };
    match at {
        0 => {
            let (x, y, r) = (number(x), number(y), number(radius));
            format!("<circle class=\"m\" cx=\"{x}\" cy=\"{y}\" r=\"{r}\"/>")
        }
        1 => points(&[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)]),
        2 => points(&[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)]),
        3 => points(&[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)]),
        4 => points(&[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)]),
        5 => points(&[
            (-0.4, -1.2),
            (0.4, -1.2),
            (0.4, -0.4),
            (1.2, -0.4),
            (1.2, 0.4),
            (0.4, 0.4),
            (0.4, 1.2),
            (-0.4, 1.2),
            (-0.4, 0.4),
            (-1.2, 0.4),
            (-1.2, -0.4),
            (-0.4, -0.4),
        ]),
        6 => points(&[(-0.6, -1.1), (0.6, -1.1), (1.2, 0.0), (0.6, 1.1), (-0.6, 1.1), (-1.2, 0.0)]),
        _ => points(&[(-1.3, -0.6), (1.3, -0.6), (1.3, 0.6), (-1.3, 0.6)]),
    }
}

/// Returns a key of the entries with these labels, in the order of their places.
pub fn key(labels: &[&str]) -> String {
    let item = |(at, label): (usize, &&str)| {
        format!(
            "<li class=\"{}\"><svg viewBox=\"0 0 44 14\" aria-hidden=\"true\"><path class=\"l\" \
             d=\"M0 7H44\"/>{}</svg>{}</li>",
            class(at),
            mark(at, 22.0, 7.0, 4.5),
            escaped(label)
        )
    };
    let items: Vec<String> = labels.iter().enumerate().map(item).collect();
    format!("<ul class=\"key\">{}</ul>\n", items.concat())
}
