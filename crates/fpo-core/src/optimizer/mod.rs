//! The choice of optimiser.
//!
//! Adam is ours, so that its state can be saved. The others are candle-optimisers'; they keep their
//! state private, so a run that uses one of them resumes with fresh moments, and reports that.

pub(crate) mod adam;
pub(crate) mod adam_config;
mod adam_in_place;
pub(crate) mod config;
pub(crate) mod gradient_norm;
pub(crate) mod rate_schedule;

use candle_core::backprop::GradStore;
use candle_core::{Tensor, Var};
use candle_nn::Optimizer as _;
use candle_optimisers::Decay;
use candle_optimisers::adamax::{Adamax, ParamsAdaMax};
use candle_optimisers::nadam::{NAdam, ParamsNAdam};
use candle_optimisers::radam::{ParamsRAdam, RAdam};
use candle_optimisers::rmsprop::{ParamsRMSprop, RMSprop};

use crate::error::Result;
use crate::optimizer::adam::{Adam, join};
use crate::optimizer::adam_config::AdamConfig;
use crate::optimizer::config::{NormScope, OptimizerConfig, OptimizerKind};
use crate::optimizer::gradient_norm::{clip_each, clip_global_norm, global_norm};

/// An optimiser of several flat variables.
pub struct Optimizer {
    config: OptimizerConfig,
    vars: Vec<Var>,
    inner: Inner,
}

enum Inner {
    Adam(Adam),
    Radam(RAdam),
    Nadam(NAdam),
    Adamax(Adamax),
    Rmsprop(RMSprop),
}

