//! The Dormand–Prince 5(4) method with step control.
//!
//! Each trial step of size `h` has the error estimate `e = h·Σ (bᵢ − b̂ᵢ)·kᵢ`, scaled as
//!
//! ```text
//! E = max over rows of √(mean over a row of (e / (atol + rtol·max(|x|, |x′|)))²)
//! ```
//!
//! It is accepted if `E ≤ 1`, and the next size is `h·clamp(0.9·E^(−1/5), 0.2, 5)`. One size serves
//! the whole batch, so no row is worse than the tolerance and the hardest row sets the pace. The
//! velocity at the end of an accepted step is the first of the next one.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::flow::sampler::runge_kutta::{DORMAND_PRINCE, DORMAND_PRINCE_ERROR, Velocity, advance};

/// Most steps, rejected ones included, that Dopri5 may try.
pub const MAX_STEPS: usize = 1000;

/// Integrates over `times`. Steps stop at each of them, and the first interval is also the first
/// step size that is tried.
pub(crate) fn walk(
    velocity: Velocity,
    start: &Tensor,
    times: &[f64],
    rtol: f64,
    atol: f64,
) -> Result<Tensor> {
    let mut x = start.clone();
    let mut first = None;
    let mut size = times[0] - times[1];
    let (mut tries, mut error) = (0, 0.0);
    for pair in times.windows(2) {
        let mut t = pair[0];
        while t > pair[1] {
            if tries == MAX_STEPS {
                return Err(Error::Invalid(format!(
                    "dopri5 needs more than {MAX_STEPS} steps for rtol {rtol} and atol {atol}: \
                     it reached t = {t}, where the last step's error is {error} times what is \
                     allowed"
                )));
            }
            tries += 1;
            let lands = size >= t - pair[1];
            let end = if lands { pair[1] } else { t - size };
            let slopes = DORMAND_PRINCE.slopes(velocity, &x, t, end, first.take())?;
            let next = advance(&x, end - t, DORMAND_PRINCE.weights, &slopes)?;
            let estimate = advance(&x.zeros_like()?, end - t, &DORMAND_PRINCE_ERROR, &slopes)?;
            error = norm(&estimate, &x, &next, rtol, atol)?;
            let proposed = (t - end) * factor(error);
            if error <= 1.0 {
                // A step that was cut short to stop at a grid time is no reason for a smaller size.
                size = if lands { proposed.max(size) } else { proposed };
                first = slopes.into_iter().next_back();
                (x, t) = (next, end);
            } else {
                size = proposed;
                first = slopes.into_iter().next();
            }
        }
    }
    Ok(x)
}

/// Returns the factor on the step size after a step with the scaled error `error`.
fn factor(error: f64) -> f64 {
    match error.is_finite() {
        true => (0.9 * error.powf(-0.2)).clamp(0.2, 5.0),
        false => 0.2,
    }
}

/// Returns the scaled error `E`, which is NaN if any element is.
fn norm(estimate: &Tensor, x: &Tensor, next: &Tensor, rtol: f64, atol: f64) -> Result<f64> {
    let scale = ((x.abs()?.maximum(&next.abs()?)? * rtol)? + atol)?;
    let last = estimate.rank() - 1;
    let rows = (estimate / scale)?.sqr()?.mean(last)?.sqrt()?.flatten_all()?;
    let rows = rows.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
    // `f64::max` would pass over a NaN.
    Ok(rows.into_iter().fold(0.0, |most, row| if row <= most { most } else { row + 0.0 * most }))
}
