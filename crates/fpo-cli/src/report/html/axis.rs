//! Axes: from numbers to places, and ticks at round numbers.

use crate::report::words::{fixed, short};

/// A linear or logarithmic axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    from: f64,
    to: f64,
    ticks: Vec<f64>,
}

impl Axis {
    /// Returns an axis whose ends are round and hold all finite `values`, between the places `from`
    /// and `to`, with about `ticks` ticks.
    pub fn around(values: impl Iterator<Item = f64>, (from, to): (f64, f64), ticks: usize) -> Axis {
        let (mut low, mut high) = ends(values);
        if low >= 0.0 && low < 0.5 * high {
            low = 0.0;
        }
        if low == high {
            let room = if low == 0.0 { 1.0 } else { 0.1 * low.abs() };
            (low, high) = (low - room, high + room);
        }
        let step = round_step((high - low) / ticks as f64);
        let first = (low / step + 1e-9).floor();
        let last = (high / step - 1e-9).ceil();
        let ticks = (0..=(last - first) as usize).map(|at| (first + at as f64) * step).collect();
        Axis { low: first * step, high: last * step, is_logarithmic: false, from, to, ticks }
    }

    /// Returns an axis from `low` to `high` with about `ticks` ticks at round numbers between them.
    pub fn within((low, high): (f64, f64), (from, to): (f64, f64), ticks: usize) -> Axis {
        let high = if low < high { high } else { low + 1.0 };
        let step = round_step((high - low) / ticks as f64);
        let first = (low / step - 1e-9).ceil();
        let count = (high / step + 1e-9).floor() - first;
        let ticks = (0..=count.max(0.0) as usize).map(|at| (first + at as f64) * step).collect();
        Axis { low, high, is_logarithmic: false, from, to, ticks }
    }

    /// Returns a logarithmic axis around positive `values`, with ticks at 1, 2 or 5 times powers of
    /// ten.
    pub fn logarithmic(values: impl Iterator<Item = f64>, (from, to): (f64, f64)) -> Axis {
        let (low, high) = ends(values);
        let room = (high / low).powf(0.06);
        let (low, high) = (low / room, high * room);
        let decades = (high / low).log10();
        let factors: &[f64] = match decades {
            decades if decades > 2.5 => &[1.0],
            decades if decades > 1.2 => &[1.0, 3.0],
            _ => &[1.0, 2.0, 5.0],
        };
        let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
        let all = powers.flat_map(|power| factors.iter().map(move |f| f * 10f64.powi(power)));
        let ticks = all.filter(|tick| (low..=high).contains(tick)).collect();
        Axis { low, high, is_logarithmic: true, from, to, ticks }
    }

    /// Returns the place of `value`.
    pub fn place(&self, value: f64) -> f64 {
        let share = match self.is_logarithmic {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        self.from + share * (self.to - self.from)
    }

    /// Returns places and names of the ticks.
    pub fn ticks(&self) -> Vec<(f64, String)> {
        let step = match self.ticks.as_slice() {
            [first, second, ..] => second - first,
            _ => 1.0,
        };
        let decimals = (-step.log10() - 1e-9).ceil().clamp(0.0, 8.0) as usize;
        let largest = self.ticks.iter().fold(0.0, |most: f64, tick| most.max(tick.abs()));
        let name = |tick: f64| match self.is_logarithmic || decimals > 4 || largest >= 1e6 {
            true => short(tick),
            false => fixed(tick, decimals),
        };
        self.ticks.iter().map(|&tick| (self.place(tick), name(tick))).collect()
    }
}

/// Returns the smallest and the largest of the finite `values`; 0 and 1 if there are none.
fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for value in values.filter(|value| value.is_finite()) {
        (low, high) = (low.min(value), high.max(value));
    }
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Returns the least of 1, 2 or 5 times a power of ten that is not below `step`.
fn round_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= step * 0.999);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_all_values() {
        let axis = Axis::around([12.0, 871.0].into_iter(), (0.0, 100.0), 5);
        assert_eq!(names(&axis), ["0", "200", "400", "600", "800", "1000"]);
        assert_eq!((axis.place(0.0), axis.place(500.0), axis.place(1000.0)), (0.0, 50.0, 100.0));
        let axis = Axis::around([-0.12, 0.31].into_iter(), (0.0, 1.0), 4);
        assert_eq!(names(&axis), ["−0.2", "0.0", "0.2", "0.4"]);
        let axis = Axis::around([990.0, 999.9].into_iter(), (0.0, 1.0), 5);
        assert_eq!(names(&axis), ["990", "992", "994", "996", "998", "1000"]);
    }

    #[test]
    fn one_value_or_none_still_make_an_axis() {
        for values in [vec![], vec![0.0], vec![-3.0, -3.0], vec![f64::NAN]] {
            let axis = Axis::around(values.iter().copied(), (0.0, 1.0), 4);
            assert!(axis.ticks().len() > 1 && axis.place(0.5).is_finite(), "{values:?} {axis:?}");
        }
    }

    #[test]
    fn a_logarithmic_axis_spreads_powers_evenly() {
        let axis = Axis::logarithmic([1e-5, 1e-2].into_iter(), (0.0, 1.0));
        assert_eq!(names(&axis), ["1e-5", "0.0001", "0.001", "0.01"]);
        let middle = axis.place((1e-5_f64 * 1e-2).sqrt());
        assert!((middle - 0.5).abs() < 1e-12, "{middle}");
    }

    #[test]
    fn an_axis_within_its_ends_has_ticks_between_them_only() {
        let axis = Axis::within((0.5, 2.6), (0.0, 1.0), 4);
        assert_eq!(names(&axis), ["1", "2"]);
        assert_eq!((axis.place(0.5), axis.place(2.6)), (0.0, 1.0));
    }
}
