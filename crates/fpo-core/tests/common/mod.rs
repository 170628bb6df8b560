//! Golden numbers: reading them, and comparing with tolerances taken from measured f32 noise.

use std::collections::HashMap;
use std::io::Write;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor};
use fpo_core::path::Quantity;
use fpo_core::{FlatParams, FlowConfig, FlowPolicy, FpoLoss, Noise};
use serde_json::Value;

/// The device of the test run: `FPO_TEST_DEVICE=cpu|cuda|cuda:1|metal`, by default the CPU.
pub fn device() -> Device {
    let name = std::env::var("FPO_TEST_DEVICE").unwrap_or_else(|_| "cpu".into());
    let index = name.split_once(':').map_or(0, |(_, i)| i.parse().unwrap());
    match name.split(':').next().unwrap() {
        "cpu" => Device::Cpu,
        "cuda" => Device::new_cuda(index).unwrap(),
        "metal" => Device::new_metal(index).unwrap(),
        other => panic!("FPO_TEST_DEVICE={other}: expected cpu, cuda or metal"),
    }
}

/// Prints a line that the test runner does not swallow when the test passes.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// One golden file with its cases and its noise, and the errors found so far.
pub struct Golden {
    file: String,
    tensors: HashMap<String, Tensor>,
    cases: serde_json::Map<String, Value>,
    noise: Value,
    compared: usize,
    worst: Option<(f64, f64, String)>,
}

/// The folder with the golden numbers.
pub fn folder() -> PathBuf {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    std::env::var_os("FPO_GOLDEN_DIR").map_or_else(|| default.into(), PathBuf::from)
}

impl Golden {
    /// Opens `algorithm/{name}.safetensors`; `None`, said by name, if it is not there.
    pub fn open(name: &str) -> Option<Golden> {
        let folder = folder().join("algorithm");
        let file = format!("{name}.safetensors");
        let path = folder.join(&file);
        if !path.exists() {
            say(&format!("golden {name}: skipped, absent"));
            return None;
        }
        let json = |name: &str| -> Value {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            serde_json::from_str(&text).unwrap()
        };
        let index = json("index.json");
        let cases = index["files"][&file]["cases"].as_object().unwrap().clone();
        let noise = json("f32_noise.json");
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        Some(Golden { file, tensors, cases, noise, compared: 0, worst: None })
    }

    /// Names and settings of the cases.
    pub fn cases(&self) -> Vec<(String, Value)> {
        self.cases.iter().map(|(name, case)| (name.clone(), case.clone())).collect()
    }

    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// A tensor on the test device, in f32.
    pub fn get(&self, name: &str) -> Tensor {
        let tensor = self.tensors.get(name).unwrap_or_else(|| panic!("{}: no {name}", self.file));
        tensor.to_dtype(DType::F32).unwrap().to_device(&device()).unwrap()
    }

    /// A tensor's numbers in f64.
    pub fn values(&self, name: &str) -> Vec<f64> {
        host(&self.tensors[name])
    }

    /// Ten times the noise of tensors called `kind`, for numbers as large as `scale`; at least one
    /// rounding of the largest entry, at most what either of the two noise measures allows.
    ///
    /// `kind` is a name in this file, or `file:name` where this file's noise was not measured.
    fn tolerance(&self, kind: &str, scale: f64) -> f64 {
        let noise = match kind.split_once(':') {
            Some((file, kind)) => &self.noise[&format!("{file}.safetensors")][kind],
            None => &self.noise[&self.file][kind],
        };
        let rounding = f32::EPSILON as f64 * scale;
        match (noise[0].as_f64(), noise[1].as_f64()) {
            (Some(absolute), Some(relative)) => {
                (10.0 * absolute.min(relative * scale)).max(rounding)
            }
            _ => rounding,
        }
    }

    /// Compares `found` with the golden tensor `name`, whose noise is listed under `kind`.
    pub fn check(&mut self, name: &str, kind: &str, found: &Tensor) {
        let reference = self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}"));
        let (reference, found) = (host(reference), host(found));
        assert_eq!(reference.len(), found.len(), "{}: {name} has another size", self.file);
        let scale = reference.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let tolerance = self.tolerance(kind, scale);
        let error = reference.iter().zip(&found).fold(0.0f64, |m, (a, b)| {
            let e = (a - b).abs();
            if e.is_nan() { f64::INFINITY } else { m.max(e) }
        });
        let share = if tolerance > 0.0 { error / tolerance } else { f64::from(error > 0.0) * 1e9 };
        self.compared += 1;
        let worst = self.worst.as_ref().map_or(-1.0, |(e, t, _)| e / t.max(f64::MIN_POSITIVE));
        if share > worst {
            self.worst = Some((error, tolerance, name.to_string()));
        }
        assert!(share <= 1.0, "{} {name}: error {error:e}, tolerance {tolerance:e}", self.file);
    }

    /// Compares the flat gradient of a network with golden tensors `{prefix}{k}.w|b`.
    pub fn check_flat(&mut self, prefix: &str, kind: &str, params: &FlatParams, flat: &Tensor) {
        for (name, view) in params.layout().views(flat).unwrap() {
            self.check(&golden_name(prefix, &name), kind, &view);
        }
    }

    /// Loads golden tensors `{prefix}{k}.w|b` into a network.
    pub fn load(&self, prefix: &str, params: &FlatParams) {
        let find = |name: &str| Some(self.get(&golden_name(prefix, name)));
        params.load(find).unwrap();
    }

    /// Prints the table line of this file; fails if nothing was compared.
    pub fn finish(self) {
        let (error, tolerance, name) = self.worst.expect("a golden test that compared nothing");
        let line = format!(
            "golden {:<42} {:>5} tensors  largest error {error:.1e} of {tolerance:.1e} ({name})",
            format!("algorithm/{}", self.file),
            self.compared
        );
        say(&line);
    }
}

/// `policy.3.weight` is `{prefix}3.w` in the golden files.
fn golden_name(prefix: &str, ours: &str) -> String {
    let (layer, part) = ours.split_once('.').unwrap().1.split_once('.').unwrap();
    format!("{prefix}{layer}.{}", &part[..1])
}

pub fn host(tensor: &Tensor) -> Vec<f64> {
    let tensor = tensor.to_device(&Device::Cpu).unwrap().to_dtype(DType::F64).unwrap();
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Both arguments of PPO's clipped surrogate, elementwise: `r·A` and `clip(r)·A`.
pub fn surrogates(loss: &FpoLoss, clip_epsilon: f64) -> (Tensor, Tensor) {
    let advantages = loss.advantages.unsqueeze(2).unwrap();
    let clipped = loss.ratio.clamp(1.0 - clip_epsilon, 1.0 + clip_epsilon).unwrap();
    let times = |ratio: &Tensor| ratio.broadcast_mul(&advantages).unwrap();
    (times(&loss.ratio), times(&clipped))
}

pub fn usize_of(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("case has no {key}")) as usize
}

pub fn sizes(case: &Value, key: &str) -> Vec<usize> {
    case[key].as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as usize).collect()
}

/// The policy that a case describes, with the golden weights `{case}/{prefix}policy.k.*`.
pub fn policy(golden: &Golden, name: &str, case: &Value, prefix: &str) -> FlowPolicy {
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
    let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &device()).unwrap();
    golden.load(&format!("{name}/{prefix}policy."), policy.params());
    policy
}
