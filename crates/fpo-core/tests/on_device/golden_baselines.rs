//! Gaussian PPO and DPPO against numbers computed with the official JAX code.
//!
//! The noise of these two files is that of our composed loss: f32 against f64 on the same inputs.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::{DType, Device, Tensor};
use fpo_core::gae::AdvantageKind;
use fpo_core::{
    ChainPolicy, DenoisingMdp, GaussianConfig, GaussianPolicy, Learner, MinibatchLoss, Noise,
    Normalizer, NormalizerKind, Objective, OptimizerConfig, Policy, RatioKind, Rollout,
    ScoredSteps, ValueNet,
};
use serde_json::Value;

use crate::common::cases::{Case, all_picks, fused_computes, sizes, usize_of};
use crate::common::golden::{Golden, kind};
use crate::common::metrics::{Found, column, gradients, official_metrics, policy_loss, total_loss};
use crate::device::{device, host};
use crate::losses::loss_of;

/// The Gaussian that a case describes, with the golden weights `{prefix}policy.k.*`.
fn gaussian(case: &Case, prefix: &str) -> GaussianPolicy {
    let mut config = GaussianConfig::new(usize_of(case.config, "O"), usize_of(case.config, "Ac"));
    config.hidden = sizes(case.config, "ph");
    let policy = GaussianPolicy::new(config, &Noise::new(0), case.dtype, &device()).unwrap();
    case.golden.load(&format!("{}/{prefix}policy.", case.name), policy.params());
    policy
}

/// The official estimator and the constants that a case names.
fn objective(case: &Value, clip_epsilon: f64) -> Objective {
    let default = Objective::default();
    let number = |key: &str, default: f64| case[key].as_f64().unwrap_or(default);
    Objective {
        advantage: AdvantageKind::Vtrace,
        ratio: RatioKind::PerSample,
        clip_epsilon: number("clipping_epsilon", clip_epsilon),
        entropy_coefficient: number("entropy_cost", 0.0),
        gamma: number("discounting", default.gamma),
        gae_lambda: number("gae_lambda", default.gae_lambda),
        reward_scale: number("reward_scaling", default.reward_scale),
        value_coefficient: number("value_loss_coeff", default.value_coefficient),
        ..default
    }
}

/// The networks, the objective and the steps of a case.
struct Problem<'a> {
    case: &'a Case<'a>,
    policy: Arc<dyn Policy>,
    value: ValueNet,
    objective: Objective,
    rollout: Rollout,
}

impl<'a> Problem<'a> {
    /// The steps of `case` as one unroll, with what `policy` stored and its losses.
    fn new(
        case: &'a Case<'a>,
        policy: Arc<dyn Policy>,
        objective: Objective,
        [stored, loss_old]: [Tensor; 2],
    ) -> Problem<'a> {
        let t = loss_old.zeros_like().unwrap().unsqueeze(3).unwrap();
        let rollout = case.rollout(case.steps(), [stored, t, loss_old]);
        Problem { case, policy, value: case.value_net(), objective, rollout }
    }

    /// The composed loss.
    fn loss(&self) -> MinibatchLoss {
        let (picks, length) = (all_picks(&self.rollout), self.case.steps());
        let batch = self.rollout.minibatch(&picks, length).unwrap().gather().unwrap();
        let map = self.case.normalizer();
        loss_of(self.policy.as_ref(), &self.value, &self.objective, &batch, &map)
    }

    /// Metrics that both losses report, and the gradients of both networks.
    fn shared(&self, loss: &MinibatchLoss) -> Vec<Found> {
        let clip_epsilon = self.objective.clip_epsilon;
        let mut found = official_metrics(loss, &self.rollout.action, clip_epsilon);
        found.push(total_loss("total_loss", loss, clip_epsilon));
        let grads = loss.total.backward().unwrap();
        for params in [self.policy.params(), self.value.params()] {
            found.extend(gradients(params, grads.get(params.var()).unwrap()));
        }
        found
    }

    /// The same minibatch through the learner, on the kernels of every instruction set: losses and
    /// gradients. There are none in f64.
    fn fused(&self, loss: &MinibatchLoss) -> Vec<Found> {
        let mut found = Vec::new();
        if self.case.dtype != DType::F32 {
            return found;
        }
        let (picks, length) = (all_picks(&self.rollout), self.case.steps());
        let minibatch = self.rollout.minibatch(&picks, length).unwrap();
        let clip_epsilon = self.objective.clip_epsilon;
        for compute in fused_computes() {
            let statistics = Normalizer::new(NormalizerKind::None, self.policy.obs_dim());
            let (policy, value) = (self.policy.clone(), self.value.clone());
            let optimizer = OptimizerConfig::default();
            let learner = Learner::new(policy, value, statistics, optimizer, self.objective);
            let mut learner = learner.unwrap().with_compute(compute).unwrap();
            let step = learner.loss(&minibatch, &self.case.normalizer()).unwrap();
            let sum = (&step.policy + &step.value).unwrap().detach();
            found.push(Found { tensor: sum, ..total_loss("total_loss", loss, clip_epsilon) });
            for (params, loss) in
                [(self.policy.params(), &step.policy), (self.value.params(), &step.value)]
            {
                let grads = loss.backward().unwrap();
                found.extend(gradients(params, grads.get(params.var()).unwrap()));
            }
            let values = Found::mean("metric/value_mean", &loss.value_terms.values);
            for (theirs, ours) in [
                (Found::number("metric/policy_ratio_max", 0.0), "ratio_max"),
                (Found::number("metric/policy_ratio_mean", 0.0), "ratio_mean"),
                (Found::number("metric/clipped_ratio_mean", 0.0), "clip_fraction"),
                (Found::number("metric/v_loss", 0.0), "value_loss"),
                (values, "value_mean"),
                (policy_loss("metric/policy_loss", loss, clip_epsilon), "policy_loss"),
            ] {
                let tensor = step.diagnostics.get(column(ours)).unwrap();
                found.push(Found { tensor, ..theirs });
            }
        }
        found
    }
}

