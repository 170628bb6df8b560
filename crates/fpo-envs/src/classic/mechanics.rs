//! Gravity, and the integrator of the equations of motion: the classical Runge–Kutta method of
//! fourth order for ẋ = f(x),
//!
//! ```text
//! k₁ = f(x)   k₂ = f(x + h/2 k₁)   k₃ = f(x + h/2 k₂)   k₄ = f(x + h k₃)
//! x ← x + h/6 (k₁ + 2 k₂ + 2 k₃ + k₄)
//! ```
//!
//! Its error over a fixed time falls with h⁴.

/// Gravity, in m/s².
pub(super) const GRAVITY: f64 = 9.81;

/// Returns `x` after a step of length `h`, in the unit of time of `f`.
pub(super) fn runge_kutta<const N: usize>(
    x: [f64; N],
    h: f64,
    f: impl Fn([f64; N]) -> [f64; N],
) -> [f64; N] {
    let ahead = |h: f64, k: [f64; N]| std::array::from_fn(|i| x[i] + h * k[i]);
    let k1 = f(x);
    let k2 = f(ahead(0.5 * h, k1));
    let k3 = f(ahead(0.5 * h, k2));
    let k4 = f(ahead(h, k3));
    std::array::from_fn(|i| x[i] + h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Error at time 1 of ẋ = y, ẏ = −x, which turns (1, 0) by one radian.
    fn error(steps: usize) -> f64 {
        let mut x = [1.0, 0.0];
        for _ in 0..steps {
            x = runge_kutta(x, 1.0 / steps as f64, |[x, y]| [y, -x]);
        }
        (x[0] - 1f64.cos()).hypot(x[1] + 1f64.sin())
    }

    #[test]
    fn half_the_step_has_a_sixteenth_of_the_error() {
        for steps in [10, 20, 40] {
            let ratio = error(steps) / error(2 * steps);
            assert!((15.0..17.0).contains(&ratio), "{ratio}");
        }
        assert!(error(100) < 1e-10);
    }
}