impl Optimizer {
    /// Returns an optimiser of `vars` in its initial state.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn new(vars: Vec<Var>, config: OptimizerConfig) -> Result<Optimizer> {
        config.validate()?;
        let adam = config.adam();
        let AdamConfig { learning_rate: lr, beta1, beta2, epsilon: eps, weight_decay } = adam;
        let decay = (weight_decay != 0.0).then_some(Decay::DecoupledWeightDecay(weight_decay));
        let owned = vars.clone();
        let inner = match config.kind {
            OptimizerKind::Adam => Inner::Adam(Adam::new(owned, adam)?),
            OptimizerKind::Radam => Inner::Radam(RAdam::new(
                owned,
                ParamsRAdam { lr, beta_1: beta1, beta_2: beta2, weight_decay: decay, eps },
            )?),
            OptimizerKind::Nadam => Inner::Nadam(NAdam::new(
                owned,
                ParamsNAdam {
                    lr,
                    beta_1: beta1,
                    beta_2: beta2,
                    eps,
                    weight_decay: decay,
                    ..ParamsNAdam::default()
                },
            )?),
            OptimizerKind::Adamax => Inner::Adamax(Adamax::new(
                owned,
                ParamsAdaMax { lr, beta_1: beta1, beta_2: beta2, weight_decay: decay, eps },
            )?),
            OptimizerKind::Rmsprop => Inner::Rmsprop(RMSprop::new(
                owned,
                ParamsRMSprop { lr, alpha: beta2, eps, ..ParamsRMSprop::default() },
            )?),
        };
        Ok(Optimizer { config, vars, inner })
    }

    /// Goes back to the initial state, for an optimiser whose state cannot be saved.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn start_anew(&mut self) -> Result<()> {
        *self = Optimizer::new(std::mem::take(&mut self.vars), self.config)?;
        Ok(())
    }

    /// Takes the gradients of the variables out of `grads`, in the order of the variables.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn take_gradients(&self, grads: &mut GradStore) -> Result<Vec<Tensor>> {
        let take = |var: &Var| match grads.remove(var) {
            Some(grad) => Ok(grad),
            None => Ok(var.zeros_like()?),
        };
        self.vars.iter().map(take).collect()
    }

    /// Moves the variables one step down `flat`, which holds one gradient per variable in their
    /// order. Returns the gradients' global norm before clipping. Optimisers other than Adam read
    /// their gradients from a store; `grads`, from which they were taken, serves as that store.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn step(&mut self, mut flat: Vec<Tensor>, grads: &mut GradStore) -> Result<Tensor> {
        let OptimizerConfig { max_grad_norm, grad_norm_over, .. } = self.config;
        let before = match (grad_norm_over, max_grad_norm) {
            (NormScope::Network, Some(max_norm)) => Some(clip_each(&mut flat, max_norm)?),
            _ => None,
        };
        // On a device of its own the gradients are one vector from here on.
        let joins = self.adam().is_some_and(|adam| !adam.is_in_host_memory());
        if joins {
            flat = vec![join(&flat)?];
        }
        let norm = match (before, max_grad_norm) {
            (Some(norm), _) => norm,
            (None, Some(max_norm)) => clip_global_norm(&mut flat, max_norm)?,
            (None, None) => global_norm(&flat)?,
        };
        if let Inner::Adam(adam) = &mut self.inner {
            match (joins, &flat[..]) {
                (true, [joined]) => adam.step_joined(joined)?,
                _ => adam.step(&flat)?,
            }
            return Ok(norm);
        }
        for (var, grad) in self.vars.iter().zip(flat) {
            grads.insert(var, grad);
        }
        match &mut self.inner {
            Inner::Adam(_) => {}
            Inner::Radam(inner) => inner.step(grads)?,
            Inner::Nadam(inner) => inner.step(grads)?,
            Inner::Adamax(inner) => inner.step(grads)?,
            Inner::Rmsprop(inner) => inner.step(grads)?,
        }
        Ok(norm)
    }

    /// Lets Adam's moments of the variable with this index be those of gradients that are `factors`
    /// times what they were. Other optimisers keep theirs.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn scale_gradients(&mut self, index: usize, factors: &Tensor) -> Result<()> {
        self.adam_mut().map_or(Ok(()), |adam| adam.scale_gradients(index, factors))
    }

    /// Sets the step size of the coming steps.
    pub fn set_learning_rate(&mut self, rate: f64) {
        match &mut self.inner {
            Inner::Adam(adam) => adam.set_learning_rate(rate),
            Inner::Radam(inner) => inner.set_learning_rate(rate),
            Inner::Nadam(inner) => inner.set_learning_rate(rate),
            Inner::Adamax(inner) => inner.set_learning_rate(rate),
            Inner::Rmsprop(inner) => inner.set_learning_rate(rate),
        }
    }

    /// Returns Adam with its state, or `None` for an optimiser whose state cannot be saved.
    pub fn adam(&self) -> Option<&Adam> {
        match &self.inner {
            Inner::Adam(adam) => Some(adam),
            _ => None,
        }
    }

    /// Returns Adam for restoring its state, or `None` for another optimiser.
    pub fn adam_mut(&mut self) -> Option<&mut Adam> {
        match &mut self.inner {
            Inner::Adam(adam) => Some(adam),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn every_optimiser_goes_down_a_quadratic() {
        use OptimizerKind::*;
        for kind in [Adam, Radam, Nadam, Adamax, Rmsprop] {
            let var = Var::new(&[2.0f64, -3.0], &Device::Cpu).unwrap();
            let config = OptimizerConfig {
                kind,
                learning_rate: 0.05,
                max_grad_norm: Some(1.0),
                ..OptimizerConfig::default()
            };
            let mut optimizer = Optimizer::new(vec![var.clone()], config).unwrap();
            // A rate of 0 moves nothing, whatever the first rate was.
            optimizer.set_learning_rate(0.0);
            let mut grads = var.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let flat = optimizer.take_gradients(&mut grads).unwrap();
            optimizer.step(flat, &mut grads).unwrap();
            assert_eq!(var.to_vec1::<f64>().unwrap(), [2.0, -3.0], "{kind:?}");
            optimizer.set_learning_rate(0.05);
            for _ in 0..400 {
                let loss = var.sqr().unwrap().sum_all().unwrap();
                let mut grads = loss.backward().unwrap();
                let flat = optimizer.take_gradients(&mut grads).unwrap();
                optimizer.step(flat, &mut grads).unwrap();
            }
            let end = var.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(end < 0.05, "{kind:?} ended at {end}");
        }
    }
}
