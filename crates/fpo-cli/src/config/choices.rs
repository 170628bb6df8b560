//! The named choices of a configuration that concern only this crate; `fpo-core` and `fpo-envs`
//! define those of the algorithm and of the environments. All are spelled in `snake_case`.

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// The device on which tensors live and are computed (`train.device`).
///
/// Spelled `"auto"`, `"cpu"`, `"cuda"` (the first card), `"cuda:1"` or `"metal"`.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(try_from = "String", into = "String")]
pub enum DeviceChoice {
    /// An accelerator that this build supports and this machine has, else the CPU.
    Auto,
    /// The CPU.
    Cpu,
    /// The CUDA card with this number, from 0.
    Cuda(usize),
    /// The first Metal device.
    Metal,
}

impl TryFrom<String> for DeviceChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            "metal" => Ok(Self::Metal),
            other => other
                .strip_prefix("cuda:")
                .and_then(|number| number.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| {
                    format!(
                        "unknown device `{other}`, expected `auto`, `cpu`, `cuda`, `cuda:1` \
                         (any card number) or `metal`"
                    )
                }),
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(device: DeviceChoice) -> String {
        match device {
            DeviceChoice::Auto => "auto".into(),
            DeviceChoice::Cpu => "cpu".into(),
            DeviceChoice::Cuda(number) => format!("cuda:{number}"),
            DeviceChoice::Metal => "metal".into(),
        }
    }
}

/// Which code computes on the CPU (`train.kernels`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum KernelChoice {
    /// The fused kernels.
    Auto,
    /// Composed Candle operations.
    Composed,
}

/// Whether half of the environments step while the policy acts for the other half
/// (`train.overlap`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum OverlapChoice {
    /// Only where the policy computes on a device other than the CPU.
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

impl OverlapChoice {
    /// Returns whether stepping and acting overlap for a policy on `device`.
    pub fn on(self, device: &Device) -> bool {
        match self {
            OverlapChoice::Auto => !device.is_cpu(),
            OverlapChoice::On => true,
            OverlapChoice::Off => false,
        }
    }
}

/// How matrix products of f32 numbers are computed (`train.precision`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum PrecisionChoice {
    /// In f32.
    F32,
    /// From factors rounded to TF32, with 10 bits of mantissa instead of 23, and sums in f32.
    Tf32,
}

impl PrecisionChoice {
    /// Returns the spelling of the choice in a configuration.
    pub fn name(self) -> &'static str {
        match self {
            PrecisionChoice::F32 => "f32",
            PrecisionChoice::Tf32 => "tf32",
        }
    }
}

/// What follows when a number of training is not finite (`train.on_divergence`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum DivergenceChoice {
    /// The run ends.
    Stop,
    /// The run goes back to its last whole checkpoint, and on with a smaller learning rate.
    Rollback,
}

/// Which flow times the losses draw (`policy.training_times`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum TimesChoice {
    /// The starts of the sampler's steps.
    Grid,
    /// Uniform in (0, 1).
    Uniform,
    /// Beta(1, `policy.times_beta`).
    Beta,
}

/// When the observation statistics take in the observations of a rollout (`normalizer.update`).
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum UpdateChoice {
    /// Before the rollout's stored losses are computed.
    Before,
    /// After its stored losses are computed, so that the new statistics apply to the update only.
    After,
}
