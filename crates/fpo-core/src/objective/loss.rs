//! The loss of one minibatch in composed operations: advantages, ratio, surrogate, value loss.
//!
//! The policy defines `L` ([`crate::Policy::evaluate`]); the rest is the same for FPO, FPO++ and
//! the baselines.

use std::time::{Duration, Instant};

use candle_core::Tensor;

use crate::error::{Error, Result};
use crate::objective::diagnostics::StepDiagnostics;
use crate::objective::gae::{self, Advantages, Trajectory, Truncation};
use crate::objective::step_loss::{LossInputs, StepLoss};
use crate::rollout::MinibatchTensors;
use crate::tensor::attached::attach;
use crate::timing::PhaseTimes;

/// The value network's results on a minibatch; all but the loss are `(U, B)`.
pub struct ValueTerms {
    /// Advantages before they are shaped, and value targets.
    pub estimates: Advantages,
    /// Values.
    pub values: Tensor,
    /// `R − V`, zero on steps without a target.
    pub value_error: Tensor,
    /// 1 on steps with a target, 0 on the others; `None` where every step has one.
    pub counts: Option<Tensor>,
    /// `value_coefficient · mean (R − V)²`, a scalar.
    pub value_loss: Tensor,
}

/// The loss of one minibatch and the terms that make it up.
pub struct MinibatchLoss {
    /// `policy_loss + value_loss` and the shares of entropy, mean ratio and energy, the scalar that
    /// is differentiated.
    pub total: Tensor,
    /// `−mean surrogate`.
    pub policy_loss: Tensor,
    /// Mean entropy and `−entropy_coefficient · entropy`; `None` for policies without a known
    /// entropy.
    pub entropy: Option<(Tensor, Tensor)>,
    /// `−λ·mean ratio`, where the mean ratio has a weight.
    pub mean_ratio: Option<Tensor>,
    /// `kinetic_weight · mean energy`, where the energy has a weight.
    pub energy: Option<Tensor>,
    /// Ratios `(U, B, R)`.
    pub ratio: Tensor,
    /// Logarithms of the ratios.
    pub log_ratio: Tensor,
    /// Advantages as the surrogate sees them, `(U, B)`.
    pub advantages: Tensor,
    /// Losses `L` under the current parameters, `(U, B, N)`.
    pub loss_new: Tensor,
    /// Values, targets and the value loss.
    pub value_terms: ValueTerms,
}

/// Returns the loss of `minibatch` in composed operations, differentiable with respect to both
/// networks' parameters. Adds the time that each phase took to `times`.
///
/// # Errors
/// If a tensor operation fails.
pub fn minibatch_loss(
    inputs: &LossInputs,
    minibatch: &MinibatchTensors,
    times: &mut PhaseTimes,
) -> Result<MinibatchLoss> {
    let LossInputs { value, objective, normalizer, .. } = *inputs;
    let mut clock = Instant::now();
    let mut lap = |phase: &mut Duration| {
        *phase += clock.elapsed();
        clock = Instant::now();
    };
    // One pass of the value network over the steps and the observations after the last.
    let steps = minibatch.reward.dim(0)?;
    let bootstrap_obs = minibatch.bootstrap_obs.unsqueeze(0)?;
    let obs = Tensor::cat(&[&minibatch.obs, &bootstrap_obs], 0)?;
    let obs = normalizer.for_critic().normalize(&obs)?;
    let (values, bootstrap) = value.along(&obs)?;
    let obs = match normalizer.hides_nothing() {
        true => obs.narrow(0, 0, steps)?,
        false => normalizer.normalize(&minibatch.obs)?,
    };
    lap(&mut times.value);

    // Advantages from the current value function, through which no gradient flows.
    let bootstraps = objective.truncation == Truncation::Bootstrap;
    let trajectory = Trajectory {
        rewards: &(&minibatch.reward * objective.reward_scale)?,
        discounts: &minibatch.terminated.affine(-objective.gamma, objective.gamma)?,
        truncated: &minibatch.truncated,
        values: &values,
        bootstrap: &bootstrap,
        cut_values: bootstraps.then_some(&minibatch.cut_value),
    };
    let estimates = gae::estimate(&trajectory, objective.gae_lambda, objective.advantage)?;
    lap(&mut times.gae);

    // Value loss against the λ-returns; a step that the step limit cut has no target.
    let counts = match bootstraps {
        true => None,
        false => Some(estimates.uncut.clone()),
    };
    let mut value_error = (&estimates.targets - values.detach())?;
    if let Some(counts) = &counts {
        value_error = (value_error * counts)?;
    }
    let share = objective.value_coefficient / value_error.elem_count() as f64;
    let slope = (&value_error * (-2.0 * share))?;
    let value_loss = attach(value_error.sqr()?.sum_all()?, share, &values, move |upstream| {
        Ok(slope.broadcast_mul(upstream)?)
    })?;
    lap(&mut times.value);

    let value_terms = ValueTerms { estimates, values, value_error, counts, value_loss };
    policy_loss(inputs, minibatch, &obs, value_terms, times)
}

