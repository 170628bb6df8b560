//! Gaussian PPO and DPPO against numbers computed with the official JAX code.
//!
//! The noise of these two files is that of our composed loss: f32 against f64 on the same inputs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use common::{Golden, device, host, policy, sizes, surrogates, usize_of};
use fpo_core::gae::AdvantageKind;
use fpo_core::{
    Activation, Compute, DenoisingMdp, DeviceNormalizer, FlatParams, FlowPolicy, FpoLoss,
    GaussianConfig, GaussianPolicy, Isa, Learner, MinibatchTensors, Noise, Normalizer,
    NormalizerKind, Objective, OptimizerConfig, PhaseTimes, Policy, RatioKind, Rollout,
    ScoredSteps, StepMetrics, ValueNet, fpo_loss,
};
use serde_json::Value;

/// Numbers of a case: name in the golden file, our tensor.
type Found = Vec<(String, Tensor)>;

/// Reads the tensors of one case in one precision.
struct Case<'a> {
    golden: &'a Golden,
    name: &'a str,
    config: &'a Value,
    dtype: DType,
}

impl Case<'_> {
    fn get(&self, key: &str) -> Tensor {
        self.golden.get(&format!("{}/{key}", self.name)).to_dtype(self.dtype).unwrap()
    }

    fn value_net(&self) -> ValueNet {
        let (dim, hidden) = (usize_of(self.config, "O"), sizes(self.config, "vh"));
        let (silu, seed) = (Activation::Silu, Noise::new(0));
        let net = ValueNet::new(dim, &hidden, silu, &seed, self.dtype, &device()).unwrap();
        self.golden.load(&format!("{}/value.", self.name), net.params());
        net
    }

    fn gaussian(&self, prefix: &str) -> GaussianPolicy {
        let mut config =
            GaussianConfig::new(usize_of(self.config, "O"), usize_of(self.config, "Ac"));
        config.hidden = sizes(self.config, "ph");
        let policy = GaussianPolicy::new(config, &Noise::new(0), self.dtype, &device()).unwrap();
        self.golden.load(&format!("{}/{prefix}policy.", self.name), policy.params());
        policy
    }

    fn flow(&self) -> FlowPolicy {
        let config = policy(self.golden, self.name, self.config, "").config().clone();
        let policy = FlowPolicy::new(config, &Noise::new(0), self.dtype, &device()).unwrap();
        self.golden.load(&format!("{}/policy.", self.name), policy.params());
        policy
    }

    fn normalizer(&self) -> DeviceNormalizer {
        DeviceNormalizer::new(self.get("obs_mean"), self.get("obs_std"))
    }

    fn minibatch(&self, eps: Tensor, loss_old: Tensor) -> MinibatchTensors {
        let next_obs = self.get("next_obs");
        MinibatchTensors {
            obs: self.get("obs"),
            bootstrap_obs: next_obs.get(next_obs.dim(0).unwrap() - 1).unwrap(),
            action: self.get("action"),
            reward: self.get("reward"),
            terminated: (1.0 - self.get("discount")).unwrap(),
            truncated: self.get("truncation"),
            cut_value: self.get("reward").zeros_like().unwrap(),
            t: loss_old.zeros_like().unwrap().unsqueeze(3).unwrap(),
            eps,
            loss_old,
        }
    }

    /// Metrics that both losses report, and the gradients of both networks.
    fn shared(&self, loss: &FpoLoss, clip: f64, params: [&FlatParams; 2]) -> Found {
        let stats = |x: &Tensor| {
            let x = host(x);
            let n = x.len() as f64;
            let mean = x.iter().sum::<f64>() / n;
            let std = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
            let min = x.iter().copied().fold(f64::INFINITY, f64::min);
            (mean, std, min, x.iter().copied().fold(f64::NEG_INFINITY, f64::max))
        };
        let advantages = stats(&loss.critique.estimates.advantages);
        let (ratio, value) = (stats(&loss.ratio), stats(&loss.critique.values));
        let (error, action) = (stats(&loss.critique.value_error), stats(&self.get("action")));
        let beyond = host(&loss.ratio).iter().filter(|r| (*r - 1.0).abs() > clip).count();
        let (unclipped, clipped) = surrogates(loss, clip);
        let metrics = [
            ("action_max", action.3),
            ("action_min", action.2),
            ("advantages_max", advantages.3),
            ("advantages_mean", advantages.0),
            ("advantages_min", advantages.2),
            ("advantages_std", advantages.1),
            ("clipped_ratio_mean", beyond as f64 / loss.ratio.elem_count() as f64),
            ("policy_loss", stats(&loss.policy_loss).0),
            ("policy_ratio_max", ratio.3),
            ("policy_ratio_mean", ratio.0),
            ("policy_ratio_min", ratio.2),
            ("surrogate_loss1_mean", stats(&unclipped).0),
            ("surrogate_loss2_mean", stats(&clipped).0),
            ("v_loss", stats(&loss.critique.value_loss).0),
            ("value_error_mean", error.0),
            ("value_error_std", error.1),
            ("value_max", value.3),
            ("value_mean", value.0),
            ("value_min", value.2),
            ("value_std", value.1),
            ("value_target_mean", stats(&loss.critique.estimates.targets).0),
        ];
        let mut found: Found = metrics.map(|(k, x)| (format!("metric/{k}"), scalar(x))).to_vec();
        found.push(("total_loss".into(), loss.total.detach()));
        let grads = loss.total.backward().unwrap();
        for params in params {
            found.extend(gradients(params, grads.get(params.var()).unwrap()));
        }
        found
    }

    /// The same minibatch through the learner, on the kernels of every instruction set: losses and
    /// gradients. There are none in f64.
    fn fused(&self, policy: Policy, objective: Objective, batch: &MinibatchTensors) -> Found {
        let mut found = Found::new();
        if self.dtype != DType::F32 || !device().is_cpu() {
            return found;
        }
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let compute = Compute::Fused(isa);
            let policy = match policy.clone() {
                Policy::Flow(flow) => Policy::Flow(flow.with_compute(compute).unwrap()),
                Policy::Chain(flow, mdp) => Policy::Chain(flow.with_compute(compute).unwrap(), mdp),
                Policy::Gaussian(gaussian) => {
                    Policy::Gaussian(gaussian.with_compute(compute).unwrap())
                }
            };
            let statistics = Normalizer::new(NormalizerKind::None, policy.obs_dim());
            let optimizer = OptimizerConfig::default();
            let value = self.value_net();
            let mut learner =
                Learner::new(policy, value, statistics, optimizer, objective).unwrap();
            let rollout = Rollout {
                obs: batch.obs.clone(),
                bootstrap_obs: batch.bootstrap_obs.unsqueeze(0).unwrap().contiguous().unwrap(),
                action: batch.action.clone(),
                reward: batch.reward.clone(),
                terminated: batch.terminated.clone(),
                truncated: batch.truncated.clone(),
                cut_value: batch.cut_value.clone(),
                eps: batch.eps.contiguous().unwrap(),
                t: batch.t.clone(),
                loss_old: batch.loss_old.contiguous().unwrap(),
            };
            let (steps, envs) = batch.reward.dims2().unwrap();
            let picks: Vec<u32> = (0..envs as u32).collect();
            let minibatch = rollout.minibatch(&picks, steps).unwrap();
            let loss = learner.loss(&minibatch, &self.normalizer()).unwrap();
            let total = (&loss.policy + &loss.value).unwrap();
            found.push(("total_loss".into(), total.detach()));
            for (params, loss) in
                [(learner.policy.params(), loss.policy), (learner.value.params(), loss.value)]
            {
                let grads = loss.backward().unwrap();
                found.extend(gradients(params, grads.get(params.var()).unwrap()));
            }
            for (metric, column) in [
                ("policy_ratio_max", "ratio_max"),
                ("policy_ratio_mean", "ratio_mean"),
                ("clipped_ratio_mean", "clip_fraction"),
                ("v_loss", "value_loss"),
                ("value_mean", "value_mean"),
            ] {
                let at = StepMetrics::NAMES.iter().position(|name| *name == column).unwrap();
                found.push((format!("metric/{metric}"), loss_column(&loss.diagnostics, at)));
            }
        }
        found
    }
}

