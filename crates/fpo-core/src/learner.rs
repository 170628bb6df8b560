//! The FPO update, readable from top to bottom like the paper's Algorithm 1.

use candle_core::{DType, Device, Tensor};

use crate::gae::{self, Advantages, Trajectory};
use crate::normalizer::DeviceNormalizer;
use crate::objective::{log_ratio, normalize_advantages, ppo_clip};
use crate::{
    AdvantageKind, AdvantageNormalization, Error, FlowPolicy, Minibatch, Noise, Normalizer,
    Optimizer, OptimizerConfig, Purpose, RatioKind, Result, Rollout, ValueNet,
};

/// The constants of the objective.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FpoConfig {
    /// PPO's ε: ratios count within `[1 − ε, 1 + ε]`.
    pub clip_epsilon: f64,
    /// One ratio per action or per Monte-Carlo sample.
    pub ratio: RatioKind,
    /// Bound on the magnitude of the log ratio, if any.
    pub log_ratio_clamp: Option<f64>,
    /// Discount γ per step.
    pub gamma: f64,
    /// λ of the advantage estimator.
    pub gae_lambda: f64,
    /// Which advantage estimator.
    pub advantage: AdvantageKind,
    /// Factor on rewards inside the advantage estimator.
    pub reward_scale: f64,
    /// Weight of the value loss.
    pub value_coefficient: f64,
    /// Whether advantages are normalised.
    pub normalize_advantages: AdvantageNormalization,
}

impl Default for FpoConfig {
    /// The paper's Playground settings (Table A.2) with Schulman's GAE.
    fn default() -> Self {
        FpoConfig {
            clip_epsilon: 0.05,
            ratio: RatioKind::PerAction,
            log_ratio_clamp: None,
            gamma: 0.995,
            gae_lambda: 0.95,
            advantage: AdvantageKind::Gae,
            reward_scale: 10.0,
            value_coefficient: 0.25,
            normalize_advantages: AdvantageNormalization::Minibatch,
        }
    }
}

/// How a rollout is cut into gradient steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinibatchSchedule {
    /// Steps per sub-sequence.
    pub unroll_length: usize,
    /// Sub-sequences per minibatch.
    pub batch_size: usize,
    /// Minibatches per epoch.
    pub num_minibatches: usize,
    /// Passes over the rollout.
    pub num_epochs: usize,
}

/// Policy, value network, optimiser and observation statistics.
pub struct Learner {
    /// The policy being trained.
    pub policy: FlowPolicy,
    /// The value network.
    pub value: ValueNet,
    /// The optimiser of both.
    pub optimizer: Optimizer,
    /// Statistics of the observations.
    pub normalizer: Normalizer,
    /// The objective's constants.
    pub config: FpoConfig,
    /// Gradient steps taken.
    pub gradient_steps: u64,
    /// Passes over rollouts made; the index of the next permutation.
    pub epochs: u64,
}

/// The loss of one minibatch and what went into it.
pub struct FpoLoss {
    /// `policy_loss + value_loss`, the scalar that is differentiated.
    pub total: Tensor,
    /// `−mean surrogate`.
    pub policy_loss: Tensor,
    /// `value_coefficient · mean (R − V)²`.
    pub value_loss: Tensor,
    /// Ratios `(U, B, R)`.
    pub ratio: Tensor,
    /// `r·A` and its clipped twin, elementwise.
    pub surrogates: (Tensor, Tensor),
    /// Advantages before normalisation, and value targets, `(U, B)`.
    pub estimates: Advantages,
    /// Values `(U, B)`.
    pub values: Tensor,
    /// `R − V`, zero on truncated steps, `(U, B)`.
    pub value_error: Tensor,
    /// CFM losses under the current parameters, `(U, B, N)`.
    pub loss_new: Tensor,
}

/// Diagnostics of the gradient steps of one update, one row per step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMetrics {
    /// One row per gradient step, columns as [`StepMetrics::NAMES`].
    pub rows: Vec<Vec<f32>>,
}

impl StepMetrics {
    /// What the columns mean.
    pub const NAMES: [&str; 13] = [
        "total_loss",
        "policy_loss",
        "value_loss",
        "ratio_mean",
        "ratio_min",
        "ratio_max",
        "clip_fraction",
        "cfm_loss_old",
        "cfm_loss_new",
        "advantage_std",
        "value_mean",
        "value_target_mean",
        "grad_norm",
    ];