/// Computes the ratio, the surrogate and the whole loss, given the value network's results. `obs`
/// is normalised.
pub(crate) fn policy_loss(
    inputs: &LossInputs,
    minibatch: &MinibatchTensors,
    obs: &Tensor,
    value_terms: ValueTerms,
    times: &mut PhaseTimes,
) -> Result<MinibatchLoss> {
    let clock = Instant::now();
    let objective = inputs.objective;
    let excluded = objective.truncation == Truncation::Exclude;
    let counts = value_terms.counts.as_ref().filter(|_| excluded);
    let estimated = &value_terms.estimates.advantages;
    let mut advantages = objective.shape_advantages(estimated, counts, inputs.reduce)?;
    let spec = inputs.policy.spec();
    if objective.rewards_surprise(spec) {
        let taken = (&minibatch.action, &minibatch.loss_old);
        advantages =
            objective.with_surprise(&advantages, taken, spec.squash, counts, inputs.reduce)?;
    }

    // ratio = exp(L_old − L_new), over the same (ε, t) pairs (eq. 6).
    let MinibatchTensors { action, stored, t, loss_old, .. } = minibatch;
    let evaluated = inputs.policy.evaluate(obs, action, stored, t)?;
    let loss_new = evaluated.losses;
    let log_ratio = objective.log_ratio(loss_old, &loss_new, &advantages)?;
    let ratio = log_ratio.exp()?;

    // Clipped surrogate (eq. 5).
    let mut surrogate = inputs.surrogate(&log_ratio, &ratio, &advantages)?;
    if let Some(counts) = counts {
        surrogate = surrogate.broadcast_mul(&counts.unsqueeze(2)?)?;
    }
    let policy_loss = (surrogate.sum_all()? * (-1.0 / surrogate.elem_count() as f64))?;

    let mut total = (&policy_loss + &value_terms.value_loss)?;
    let mut entropy = None;
    if let Some(mean) = evaluated.entropy {
        let loss = (&mean * -objective.entropy_coefficient)?;
        total = (total + &loss)?;
        entropy = Some((mean, loss));
    }
    let mut mean_ratio = None;
    if let Some(weight) = inputs.ratio_weight {
        let taken = match counts {
            Some(counts) => ratio.broadcast_mul(&counts.unsqueeze(2)?)?,
            None => ratio.clone(),
        };
        let loss = (taken.mean_all()? * weight)?.neg()?;
        total = (total + &loss)?;
        mean_ratio = Some(loss);
    }
    let mut energy = None;
    if objective.kinetic_weight > 0.0 {
        let mean = evaluated.energy.ok_or_else(no_energy)?;
        let loss = (mean * objective.kinetic_weight)?;
        total = (total + &loss)?;
        energy = Some(loss);
    }
    times.policy += clock.elapsed();
    Ok(MinibatchLoss {
        total,
        policy_loss,
        entropy,
        mean_ratio,
        energy,
        ratio,
        log_ratio,
        advantages,
        loss_new,
        value_terms,
    })
}

