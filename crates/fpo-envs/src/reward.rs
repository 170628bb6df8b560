//! `tolerance`, the one function from which the Control Suite's rewards are made.
//!
//! It is 1 inside an interval and falls off outside. With d the distance to the nearest bound
//! divided by `margin`, and v the value at d = 1, which the task chooses, the shapes are
//!
//! | shape     | value at d                                 |
//! |-----------|--------------------------------------------|
//! | gaussian  | exp(−½ (d s)²), s = √(−2 ln v)             |
//! | linear    | max(0, 1 − d (1 − v))                      |
//! | quadratic | max(0, 1 − (d s)²), s = √(1 − v)           |
//! | long tail | 1 / (1 + (d s)²), s = √(1/v − 1)           |
//!
//! after Tassa et al., "DeepMind Control Suite" (arXiv 1801.00690).

/// How a reward falls off outside its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sigmoid {
    /// A bell; the value at the margin must be in (0, 1).
    Gaussian {
        /// Value at distance `margin`.
        value_at_margin: f64,
    },
    /// A straight line down to 0; the value at the margin must be in [0, 1).
    Linear {
        /// Value at distance `margin`.
        value_at_margin: f64,
    },
    /// A parabola down to 0; the value at the margin must be in [0, 1).
    Quadratic {
        /// Value at distance `margin`.
        value_at_margin: f64,
    },
    /// A bell with a long tail; the value at the margin must be in (0, 1).
    LongTail {
        /// Value at distance `margin`.
        value_at_margin: f64,
    },
}

impl Sigmoid {
    /// The Control Suite's usual shape: a bell with 0.1 at the margin.
    pub const USUAL: Self = Self::Gaussian { value_at_margin: 0.1 };

    /// Returns the value at distance `d`, in units of the margin. It is 1 at `d` = 0.
    fn at(self, d: f64) -> f64 {
        match self {
            Self::Gaussian { value_at_margin } => {
                let scaled = d * (-2.0 * value_at_margin.ln()).sqrt();
                (-0.5 * scaled * scaled).exp()
            }
            Self::Linear { value_at_margin } => (1.0 - d * (1.0 - value_at_margin)).max(0.0),
            Self::Quadratic { value_at_margin } => {
                let scaled = d * (1.0 - value_at_margin).sqrt();
                (1.0 - scaled * scaled).max(0.0)
            }
            Self::LongTail { value_at_margin } => {
                1.0 / (1.0 + d * d * (1.0 / value_at_margin - 1.0))
            }
        }
    }
}

/// Returns 1 for `x` in [`lower`, `upper`], and outside `sigmoid` of the distance to the interval
/// in units of `margin`. With `margin` 0 the value outside is 0. The result is finite if `x` is.
pub fn tolerance(x: f64, (lower, upper): (f64, f64), margin: f64, sigmoid: Sigmoid) -> f64 {
    if (lower..=upper).contains(&x) {
        1.0
    } else if margin == 0.0 {
        0.0
    } else {
        let distance = if x < lower { lower - x } else { x - upper };
        sigmoid.at(distance / margin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [fn(f64) -> Sigmoid; 4] = [
        |value_at_margin| Sigmoid::Gaussian { value_at_margin },
        |value_at_margin| Sigmoid::Linear { value_at_margin },
        |value_at_margin| Sigmoid::Quadratic { value_at_margin },
        |value_at_margin| Sigmoid::LongTail { value_at_margin },
    ];

    #[test]
    fn inside_the_interval_the_value_is_one() {
        for x in [-1.0, 0.0, 2.0] {
            assert_eq!(tolerance(x, (-1.0, 2.0), 0.0, Sigmoid::USUAL), 1.0);
            assert_eq!(tolerance(x, (-1.0, 2.0), 3.0, Sigmoid::USUAL), 1.0);
        }
    }

    #[test]
    fn without_a_margin_the_value_outside_is_zero() {
        assert_eq!(tolerance(2.0 + 1e-9, (-1.0, 2.0), 0.0, Sigmoid::USUAL), 0.0);
        assert_eq!(tolerance(-1.0 - 1e-9, (-1.0, 2.0), 0.0, Sigmoid::USUAL), 0.0);
    }

    #[test]
    fn every_shape_has_its_value_at_the_margin_on_both_sides() {
        for shape in SHAPES {
            for value in [0.1, 0.5, 0.9] {
                let above = tolerance(2.0 + 3.0, (-1.0, 2.0), 3.0, shape(value));
                let below = tolerance(-1.0 - 3.0, (-1.0, 2.0), 3.0, shape(value));
                assert!((above - value).abs() < 1e-15, "{above} {value}");
                assert!((below - value).abs() < 1e-15, "{below} {value}");
            }
        }
    }

    #[test]
    fn shapes_have_their_value_half_way() {
        let half = |shape| tolerance(0.5, (0.0, 0.0), 1.0, shape);
        assert!((half(Sigmoid::USUAL) - 0.1f64.powf(0.25)).abs() < 1e-15);
        assert_eq!(half(Sigmoid::Linear { value_at_margin: 0.0 }), 0.5);
        assert_eq!(half(Sigmoid::Quadratic { value_at_margin: 0.0 }), 0.75);
        assert!((half(Sigmoid::LongTail { value_at_margin: 0.1 }) - 4.0 / 13.0).abs() < 1e-15);
    }

    #[test]
    fn straight_line_and_parabola_stay_at_zero_far_away() {
        for shape in &SHAPES[1..3] {
            assert_eq!(tolerance(1e30, (0.0, 0.0), 1.0, shape(0.0)), 0.0);
            assert_eq!(tolerance(1e30, (0.0, 0.0), 1.0, shape(0.5)), 0.0);
        }
    }

    #[test]
    fn an_interval_without_an_upper_bound_is_allowed() {
        let linear = Sigmoid::Linear { value_at_margin: 0.0 };
        assert_eq!(tolerance(2.5, (10.0, f64::INFINITY), 10.0, linear), 0.25);
        assert_eq!(tolerance(1e9, (10.0, f64::INFINITY), 10.0, linear), 1.0);
    }
}
