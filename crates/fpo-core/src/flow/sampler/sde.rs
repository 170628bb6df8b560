//! A stochastic sampler whose `x_t` has the same law as the ODE's at every time, however much noise
//! it adds.
//!
//! With `ε ~ N(0, I)`, `x_t = t·ε + (1−t)·a` and `v = E[ε − a | x_t]`, a network that knows the
//! velocity knows the noise in `x`, the action, and the score of the law `p_t`:
//!
//! ```text
//! ε̂ = E[ε | x] = x + (1−t)·v,   â = E[a | x] = x − t·v,   ∇ log p_t(x) = −ε̂ / t
//! ```
//!
//! The ODE transports `p_t`. In the time `s = 1 − t`, which runs forwards, so does for any `g(t)`
//! the equation
//!
//! ```text
//! dx = [−v + g²/2 · ∇ log p_t] ds + g dW = [−v − g²/(2t)·ε̂] ds + g dW
//! ```
//!
//! because in the Fokker–Planck equation the added drift `g²/2·∇ log p_t` cancels the diffusion
//! `g²/2·Δp_t`. Here
//!
//! ```text
//! g²(t) = 2·churn·t·(1−t),   so that the correction is −churn·(1−t)·ε̂
//! ```
//!
//! It vanishes at `t = 1`, where all is noise already, and at `t = 0`, where noise would stay in
//! the action; the correction has no pole at 0. Without churn the equation is the ODE.
//!
//! A step from `t` to `t′` keeps `â` and `ε̂` and solves the exchange of noise exactly (it is an
//! Ornstein–Uhlenbeck process whose rate is `g²/(2t²)`), which is stable for any churn and adds no
//! noise in the last step:
//!
//! ```text
//! x′ = (1−t′)·â + t′·(ρ·ε̂ + √(1−ρ²)·z),   z ~ N(0, I)
//! ρ  = exp(−∫ g²/(2u²) du from t′ to t) = (t′/t)^churn · exp(churn·(t−t′))
//! ```
//!
//! On any other path `g² = 2·churn·α·σ`, with which the correction is `−churn·α·ε̂`, and
//! `x′ = α(t′)·â + σ(t′)·(ρ·ε̂ + √(1−ρ²)·z)`. On the cosine path the integral gives
//! `ρ = (σ(t′)/σ(t))^(2·churn/π)`.
//!
//! To first order in `t − t′` this is the Euler–Maruyama step, so the law at `t = 0` errs by the
//! first order of the step, as Euler's does, and more with more churn. The step is computed as the
//! step without noise plus `σ(t′)·((ρ−1)·ε̂ + √(1−ρ²)·z)`; on the linear path churn 0 gives Euler's
//! bits, on the cosine path the DDIM step.

use std::f64::consts::FRAC_2_PI;

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::path::Path;
use crate::flow::sampler::runge_kutta::Velocity;

/// Takes one step between every two neighbours of `times`; `draw(k)` returns the `z` of step `k`.
pub(crate) fn walk(
    path: Path,
    velocity: Velocity,
    start: &Tensor,
    times: &[f64],
    churn: f64,
    draw: impl Fn(usize) -> Result<Tensor>,
) -> Result<Tensor> {
    let mut x = start.clone();
    for (k, pair) in times.windows(2).enumerate() {
        let (t, end) = (pair[0], pair[1]);
        let v = velocity(&x, t)?;
        let (_, sigma) = path.shares(t);
        let (alpha_end, sigma_end) = path.shares(end);
        let (action, predicted) = path.unmix(&x, &v, t)?;
        let (step, kept) = match path {
            Path::Linear => {
                ((&x + (&v * (end - t))?)?, (end / t).powf(churn) * (churn * (t - end)).exp())
            }
            Path::Cosine => (
                ((action * alpha_end)? + (&predicted * sigma_end)?)?,
                (sigma_end / sigma).powf(churn * FRAC_2_PI),
            ),
        };
        x = if end > 0.0 && kept < 1.0 {
            let fresh = (1.0 - kept * kept).sqrt();
            let exchange = ((predicted * (kept - 1.0))? + (draw(k)? * fresh)?)?;
            (step + (exchange * sigma_end)?)?
        } else {
            step
        };
    }
    Ok(x)
}