fn loss_column(diagnostics: &Tensor, at: usize) -> Tensor {
    diagnostics.get(at).unwrap()
}

/// A network's gradient by the names of the golden files.
fn gradients(params: &FlatParams, gradient: &Tensor) -> Found {
    let views = params.layout().views(gradient).unwrap();
    let name = |name: &str| {
        let parts: Vec<&str> = name.split('.').collect();
        format!("grad_{}.{}.{}", parts[0], parts[1], &parts[2][..1])
    };
    views.into_iter().map(|(key, view)| (name(&key), view)).collect()
}

fn scalar(x: f64) -> Tensor {
    Tensor::new(&[x], &Device::Cpu).unwrap()
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

/// Every number of a case of Gaussian PPO.
fn gaussian_case(case: &Case) -> Found {
    let (gaussian, value, map) = (case.gaussian(""), case.value_net(), case.normalizer());
    let objective = objective(case.config, 0.3);
    let old = case.gaussian("old_");
    let obs = map.normalize(&case.get("obs")).unwrap();
    let action = old.sample(&obs, &case.get("action_noise")).unwrap();
    let log_prob = old.distribution(&obs).unwrap();
    let log_prob = log_prob.log_prob_unsquashed(&case.get("action")).unwrap();

    let stored = case.get("log_prob").neg().unwrap().unsqueeze(2).unwrap();
    let noise = case.get("entropy_noise").unsqueeze(2).unwrap();
    let batch = case.minibatch(noise, stored);
    let times = &mut PhaseTimes::default();
    let policy = Policy::Gaussian(gaussian.clone());
    let loss = fpo_loss(&policy, &value, &objective, &batch, &map, times).unwrap();
    let mean = |x: Vec<f64>| x.iter().sum::<f64>() / x.len() as f64;
    let present = gaussian.distribution(&obs).unwrap();
    let (entropy, entropy_loss) = loss.entropy.clone().unwrap();
    let nets = [policy.params(), value.params()];
    let mut found = case.shared(&loss, objective.clip_epsilon, nets);
    found.extend([
        ("action".into(), action),
        ("log_prob".into(), log_prob),
        ("metric/action_mean".into(), scalar(mean(host(&present.mean)))),
        ("metric/action_std".into(), scalar(mean(host(&present.std)))),
        ("metric/entropy".into(), entropy.detach()),
        ("metric/entropy_loss".into(), entropy_loss.detach()),
        ("metric/log_prob_diff".into(), scalar(mean(host(&loss.log_ratio)))),
        ("metric/log_prob_ratio".into(), scalar(mean(host(&loss.ratio)))),
        ("metric/total_loss".into(), loss.total.detach()),
    ]);
    let step = loss.into_step(&batch.loss_old, objective.clip_epsilon).unwrap();
    let column = |name: &str| {
        let at = StepMetrics::NAMES.iter().position(|column| *column == name).unwrap();
        loss_column(&step.diagnostics, at)
    };
    found.push(("metric/policy_ratio_max".into(), column("ratio_max")));
    found.push(("metric/clipped_ratio_mean".into(), column("clip_fraction")));
    found.push(("total_loss".into(), column("total_loss")));
    found.push(("total_loss".into(), (step.policy + step.value).unwrap().detach()));
    found.extend(case.fused(policy, objective, &batch));
    found
}

/// Every number of a case of DPPO.
fn dppo_case(case: &Case) -> Found {
    let (flow, value, map) = (case.flow(), case.value_net(), case.normalizer());
    let mdp = DenoisingMdp {
        sigma: case.config["sde_sigma"].as_f64().unwrap(),
        steps: match case.config["final_steps_only"].as_bool().unwrap() {
            true => ScoredSteps::FinalHalf,
            false => ScoredSteps::All,
        },
    };
    let objective = objective(case.config, 0.05);
    // What the trainer stores: the scored end of the chain, and its likelihoods.
    let steps = flow.config().flow_steps;
    let scored = mdp.scored(steps);
    let stored = case.get("initial_log_likelihood").neg().unwrap();
    let stored = stored.narrow(2, steps - scored, scored).unwrap().contiguous().unwrap();
    let chain = case.get("full_x_t_path");
    let end = chain.narrow(2, steps - scored, scored + 1).unwrap().contiguous().unwrap();
    let batch = case.minibatch(end, stored);
    let times = &mut PhaseTimes::default();
    let policy = Policy::Chain(flow.clone(), mdp);
    let loss = fpo_loss(&policy, &value, &objective, &batch, &map, times).unwrap();
    let obs = map.normalize(&batch.obs).unwrap();
    let likelihood = mdp.negative_log_likelihood(&flow, &obs, &chain).unwrap();
    let nets = [policy.params(), value.params()];
    let mut found = case.shared(&loss, objective.clip_epsilon, nets);
    found.extend([
        ("current_log_likelihood".into(), likelihood.neg().unwrap().detach()),
        ("value_pred".into(), loss.critique.values.detach()),
        ("gae_vs".into(), loss.critique.estimates.targets.clone()),
        ("gae_adv".into(), loss.critique.estimates.advantages.clone()),
    ]);
    found.extend(case.fused(policy, objective, &batch));
    found
}

/// `grad_policy.0.w` has the noise of `grad_policy`.
fn kind(key: &str) -> &str {
    key.strip_suffix(".w").or(key.strip_suffix(".b")).map_or(key, |k| k.split('.').next().unwrap())
}

/// Compares every case in f32 and in f64; all tensors that are no input must be covered.
fn check(file: &str, inputs: &[&str], compute: fn(&Case) -> Found) {
    let Some(mut golden) = Golden::open(file) else {
        assert!(std::env::var_os("FPO_GOLDEN_DIR").is_some(), "{file} is missing");
        return;
    };
    let path = common::folder().join(format!("algorithm/{file}.safetensors"));
    let keys = candle_core::safetensors::load(path, &Device::Cpu).unwrap().into_keys();
    let keys: Vec<String> = keys.collect();
    for (name, config) in golden.cases() {
        let precisions = match device() {
            Device::Metal(_) => vec![DType::F32],
            _ => vec![DType::F32, DType::F64],
        };
        for dtype in precisions {
            let found = compute(&Case { golden: &golden, name: &name, config: &config, dtype });
            let covered = |key: &str| found.iter().any(|(found, _)| found == key);
            for key in keys.iter().filter_map(|key| key.strip_prefix(&format!("{name}/"))) {
                let is_input = inputs.iter().any(|input| key.starts_with(input));
                assert!(is_input || covered(key), "{name}/{key} is not checked");
            }
            for (key, tensor) in found {
                golden.check(&format!("{name}/{key}"), kind(&key), &tensor);
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
    for (file, compute) in
        [("g_denoising_mdp_loss", dppo_case as fn(&Case) -> Found), ("j_ppo_loss", gaussian_case)]
    {
        let Some(golden) = Golden::open(file) else { continue };
        let mut noise = BTreeMap::<String, [f64; 3]>::new();
        for (name, config) in golden.cases() {
            let [single, double] = [DType::F32, DType::F64].map(|dtype| {
                compute(&Case { golden: &golden, name: &name, config: &config, dtype })
            });
            for ((key, single), (_, double)) in single.iter().zip(&double) {
                let official = golden.values(&format!("{name}/{key}"));
                let (single, double) = (host(single), host(double));
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
