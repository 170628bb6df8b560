//! Guards on losses and log ratios: bounds that keep a single loss from deciding a step.
//!
//! FPO++ (arXiv 2602.02481) bounds CFM losses from above before their difference is taken, the
//! present loss of actions with a negative advantage once more (it would otherwise be pushed up
//! without end), and the difference before the exponential.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// The bounds; `None` means no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guards {
    /// Largest stored or present loss. A present loss above it has no gradient.
    pub loss_max: Option<f64>,
    /// Largest present loss of an action with a negative advantage: it is pushed no further.
    pub negative_advantage_loss_max: Option<f64>,
    /// Largest magnitude of the log ratio; the gradient passes as if there were no bound.
    pub log_ratio_max: Option<f64>,
}

impl Guards {
    /// FPO++ for locomotion: losses up to 20, log ratios up to 10.
    pub const LOCOMOTION: Guards = Guards {
        loss_max: Some(20.0),
        negative_advantage_loss_max: Some(20.0),
        log_ratio_max: Some(10.0),
    };

    /// FPO++ for motion tracking: losses and log ratios up to 3.
    pub const TRACKING: Guards = Guards {
        loss_max: Some(3.0),
        negative_advantage_loss_max: Some(3.0),
        log_ratio_max: Some(3.0),
    };

    /// Returns the guarded difference `L_old − L_new`, `(T, B, N)`, from losses `(T, B, N)` and
    /// advantages `(T, B)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn difference(
        &self,
        loss_old: &Tensor,
        loss_new: &Tensor,
        advantages: &Tensor,
    ) -> Result<Tensor> {
        let (mut old, mut new) = (loss_old.clone(), loss_new.clone());
        if let Some(max) = self.loss_max {
            (old, new) = (at_most(&old, max)?, at_most(&new, max)?);
        }
        if let Some(max) = self.negative_advantage_loss_max {
            let bad = advantages.unsqueeze(2)?.lt(0.0)?.broadcast_as(new.shape())?;
            new = bad.where_cond(&at_most(&new, max)?, &new)?;
        }
        Ok((old - new)?)
    }

    /// Returns the bounded log ratio, in any shape.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn bound(&self, log_ratio: Tensor) -> Result<Tensor> {
        match self.log_ratio_max {
            Some(max) => clamp_straight_through(&log_ratio, -max, max),
            None => Ok(log_ratio),
        }
    }

    /// Returns the guarded difference of one pair of losses, and its derivative with respect to
    /// `loss_new`.
    #[inline]
    pub fn difference_scalar(&self, loss_old: f64, loss_new: f64, advantage: f64) -> (f64, f64) {
        let everywhere = self.loss_max.unwrap_or(f64::INFINITY);
        let max = match self.negative_advantage_loss_max {
            Some(max) if advantage < 0.0 => max.min(everywhere),
            _ => everywhere,
        };
        let derivative = if loss_new > max { 0.0 } else { -1.0 };
        (loss_old.min(everywhere) - loss_new.min(max), derivative)
    }

    /// Returns the bounded log ratio; its derivative is 1 everywhere.
    #[inline]
    pub fn bound_scalar(&self, log_ratio: f64) -> f64 {
        let bound = self.log_ratio_max.unwrap_or(f64::INFINITY);
        log_ratio.clamp(-bound, bound)
    }
}

/// Returns `min(x, max)`, whose gradient is 0 above `max` and 1 up to it.
fn at_most(x: &Tensor, max: f64) -> Result<Tensor> {
    let bound = x.ones_like()?.affine(max, 0.0)?;
    Ok(x.gt(max)?.where_cond(&bound, x)?)
}

/// Returns `clip(x, −bound, bound)`, which has no gradient beyond the bounds and the whole gradient
/// up to and at them. Candle's own clamp halves the gradient at the bounds.
pub(crate) fn clamp_flat(x: &Tensor, bound: f64) -> Result<Tensor> {
    let clipped = x.detach().clamp(-bound, bound)?;
    Ok(x.abs()?.gt(bound)?.where_cond(&clipped, x)?)
}

/// Returns `clip(x, low, high)` with the gradient of `x` itself, for finite `x`.
///
/// A plain clip has no gradient outside the interval, so a number that left it could not come back.
///
/// # Errors
/// If a tensor operation fails.
pub fn clamp_straight_through(x: &Tensor, low: f64, high: f64) -> Result<Tensor> {
    let clipped = x.detach().clamp(low, high)?;
    Ok((clipped + (x - x.detach())?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn flat(tensor: &Tensor) -> Vec<f64> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_straight_through_clamp_clips_values_and_passes_gradients() {
        let x = Var::new(&[-7.5f64, -1.0, 0.1, 3.0], &Device::Cpu).unwrap();
        let y = clamp_straight_through(&x, -1.0, 1.0).unwrap();
        assert_eq!(flat(&y), [-1.0, -1.0, 0.1, 1.0]);
        let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(grads.get(&x).unwrap()), [-2.0, -2.0, 0.2, 2.0]);
    }

    #[test]
    fn the_flat_clamp_has_the_whole_gradient_at_its_bounds_and_none_beyond() {
        let x = Var::new(&[-2.5f64, -2.0, 0.5, 2.0, 9.0], &Device::Cpu).unwrap();
        let y = clamp_flat(&x, 2.0).unwrap();
        assert_eq!(flat(&y), [-2.0, -2.0, 0.5, 2.0, 2.0]);
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(grads.get(&x).unwrap()), [0.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn guards_on_tensors_and_scalars_agree_and_bind_where_they_say() {
        let guards = Guards {
            loss_max: Some(5.0),
            negative_advantage_loss_max: Some(2.0),
            log_ratio_max: Some(1.5),
        };
        // (L_old, L_new, A) with log ratio and derivative by hand.
        let cases = [
            (1.0, 0.5, 1.0, 0.5, -1.0),
            (1.0, 4.0, 1.0, -1.5, -1.0),
            (4.5, 6.0, 1.0, -0.5, 0.0),
            (9.0, 4.0, 1.0, 1.0, -1.0),
            (1.0, 4.0, -1.0, -1.0, 0.0),
            (3.0, 1.0, -1.0, 1.5, -1.0),
            (1.0, 4.0, 0.0, -1.5, -1.0),
        ];
        let column = |pick: fn(&(f64, f64, f64, f64, f64)) -> f64| {
            let values: Vec<f64> = cases.iter().map(pick).collect();
            Tensor::from_slice(&values, (1, cases.len(), 1), &Device::Cpu).unwrap()
        };
        let new = Var::from_tensor(&column(|c| c.1)).unwrap();
        let advantages = column(|c| c.2).squeeze(2).unwrap();
        let both = |guards: &Guards, new: &Tensor| {
            let difference = guards.difference(&column(|c| c.0), new, &advantages).unwrap();
            guards.bound(difference).unwrap()
        };
        let found = both(&guards, &new);
        let grads = found.sum_all().unwrap().backward().unwrap();
        assert_eq!(flat(&found), flat(&column(|c| c.3)));
        assert_eq!(flat(grads.get(&new).unwrap()), flat(&column(|c| c.4)));
        for (old, new, advantage, log_ratio, derivative) in cases {
            let (difference, slope) = guards.difference_scalar(old, new, advantage);
            assert_eq!((guards.bound_scalar(difference), slope), (log_ratio, derivative));
        }
        let free = both(&Guards::default(), &new);
        assert_eq!(flat(&free), flat(&(column(|c| c.0) - new.as_tensor()).unwrap()));
    }
}
