//! A chart of scores against a setting: a dot for each configuration, a bar for the mean of a
//! value.

use crate::report::html::axis::Axis;
use crate::report::html::escape::cut;
use crate::report::html::lines::{ACROSS, UPWARD, USUAL_HEIGHT, frame};
use crate::report::html::svg::{figure, line, number, path, text, titled};
use crate::report::sensitivity::Sensitivity;
use crate::report::words::{fixed, setting};

/// From this ratio of the largest to the smallest value on, an axis is logarithmic.
const LOGARITHMIC_FROM: f64 = 15.0;

/// Most values between whose means a line is drawn.
const JOINED: usize = 12;

/// How the values of the setting lie along the axis.
enum Across {
    /// Numbers on an axis.
    Numbers(Axis),
    /// Each value has a place of its own.
    Places(usize),
}

/// Returns the chart of `picture`, whose scores are shown with `decimals` digits.
pub fn chart(picture: &Sensitivity, decimals: usize) -> String {
    let numbers: Option<Vec<f64>> = picture.means.iter().map(|mean| mean.value.as_f64()).collect();
    let across = match &numbers {
        Some(numbers) => Across::Numbers(axis(numbers)),
        None => Across::Places(picture.means.len()),
    };
    let place = |value: &serde_json::Value| match &across {
        Across::Numbers(axis) => axis.place(value.as_f64().unwrap_or_default()),
        Across::Places(count) => {
            let at = picture.means.iter().position(|mean| mean.value == *value).unwrap_or(0);
            middle(at, *count)
        }
    };
    let vertical = Axis::around(picture.dots.iter().map(|dot| dot.score), UPWARD, 5);
    let mut content = match &across {
        Across::Numbers(axis) => frame(axis, &vertical, &picture.setting),
        Across::Places(count) => {
            // An axis without ticks: the values write their own names.
            let silent = Axis::within((0.2, 0.8), ACROSS, 1);
            let mut content = frame(&silent, &vertical, &picture.setting);
            let most = (46 / count.max(&1)).max(3);
            for (at, mean) in picture.means.iter().enumerate() {
                let name = cut(&setting(&mean.value), most);
                let x = middle(at, *count);
                content.push_str(&text("t c", (x, UPWARD.0 + 17.0), &name));
            }
            content
        }
    };
    let has_groups = picture.means.iter().any(|mean| mean.configurations > 1);
    let means: Vec<(f64, f64)> =
        picture.means.iter().map(|mean| (place(&mean.value), vertical.place(mean.mean))).collect();
    if numbers.is_some() && means.len() <= JOINED {
        content.push_str(&format!("<path class=\"r\" d=\"{}\"/>", path(&means)));
    }
    let mut marks = String::new();
    for (mean, &(x, y)) in picture.means.iter().zip(&means).filter(|_| has_groups) {
        let bar = line("k", (x - 9.0, y), (x + 9.0, y));
        let of = format!(
            "mean of {} with {}: {}",
            mean.configurations,
            setting(&mean.value),
            fixed(mean.mean, decimals)
        );
        marks.push_str(&titled("", &of, &bar));
    }
    for dot in &picture.dots {
        let (x, y) = (number(place(&dot.value)), number(vertical.place(dot.score)));
        let circle = format!("<circle class=\"d\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>");
        let title = format!("{}: {}", dot.entry, fixed(dot.score, decimals));
        marks.push_str(&titled("", &title, &circle));
    }
    content.push_str(&format!("<g class=\"s0\">{marks}</g>"));
    let what = if picture.normalised { "normalised mean over tasks" } else { "mean return" };
    let caption = format!("{}: {}", picture.method, picture.setting);
    figure(&caption, what, USUAL_HEIGHT, &content)
}

/// Returns the axis of a setting with these values, in ascending order.
fn axis(values: &[f64]) -> Axis {
    let (low, high) = (values[0], values[values.len() - 1]);
    if low > 0.0 && high / low >= LOGARITHMIC_FROM {
        return Axis::logarithmic(values.iter().copied(), ACROSS);
    }
    let room = 0.05 * (high - low);
    Axis::within((low - room, high + room), ACROSS, 5)
}

/// Returns the place of value `at` of `count`.
fn middle(at: usize, count: usize) -> f64 {
    ACROSS.0 + (at as f64 + 0.5) / count as f64 * (ACROSS.1 - ACROSS.0)
}
