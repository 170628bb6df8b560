//! Gaussian PPO and DPPO against numbers computed with the official JAX code.
//!
//! The noise of these two files is that of our composed loss: f32 against f64 on the same inputs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

#[allow(dead_code, reason = "this file needs only some of it")]
mod common;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use common::{Golden, device, host, policy, sizes, usize_of};
use fpo_core::{
    Activation, AdvantageKind, CriticConfig, DenoisingMdp, DeviceNormalizer, DppoConfig,
    FlatParams, FlowPolicy, FpoLoss, GaussianConfig, GaussianPolicy, GaussianPpoConfig,
    MinibatchTensors, Noise, PhaseTimes, ScoredSteps, StepMetrics, ValueNet, dppo_loss,
    gaussian_loss,
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
            t: loss_old.zeros_like().unwrap(),
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
        let advantages = stats(&loss.estimates.advantages);
        let (ratio, value) = (stats(&loss.ratio), stats(&loss.values));
        let (error, action) = (stats(&loss.value_error), stats(&self.get("action")));
        let beyond = host(&loss.ratio).iter().filter(|r| (*r - 1.0).abs() > clip).count();
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
            ("surrogate_loss1_mean", stats(&loss.surrogates.0).0),
            ("surrogate_loss2_mean", stats(&loss.surrogates.1).0),
            ("v_loss", stats(&loss.value_loss).0),
            ("value_error_mean", error.0),
            ("value_error_std", error.1),
            ("value_max", value.3),
            ("value_mean", value.0),
            ("value_min", value.2),
            ("value_std", value.1),
            ("value_target_mean", stats(&loss.estimates.targets).0),
        ];
        let mut found: Found = metrics.map(|(k, x)| (format!("metric/{k}"), scalar(x))).to_vec();
        found.push(("total_loss".into(), loss.total.detach()));
        let grads = loss.total.backward().unwrap();
        for params in params {
            for (name, view) in params.layout().views(grads.get(params.var()).unwrap()).unwrap() {
                let parts: Vec<&str> = name.split('.').collect();
                found.push((format!("grad_{}.{}.{}", parts[0], parts[1], &parts[2][..1]), view));
            }
        }
        found
    }
}

fn scalar(x: f64) -> Tensor {
    Tensor::new(&[x], &Device::Cpu).unwrap()
}

/// The official estimator and the constants that a case names.
fn critic(case: &Value) -> CriticConfig {
    let default = CriticConfig { advantage: AdvantageKind::Vtrace, ..CriticConfig::default() };
    let number = |key: &str, default: f64| case[key].as_f64().unwrap_or(default);
    CriticConfig {
        gamma: number("discounting", default.gamma),
        gae_lambda: number("gae_lambda", default.gae_lambda),
        reward_scale: number("reward_scaling", default.reward_scale),
        value_coefficient: number("value_loss_coeff", default.value_coefficient),
        ..default
    }
}

/// Every number of a case of Gaussian PPO.
fn gaussian_case(case: &Case) -> Found {
    let (policy, value, map) = (case.gaussian(""), case.value_net(), case.normalizer());
    let number = |key: &str| case.config[key].as_f64().unwrap();
    let config = GaussianPpoConfig {
        clip_epsilon: number("clipping_epsilon"),
        entropy_coefficient: number("entropy_cost"),
        critic: critic(case.config),
    };
    let old = case.gaussian("old_").frozen();
    let obs = map.normalize(&case.get("obs")).unwrap();
    let action = old.sample(&obs, &case.get("action_noise")).unwrap();
    let log_prob = old.distribution(&obs).unwrap();
    let log_prob = log_prob.log_prob_unsquashed(&case.get("action")).unwrap();

    let stored = case.get("log_prob").neg().unwrap().unsqueeze(2).unwrap();
    let noise = case.get("entropy_noise").unsqueeze(2).unwrap();
    let batch = case.minibatch(noise, stored);
    let times = &mut PhaseTimes::default();
    let loss = gaussian_loss(&policy, &value, &config, &batch, &map, times).unwrap();
    let mean = |x: Vec<f64>| x.iter().sum::<f64>() / x.len() as f64;
    let present = policy.distribution(&obs).unwrap();
    let log_ratio = (&batch.loss_old - &loss.objective.loss_new).unwrap();
    let nets = [policy.params(), value.params()];
    let mut found = case.shared(&loss.objective, config.clip_epsilon, nets);
    found.extend([
        ("action".into(), action),
        ("log_prob".into(), log_prob),
        ("metric/action_mean".into(), scalar(mean(host(&present.mean)))),
        ("metric/action_std".into(), scalar(mean(host(&present.std)))),
        ("metric/entropy".into(), loss.entropy.detach()),
        ("metric/entropy_loss".into(), loss.entropy_loss.detach()),
        ("metric/log_prob_diff".into(), scalar(mean(host(&log_ratio)))),
        ("metric/log_prob_ratio".into(), scalar(mean(host(&loss.objective.ratio)))),
        ("metric/total_loss".into(), loss.objective.total.detach()),
    ]);
    let step = loss.into_step(&batch.loss_old, config.clip_epsilon).unwrap();
    let column = |name: &str| {
        let at = StepMetrics::NAMES.iter().position(|column| *column == name).unwrap();
        step.diagnostics.get(at).unwrap()
    };
    found.push(("metric/policy_ratio_max".into(), column("ratio_max")));
    found.push(("metric/clipped_ratio_mean".into(), column("clip_fraction")));
    found.push(("total_loss".into(), column("total_loss")));
    found.push(("total_loss".into(), (step.policy + step.value).unwrap().detach()));
    found
}

/// Every number of a case of DPPO.
fn dppo_case(case: &Case) -> Found {
    let (policy, value, map) = (case.flow(), case.value_net(), case.normalizer());
    let mdp = DenoisingMdp {
        sigma: case.config["sde_sigma"].as_f64().unwrap(),
        steps: match case.config["final_steps_only"].as_bool().unwrap() {
            true => ScoredSteps::FinalHalf,
            false => ScoredSteps::All,
        },
    };
    let config = DppoConfig {
        clip_epsilon: case.config["clipping_epsilon"].as_f64().unwrap_or(0.05),
        mdp,
        critic: critic(case.config),
    };
    let stored = case.get("initial_log_likelihood").neg().unwrap();
    let batch = case.minibatch(case.get("full_x_t_path"), stored);
    let times = &mut PhaseTimes::default();
    let loss = dppo_loss(&policy, &value, &config, &batch, &map, times).unwrap();
    let obs = map.normalize(&batch.obs).unwrap();
    let likelihood = mdp.negative_log_likelihood(&policy, &obs, &batch.eps).unwrap();
    let mut found = case.shared(&loss, config.clip_epsilon, [policy.params(), value.params()]);
    found.extend([
        ("current_log_likelihood".into(), likelihood.neg().unwrap().detach()),
        ("value_pred".into(), loss.values.detach()),
        ("gae_vs".into(), loss.estimates.targets.clone()),
        ("gae_adv".into(), loss.estimates.advantages.clone()),
    ]);
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
