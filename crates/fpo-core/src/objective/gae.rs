//! Generalised advantage estimation with termination and truncation.
//!
//! With `γ_t = γ·(1 − terminated_t)` and `m_t = 1 − truncated_t`,
//!
//! ```text
//! δ_t   = m_t·(r_t + γ_t·V_{t+1} − V_t)
//! acc_t = δ_t + γ_t·m_t·λ·acc_{t+1}            λ-return of step t: R_t = V_t + acc_t
//! A_t   = acc_t                                [gae]
//! A_t   = m_t·(r_t + γ_t·R_{t+1} − V_t)        [vtrace]
//! ```
//!
//! A truncated step contributes nothing itself (its successor belongs to another episode), while
//! the steps before it bootstrap from its value. With [`Truncation::Bootstrap`] it does contribute:
//! `V_{t+1}` is then the value of the observation at which the limit cut the episode, and `m_t` is
//! 1 in δ and A, so that the last step is a step like any other.
//!
//! The official code uses the second form, which comes from V-trace and gives the whole λ-return of
//! the next step weight 1 instead of λ.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Which estimator the advantages come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdvantageKind {
    /// GAE(λ) of Schulman et al. (arXiv 1506.02438).
    #[default]
    Gae,
    /// The one-step advantage against the next step's λ-return (the official code, after Brax).
    Vtrace,
}

/// What a step counts for if the step limit cut the episode after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Truncation {
    /// It has no value target, and an advantage of 0 (official). Normalised over a minibatch, that
    /// 0 becomes `−mean/std` and enters the policy loss like any other advantage.
    #[default]
    Mask,
    /// It has no part in the update: no value target, no part in the mean and deviation by which
    /// advantages are normalised, and no surrogate, so no entropy bonus that goes through
    /// advantages. What asks for no outcome, the entropy of a Gaussian, kinetic energy and the mean
    /// ratio whose distance from 1 is judged, still covers it.
    Exclude,
    /// It counts for its reward and the value of the observation it led to. That value is the value
    /// network's at the start of the update; values of other observations follow the network from
    /// step to step.
    Bootstrap,
}

/// Advantages and value targets, both `(T, B)`.
#[derive(Clone, Debug)]
pub struct Advantages {
    /// `A_t`, not normalised.
    pub advantages: Tensor,
    /// λ-returns `R_t`, the targets of the value network.
    pub targets: Tensor,
    /// `m_t`: 0 where the step limit cut the episode after this step, else 1.
    pub uncut: Tensor,
}

/// The input of the estimator; all but `bootstrap` are `(T, B)`.
pub struct Trajectory<'a> {
    /// Scaled rewards `r_t`.
    pub rewards: &'a Tensor,
    /// `γ·(1 − terminated_t)`.
    pub discounts: &'a Tensor,
    /// 1 where the step limit cut the episode after this step, else 0.
    pub truncated: &'a Tensor,
    /// `V_t`.
    pub values: &'a Tensor,
    /// `V_T` of the observation after the last step, `(B,)`.
    pub bootstrap: &'a Tensor,
    /// For [`Truncation::Bootstrap`], the values of the observations at which the step limit cut
    /// episodes, at the truncated steps and 0 elsewhere.
    pub cut_values: Option<&'a Tensor>,
}

/// Returns advantages and λ-returns of a batch of trajectories. No gradient flows through them.
///
/// # Errors
/// If a tensor operation fails.
pub fn estimate(trajectory: &Trajectory, lambda: f64, kind: AdvantageKind) -> Result<Advantages> {
    let values = trajectory.values.detach();
    let bootstrap = trajectory.bootstrap.detach().unsqueeze(0)?;
    let mask = (1.0 - trajectory.truncated)?;
    let discounts = trajectory.discounts;

    let next_values = shift(&values, &bootstrap)?;
    let one_step = |next: &Tensor| -> Result<Tensor> {
        Ok(match trajectory.cut_values {
            None => (((trajectory.rewards + (discounts * next)?)? - &values)? * &mask)?,
            Some(cut_values) => {
                let next = ((next * &mask)? + cut_values)?;
                ((trajectory.rewards + (discounts * next)?)? - &values)?
            }
        })
    };
    let deltas = one_step(&next_values)?;
    let decay = ((discounts * &mask)? * lambda)?;

    let accumulated = accumulate(deltas, decay)?;

    let targets = (&accumulated + &values)?;
    let advantages = match kind {
        AdvantageKind::Gae => accumulated,
        AdvantageKind::Vtrace => one_step(&shift(&targets, &bootstrap)?)?,
    };
    Ok(Advantages { advantages, targets, uncut: mask })
}

/// Computes `acc_t = δ_t + d_t·acc_{t+1}` for all steps at once, in ⌈log₂ T⌉ rounds of three
/// operations.
///
/// After the round of `reach`, row t holds the sum over its next `2·reach` steps and `d` the decay
/// across them: `acc ← acc + d·acc[t + reach]`, `d ← d·d[t + reach]`. Steps beyond the last are
/// zeros; each round uses up `reach` of them.
fn accumulate(deltas: Tensor, decay: Tensor) -> Result<Tensor> {
    let steps = deltas.dim(0)?;
    if steps == 1 {
        return Ok(deltas);
    }
    let beyond = (steps.next_power_of_two() - 1, deltas.dim(1)?);
    let beyond = Tensor::zeros(beyond, deltas.dtype(), deltas.device())?;
    let mut sums = Tensor::cat(&[&deltas, &beyond], 0)?;
    let mut decay = Tensor::cat(&[&decay, &beyond], 0)?;
    let mut reach = 1;
    while reach < steps {
        let rows = sums.dim(0)? - reach;
        let own = decay.narrow(0, 0, rows)?;
        let later = |x: &Tensor| x.narrow(0, reach, rows);
        sums = (sums.narrow(0, 0, rows)? + (&own * later(&sums)?)?)?;
        // The decays of the last round would be read by nobody.
        if 2 * reach < steps {
            decay = (&own * later(&decay)?)?;
        }
        reach *= 2;
    }
    Ok(sums)
}