/// The error of a weight on an energy that a policy does not have.
pub(crate) fn no_energy() -> Error {
    Error::Invalid("kinetic_weight above 0 needs a flow that acts in a learned frame".into())
}

impl MinibatchLoss {
    /// Returns the two losses with a row of diagnostics, still on the device. The policy's loss
    /// includes the shares of entropy, mean ratio and energy; among the diagnostics only
    /// `total_loss` includes them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn into_step(self, loss_old: &Tensor, clip_epsilon: f64) -> Result<StepLoss> {
        // All moments are computed in a few operations, because on a GPU each is a kernel launch.
        let (ratio, log_ratio) = (self.ratio.detach(), self.log_ratio.detach());
        let off = (&ratio - 1.0)?;
        // Without a comparison with a number, which would be uploaded.
        let clipped = (off.abs()? - clip_epsilon)?.relu()?.sign()?;
        let ratio_rows = [&ratio, &ratio.sqr()?, &(off - log_ratio)?, &clipped];
        let ratio_means = Tensor::stack(&ratio_rows, 0)?.flatten_from(1)?.mean(1)?;

        let ValueTerms { estimates, values, value_error, counts, value_loss } = self.value_terms;
        let Advantages { advantages, targets, .. } = &estimates;
        let (values, value_error) = (values.detach(), value_error.detach());
        let step_rows = [&values, targets, &value_error, advantages];
        let step_rows = Tensor::stack(&step_rows, 0)?.flatten_from(1)?;
        let means = step_rows.mean_keepdim(1)?;
        let variances = step_rows.broadcast_sub(&means)?.sqr()?.mean(1)?;
        let means = means.squeeze(1)?;
        let (error_square, [target_variance, error_variance]) = match &counts {
            None => {
                let error_square = (means.get(2)?.sqr()? + variances.get(2)?)?;
                (error_square, [variances.get(1)?, variances.get(2)?])
            }
            Some(counts) => value_errors(&step_rows.narrow(0, 1, 2)?, counts)?,
        };
        let unexplained = (error_variance / (&target_variance + 1e-12)?)?;
        let diagnostics = StepDiagnostics {
            loss_old: loss_old.mean_all()?,
            loss_new: self.loss_new.detach().mean_all()?,
            ratio_min: ratio.min_all()?,
            ratio_max: ratio.max_all()?,
            clip_fraction: ratio_means.get(3)?,
            divergence: ratio_means.get(2)?,
            effective_sample_size: (ratio_means.get(0)?.sqr()? / ratio_means.get(1)?)?,
            ratio_mean: ratio_means.get(0)?,
            value_mean: means.get(0)?,
            value_target_mean: means.get(1)?,
            value_target_variance: target_variance,
            value_error: error_square.sqrt()?,
            explained_variance: (1.0 - unexplained)?,
            advantage_std: variances.get(3)?.sqrt()?,
            policy_loss: self.policy_loss.detach(),
            value_loss: value_loss.detach(),
            total_loss: self.total.detach(),
        };
        let diagnostics = diagnostics.stack()?;
        let entropy = self.entropy.map(|(_, loss)| loss);
        let mut policy = self.policy_loss;
        for share in [entropy, self.mean_ratio, self.energy].into_iter().flatten() {
            policy = (policy + share)?;
        }
        Ok(StepLoss { policy, value: value_loss, diagnostics })
    }
}

/// Returns the mean square of the value errors, and the variances of the targets and of the errors,
/// over the steps that count; `rows` are the targets and the errors, `(2, steps)`.
fn value_errors(rows: &Tensor, counts: &Tensor) -> Result<(Tensor, [Tensor; 2])> {
    let counts = counts.flatten_all()?.unsqueeze(1)?;
    let weights = counts.broadcast_div(&(counts.sum_all()? + 1e-12)?)?;
    let means = rows.matmul(&weights)?;
    let variances = rows.broadcast_sub(&means)?.sqr()?.matmul(&weights)?.squeeze(1)?;
    let error_square = (means.get(1)?.squeeze(0)?.sqr()? + variances.get(1)?)?;
    Ok((error_square, [variances.get(0)?, variances.get(1)?]))
}
