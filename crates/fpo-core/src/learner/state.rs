//! Everything a learner must save to continue as if it had never stopped.

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::learner::Learner;
use crate::learner::ema::Ema;
use crate::nn::normalizer::{Normalizer, NormalizerKind};
use crate::nn::params::FlatParams;
use crate::optimizer::adam::Moments;
use crate::policy::Policy;

/// A learner's state: named tensors for safetensors, and counters for JSON.
#[derive(Clone, Debug)]
pub struct LearnerState {
    /// Parameters, Adam's moments and observation statistics by name, and where there are any the
    /// averaged weights, the scale of rewards and the width of a flow's noise.
    pub tensors: Vec<(String, Tensor)>,
    /// Counters.
    pub counters: Counters,
}

/// The counters of a learner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Gradient steps taken.
    pub gradient_steps: u64,
    /// Passes over rollouts made.
    pub epochs: u64,
    /// Adam's step count, absent for an optimiser whose state cannot be saved.
    pub adam_steps: Option<u64>,
    /// Updates of the averaged weights, absent where weights are not averaged.
    pub ema_updates: Option<u64>,
    /// Observations in the statistics.
    pub normalizer_count: u64,
    /// Which statistics they are.
    pub normalizer_kind: NormalizerKind,
}

const MOMENTS: [&str; 2] = ["policy", "value"];
const EMA: &str = "ema.policy";

/// Returns the error for a saved state that lacks a tensor.
pub(super) fn missing(name: &str) -> Error {
    Error::State(format!("tensor `{name}` is missing"))
}

impl LearnerState {
    /// Returns the current state of `learner`.
    ///
    /// # Errors
    /// [`Error::NonFinite`] names a tensor that must not be saved because it is not finite.
    pub fn capture(learner: &Learner) -> Result<LearnerState> {
        let mut tensors = Vec::new();
        for params in [learner.policy.params(), learner.value.params()] {
            // These are copies, because later steps change parameters and moments in place.
            tensors.extend(params.layout().views(&params.flat().copy()?)?);
        }
        if let Some(adam) = learner.optimizer.adam() {
            for (name, moments) in MOMENTS.iter().zip(adam.moments()) {
                tensors.push((format!("adam.{name}.m"), moments.first.copy()?));
                tensors.push((format!("adam.{name}.v"), moments.second.copy()?));
            }
        }
        if let Some(ema) = &learner.ema {
            tensors.push((EMA.into(), ema.weights().copy()?));
        }
        tensors.extend(learner.saved_reward_scale()?);
        tensors.extend(learner.saved_source_std()?);
        let (normalizer_count, mean, sum_squares) = learner.normalizer.parts();
        for (name, values) in [("mean", mean), ("sum_squares", sum_squares)] {
            let tensor = Tensor::from_slice(values, values.len(), &Device::Cpu)?;
            tensors.push((format!("normalizer.{name}"), tensor));
        }
        for (name, tensor) in &tensors {
            // On the host, because Metal knows no f64.
            let values = tensor.flatten_all()?.to_device(&Device::Cpu)?;
            let values = values.to_dtype(DType::F64)?.to_vec1::<f64>()?;
            if let Some(&value) = values.iter().find(|x| !x.is_finite()) {
                let step = learner.gradient_steps;
                return Err(Error::NonFinite { tensor: name.clone(), value, step });
            }
        }
        let counters = Counters {
            gradient_steps: learner.gradient_steps,
            epochs: learner.epochs,
            adam_steps: learner.optimizer.adam().map(|adam| adam.steps()),
            ema_updates: learner.ema.as_ref().map(Ema::updates),
            normalizer_count,
            normalizer_kind: learner.normalizer.kind(),
        };
        Ok(LearnerState { tensors, counters })
    }

