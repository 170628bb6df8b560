//! Averaged weights, which are evaluated and exported while training goes on with the live ones.
//!
//! ```text
//! θ̄ ← d·θ̄ + (1−d)·θ      after every update, once `warmup_updates` are done; until then θ̄ = θ
//! ```
//!
//! FPO++ (arXiv 2602.02481) averages once per rollout, with d = 0.95 after the first 500. Averages
//! that are too short for a long run are a known cause of its late collapse.

use candle_core::Tensor;

use crate::error::{Error, Result};

/// How weights are averaged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EmaConfig {
    /// d, from 0 to below 1.
    pub decay: f64,
    /// Updates before averaging begins.
    pub warmup_updates: u64,
}

/// Averaged weights of one network.
#[derive(Clone, Debug)]
pub struct Ema {
    config: EmaConfig,
    updates: u64,
    weights: Tensor,
}

impl Ema {
    /// Returns averaged weights that begin as a copy of `flat`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn new(config: EmaConfig, flat: &Tensor) -> Result<Ema> {
        // The weights are detached, here and below. Otherwise every average would keep all earlier
        // ones alive, because it could be differentiated with respect to them.
        Ok(Ema { config, updates: 0, weights: flat.detach().copy()? })
    }

    /// Updates the average with the weights `flat` after an update.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn update(&mut self, flat: &Tensor) -> Result<()> {
        self.updates += 1;
        let flat = flat.detach();
        self.weights = match self.updates > self.config.warmup_updates {
            true => ((&self.weights * self.config.decay)? + (flat * (1.0 - self.config.decay))?)?,
            false => flat.copy()?,
        };
        Ok(())
    }

    /// Returns the averaged weights, flat.
    pub fn weights(&self) -> &Tensor {
        &self.weights
    }

    /// Returns the number of calls of [`Ema::update`].
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Puts back what [`Ema::updates`] and [`Ema::weights`] returned.
    ///
    /// # Errors
    /// [`Error::State`] for weights of another length.
    pub fn restore(&mut self, updates: u64, weights: &Tensor) -> Result<()> {
        if weights.shape() != self.weights.shape() {
            return Err(Error::State("the averaged weights do not fit the policy".into()));
        }
        (self.updates, self.weights) = (updates, weights.to_device(self.weights.device())?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn the_average_follows_the_weights_until_the_warm_up_is_over_and_then_lags() {
        let at = |x: f64| Tensor::new(&[x], &Device::Cpu).unwrap();
        let mut ema = Ema::new(EmaConfig { decay: 0.75, warmup_updates: 2 }, &at(0.0)).unwrap();
        let mut seen = Vec::new();
        for k in 1..=4 {
            ema.update(&at(k as f64)).unwrap();
            seen.push(ema.weights().to_vec1::<f64>().unwrap()[0]);
        }
        // 0.75·2 + 0.25·3 and 0.75·2.25 + 0.25·4.
        assert_eq!(seen, [1.0, 2.0, 2.25, 2.6875]);

        let mut other = Ema::new(EmaConfig { decay: 0.75, warmup_updates: 2 }, &at(9.0)).unwrap();
        other.restore(ema.updates(), ema.weights()).unwrap();
        ema.update(&at(5.0)).unwrap();
        other.update(&at(5.0)).unwrap();
        assert_eq!(
            ema.weights().to_vec1::<f64>().unwrap(),
            other.weights().to_vec1::<f64>().unwrap()
        );
        let short = Tensor::new(&[1.0, 2.0f64], &Device::Cpu).unwrap();
        assert!(ema.restore(1, &short).is_err());
    }

    #[test]
    fn averages_of_trained_parameters_do_not_hold_on_to_what_they_were_made_of() {
        let params = Var::new(&[1.0f64, 2.0], &Device::Cpu).unwrap();
        let config = EmaConfig { decay: 0.5, warmup_updates: 1 };
        let mut ema = Ema::new(config, params.as_tensor()).unwrap();
        for _ in 0..3 {
            assert!(!ema.weights().track_op());
            ema.update(params.as_tensor()).unwrap();
        }
        assert!(!ema.weights().track_op());
    }
}
