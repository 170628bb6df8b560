//! Running mean and standard deviation of observations: `obs_norm = (obs − mean) / std`.
//!
//! Statistics live on the host in f64 and are merged batch by batch (Welford; Chan et al. 1983):
//!
//! ```text
//! n' = n + k,   δ_i = x_i − mean,   mean' = mean + Σδ_i / n'
//! M2' = M2 + Σ δ_i·(x_i − mean'),   std = √(M2/n)
//! ```
//!
//! The official code forgets `M2 +`, so that its standard deviation decays like 1/√k over k
//! updates. [`NormalizerKind::Official`] reproduces that fault for those who ask for it.

#[cfg(test)]
mod tests;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::tensor::transfer::rounded_to_device;

/// Standard deviations below this are raised to it, so that a constant observation stays finite.
const MIN_STD: f64 = 1e-6;

/// Which statistics normalise observations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormalizerKind {
    /// The mean and standard deviation of all observations so far.
    #[default]
    Welford,
    /// The official code's statistics, whose sum of squares is overwritten instead of extended.
    Official,
    /// None: observations pass unchanged.
    None,
}

/// Running statistics of one observation vector.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalizer {
    kind: NormalizerKind,
    count: u64,
    mean: Vec<f64>,
    sum_squares: Vec<f64>,
}

impl Normalizer {
    /// Returns statistics without any observation: mean 0, standard deviation 1.
    pub fn new(kind: NormalizerKind, obs_dim: usize) -> Normalizer {
        Normalizer { kind, count: 0, mean: vec![0.0; obs_dim], sum_squares: vec![0.0; obs_dim] }
    }

    /// Returns the statistics that [`Normalizer::parts`] returned.
    ///
    /// # Errors
    /// [`Error::State`] if the vectors differ in length or hold numbers that are not finite.
    pub fn from_parts(
        kind: NormalizerKind,
        count: u64,
        mean: Vec<f64>,
        sum_squares: Vec<f64>,
    ) -> Result<Normalizer> {
        if mean.len() != sum_squares.len() {
            return Err(Error::State(format!(
                "normaliser has {} means but {} sums of squares",
                mean.len(),
                sum_squares.len()
            )));
        }
        if !mean.iter().chain(&sum_squares).all(|x| x.is_finite()) {
            return Err(Error::State("normaliser holds a number that is not finite".into()));
        }
        Ok(Normalizer { kind, count, mean, sum_squares })
    }

    /// Returns statistics of this mean and standard deviation that weigh as much as `count`
    /// observations, at least one. Means and deviations that are f32 come out of
    /// [`Normalizer::on_device`] as they went in.
    ///
    /// # Errors
    /// [`Error::State`] as [`Normalizer::from_parts`]. [`Error::Invalid`] if `kind` is
    /// [`NormalizerKind::None`] and the moments are not those that leave observations unchanged.
    pub fn from_moments(
        kind: NormalizerKind,
        count: u64,
        mean: Vec<f64>,
        std: &[f64],
    ) -> Result<Normalizer> {
        if kind == NormalizerKind::None {
            let unchanged = mean.iter().all(|&m| m == 0.0) && std.iter().all(|&s| s == 1.0);
            return match unchanged {
                true => Ok(Normalizer::new(kind, mean.len())),
                false => Err(Error::Invalid("its observations are normalised".into())),
            };
        }
        let count = count.max(1);
        let sum_squares = std.iter().map(|s| s * s * count as f64).collect();
        Normalizer::from_parts(kind, count, mean, sum_squares)
    }

    /// Returns count, mean and sum of squared deviations, for saving.
    pub fn parts(&self) -> (u64, &[f64], &[f64]) {
        (self.count, &self.mean, &self.sum_squares)
    }

    /// Returns which statistics these are.
    pub fn kind(&self) -> NormalizerKind {
        self.kind
    }

