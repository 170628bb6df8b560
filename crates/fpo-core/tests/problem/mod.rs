//! Random networks, objectives and rollouts, and what a learner makes of them.

mod random;

use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use fpo_core::gae::Truncation;
use fpo_core::path::{Path, Quantity};
use fpo_core::surrogate::Surrogate;
use fpo_core::{
    ActionFrame, Activation, Alone, ChainPolicy, Compute, DenoisingMdp, FlowConfig, FlowPolicy,
    GaussianConfig, GaussianPolicy, Learner, LossInputs, MeanRatio, Noise, Normalizer,
    NormalizerKind, Objective, OptimizerConfig, PhaseTimes, Policy, Purpose, Reduction, Rollout,
    Source, SourceWidth, StepTimes, Transitions, ValueNet, minibatch_loss,
};

/// Which policy acts.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Flow,
    Chain(DenoisingMdp),
    Gaussian,
}

/// Sizes and choices; the numbers follow from `seed`.
#[derive(Clone, Debug)]
pub struct Problem {
    pub seed: u64,
    pub kind: Kind,
    pub flow: FlowConfig,
    pub value_hidden: Vec<usize>,
    pub value_activation: Activation,
    pub objective: Objective,
    /// What is maximised instead of the objective's surrogate, if anything.
    pub own_surrogate: Option<Arc<dyn Surrogate>>,
    /// Which change of the parameters, as small as the rounding of f32, is made, if any.
    pub rounding: Option<u64>,
    /// The time of all pairs, where it is not drawn.
    pub time: Option<f64>,
    pub samples: usize,
    pub unroll_length: usize,
    pub unrolls: usize,
    pub envs: usize,
    /// Sub-sequences in the minibatch.
    pub sequences: usize,
    /// Which numbers of an observation policy and critic do not see, if not all.
    pub hidden: [Vec<bool>; 2],
}

/// What one gradient step's loss comes to.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    pub policy_gradient: Vec<f64>,
    pub value_gradient: Vec<f64>,
    pub diagnostics: Vec<f64>,
    pub stored: Vec<f64>,
}