/// Every number of a case of Gaussian PPO.
fn gaussian_case(case: &Case) -> Vec<Found> {
    let (policy, map) = (gaussian(case, ""), case.normalizer());
    let old = gaussian(case, "old_");
    let obs = map.normalize(&case.get("obs")).unwrap();
    let action = old.sample(&obs, &case.get("action_noise")).unwrap();
    let log_prob = old.distribution(&obs).unwrap();
    let log_prob = log_prob.log_prob_unsquashed(&case.get("action")).unwrap();

    let stored = case.get("log_prob").neg().unwrap().unsqueeze(2).unwrap();
    let noise = case.get("entropy_noise").unsqueeze(2).unwrap();
    let objective = objective(case.config, 0.3);
    let problem = Problem::new(case, Arc::new(policy.clone()), objective, [noise, stored]);
    let loss = problem.loss();
    let clip_epsilon = objective.clip_epsilon;
    let present = policy.distribution(&obs).unwrap();
    let (entropy, entropy_loss) = loss.entropy.clone().unwrap();
    let mut found = problem.shared(&loss);
    found.extend([
        Found::new("action", action),
        Found::new("log_prob", log_prob),
        Found::mean("metric/action_mean", &present.mean),
        Found::mean("metric/action_std", &present.std),
        Found::new("metric/entropy", entropy.detach()),
        Found::new("metric/entropy_loss", entropy_loss.detach()),
        Found::mean("metric/log_prob_diff", &loss.log_ratio),
        Found::mean("metric/log_prob_ratio", &loss.ratio),
        total_loss("metric/total_loss", &loss, clip_epsilon),
    ]);
    let fused = problem.fused(&loss);
    let total = total_loss("total_loss", &loss, clip_epsilon);
    let step = loss.into_step(&problem.rollout.loss_old, clip_epsilon).unwrap();
    let column = |name: &str| step.diagnostics.get(column(name)).unwrap();
    found.push(Found::new("metric/policy_ratio_max", column("ratio_max")));
    found.push(Found::new("metric/clipped_ratio_mean", column("clip_fraction")));
    found.push(Found { tensor: column("total_loss"), ..total.clone() });
    found.push(Found { tensor: (step.policy + step.value).unwrap().detach(), ..total });
    // Last, because there is nothing of the kind in f64.
    found.extend(fused);
    found
}

