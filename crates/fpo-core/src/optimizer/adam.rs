//! Adam over flat parameter vectors, with decoupled weight decay.
//!
//! ```text
//! m ← β₁·m + (1−β₁)·g          m̂ = m / (1−β₁ᵗ)
//! v ← β₂·v + (1−β₂)·g²         v̂ = v / (1−β₂ᵗ)
//! θ ← θ − η·(m̂ / (√v̂ + ε) + w·θ)
//! ```
//!
//! Its moments are readable and restorable, so that a resumed run takes the steps an uninterrupted
//! one would have taken.

use candle_core::{DType, Device, Tensor, Var};

use crate::error::{Error, Result};
use crate::optimizer::adam_config::AdamConfig;
use crate::optimizer::adam_in_place::{Average, Move, sum_of_squares};

/// First and second moments of one variable.
#[derive(Clone, Debug)]
pub struct Moments {
    /// m.
    pub first: Tensor,
    /// v.
    pub second: Tensor,
}

/// Adam with its state.
#[derive(Clone, Debug)]
pub struct Adam {
    config: AdamConfig,
    vars: Vec<Var>,
    moments: Vec<Moments>,
    steps: u64,
}

impl Adam {
    /// Returns an optimiser of `vars` with moments at zero.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn new(vars: Vec<Var>, config: AdamConfig) -> Result<Adam> {
        let zero = |var: &Var| var.zeros_like();
        let moments = vars
            .iter()
            .map(|var| Ok(Moments { first: zero(var)?, second: zero(var)? }))
            .collect::<Result<_>>()?;
        Ok(Adam { config, vars, moments, steps: 0 })
    }

    /// Takes one step down `grads`, which holds one gradient per variable in their order.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is not one gradient per variable.
    pub fn step(&mut self, grads: &[Tensor]) -> Result<()> {
        if grads.len() != self.vars.len() {
            let (got, expected) = (grads.len(), self.vars.len());
            return Err(Error::Invalid(format!("{got} gradients for {expected} variables")));
        }
        self.steps += 1;
        let AdamConfig { learning_rate, beta1, beta2, epsilon, weight_decay } = self.config;
        let power = self.steps.min(i32::MAX as u64) as i32;
        let correction1 = 1.0 - beta1.powi(power);
        let correction2 = 1.0 - beta2.powi(power);
        for ((var, moments), grad) in self.vars.iter().zip(&mut self.moments).zip(grads) {
            if in_host_memory(var) {
                let config = &self.config;
                moments.first.inplace_op2(grad, &Average::first(config))?;
                moments.second.inplace_op2(grad, &Average::second(config))?;
                let step = Move::new(config, [correction1, correction2]);
                var.inplace_op3(&moments.first, &moments.second, &step)?;
                continue;
            }
            moments.first = ((&moments.first * beta1)? + (grad * (1.0 - beta1))?)?;
            moments.second = ((&moments.second * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
            if learning_rate == 0.0 {
                continue;
            }
            // The rate and the corrections are folded into the constants, so that as few kernels as
            // possible run.
            let scale = correction1 / learning_rate;
            let root = moments.second.sqrt()?;
            let root = root.affine(scale / correction2.sqrt(), scale * epsilon)?;
            let update = (&moments.first / root)?;
            let start = match weight_decay {
                0.0 => var.as_tensor().clone(),
                decay => var.affine(1.0 - learning_rate * decay, 0.0)?,
            };
            var.set(&(start - update)?)?;
        }
        Ok(())
    }

    /// Sets the step size of the coming steps.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.config.learning_rate = rate;
    }

    /// Returns the number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Returns the moments, one entry per variable.
    pub fn moments(&self) -> &[Moments] {
        &self.moments
    }

    /// Puts back copies of what [`Adam::steps`] and [`Adam::moments`] returned.
    ///
    /// # Errors
    /// [`Error::State`] if the number or the shapes of the moments differ.
    pub fn restore(&mut self, steps: u64, moments: Vec<Moments>) -> Result<()> {
        let fits =
            moments.len() == self.vars.len()
                && self.vars.iter().zip(&moments).all(|(var, m)| {
                    var.shape() == m.first.shape() && var.shape() == m.second.shape()
                });
        if !fits {
            return Err(Error::State("Adam's moments do not fit the parameters".into()));
        }
        self.steps = steps;
        // Steps change moments in place, so the caller's tensors are copied first.
        let copy = |m: Moments| -> Result<Moments> {
            Ok(Moments { first: m.first.copy()?, second: m.second.copy()? })
        };
        self.moments = moments.into_iter().map(copy).collect::<Result<_>>()?;
        Ok(())
    }
}