    /// Name and summary over the update: mean, but minimum and maximum of the ratio's extremes.
    pub fn summary(&self) -> Vec<(&'static str, f64)> {
        let column = |k: usize| self.rows.iter().map(move |row| row[k] as f64);
        let summarise = |(k, name): (usize, &'static str)| {
            let value = match name {
                "ratio_min" => column(k).fold(f64::INFINITY, f64::min),
                "ratio_max" => column(k).fold(f64::NEG_INFINITY, f64::max),
                _ => column(k).sum::<f64>() / self.rows.len() as f64,
            };
            (name, value)
        };
        StepMetrics::NAMES.into_iter().enumerate().map(summarise).collect()
    }
}

impl Learner {
    /// A learner whose optimiser moves the parameters of both networks.
    pub fn new(
        policy: FlowPolicy,
        value: ValueNet,
        normalizer: Normalizer,
        optimizer: OptimizerConfig,
        config: FpoConfig,
    ) -> Result<Learner> {
        let vars = vec![policy.params().var().clone(), value.params().var().clone()];
        let optimizer = Optimizer::new(vars, optimizer)?;
        Ok(Learner { policy, value, optimizer, normalizer, config, gradient_steps: 0, epochs: 0 })
    }

    /// Several epochs of minibatch steps on one rollout (Algorithm 1, lines 8–14).
    ///
    /// # Errors
    /// [`Error::NonFinite`] names the first loss or gradient that is not finite.
    pub fn update(
        &mut self,
        rollout: &Rollout,
        schedule: MinibatchSchedule,
        noise: &Noise,
    ) -> Result<StepMetrics> {
        let normalizer = self.device_normalizer()?;
        let sequences = schedule.batch_size * schedule.num_minibatches;
        let mut metrics = Vec::new();
        for _ in 0..schedule.num_epochs {
            let order = noise.permutation(Purpose::Shuffle, self.epochs, sequences);
            metrics.extend(self.epoch(rollout, &order, schedule, &normalizer)?);
        }
        self.collect(metrics)
    }

    /// One pass over the rollout's sub-sequences in the given order.
    pub fn epoch(
        &mut self,
        rollout: &Rollout,
        order: &[u32],
        schedule: MinibatchSchedule,
        normalizer: &DeviceNormalizer,
    ) -> Result<Vec<Tensor>> {
        let mut metrics = Vec::with_capacity(schedule.num_minibatches);
        for picks in order.chunks_exact(schedule.batch_size) {
            let minibatch = rollout.minibatch(picks, schedule.unroll_length)?;
            metrics.push(self.gradient_step(&minibatch, normalizer)?);
        }
        self.epochs += 1;
        Ok(metrics)
    }

    /// One gradient step on one minibatch; returns its diagnostics as a row on the device.
    pub fn gradient_step(
        &mut self,
        minibatch: &Minibatch,
        normalizer: &DeviceNormalizer,
    ) -> Result<Tensor> {
        let loss = self.loss(minibatch, normalizer)?;
        let mut grads = loss.total.backward()?;
        let grad_norm = self.optimizer.step(&mut grads)?;
        self.gradient_steps += 1;
        loss.diagnostics(&minibatch.loss_old, self.config.clip_epsilon, &grad_norm)
    }

