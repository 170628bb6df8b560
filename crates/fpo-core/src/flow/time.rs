//! Flow time: the embedding that the network sees, the grid that the sampler walks, and the times
//! that training draws.

use candle_core::{Shape, Tensor};

use crate::error::Result;
use crate::random::{Noise, Purpose};
use crate::tensor::transfer::rounded_to_device;

/// The least distance from 0 and 1 of [`TrainingTimes::Beta`].
const BETA_MARGIN: f64 = 0.005;

/// Which flow times the Monte-Carlo CFM loss draws.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum TrainingTimes {
    /// The starts of the sampler's Euler steps, `1, 1 − 1/K, …, 1/K` (official Playground code).
    #[default]
    Grid,
    /// Uniform in (0, 1) (official GridWorld code).
    Uniform,
    /// Beta(1, β) within [0.005, 0.995], `t = 0.005 + 0.99·(1 − (1−u)^(1/β))` (FPO++). β = 1 is
    /// uniform, a larger one prefers times near 0, the action.
    Beta(f64),
}

/// Returns the `steps + 1` times from 1 (noise) to 0 (action), evenly spaced.
pub fn grid(steps: usize) -> Vec<f64> {
    (0..=steps).map(|k| (steps - k) as f64 / steps as f64).collect()
}

/// Returns the embedding of one time; see [`embed`].
pub(crate) fn embedding(t: f64, dim: usize) -> Vec<f64> {
    let angles = || (0..dim / 2).map(|k| t * (1u64 << k) as f64);
    angles().map(f64::cos).chain(angles().map(f64::sin)).collect()
}

/// Returns `concat(cos(t·2^k), sin(t·2^k))` for `k = 0 … dim/2 − 1`, without a factor of π.
///
/// `t` has shape `(…, 1)`, the result `(…, dim)`.
///
/// # Errors
/// If a tensor operation fails.
pub fn embed(t: &Tensor, dim: usize) -> Result<Tensor> {
    let angles = t.broadcast_mul(&frequencies(dim, t)?)?;
    let last = angles.rank() - 1;
    Ok(Tensor::cat(&[angles.cos()?, angles.sin()?], last)?)
}

/// Returns the `dim / 2` factors of [`embed`], as [`upload`] does.
pub(crate) fn frequencies(dim: usize, like: &Tensor) -> Result<Tensor> {
    let frequencies: Vec<f64> = (0..dim / 2).map(|k| (1u64 << k) as f64).collect();
    upload(&frequencies, frequencies.len(), like)
}

/// Returns host numbers as a tensor with the dtype and on the device of `like`. They are rounded on
/// the host, because not every device knows f64.
pub(crate) fn upload(values: &[f64], shape: impl Into<Shape>, like: &Tensor) -> Result<Tensor> {
    rounded_to_device(values.to_vec(), shape, like.dtype(), like.device())
}

/// Fills `out` with flow times for the Monte-Carlo loss; `index` is the rollout step.
pub fn draw(times: TrainingTimes, flow_steps: usize, noise: &Noise, index: u64, out: &mut [f32]) {
    match times {
        TrainingTimes::Uniform => noise.fill_uniform(Purpose::LossTime, index, out),
        TrainingTimes::Beta(_) => {
            noise.fill_uniform(Purpose::LossTime, index, out);
            out.iter_mut().for_each(|t| *t = quantile(times, flow_steps, f64::from(*t)));
        }
        TrainingTimes::Grid => {
            let starts = grid(flow_steps);
            let mut picks = vec![0; out.len()];
            noise.fill_index(Purpose::LossTime, index, flow_steps, &mut picks);
            for (t, pick) in out.iter_mut().zip(picks) {
                *t = starts[pick as usize] as f32;
            }
        }
    }
}

/// Returns the quantile of the law `times` at `level`, which lies in (0, 1): the least time that a
/// draw stays below with this probability. On the grid, which is passed from 1 downward, it is the
/// greatest that a draw stays above.
pub(crate) fn quantile(times: TrainingTimes, flow_steps: usize, level: f64) -> f32 {
    match times {
        // A level just below 1 must not be rounded to it.
        TrainingTimes::Uniform => (level as f32).min(1.0 - f32::EPSILON),
        TrainingTimes::Beta(beta) => {
            let span = 1.0 - 2.0 * BETA_MARGIN;
            (BETA_MARGIN + span * (1.0 - (1.0 - level).powf(1.0 / beta))) as f32
        }
        TrainingTimes::Grid => {
            let start = ((level * flow_steps as f64) as usize).min(flow_steps - 1);
            ((flow_steps - start) as f64 / flow_steps as f64) as f32
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_times_are_the_starts_of_the_euler_steps_and_never_zero() {
        let mut t = vec![0.0; 4000];
        draw(TrainingTimes::Grid, 5, &Noise::new(0), 0, &mut t);
        let mut seen = t.clone();
        seen.sort_by(f32::total_cmp);
        seen.dedup();
        assert_eq!(seen, [0.2, 0.4, 0.6, 0.8, 1.0]);
    }

    #[test]
    fn beta_times_have_the_mean_of_their_distribution_and_keep_off_the_ends() {
        for beta in [1.0, 1.5, 4.0] {
            let mut t = vec![0.0; 100_000];
            draw(TrainingTimes::Beta(beta), 10, &Noise::new(0), 0, &mut t);
            assert!(t.iter().all(|t| (0.005..=0.995).contains(t)));
            let mean = t.iter().map(|&t| f64::from(t)).sum::<f64>() / t.len() as f64;
            let expected = 0.005 + 0.99 / (1.0 + beta);
            assert!((mean - expected).abs() < 0.005, "β {beta}: {mean}");
        }
    }
}