    /// Returns the policy to export and the statistics of its observations, without a learner:
    /// `initial` is the policy that learning began with, or any other of the same layout.
    ///
    /// # Errors
    /// [`Error::State`] names what is missing or does not fit; those of
    /// [`Policy::with_source_std`], where the width of its noise was set.
    pub fn policy(&self, initial: &dyn Policy) -> Result<(Arc<dyn Policy>, Normalizer)> {
        let params = initial.params();
        let flat = match self.counters.ema_updates {
            Some(_) => self.need(EMA)?,
            None => params.layout().flatten(|name| self.find(name))?,
        };
        if flat.dims() != [params.layout().len()] {
            return Err(Error::State("the averaged weights do not fit the policy".into()));
        }
        let flat = flat.to_dtype(params.var().dtype())?.to_device(params.var().device())?;
        let params = FlatParams::from_flat(params.layout().clone(), &flat)?;
        let mut policy = initial.with_params(params);
        if let Some(std) = self.source_std()? {
            policy = policy.with_source_std(std)?;
        }
        let policy = policy.frozen().deployed();
        Ok((policy, self.statistics(initial.obs_dim())?))
    }

    fn find(&self, name: &str) -> Option<Tensor> {
        self.tensors.iter().find(|(found, _)| found == name).map(|(_, tensor)| tensor.clone())
    }

    fn need(&self, name: &str) -> Result<Tensor> {
        self.find(name).ok_or_else(|| missing(name))
    }

    /// Returns the one number of the tensor `name`, or `None` if there is no such tensor.
    ///
    /// # Errors
    /// [`Error::State`] if the tensor has not one number.
    pub(super) fn number(&self, name: &str) -> Result<Option<f64>> {
        let Some(tensor) = self.find(name) else { return Ok(None) };
        let saved = tensor.to_vec1::<f64>()?;
        let [number] = saved[..] else {
            return Err(Error::State(format!("tensor `{name}` has {} numbers", saved.len())));
        };
        Ok(Some(number))
    }

    /// Returns the statistics of observations of this length.
    fn statistics(&self, obs_dim: usize) -> Result<Normalizer> {
        let row = |name: &str| -> Result<Vec<f64>> {
            Ok(self.need(name)?.to_dtype(DType::F64)?.to_vec1()?)
        };
        let (mean, sum_squares) = (row("normalizer.mean")?, row("normalizer.sum_squares")?);
        if mean.len() != obs_dim {
            return Err(Error::State(format!(
                "the statistics have {} numbers, but the policy's observations have {obs_dim}",
                mean.len()
            )));
        }
        let Counters { normalizer_kind, normalizer_count, .. } = self.counters;
        Normalizer::from_parts(normalizer_kind, normalizer_count, mean, sum_squares)
    }

    /// Puts the state into `learner`.
    ///
    /// # Errors
    /// [`Error::State`] names what is missing or does not fit, and those of
    /// [`Policy::with_source_std`], where the width of its noise was set; `learner` may then be
    /// half loaded.
    pub fn restore(&self, learner: &mut Learner) -> Result<()> {
        let find = |name: &str| self.find(name);
        let need = |name: String| self.need(&name);
        learner.policy.params().load(find)?;
        learner.value.params().load(find)?;

        let device = learner.device().clone();
        match (learner.optimizer.adam_mut(), self.counters.adam_steps) {
            (Some(adam), Some(steps)) => {
                let mut moments = Vec::new();
                for name in MOMENTS {
                    moments.push(Moments {
                        first: need(format!("adam.{name}.m"))?.to_device(&device)?,
                        second: need(format!("adam.{name}.v"))?.to_device(&device)?,
                    });
                }
                adam.restore(steps, moments)?;
            }
            // Its own state may be spoilt, where a run goes back after a divergence.
            (None, None) => learner.optimizer.start_anew()?,
            _ => return Err(Error::State("it belongs to another optimiser".into())),
        }
        match (&mut learner.ema, self.counters.ema_updates) {
            (Some(ema), Some(updates)) => ema.restore(updates, &need(EMA.into())?)?,
            (None, None) => {}
            _ => return Err(Error::State("only it or the learner has averaged weights".into())),
        }
        if self.counters.normalizer_kind != learner.normalizer.kind() {
            return Err(Error::State(format!(
                "its statistics are of kind {:?}, but the learner's are of kind {:?}",
                self.counters.normalizer_kind,
                learner.normalizer.kind()
            )));
        }
        learner.normalizer = self.statistics(learner.policy.spec().obs_dim)?;
        learner.restore_reward_scale(self)?;
        learner.restore_source_std(self)?;
        learner.gradient_steps = self.counters.gradient_steps;
        learner.epochs = self.counters.epochs;
        Ok(())
    }
}