    /// Adds a batch of rows, `obs_dim` numbers each.
    ///
    /// # Errors
    /// [`Error::Invalid`] if `rows` does not hold whole rows.
    pub fn update(&mut self, rows: &[f32]) -> Result<()> {
        let dim = self.mean.len();
        if dim == 0 || !rows.len().is_multiple_of(dim) {
            let got = rows.len();
            return Err(Error::Invalid(format!("{got} numbers do not make observations of {dim}")));
        }
        if self.kind == NormalizerKind::None || rows.is_empty() {
            return Ok(());
        }
        self.count += (rows.len() / dim) as u64;
        let mut shift = vec![0.0; dim];
        for row in rows.chunks_exact(dim) {
            for ((s, &x), m) in shift.iter_mut().zip(row).zip(&self.mean) {
                *s += x as f64 - m;
            }
        }
        let old = self.mean.clone();
        for (m, s) in self.mean.iter_mut().zip(&shift) {
            *m += s / self.count as f64;
        }
        if self.kind == NormalizerKind::Official {
            self.sum_squares.fill(0.0);
        }
        for row in rows.chunks_exact(dim) {
            for (i, &x) in row.iter().enumerate() {
                self.sum_squares[i] += (x as f64 - old[i]) * (x as f64 - self.mean[i]);
            }
        }
        Ok(())
    }

    /// Returns the current means.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Returns the current standard deviations, at least 1e-6; 1 before the first batch.
    pub fn std(&self) -> Vec<f64> {
        if self.count == 0 {
            return vec![1.0; self.mean.len()];
        }
        let n = self.count as f64;
        self.sum_squares.iter().map(|m2| (m2 / n).sqrt().max(MIN_STD)).collect()
    }

    /// Returns the affine map as tensors, for use inside an update.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn on_device(&self, dtype: DType, device: &Device) -> Result<DeviceNormalizer> {
        let row =
            |x: &[f64]| -> Result<Tensor> { rounded_to_device(x.to_vec(), x.len(), dtype, device) };
        Ok(DeviceNormalizer::new(row(&self.mean)?, row(&self.std())?))
    }
}

/// Means and standard deviations on a device, and what policy and critic do not see of an
/// observation ([`crate::Sight`]).
#[derive(Clone, Debug)]
pub struct DeviceNormalizer {
    mean: Tensor,
    std: Tensor,
    /// The standard deviations with infinite ones for what is hidden; `None` where nothing is.
    policy_std: Option<Tensor>,
    critic_std: Option<Tensor>,
}

impl DeviceNormalizer {
    /// Returns the map with the given means and standard deviations, both `(O,)`.
    pub fn new(mean: Tensor, std: Tensor) -> DeviceNormalizer {
        DeviceNormalizer { mean, std, policy_std: None, critic_std: None }
    }

    /// Returns the same map, which hides those numbers of an observation from the policy and from
    /// the critic that are true; an empty slice hides nothing.
    ///
    /// # Errors
    /// If a slice has another length, or a tensor operation fails.
    pub fn hiding(self, policy: &[bool], critic: &[bool]) -> Result<DeviceNormalizer> {
        let (policy_std, critic_std) = (endless(&self.std, policy)?, endless(&self.std, critic)?);
        Ok(DeviceNormalizer { policy_std, critic_std, ..self })
    }

    /// Returns the map for the critic's observations in place of the policy's.
    pub(crate) fn for_critic(&self) -> DeviceNormalizer {
        DeviceNormalizer { policy_std: self.critic_std.clone(), ..self.clone() }
    }

    /// Returns whether policy and critic see the same of an observation because nothing is hidden.
    pub(crate) fn hides_nothing(&self) -> bool {
        self.policy_std.is_none() && self.critic_std.is_none()
    }

    /// Returns means and standard deviations, both `(O,)`; those of what the policy does not see
    /// are infinite.
    pub(crate) fn parts(&self) -> (&Tensor, &Tensor) {
        (&self.mean, self.policy_std.as_ref().unwrap_or(&self.std))
    }

    /// Returns means and standard deviations of what is hidden too, both `(O,)`.
    pub(crate) fn moments(&self) -> (&Tensor, &Tensor) {
        (&self.mean, &self.std)
    }

    /// Returns `(obs − mean) / std` over the last dimension, as the policy sees it.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn normalize(&self, obs: &Tensor) -> Result<Tensor> {
        let (mean, std) = self.parts();
        Ok(obs.broadcast_sub(mean)?.broadcast_div(std)?)
    }
}

/// Returns standard deviations that are infinite where `hidden` is true; `None` where it never is.
fn endless(std: &Tensor, hidden: &[bool]) -> Result<Option<Tensor>> {
    if !hidden.contains(&true) {
        return Ok(None);
    }
    let added = hidden.iter().map(|&hidden| if hidden { f64::INFINITY } else { 0.0 }).collect();
    let added = rounded_to_device(added, hidden.len(), std.dtype(), std.device())?;
    Ok(Some((std + added)?))
}
