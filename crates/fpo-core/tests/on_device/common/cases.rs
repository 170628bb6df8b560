//! The networks, the rollout and the statistics that a golden case describes.

use candle_core::{DType, Tensor};
use fpo_core::path::Quantity;
use fpo_core::{
    Activation, Compute, DeviceNormalizer, FlowConfig, FlowPolicy, Isa, Noise, Policy, Rollout,
    ValueNet,
};
use serde_json::Value;

use super::golden::Golden;
use crate::device::device;

/// A whole number of a case.
pub fn usize_of(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("case has no {key}")) as usize
}

/// Widths of layers.
pub fn sizes(case: &Value, key: &str) -> Vec<usize> {
    case[key].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// One case of a golden file, read in one precision.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The file.
    pub golden: &'a Golden,
    /// The case's name.
    pub name: &'a str,
    /// Its settings.
    pub config: &'a Value,
    /// The precision of tensors and networks.
    pub dtype: DType,
}

impl Case<'_> {
    /// A tensor of the case.
    pub fn get(&self, key: &str) -> Tensor {
        self.golden.get(&format!("{}/{key}", self.name)).to_dtype(self.dtype).unwrap()
    }

    /// The flow that the case describes, with the golden weights `policy.k.*`.
    pub fn flow(&self) -> FlowPolicy {
        let case = self.config;
        let mut config = FlowConfig::new(usize_of(case, "O"), usize_of(case, "Ac"));
        config.hidden = sizes(case, "ph");
        if let Some(steps) = case["flow_steps"].as_u64() {
            config.flow_steps = steps as usize;
        }
        if let Some(scale) = case["policy_mlp_output_scale"].as_f64() {
            config.output_scale = scale;
        }
        if case["output_mode"] == "u" {
            config.output_mode = Quantity::Velocity;
        }
        let policy = FlowPolicy::new(config, &Noise::new(0), self.dtype, &device()).unwrap();
        self.golden.load(&format!("{}/policy.", self.name), policy.params());
        policy
    }

    /// The value network that the case describes, with the golden weights `value.k.*`.
    pub fn value_net(&self) -> ValueNet {
        let (dim, hidden) = (usize_of(self.config, "O"), sizes(self.config, "vh"));
        let (silu, seed) = (Activation::Silu, Noise::new(0));
        let net = ValueNet::new(dim, &hidden, silu, &seed, self.dtype, &device()).unwrap();
        self.golden.load(&format!("{}/value.", self.name), net.params());
        net
    }

    /// The statistics of the observations that the case gives.
    pub fn normalizer(&self) -> DeviceNormalizer {
        let (mean, std) = (self.get("obs_mean"), self.get("obs_std"));
        if self.config["normalize_observations"] == false {
            let (zero, one) = (mean.zeros_like().unwrap(), std.ones_like().unwrap());
            return DeviceNormalizer::new(zero, one);
        }
        DeviceNormalizer::new(mean, std)
    }

    /// The steps of the case as a rollout cut into unrolls of `unroll_length`, with what the policy
    /// stored: rows, flow times and losses.
    pub fn rollout(&self, unroll_length: usize, [stored, t, loss_old]: [Tensor; 3]) -> Rollout {
        let next_obs = self.get("next_obs");
        let steps = next_obs.dim(0).unwrap();
        let last: Vec<Tensor> = (unroll_length - 1..steps)
            .step_by(unroll_length)
            .map(|t| next_obs.get(t).unwrap())
            .collect();
        Rollout {
            obs: self.get("obs"),
            bootstrap_obs: Tensor::stack(&last, 0).unwrap(),
            action: self.get("action"),
            reward: self.get("reward"),
            terminated: (1.0 - self.get("discount")).unwrap(),
            truncated: self.get("truncation"),
            cut_value: self.get("reward").zeros_like().unwrap(),
            stored,
            t,
            loss_old,
        }
    }

    /// [`Case::rollout`] of a flow, with the Monte-Carlo pairs of the case.
    pub fn flow_rollout(&self, unroll_length: usize) -> Rollout {
        let pairs = ["loss_eps", "loss_t", "initial_cfm_loss"].map(|key| self.get(key));
        self.rollout(unroll_length, pairs)
    }

    /// Steps of the case.
    pub fn steps(&self) -> usize {
        self.get("obs").dim(0).unwrap()
    }
}

/// All sub-sequences of a rollout of one unroll.
pub fn all_picks(rollout: &Rollout) -> Vec<u32> {
    (0..rollout.reward.dim(1).unwrap() as u32).collect()
}

/// On the CPU, the kernels on every instruction set that is there.
pub fn fused_computes() -> Vec<Compute> {
    let there = Isa::ALL.into_iter().filter(|isa| device().is_cpu() && isa.is_available());
    there.map(Compute::Fused).collect()
}

/// Composed operations and all that [`fused_computes`] lists.
pub fn all_computes() -> Vec<Compute> {
    [vec![Compute::Composed], fused_computes()].concat()
}