    /// The FPO loss of one minibatch.
    pub fn loss(&self, minibatch: &Minibatch, normalizer: &DeviceNormalizer) -> Result<FpoLoss> {
        let config = &self.config;
        let obs = normalizer.normalize(&minibatch.obs)?;

        // Advantages from the current value function, through which no gradient flows.
        let values = self.value.forward(&obs)?;
        let bootstrap = self.value.forward(&normalizer.normalize(&minibatch.bootstrap_obs)?)?;
        let trajectory = Trajectory {
            rewards: &(&minibatch.reward * config.reward_scale)?,
            discounts: &((1.0 - &minibatch.terminated)? * config.gamma)?,
            truncated: &minibatch.truncated,
            values: &values,
            bootstrap: &bootstrap,
        };
        let estimates = gae::estimate(&trajectory, config.gae_lambda, config.advantage)?;
        let advantages = normalize_advantages(&estimates.advantages, config.normalize_advantages)?;

        // ratio = exp(L_old − L_new), over the same (ε, t) pairs (eq. 6).
        let Minibatch { action, eps, t, loss_old, .. } = minibatch;
        let loss_new = self.policy.cfm_loss(&obs, action, eps, t)?;
        let log_ratio = log_ratio(loss_old, &loss_new, config.ratio, config.log_ratio_clamp)?;
        let ratio = log_ratio.exp()?;

        // Clipped surrogate (eq. 5).
        let surrogate = ppo_clip(&ratio, &advantages, config.clip_epsilon)?;
        let policy_loss = surrogate.value.mean_all()?.neg()?;

        // Value loss against the λ-returns; a truncated step has no target.
        let value_error = ((&estimates.targets - &values)? * (1.0 - &minibatch.truncated)?)?;
        let value_loss = (value_error.sqr()?.mean_all()? * config.value_coefficient)?;

        Ok(FpoLoss {
            total: (&policy_loss + &value_loss)?,
            policy_loss,
            value_loss,
            ratio,
            surrogates: (surrogate.unclipped, surrogate.clipped),
            estimates,
            values,
            value_error,
            loss_new,
        })
    }

    /// The losses `(T, E, N)` of a rollout's actions under the current policy and statistics: the
    /// `L_old` of the coming update. `chunk` steps are computed at a time to bound memory.
    pub fn stored_losses(
        &self,
        obs: &Tensor,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
        chunk: usize,
    ) -> Result<Tensor> {
        let normalizer = self.device_normalizer()?;
        let steps = obs.dim(0)?;
        let mut parts = Vec::new();
        for start in (0..steps).step_by(chunk.max(1)) {
            let len = chunk.max(1).min(steps - start);
            let part = |x: &Tensor| x.narrow(0, start, len);
            let obs = normalizer.normalize(&part(obs)?)?;
            let loss = self.policy.cfm_loss(&obs, &part(action)?, &part(eps)?, &part(t)?)?;
            parts.push(loss.detach());
        }
        Ok(Tensor::cat(&parts, 0)?)
    }

    /// The observation statistics where the networks are.
    pub fn device_normalizer(&self) -> Result<DeviceNormalizer> {
        self.normalizer.on_device(self.dtype(), self.device())
    }

    /// Where the networks are.
    pub fn device(&self) -> &Device {
        self.policy.params().var().device()
    }

    fn dtype(&self) -> DType {
        self.policy.params().var().dtype()
    }

    /// Brings the rows to the host in one transfer and refuses numbers that are not finite.
    fn collect(&self, rows: Vec<Tensor>) -> Result<StepMetrics> {
        let first = self.gradient_steps - rows.len() as u64;
        let rows = Tensor::stack(&rows, 0)?.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        for (k, row) in rows.iter().enumerate() {
            if let Some(bad) = row.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFinite {
                    tensor: StepMetrics::NAMES[bad].to_string(),
                    value: row[bad] as f64,
                    step: first + k as u64,
                });
            }
        }
        Ok(StepMetrics { rows })
    }
}

impl FpoLoss {
    /// One row of [`StepMetrics`], still on the device.
    pub fn diagnostics(
        &self,
        loss_old: &Tensor,
        clip_epsilon: f64,
        grad_norm: &Tensor,
    ) -> Result<Tensor> {
        let ratio = self.ratio.detach();
        let clipped = (&ratio - 1.0)?.abs()?.gt(clip_epsilon)?.to_dtype(ratio.dtype())?;
        let advantages = &self.estimates.advantages;
        let centred = advantages.broadcast_sub(&advantages.mean_all()?)?;
        let scalars = [
            self.total.detach(),
            self.policy_loss.detach(),
            self.value_loss.detach(),
            ratio.mean_all()?,
            ratio.min_all()?,
            ratio.max_all()?,
            clipped.mean_all()?,
            loss_old.mean_all()?,
            self.loss_new.detach().mean_all()?,
            centred.sqr()?.mean_all()?.sqrt()?,
            self.values.detach().mean_all()?,
            self.estimates.targets.mean_all()?,
            grad_norm.clone(),
        ];
        Ok(Tensor::stack(&scalars, 0)?)
    }
}