/// Every number of a case of DPPO.
fn dppo_case(case: &Case) -> Vec<Found> {
    let (flow, map) = (case.flow(), case.normalizer());
    let mdp = DenoisingMdp {
        sigma: case.config["sde_sigma"].as_f64().unwrap(),
        steps: match case.config["final_steps_only"].as_bool().unwrap() {
            true => ScoredSteps::FinalHalf,
            false => ScoredSteps::All,
        },
    };
    // What the trainer stores: the scored end of the chain, and its likelihoods.
    let steps = flow.config().flow_steps;
    let scored = mdp.scored(steps);
    let stored = case.get("initial_log_likelihood").neg().unwrap();
    let stored = stored.narrow(2, steps - scored, scored).unwrap().contiguous().unwrap();
    let chain = case.get("full_x_t_path");
    let end = chain.narrow(2, steps - scored, scored + 1).unwrap().contiguous().unwrap();
    let policy = ChainPolicy::new(flow, mdp).unwrap();
    let objective = objective(case.config, 0.05);
    let problem = Problem::new(case, Arc::new(policy.clone()), objective, [end, stored]);
    let loss = problem.loss();
    let obs = map.normalize(&case.get("obs")).unwrap();
    let likelihood = policy.negative_log_likelihood(&obs, &chain).unwrap();
    let mut found = problem.shared(&loss);
    found.extend([
        Found::new("current_log_likelihood", likelihood.neg().unwrap().detach()),
        Found::new("value_pred", loss.value_terms.values.detach()),
        Found::new("gae_vs", loss.value_terms.estimates.targets.clone()),
        Found::new("gae_adv", loss.value_terms.estimates.advantages.clone()),
    ]);
    found.extend(problem.fused(&loss));
    found
}

/// Compares every case in f32 and in f64; all tensors that are no input must be covered.
fn check(file: &str, inputs: &[&str], compute: fn(&Case) -> Vec<Found>) {
    let Some(mut golden) = Golden::open(file) else { return };
    for (name, config) in golden.cases() {
        let precisions = match device() {
            Device::Metal(_) => vec![DType::F32],
            _ => vec![DType::F32, DType::F64],
        };
        for dtype in precisions {
            let found = compute(&Case { golden: &golden, name: &name, config: &config, dtype });
            let covered = |key: &str| found.iter().any(|found| found.name == key);
            for key in golden.names_in(&name) {
                let is_input = inputs.iter().any(|input| key.starts_with(input));
                assert!(is_input || covered(key), "{name}/{key} is not checked");
            }
            for found in &found {
                golden.check_found(&name, found);
            }
        }
    }
    golden.finish();
}

#[test]
fn golden_j_gaussian_ppo_loss_and_its_gradient() {
    let inputs = ["policy.", "value.", "old_policy.", "obs", "next_obs", "reward", "truncation"];
    let inputs = [&inputs[..], &["discount", "action_noise", "entropy_noise"]].concat();
    check("j_ppo_loss", &inputs, gaussian_case);
}

#[test]
fn golden_g_dppo_loss_and_its_gradient() {
    let inputs = ["policy.", "value.", "obs", "next_obs", "reward", "truncation", "discount"];
    let inputs = [&inputs[..], &["action", "full_x_t_path", "initial_log_likelihood"]].concat();
    check("g_denoising_mdp_loss", &inputs, dppo_case);
}

#[test]
#[ignore = "prints the f32 noise of these files for f32_noise.json"]
fn noise_of_the_composed_losses_between_f32_and_f64() {
    for (file, compute) in [
        ("g_denoising_mdp_loss", dppo_case as fn(&Case) -> Vec<Found>),
        ("j_ppo_loss", gaussian_case),
    ] {
        let Some(golden) = Golden::open(file) else { continue };
        let mut noise = BTreeMap::<String, [f64; 3]>::new();
        for (name, config) in golden.cases() {
            let [single, double] = [DType::F32, DType::F64].map(|dtype| {
                compute(&Case { golden: &golden, name: &name, config: &config, dtype })
            });
            for (single, double) in single.iter().zip(&double) {
                let key = single.name.as_str();
                let official = golden.values(&format!("{name}/{key}"));
                let (single, double) = (host(&single.tensor), host(&double.tensor));
                let largest = |x: &mut dyn Iterator<Item = f64>| x.fold(0.0f64, f64::max);
                let off =
                    |x: &[f64]| largest(&mut x.iter().zip(&double).map(|(x, y)| (x - y).abs()));
                let scale = largest(&mut double.iter().map(|x| x.abs()));
                let relative = if scale > 0.0 { off(&single) / scale } else { 0.0 };
                let entry = noise.entry(kind(key).to_string()).or_default();
                for (entry, found) in entry.iter_mut().zip([off(&single), relative, off(&official)])
                {
                    *entry = entry.max(found);
                }
            }
        }
        println!("\"{file}.safetensors\": {{");
        for (kind, [absolute, relative, official]) in noise {
            println!("  \"{kind}\": [{absolute:e}, {relative:e}],   the official: {official:e}");
        }
        println!("}}");
    }
}
