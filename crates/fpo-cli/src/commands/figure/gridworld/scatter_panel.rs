//! A panel with the action samples of one state, one dot each, and what the statistics say.

use crate::commands::figure::font::Weight;
use crate::commands::figure::gridworld::palette;
use crate::commands::figure::gridworld::palette::label;
use crate::commands::figure::gridworld::report::p_value;
use crate::commands::figure::gridworld::survey::{StateSamples, Survey};
use crate::commands::figure::scene::{Anchor, Scene, Shape, Style, Text};
use crate::statistics::sample::quantile;

/// Height of the lines above the panel.
pub const ABOVE: f32 = 20.0;
/// Height of the numbers and lines below it.
pub const BELOW: f32 = 52.0;

/// Where the samples of one state are drawn.
#[derive(Clone, Copy, Debug)]
pub struct ScatterPanel {
    /// Its left edge.
    pub x: f32,
    /// Its upper edge.
    pub y: f32,
    /// Its side.
    pub side: f32,
    /// Largest size of an action that it shows.
    pub limit: f32,
    /// Whether it is the first of its row, which has numbers at its left edge.
    pub first: bool,
}

/// Returns the limit within which all but half a percent of the numbers in `surveys` lie: a stray
/// sample or two should not make all others small. The few beyond it are drawn on the frame.
pub fn limit(surveys: &[Survey]) -> f32 {
    let states = surveys.iter().flat_map(|survey| &survey.states);
    let actions = states.flat_map(|state| state.actions.as_flattened());
    let sizes: Vec<f64> = actions.map(|a| f64::from(a.abs())).collect();
    round_limit(sizes)
}

/// Returns the first multiple of ½ well above the quantile, with room for a size of 1.
fn round_limit(mut sizes: Vec<f64>) -> f32 {
    sizes.sort_by(f64::total_cmp);
    let largest = 1.1 * quantile(&sizes, 0.995) as f32;
    ((2.0 * largest).ceil() / 2.0).max(1.5)
}

impl ScatterPanel {
    fn point(&self, right: f32, up: f32) -> (f32, f32) {
        let scale = 0.5 * self.side / self.limit;
        let (x, y) = (self.x + 0.5 * self.side, self.y + 0.5 * self.side);
        (x + right * scale, y - up * scale)
    }

    /// Paints the panel.
    pub fn paint(&self, scene: &mut Scene, survey: &Survey, state: &StateSamples) {
        self.thresholds(scene, survey);
        for (name, paint, way) in
            [("stay", palette::STAY, 0), ("down", palette::DOWN, -1), ("up", palette::UP, 1)]
        {
            let chosen = state.actions.iter().zip(&state.moves).filter(|(_, m)| m.1 == way);
            let dots = chosen.map(|(action, _)| {
                let [right, up] = action.map(|a| a.clamp(-self.limit, self.limit));
                let (x, y) = self.point(right, up);
                Shape::Circle { x, y, radius: 1.5 }
            });
            scene.shapes(name, Style::filled(paint.at(0.4)), dots);
        }
        let frame = Shape::Rect { x: self.x, y: self.y, width: self.side, height: self.side };
        scene.shapes("frame", Style::line(palette::FRAME, 1.0), [frame]);
        self.ticks(scene);
        self.texts(scene, state);
    }

    /// Paints the lines at which the environment rounds to another move.
    fn thresholds(&self, scene: &mut Scene, survey: &Survey) {
        let (far, at) = (self.limit, survey.step_from);
        let lines = [-at, at].into_iter().flat_map(|at| {
            [
                Shape::Line(vec![self.point(at, -far), self.point(at, far)]),
                Shape::Line(vec![self.point(-far, at), self.point(far, at)]),
            ]
        });
        scene.shapes("threshold", Style::line(palette::THRESHOLD, 0.9).dashed(2.5), lines);
    }

    /// Writes 0 and a round number on either side of it below the panel and, where the panel is the
    /// first of its row, to its left.
    fn ticks(&self, scene: &mut Scene) {
        let fits = |tick: &&f32| **tick <= 0.85 * self.limit;
        let tick = [50.0, 20.0, 10.0, 5.0, 2.0, 1.0].iter().find(fits).copied().unwrap_or(1.0);
        let mut marks = Vec::new();
        for tick in [-tick, 0.0, tick] {
            let text = format!("{tick:.0}").replace('-', "−");
            let (x, y) = self.point(tick, -self.limit);
            marks.push(Shape::Line(vec![(x, y), (x, y + 3.0)]));
            scene.text(label(text.clone(), x, y + 13.0, 9.5, Anchor::Middle));
            let (x, y) = self.point(-self.limit, tick);
            marks.push(Shape::Line(vec![(x, y), (x - 3.0, y)]));
            if self.first {
                scene.text(label(text, x - 6.0, y + 3.4, 9.5, Anchor::End));
            }
        }
        scene.shapes("tick", Style::line(palette::FRAME, 1.0), marks);
    }

    fn texts(&self, scene: &mut Scene, state: &StateSamples) {
        let (middle, bottom) = (self.x + 0.5 * self.side, self.y + self.side);
        let kind = if state.saddle { "saddle" } else { "ordinary" };
        scene.text(Text {
            paint: palette::INK,
            ..label(format!("{:?} {kind}", state.place), middle, self.y - 7.0, 11.0, Anchor::Middle)
        });
        let modality = &state.modality;
        let modes = modality.mode_count();
        let plural = if modes == 1 { "" } else { "s" };
        let verdict = format!("{modes} mode{plural}");
        scene.text(Text {
            weight: Weight::SemiBold,
            paint: palette::INK,
            ..label(verdict, middle, bottom + 32.0, 11.0, Anchor::Middle)
        });
        let dip = format!("dip {:.3}, {}", modality.dip, p_value(modality.p_value));
        scene.text(Text {
            paint: palette::INK,
            ..label(dip, middle, bottom + 47.0, 11.0, Anchor::Middle)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_sample_does_not_set_the_limit_and_a_whole_tail_does() {
        let mut sizes = vec![0.5; 1000];
        assert_eq!(round_limit(sizes.clone()), 1.5);
        sizes[7] = 40.0;
        assert_eq!(round_limit(sizes.clone()), 1.5);
        sizes[..20].fill(2.0);
        assert_eq!(round_limit(sizes), 2.5);
    }
}
