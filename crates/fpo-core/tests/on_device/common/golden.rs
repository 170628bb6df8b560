//! Golden numbers: reading them, and comparing with tolerances taken from measured f32 noise.

use std::collections::{BTreeSet, HashMap};
use std::io::Write;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use fpo_core::FlatParams;
use serde_json::Value;

use super::metrics::Found;
use crate::device::{device, host};

/// The golden numbers that belong to this repository: where they lay when this was built, or where
/// `FPO_GOLDEN_HOME` says that they lie now, as for test programs on another machine.
fn ours() -> PathBuf {
    let built_in = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden");
    std::env::var_os("FPO_GOLDEN_HOME").unwrap_or_else(|| built_in.into()).into()
}

/// One golden file with its cases and its noise, and the errors found so far.
pub struct Golden {
    file: String,
    tensors: HashMap<String, Tensor>,
    cases: Vec<(String, Value)>,
    noise: [Value; 2],
    compared: usize,
    worst: Option<(f64, f64, String)>,
}

/// The folder that `FPO_GOLDEN_DIR` names, if it names one; it may hold fewer files than ours.
fn named_folder() -> Option<PathBuf> {
    std::env::var_os("FPO_GOLDEN_DIR").map(PathBuf::from)
}

/// The folder with the golden numbers of the algorithm.
pub fn folder() -> PathBuf {
    named_folder().unwrap_or_else(ours).join("algorithm")
}

/// Prints a line that the test runner does not swallow when the test passes.
fn say(line: &str) {
    std::io::stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{path:?}: {e}"));
    serde_json::from_str(&text).unwrap()
}

/// `grad_policy.0.w` has the noise of `grad_policy`.
pub fn kind(name: &str) -> &str {
    let layer = name.strip_suffix(".w").or(name.strip_suffix(".b"));
    layer.map_or(name, |layer| layer.split('.').next().unwrap())
}

impl Golden {
    /// Opens `algorithm/{name}.safetensors` with every case that it holds. If the file is not
    /// there: `None`, said by name, in a folder that `FPO_GOLDEN_DIR` names.
    ///
    /// # Panics
    /// If a folder is missing, or a file of the repository's own folder.
    pub fn open(name: &str) -> Option<Golden> {
        let (folder, file) = (folder(), format!("{name}.safetensors"));
        assert!(folder.is_dir(), "there are no golden numbers in {}", folder.display());
        let path = folder.join(&file);
        if !path.exists() {
            assert!(named_folder().is_some(), "{} is missing", path.display());
            say(&format!("golden {name}: skipped, absent"));
            return None;
        }
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let index = json(&folder.join("index.json"));
        let held: BTreeSet<&str> =
            tensors.keys().map(|name| name.split_once('/').unwrap().0).collect();
        let config = |case: &str| {
            let known = index["files"][&file]["cases"].get(case);
            known.unwrap_or_else(|| panic!("{file}: the index knows no case {case}")).clone()
        };
        let cases = held.iter().map(|case| (case.to_string(), config(case))).collect();
        let noise =
            [folder, ours().join("algorithm")].map(|folder| json(&folder.join("f32_noise.json")));
        Some(Golden { file, tensors, cases, noise, compared: 0, worst: None })
    }

    /// Names and settings of the cases.
    pub fn cases(&self) -> Vec<(String, Value)> {
        self.cases.clone()
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The names of the tensors of a case, without the case.
    pub fn names_in<'a>(&'a self, case: &str) -> impl Iterator<Item = &'a str> {
        let prefix = format!("{case}/");
        self.tensors.keys().filter_map(move |name| name.strip_prefix(&prefix))
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

    /// Ten times the noise of tensors called `kind`, for numbers as large as `scale`; at least four
    /// roundings of the largest entry, because devices add in different orders, at most what either
    /// of the two noise measures allows.
    ///
    /// `kind` is a name in this file, or `file:name` where this file's noise was not measured. What
    /// another folder did not measure has the noise that the repository's own folder lists.
    fn tolerance(&self, kind: &str, scale: f64) -> f64 {
        let (file, kind) = match kind.split_once(':') {
            Some((file, kind)) => (format!("{file}.safetensors"), kind),
            None => (self.file.clone(), kind),
        };
        let rounding = 4.0 * f32::EPSILON as f64 * scale;
        let measured = self.noise.iter().find_map(|noise| {
            let noise = &noise[&file][kind];
            noise[0].as_f64().zip(noise[1].as_f64())
        });
        match measured {
            Some((absolute, relative)) => (10.0 * absolute.min(relative * scale)).max(rounding),
            None => rounding,
        }
    }

    /// Compares `found` with the golden tensor `name`, whose noise is listed under `kind`.
    pub fn check(&mut self, name: &str, kind: &str, found: &Tensor) {
        self.check_sum(name, kind, found, 0.0);
    }

    /// As [`Golden::check`], of means of numbers whose mean magnitude is `size`: the error follows
    /// the summands, so a sum in which they cancel is compared as a number of their size.
    pub fn check_sum(&mut self, name: &str, kind: &str, found: &Tensor, size: f64) {
        let reference = self.tensors.get(name).unwrap_or_else(|| panic!("no tensor {name}"));
        let (reference, found) = (host(reference), host(found));
        assert_eq!(reference.len(), found.len(), "{}: {name} has another size", self.file);
        let scale = reference.iter().fold(size, |m, x| m.max(x.abs()));
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

    /// Compares a number of ours with the tensor of the same name in a case.
    pub fn check_found(&mut self, case: &str, found: &Found) {
        let name = format!("{case}/{}", found.name);
        self.check_sum(&name, kind(&found.name), &found.tensor, found.size);
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
pub fn golden_name(prefix: &str, ours: &str) -> String {
    let (layer, part) = ours.split_once('.').unwrap().1.split_once('.').unwrap();
    format!("{prefix}{layer}.{}", &part[..1])
}