/// Returns `x` with row `t + 1` at row `t`, and `last (1, B)` at the end.
fn shift(x: &Tensor, last: &Tensor) -> Result<Tensor> {
    let steps = x.dim(0)?;
    Ok(Tensor::cat(&[&x.narrow(0, 1, steps - 1)?, last], 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    fn column(values: &[f64]) -> Tensor {
        Tensor::from_slice(values, (values.len(), 1), &Device::Cpu).unwrap()
    }

    fn run(truncated: &[f64], terminated: &[f64], kind: AdvantageKind) -> (Vec<f64>, Vec<f64>) {
        let discounts: Vec<f64> = terminated.iter().map(|d| 0.5 * (1.0 - d)).collect();
        let bootstrap = Tensor::new(&[8.0f64], &Device::Cpu).unwrap();
        let trajectory = Trajectory {
            rewards: &column(&[1.0, 2.0, 3.0]),
            discounts: &column(&discounts),
            truncated: &column(truncated),
            values: &column(&[1.0, 2.0, 4.0]),
            bootstrap: &bootstrap,
            cut_values: None,
        };
        let out = estimate(&trajectory, 0.5, kind).unwrap();
        let flat = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        (flat(out.advantages), flat(out.targets))
    }

    // By hand, γ = λ = 0.5: δ = (1+1−1, 2+2−2, 3+4−4) = (1, 2, 3).
    #[test]
    fn an_uncut_trajectory_decays_by_gamma_lambda() {
        let (advantages, targets) = run(&[0.0; 3], &[0.0; 3], AdvantageKind::Gae);
        assert_eq!(advantages, [1.6875, 2.75, 3.0]);
        assert_eq!(targets, [2.6875, 4.75, 7.0]);
    }

    #[test]
    fn a_terminated_step_sees_no_future() {
        let (advantages, targets) = run(&[0.0; 3], &[0.0, 1.0, 0.0], AdvantageKind::Gae);
        assert_eq!(advantages, [1.0, 0.0, 3.0]);
        assert_eq!(targets, [2.0, 2.0, 7.0]);
    }

    #[test]
    fn a_truncated_step_is_masked_and_the_one_before_bootstraps_from_its_value() {
        let (advantages, targets) = run(&[0.0, 1.0, 0.0], &[0.0; 3], AdvantageKind::Gae);
        assert_eq!(advantages, [1.0, 0.0, 3.0]);
        assert_eq!(targets, [2.0, 2.0, 7.0]);
    }

    #[test]
    fn a_truncated_step_that_bootstraps_is_worth_its_reward_and_what_it_led_to() {
        let bootstrap = Tensor::new(&[8.0f64], &Device::Cpu).unwrap();
        let flat = |t: Tensor| t.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let run = |kind| {
            let trajectory = Trajectory {
                rewards: &column(&[1.0, 2.0, 3.0]),
                discounts: &column(&[0.5; 3]),
                truncated: &column(&[0.0, 1.0, 0.0]),
                values: &column(&[1.0, 2.0, 4.0]),
                bootstrap: &bootstrap,
                cut_values: Some(&column(&[0.0, 6.0, 0.0])),
            };
            let out = estimate(&trajectory, 0.5, kind).unwrap();
            (flat(out.advantages), flat(out.targets))
        };
        // δ = (1+1−1, 2+3−2, 3+4−4); the sum runs on before the cut and stops at it.
        let (advantages, targets) = run(AdvantageKind::Gae);
        assert_eq!(advantages, [1.75, 3.0, 3.0]);
        assert_eq!(targets, [2.75, 5.0, 7.0]);
        // r + γ·R′ − V, with the cut's own value for R′.
        assert_eq!(run(AdvantageKind::Vtrace).0, [2.5, 3.0, 3.0]);
    }

    /// The recurrence step by step, at lengths around powers of two.
    #[test]
    fn doubling_equals_the_recurrence() {
        for steps in [1, 2, 3, 4, 5, 8, 9, 30, 31, 33] {
            let random = |index| {
                let purpose = crate::Purpose::LossNoise;
                let noise = crate::Noise::new(3);
                noise.normal_tensor(purpose, index, &[steps, 3], &Device::Cpu).unwrap()
            };
            let (deltas, decay) = (random(0), random(1).clamp(-1.0, 1.0).unwrap());
            let rows = |x: &Tensor| x.to_vec2::<f32>().unwrap();
            let (delta_rows, decay_rows) = (rows(&deltas), rows(&decay));
            let found = rows(&accumulate(deltas, decay).unwrap());
            for column in 0..3 {
                let mut expected = 0.0f64;
                for t in (0..steps).rev() {
                    let (delta, decay) = (delta_rows[t][column], decay_rows[t][column]);
                    expected = f64::from(delta) + f64::from(decay) * expected;
                    let error = (f64::from(found[t][column]) - expected).abs();
                    assert!(
                        error < 2e-6 * (1.0 + expected.abs()),
                        "{steps} steps, row {t}: {error}"
                    );
                }
            }
        }
    }

    #[test]
    fn vtrace_weighs_the_next_lambda_return_fully() {
        // A_t = r + γ·R_{t+1} − V = (1 + 2.375 − 1, 2 + 3.5 − 2, 3 + 4 − 4).
        let (advantages, _) = run(&[0.0; 3], &[0.0; 3], AdvantageKind::Vtrace);
        assert_eq!(advantages, [2.375, 3.5, 3.0]);
    }
}
