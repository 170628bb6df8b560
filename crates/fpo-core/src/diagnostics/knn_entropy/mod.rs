//! Differential entropy of samples from distances to neighbours (Kozachenko and Leonenko, 1987).
//!
//! A flow policy can be sampled but not scored, so that the entropy of its actions has no closed
//! form. For `n` samples in `R^d` whose k-th nearest neighbours lie at distances `r_i`,
//!
//! ```text
//! H ≈ ψ(n) − ψ(k) + ln V_d + (d/n)·Σ ln r_i     nats
//! ```
//!
//! with `ψ` the digamma function and `V_d` the volume of the unit ball. The standard error is about
//! `√((Var ln p + ψ′(k))/n)`. The bias comes from taking the density for constant within each ball:
//! small in a few dimensions, but +1.2 nats on 29.8 for 2000 normal samples in 21. It hardly
//! depends on the scale, so that differences between policies on the same task stay meaningful.
//!
//! Samples that coincide would make it `−∞`. Distances therefore count as [`MIN_DISTANCE`] at
//! least: a policy that always does the same has a low entropy, but a finite one.
//!
//! ```
//! // Three points on a line: ψ(3) − ψ(1) + ln 2 + (ln 1 + ln 1 + ln 2)/3.
//! let entropy = fpo_core::knn_entropy(&[0.0f32, 1.0, 3.0], 1, 1)?;
//! assert!((entropy - (1.5 + 4.0 / 3.0 * f64::ln(2.0))).abs() < 1e-12);
//! # Ok::<(), fpo_core::Error>(())
//! ```

use std::f64::consts::PI;

use rayon::prelude::*;

use crate::error::{Error, Result};

/// Neighbours that make a good compromise: more reduce the variance and raise the bias.
pub const DEFAULT_NEIGHBOURS: usize = 3;

/// Distances below this are raised to it. Near 1, numbers in f32 are about this far apart.
pub const MIN_DISTANCE: f64 = 1e-7;

/// The largest magnitude of a sample. Larger numbers would overflow when squared.
const MAX_MAGNITUDE: f64 = 1e150;

/// Returns the entropy in nats of the distribution behind `samples`, rows of `dim` numbers, from
/// the distances to their `neighbours`-th nearest neighbours. The time taken grows with the square
/// of the number of rows.
///
/// # Errors
/// [`Error::Invalid`] if `samples` are not whole rows, are no more than `neighbours`, or hold a
/// number that is not finite (or beyond 1e150); also if `dim` or `neighbours` is 0.
pub fn knn_entropy<T>(samples: &[T], dim: usize, neighbours: usize) -> Result<f64>
where
    T: Copy + Into<f64>,
{
    let count = check(samples, dim, neighbours)?;
    let points: Vec<f64> = samples.iter().map(|&x| x.into()).collect();
    if let Some(at) = points.iter().position(|x| !matches!(x.abs(), 0.0..=MAX_MAGNITUDE)) {
        let (row, value) = (at / dim, points[at]);
        return Err(Error::Invalid(format!(
            "entropy: sample {row} holds {value}; allowed: finite numbers up to {MAX_MAGNITUDE:e}"
        )));
    }
    let mut nearest = vec![0.0; neighbours];
    let logs = (0..count).map(|i| kth_distance(&points, dim, i, &mut nearest).ln()).sum::<f64>();
    let (n, d) = (count as f64, dim as f64);
    Ok(digamma(n) - digamma(neighbours as f64) + ln_ball_volume(dim) + d / n * logs)
}

/// Returns the mean over states of [`knn_entropy`] of each state's samples, laid out `(states ×
/// num_samples × dim)`: how undecided a policy is about what to do, on average.
///
/// # Errors
/// As [`knn_entropy`], for the first state at fault; [`Error::Invalid`] if there is no whole state.
pub fn mean_knn_entropy<T>(
    samples: &[T],
    num_samples: usize,
    dim: usize,
    neighbours: usize,
) -> Result<f64>
where
    T: Copy + Into<f64> + Sync,
{
    let size = num_samples * dim;
    if size == 0 || samples.is_empty() || !samples.len().is_multiple_of(size) {
        let got = samples.len();
        return Err(Error::Invalid(format!(
            "entropy: {got} numbers do not make whole states of {num_samples} samples of {dim}"
        )));
    }
    let state_entropy = |state: &[T]| knn_entropy(state, dim, neighbours);
    // They are collected first and added in order, so that the bits do not depend on the number of
    // threads.
    let all = samples.par_chunks_exact(size).map(state_entropy).collect::<Vec<_>>();
    let entropies = all.into_iter().collect::<Result<Vec<f64>>>()?;
    Ok(entropies.iter().sum::<f64>() / entropies.len() as f64)
}

/// Returns the number of rows, or fails if the sizes make no sense.
fn check<T>(samples: &[T], dim: usize, neighbours: usize) -> Result<usize> {
    if dim == 0 || !samples.len().is_multiple_of(dim) {
        let got = samples.len();
        return Err(Error::Invalid(format!(
            "entropy: {got} numbers do not make whole samples of {dim}"
        )));
    }
    let count = samples.len() / dim;
    if neighbours == 0 || count <= neighbours {
        return Err(Error::Invalid(format!(
            "entropy: {count} samples and neighbour number {neighbours}; allowed: 1 or more \
             neighbours and more samples than that"
        )));
    }
    Ok(count)
}

/// Returns the distance, at least [`MIN_DISTANCE`], from row `i` to its neighbour number
/// `nearest.len()`.
fn kth_distance(points: &[f64], dim: usize, i: usize, nearest: &mut [f64]) -> f64 {
    let last = nearest.len() - 1;
    nearest.fill(f64::INFINITY);
    let here = &points[i * dim..][..dim];
    for (j, there) in points.chunks_exact(dim).enumerate() {
        let square: f64 = here.iter().zip(there).map(|(x, y)| (x - y) * (x - y)).sum();
        if j != i && square < nearest[last] {
            let place = nearest.partition_point(|&other| other <= square);
            nearest[place..].rotate_right(1);
            nearest[place] = square;
        }
    }
    nearest[last].sqrt().max(MIN_DISTANCE)
}

/// Returns `ln V_d` of the unit ball, from `V_0 = 1`, `V_1 = 2` and `V_d = V_{d−2}·2π/d`.
fn ln_ball_volume(dim: usize) -> f64 {
    let start = if dim.is_multiple_of(2) { 0.0 } else { 2.0f64.ln() };
    (2..=dim).rev().step_by(2).fold(start, |sum, d| sum + (2.0 * PI / d as f64).ln())
}

/// Returns `ψ(x) = d/dx ln Γ(x)` for `x > 0`, to about 1e-14.
///
/// `ψ(x) = ψ(x + 1) − 1/x` moves `x` up to where the asymptotic series `ln x − 1/2x − Σ
/// B_2k/(2k·x^2k)` is that exact.
fn digamma(mut x: f64) -> f64 {
    const FAR: f64 = 10.0;
    /// `B_2k/2k` for k = 1, 2, …: 1/12, −1/120, 1/252, −1/240, 1/132, −691/32760, 1/12.
    const TERMS: [f64; 7] = [
        1.0 / 12.0,
        -1.0 / 120.0,
        1.0 / 252.0,
        -1.0 / 240.0,
        1.0 / 132.0,
        -691.0 / 32760.0,
        1.0 / 12.0,
    ];
    let mut carried = 0.0;
    while x < FAR {
        carried += 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * square);
    x.ln() - 0.5 / x - series - carried
}

#[cfg(test)]
mod tests;
