//! The values of one metric over a run, kept in bounded memory.

/// The most points that are kept. A terminal shows a few hundred.
const MOST_POINTS: usize = 1024;

/// Points `(step, value)` of a metric. Where there are too many, neighbours are averaged.
#[derive(Clone, Debug, Default)]
pub struct Series {
    points: Vec<(f64, f64)>,
    /// Values that make a point.
    per_point: usize,
    /// The sums of steps and values that do not make a whole point yet, and their number.
    begun: (f64, f64, usize),
    last: Option<f64>,
    count: usize,
}

impl Series {
    /// Adds the value at a step. A value that is not finite has no place on a curve, but is the
    /// last one all the same.
    pub fn push(&mut self, step: u64, value: f64) {
        self.last = Some(value);
        self.count += 1;
        if !value.is_finite() {
            return;
        }
        // A run that went back to a checkpoint makes its steps again.
        while self.points.last().is_some_and(|(last, _)| *last >= step as f64) {
            self.points.pop();
            self.begun = Default::default();
        }
        let (steps, values, count) = self.begun;
        self.begun = (steps + step as f64, values + value, count + 1);
        if self.begun.2 < self.per_point.max(1) {
            return;
        }
        let (steps, values, count) = std::mem::take(&mut self.begun);
        self.points.push((steps / count as f64, values / count as f64));
        if self.points.len() > MOST_POINTS {
            self.halve();
        }
    }

    fn halve(&mut self) {
        let middle = |pair: &[(f64, f64)]| match pair {
            [a, b] => ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0),
            rest => rest[0],
        };
        self.points = self.points.chunks(2).map(middle).collect();
        self.per_point = self.per_point.max(1) * 2;
    }

    /// Returns the points in the order of their steps.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// Returns how many values were added.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Returns the value that was added last.
    pub fn last(&self) -> Option<f64> {
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_its_shape_in_bounded_memory() {
        let mut series = Series::default();
        for step in 0..1_000_000_u64 {
            series.push(step, step as f64 * 2.0);
        }
        let points = series.points();
        assert!((512..=1024).contains(&points.len()), "{}", points.len());
        assert!(points.iter().all(|(step, value)| (value - 2.0 * step).abs() < 1e-6));
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(points[0].0 < 2000.0 && points[points.len() - 1].0 > 997_000.0);
        assert_eq!(series.last(), Some(1_999_998.0));
    }

    #[test]
    fn steps_that_are_made_again_replace_what_was() {
        let mut series = Series::default();
        for (step, value) in [(1, 1.0), (2, 2.0), (3, 3.0), (2, 5.0)] {
            series.push(step, value);
        }
        assert_eq!(series.points(), [(1.0, 1.0), (2.0, 5.0)]);
    }

    #[test]
    fn what_is_not_finite_is_told_but_not_drawn() {
        let mut series = Series::default();
        series.push(1, 5.0);
        series.push(2, f64::NAN);
        assert_eq!(series.points(), [(1.0, 5.0)]);
        assert!(series.last().is_some_and(f64::is_nan));
    }
}
