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

use candle_core::{Tensor, Var};

use crate::error::{Error, Result};
use crate::optimizer::adam_config::AdamConfig;
use crate::optimizer::adam_in_place::{Average, Move};
use crate::optimizer::gradient_norm::in_host_memory;

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
    /// The moments of all variables one after the other, of which `moments` are views; `None` in
    /// host memory, and until the first step.
    joined: Option<Moments>,
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
        Ok(Adam { config, vars, moments, joined: None, steps: 0 })
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
        if !self.is_in_host_memory() {
            return self.step_joined(&join(grads)?);
        }
        let corrections = self.next_corrections();
        let config = &self.config;
        for ((var, moments), grad) in self.vars.iter().zip(&mut self.moments).zip(grads) {
            moments.first.inplace_op2(grad, &Average::first(config))?;
            moments.second.inplace_op2(grad, &Average::second(config))?;
            let step = Move::new(config, corrections);
            var.inplace_op3(&moments.first, &moments.second, &step)?;
        }
        Ok(())
    }

    /// Takes one step down the gradients of all variables, joined by [`join`], in as few kernels as
    /// Candle's operations allow.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn step_joined(&mut self, grad: &Tensor) -> Result<()> {
        let [correction1, correction2] = self.next_corrections();
        let AdamConfig { learning_rate, beta1, beta2, epsilon, weight_decay } = self.config;
        let Moments { first, second } = match self.joined.take() {
            Some(joined) => joined,
            None => {
                let all = |of: fn(&Moments) -> &Tensor| {
                    join(&self.moments.iter().map(|m| of(m).clone()).collect::<Vec<_>>())
                };
                Moments { first: all(|m| &m.first)?, second: all(|m| &m.second)? }
            }
        };
        let first = ((first * beta1)? + (grad * (1.0 - beta1))?)?;
        let second = ((second * beta2)? + (grad.sqr()? * (1.0 - beta2))?)?;
        // The rate and the corrections are folded into the constants, so that as few kernels as
        // possible run.
        let update = match learning_rate {
            0.0 => None,
            _ => {
                let scale = correction1 / learning_rate;
                let root = second.sqrt()?.affine(scale / correction2.sqrt(), scale * epsilon)?;
                Some((&first / root)?)
            }
        };
        let mut offset = 0;
        for (var, moments) in self.vars.iter().zip(&mut self.moments) {
            let len = var.elem_count();
            let part = |x: &Tensor| x.narrow(0, offset, len)?.reshape(var.shape());
            *moments = Moments { first: part(&first)?, second: part(&second)? };
            if let Some(update) = &update {
                let start = match weight_decay {
                    0.0 => var.as_detached_tensor(),
                    decay => var.as_detached_tensor().affine(1.0 - learning_rate * decay, 0.0)?,
                };
                var.set(&(start - part(update)?)?)?;
            }
            offset += len;
        }
        self.joined = Some(Moments { first, second });
        Ok(())
    }

    /// Returns whether the kernels of host memory take the steps, variable by variable.
    pub(crate) fn is_in_host_memory(&self) -> bool {
        self.vars.iter().all(|var| in_host_memory(var))
    }

    /// Counts a step, and returns its `1 − β₁ᵗ` and `1 − β₂ᵗ`.
    fn next_corrections(&mut self) -> [f64; 2] {
        self.steps += 1;
        let power = self.steps.min(i32::MAX as u64) as i32;
        [self.config.beta1, self.config.beta2].map(|beta| 1.0 - beta.powi(power))
    }

    /// Sets the step size of the coming steps.
    pub fn set_learning_rate(&mut self, rate: f64) {
        self.config.learning_rate = rate;
    }

    /// Returns the number of steps taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Lets the moments of the variable with this index be those of gradients that are `factors`
    /// times what they were, where these have the variable's shape.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn scale_gradients(&mut self, index: usize, factors: &Tensor) -> Result<()> {
        let moments = &mut self.moments[index];
        moments.first = (&moments.first * factors)?;
        moments.second = (&moments.second * factors.sqr()?)?;
        self.joined = None;
        Ok(())
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
        self.joined = None;
        Ok(())
    }
}

/// Returns the elements of all tensors one after the other.
pub(crate) fn join(tensors: &[Tensor]) -> Result<Tensor> {
    let flat = tensors.iter().map(Tensor::flatten_all).collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&flat, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimizer::gradient_norm::global_norm;
    use crate::random::{Noise, Purpose};
    use candle_core::{DType, Device};
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

    #[test]
    fn moments_follow_gradients_that_change_their_size() {
        let factors = Tensor::new(&[0.5f64, 0.25], &Device::Cpu).unwrap();
        let zeros = factors.zeros_like().unwrap();
        let config = AdamConfig::default();
        let [mut before, mut after] = [(); 2].map(|()| {
            let vars = [&zeros, &zeros].map(|zeros| Var::from_tensor(zeros).unwrap());
            Adam::new(vars.to_vec(), config).unwrap()
        });
        for k in 0..5 {
            let grad = Tensor::new(&[(k as f64).sin(), 3.0 - k as f64], &Device::Cpu).unwrap();
            before.step(&[grad.clone(), grad.clone()]).unwrap();
            after.step(&[grad.clone(), (&grad * &factors).unwrap()]).unwrap();
        }
        before.scale_gradients(1, &factors).unwrap();
        for (before, after) in before.moments().iter().zip(after.moments()) {
            for of in [|m: &Moments| m.first.clone(), |m: &Moments| m.second.clone()] {
                let [before, after] = [before, after].map(|m| of(m).to_vec1::<f64>().unwrap());
                assert_eq!(before, after, "powers of two are exact");
            }
        }
    }

    #[test]
    fn moments_of_a_gradient_that_has_stopped_become_zero_and_are_never_subnormal() {
        let var = Var::new(&[1.0f32, 1.0, 1.0], &Device::Cpu).unwrap();
        let config = AdamConfig { beta2: 0.95, ..AdamConfig::default() };
        let mut adam = Adam::new(vec![var.clone()], config).unwrap();
        let mut grad = Tensor::new(&[1.0f32, 1e-12, 1e-19], &Device::Cpu).unwrap();
        let moments = |adam: &Adam| {
            let Moments { first, second } = &adam.moments()[0];
            [first, second].map(|moment| moment.to_vec1::<f32>().unwrap()).concat()
        };
        for _ in 0..2000 {
            adam.step(std::slice::from_ref(&grad)).unwrap();
            let moments = moments(&adam);
            assert!(moments.iter().all(|x| *x == 0.0 || x.is_normal()), "{moments:?}");
            grad = grad.zeros_like().unwrap();
        }
        assert_eq!(moments(&adam), [0.0; 6]);
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
}