fn in_host_memory(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// Returns the global norm `√Σ‖g‖²` as a scalar tensor.
///
/// # Errors
/// If a tensor operation fails.
pub fn global_norm(grads: &[Tensor]) -> Result<Tensor> {
    if grads.iter().all(in_host_memory) {
        return Ok(Tensor::new(sum_of_squares(grads)?.sqrt() as f32, &Device::Cpu)?);
    }
    let mut total: Option<Tensor> = None;
    for grad in grads {
        let square = grad.sqr()?.sum_all()?;
        total = Some(match total {
            Some(total) => (total + square)?,
            None => square,
        });
    }
    match total {
        Some(total) => Ok(total.sqrt()?),
        None => Ok(Tensor::new(0f32, &Device::Cpu)?),
    }
}

/// Scales `grads` so that their global norm is at most `max_norm`; returns the norm before.
///
/// The factor is `min(1, max_norm / (norm + 1e-6))`, computed on the device.
///
/// # Errors
/// If a tensor operation fails.
pub fn clip_global_norm(grads: &mut [Tensor], max_norm: f64) -> Result<Tensor> {
    let norm = global_norm(grads)?;
    let factor = ((&norm + 1e-6)?.recip()? * max_norm)?;
    let factor = factor.minimum(1.0)?;
    for grad in grads {
        *grad = grad.broadcast_mul(&factor)?;
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Noise, Purpose};
    use candle_nn::Optimizer as _;
    use candle_optimisers::Decay;
    use candle_optimisers::adam::{Adam as Oracle, ParamsAdam};

    fn against_the_oracle(config: AdamConfig, weight_decay: Option<Decay>) -> f64 {
        let start = Tensor::new(&[1.0f64, -2.0, 0.5, 3.0], &Device::Cpu).unwrap();
        let ours = Var::from_tensor(&start).unwrap();
        let theirs = Var::from_tensor(&start).unwrap();
        let mut adam = Adam::new(vec![ours.clone()], config).unwrap();
        let params = ParamsAdam {
            lr: config.learning_rate,
            beta_1: config.beta1,
            beta_2: config.beta2,
            eps: config.epsilon,
            weight_decay,
            amsgrad: false,
        };
        let mut oracle = Oracle::new(vec![theirs.clone()], params).unwrap();
        for k in 1..50 {
            let loss = |var: &Var| {
                let shifted = (var.as_tensor() - 0.1 * k as f64).unwrap();
                (shifted.sqr().unwrap() * 0.7).unwrap().cos().unwrap().sum_all().unwrap()
            };
            let grads = loss(&ours).backward().unwrap();
            adam.step(&[grads.get(&ours).unwrap().clone()]).unwrap();
            oracle.backward_step(&loss(&theirs)).unwrap();
        }
        let difference = (ours.as_tensor() - theirs.as_tensor()).unwrap().abs().unwrap();
        assert!(
            (ours.as_tensor() - &start)
                .unwrap()
                .abs()
                .unwrap()
                .max_all()
                .unwrap()
                .to_scalar::<f64>()
                .unwrap()
                > 0.1,
            "the parameters moved"
        );
        difference.max_all().unwrap().to_scalar().unwrap()
    }

    #[test]
    fn fifty_steps_equal_those_of_candle_optimisers() {
        let config = AdamConfig { learning_rate: 0.03, ..AdamConfig::default() };
        assert!(against_the_oracle(config, None) < 1e-12);
    }

    #[test]
    fn decoupled_weight_decay_and_other_betas_equal_candle_optimisers() {
        let config = AdamConfig {
            learning_rate: 0.03,
            beta1: 0.8,
            beta2: 0.95,
            epsilon: 1e-5,
            weight_decay: 0.1,
        };
        assert!(against_the_oracle(config, Some(Decay::DecoupledWeightDecay(0.1))) < 1e-12);
    }

    /// Gradients of very different sizes, so that ε and the corrections matter.
    #[test]
    fn steps_in_host_memory_equal_those_in_double_precision() {
        let n = 70_001;
        let random = |index| {
            Noise::new(4).normal_tensor(Purpose::LossNoise, index, &[n], &Device::Cpu).unwrap()
        };
        let config = AdamConfig { learning_rate: 0.01, weight_decay: 0.1, ..AdamConfig::default() };
        let start = random(0);
        let single = Var::from_tensor(&start).unwrap();
        let double = Var::from_tensor(&start.to_dtype(DType::F64).unwrap()).unwrap();
        let mut adams = [&single, &double].map(|var| Adam::new(vec![var.clone()], config).unwrap());
        for k in 1..10 {
            let grad = (random(k) * 10f64.powi(2 - k as i32)).unwrap();
            adams[0].step(std::slice::from_ref(&grad)).unwrap();
            adams[1].step(&[grad.to_dtype(DType::F64).unwrap()]).unwrap();
            let norms = [grad.clone(), grad.to_dtype(DType::F64).unwrap()].map(|grad| {
                let norm = global_norm(&[grad]).unwrap().to_dtype(DType::F64).unwrap();
                norm.to_scalar::<f64>().unwrap()
            });
            assert!((norms[0] / norms[1] - 1.0).abs() < 1e-6, "{norms:?}");
        }
        let off = (single.to_dtype(DType::F64).unwrap() - double.as_tensor()).unwrap();
        let off = off.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(off > 0.0 && off < 2e-6, "{off}");
    }

    #[test]
    fn the_global_norm_is_clipped_over_all_gradients_together() {
        let grad = |x: [f64; 2]| Tensor::new(&x, &Device::Cpu).unwrap();
        let mut grads = [grad([3.0, 0.0]), grad([0.0, 4.0])];
        let norm = clip_global_norm(&mut grads, 1.0).unwrap().to_scalar::<f64>().unwrap();
        assert!((norm - 5.0).abs() < 1e-12);
        let clipped = global_norm(&grads).unwrap().to_scalar::<f64>().unwrap();
        assert!((clipped - 1.0).abs() < 1e-6);
        let mut small = [grad([0.3, 0.4])];
        clip_global_norm(&mut small, 1.0).unwrap();
        assert_eq!(small[0].to_vec1::<f64>().unwrap(), [0.3, 0.4]);
    }
}