/// All numbers of a tensor.
pub fn host(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The rollout of collected transitions and the losses stored with them.
pub fn with_losses(collected: Transitions<Tensor, ()>, loss_old: Tensor) -> Rollout {
    let Transitions { obs, bootstrap_obs, action, reward, terminated, .. } = collected;
    let Transitions { truncated, cut_value, stored, t, .. } = collected;
    Transitions {
        obs,
        bootstrap_obs,
        action,
        reward,
        terminated,
        truncated,
        cut_value,
        stored,
        t,
        loss_old,
    }
}

impl Problem {
    /// The same problem, where steps that the limit cut have no part in the update.
    pub fn excluding(mut self) -> Problem {
        self.objective.truncation = Truncation::Exclude;
        self
    }

    /// The same problem with `surrogate` maximised instead of the objective's.
    pub fn maximising(mut self, surrogate: Arc<dyn Surrogate>) -> Problem {
        self.own_surrogate = Some(surrogate);
        self
    }

    /// The same problem, where the policy does not see the first half of an observation and the
    /// critic not the last number; an observation has at least two.
    pub fn hiding(mut self) -> Problem {
        self.flow.obs_dim = self.flow.obs_dim.max(2);
        let (dim, half) = (self.flow.obs_dim, self.flow.obs_dim / 2);
        self.hidden = [|k, half, _| k < half, |k, _, dim| k + 1 == dim].map(
            |hides: fn(usize, usize, usize) -> bool| {
                (0..dim).map(|k| hides(k, half, dim)).collect()
            },
        );
        self
    }

    /// The same problem with losses in nats and noise of this width, which is learned in some way
    /// or not.
    pub fn with_source(mut self, std: f64, width: SourceWidth) -> Problem {
        if width != SourceWidth::Fixed {
            (self.flow.path, self.flow.prediction) = (Path::Linear, Quantity::Velocity);
        }
        self.flow.loss_reduction = Reduction::Nats;
        (self.flow.source_std, self.flow.source_width) = (std, width);
        // Bounds on losses are meant for those that cannot be negative.
        (self.objective.loss_max, self.objective.negative_advantage_loss_max) = (None, None);
        self
    }

    /// The same problem with losses in nats and a frame for each state, of width `std` at first.
    pub fn in_frames(self, std: f64) -> Problem {
        let mut problem = self.with_source(std, SourceWidth::Fixed);
        (problem.flow.path, problem.flow.prediction) = (Path::Linear, Quantity::Velocity);
        (problem.flow.frame, problem.flow.step_times) = (ActionFrame::PerState, StepTimes::Middle);
        problem.objective.kinetic_weight = 0.3;
        problem
    }

    fn tensor(&self, index: u64, shape: &[usize]) -> Tensor {
        Noise::new(self.seed).normal_tensor(Purpose::LossNoise, index, shape, &Device::Cpu).unwrap()
    }

    fn uniform(&self, index: u64, shape: &[usize]) -> Tensor {
        let mut values = vec![0.0; shape.iter().product()];
        Noise::new(self.seed).fill_uniform(Purpose::LossTime, index, &mut values);
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn flags(&self, index: u64, shape: &[usize]) -> Tensor {
        self.uniform(index, shape).lt(0.1).unwrap().to_dtype(DType::F32).unwrap()
    }

    pub fn learner(&self, compute: Compute, dtype: DType) -> Learner {
        self.learner_on(&Device::Cpu, compute, dtype)
    }

    pub fn learner_on(&self, device: &Device, compute: Compute, dtype: DType) -> Learner {
        let noise = Noise::new(self.seed);
        let flow = || FlowPolicy::new(self.flow.clone(), &noise, dtype, device).unwrap();
        let policy: Arc<dyn Policy> = match self.kind {
            Kind::Flow => Arc::new(flow()),
            Kind::Chain(mdp) => Arc::new(ChainPolicy::new(flow(), mdp).unwrap()),
            Kind::Gaussian => {
                let mut config = GaussianConfig::new(self.flow.obs_dim, self.flow.action_dim);
                config.hidden = self.flow.hidden.clone();
                config.activation = self.flow.activation;
                config.squash = self.flow.squash;
                Arc::new(GaussianPolicy::new(config, &noise, dtype, device).unwrap())
            }
        };
        let (dim, activation) = (self.flow.obs_dim, self.value_activation);
        let value =
            ValueNet::new(dim, &self.value_hidden, activation, &noise, dtype, device).unwrap();
        for params in [policy.params(), value.params()] {
            // Biases start at zero; a kernel that forgot them would go unnoticed.
            let shift = self.tensor(50, params.flat().dims()).to_dtype(dtype).unwrap();
            let shift = shift.to_device(device).unwrap();
            let mut moved = (params.flat() + (shift * 0.05).unwrap()).unwrap();
            if let Some(index) = self.rounding {
                let factors = self.tensor(80 + index, moved.dims()).to_dtype(dtype).unwrap();
                let factors = factors.to_device(device).unwrap();
                moved = (moved * factors.affine(2e-7, 1.0).unwrap()).unwrap();
            }
            params.var().set(&moved).unwrap();
        }
        let mut normalizer = Normalizer::new(NormalizerKind::Welford, dim);
        let rows = self.tensor(51, &[20 * dim]).to_vec1::<f32>().unwrap();
        normalizer.update(&rows.iter().map(|x| 0.3 + 1.5 * x).collect::<Vec<_>>()).unwrap();
        let optimizer = OptimizerConfig::default();
        let learner = Learner::new(policy, value, normalizer, optimizer, self.objective).unwrap();
        let [policy, critic] = self.hidden.clone();
        let learner = learner.with_hidden(policy, critic).unwrap();
        let mut learner = learner.with_compute(compute).unwrap();
        // As in the middle of an update, so that the mean ratio has a part in the loss.
        let mean = Tensor::new(0.7, device).unwrap().to_dtype(dtype).unwrap();
        learner.mean_ratio = MeanRatio::at(&mean).unwrap();
        match &self.own_surrogate {
            Some(surrogate) => learner.with_surrogate(surrogate.clone()),
            None => learner,
        }
    }

    /// A rollout on the learner's device whose stored losses are off the policy's own by noise, and
    /// those own losses.
    pub fn rollout(&self, learner: &mut Learner, dtype: DType) -> (Rollout, Tensor) {
        let (steps, envs) = (self.unroll_length * self.unrolls, self.envs);
        let dim = self.flow.action_dim;
        let stored = learner.policy().stored(self.samples);
        let n = stored.losses;
        let device = learner.device().clone();
        let at = |tensor: Tensor| tensor.to_dtype(dtype).unwrap().to_device(&device).unwrap();
        let obs = at(self.tensor(1, &[steps, envs, self.flow.obs_dim]));
        let action = at(self.tensor(2, &[steps, envs, dim]));
        // The steps of a chain are small against its noise.
        let size = if matches!(stored.source, Source::Chain { .. }) { 0.3 } else { 1.0 };
        let stored = (at(self.tensor(3, &[steps, envs, stored.rows, dim])) * size).unwrap();
        // Off the ends, where weights of other predictions are so large that f32 says little.
        let (low, span) = match self.flow.prediction {
            Quantity::Velocity => (0.0, 1.0),
            _ => (0.3, 0.4),
        };
        let (low, span) = self.time.map_or((low, span), |time| (time, 0.0));
        let t = at(self.uniform(4, &[steps, envs, n, 1])).affine(span, low).unwrap();
        let off = (at(self.tensor(5, &[steps, envs, n])) * 0.2).unwrap();
        let (terminated, truncated) =
            (at(self.flags(8, &[steps, envs])), at(self.flags(9, &[steps, envs])));
        let collected = Transitions {
            obs,
            bootstrap_obs: at(self.tensor(6, &[self.unrolls, envs, self.flow.obs_dim])),
            action,
            reward: at(self.tensor(7, &[steps, envs])),
            terminated: (&terminated * (1.0 - &truncated).unwrap()).unwrap(),
            cut_value: (at(self.tensor(10, &[steps, envs])) * &truncated).unwrap(),
            truncated,
            stored,
            t,
            loss_old: (),
        };
        let losses = learner.stored_losses(&collected, 3).unwrap();
        let rollout = with_losses(collected, (&losses + off).unwrap());
        (rollout, losses)
    }

    pub fn picks(&self) -> Vec<u32> {
        let mut picks = vec![0; self.sequences];
        let all = self.unrolls * self.envs;
        Noise::new(self.seed).fill_index(Purpose::Shuffle, 1, all, &mut picks);
        picks
    }

    pub fn outcome(&self, compute: Compute, dtype: DType) -> Outcome {
        self.outcome_on(&Device::Cpu, compute, dtype)
    }

    pub fn outcome_on(&self, device: &Device, compute: Compute, dtype: DType) -> Outcome {
        let mut learner = self.learner_on(device, compute, dtype);
        let (rollout, stored) = self.rollout(&mut learner, dtype);
        let picks = self.picks();
        let minibatch = rollout.minibatch(&picks, self.unroll_length).unwrap();
        let normalizer = learner.device_normalizer().unwrap();
        let loss = learner.loss(&minibatch, &normalizer).unwrap();
        let (policy, value) = (loss.policy.backward().unwrap(), loss.value.backward().unwrap());
        Outcome {
            policy_gradient: host(policy.get(learner.policy().params().var()).unwrap()),
            value_gradient: host(value.get(learner.value().params().var()).unwrap()),
            diagnostics: host(&loss.diagnostics),
            stored: host(&stored),
        }
    }

    /// The slope of a network's loss along a random direction: from `gradient`, and by central
    /// differences of the composed loss in f64. Value targets are held fixed.
    pub fn slope(&self, net: &str, gradient: &[f64], direction: u64) -> (f64, f64) {
        let mut learner = self.learner(Compute::Composed, DType::F64);
        let (rollout, _) = self.rollout(&mut learner, DType::F64);
        let picks = self.picks();
        let minibatch = rollout.minibatch(&picks, self.unroll_length).unwrap().gather().unwrap();
        let normalizer = learner.device_normalizer().unwrap();
        let ratio_weight = learner.mean_ratio.weight(learner.objective()).unwrap();
        let loss = |learner: &Learner| {
            let inputs = LossInputs {
                policy: learner.policy().as_ref(),
                value: learner.value(),
                objective: learner.objective(),
                surrogate: self.own_surrogate.as_deref(),
                ratio_weight: ratio_weight.as_ref(),
                normalizer: &normalizer,
                reduce: &Alone,
            };
            minibatch_loss(&inputs, &minibatch, &mut PhaseTimes::default()).unwrap()
        };
        let targets = loss(&learner).value_terms.estimates.targets;
        let masked = self.objective.truncation != Truncation::Bootstrap;
        let params = match net {
            "policy" => learner.policy().params(),
            _ => learner.value().params(),
        };
        let start = params.flat().copy().unwrap();
        let direction = self.tensor(60 + direction, start.dims()).to_dtype(DType::F64).unwrap();
        let at = |h: f64| {
            params.var().set(&(&start + (&direction * h).unwrap()).unwrap()).unwrap();
            let loss = loss(&learner);
            let scalar = match net {
                "policy" => {
                    let entropy = loss.entropy.map(|(_, entropy)| entropy);
                    let shares = [entropy, loss.mean_ratio, loss.energy];
                    let add = |sum: Tensor, share: Tensor| (sum + share).unwrap();
                    shares.into_iter().flatten().fold(loss.policy_loss, add)
                }
                _ => {
                    let mut error = (&targets - &loss.value_terms.values).unwrap();
                    if masked {
                        error = (error * (1.0 - &minibatch.truncated).unwrap()).unwrap();
                    }
                    (error.sqr().unwrap().mean_all().unwrap() * self.objective.value_coefficient)
                        .unwrap()
                }
            };
            scalar.to_scalar::<f64>().unwrap()
        };
        let h = 1e-7;
        let numeric = (at(h) - at(-h)) / (2.0 * h);
        let along = gradient.iter().zip(host(&direction)).map(|(g, d)| g * d).sum();
        (along, numeric)
    }

    /// Observations, and for each the noise that acting takes.
    pub fn sampling(&self, noise_len: usize) -> (Tensor, Tensor) {
        let rows = 1 + self.seed as usize * 37 % 250;
        (self.tensor(70, &[rows, self.flow.obs_dim]), self.tensor(71, &[rows, noise_len]))
    }
}
