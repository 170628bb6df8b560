//! The formats of a policy in one file.

use anyhow::{Context, Result};
use fpo_core::{PolicyFile, TensorFile, onnx};

/// A policy that is to be written.
pub struct Exported {
    /// The bytes of its policy file.
    pub bytes: Vec<u8>,
    /// What these bytes hold: the policy, the statistics of its observations, and what is said of
    /// its training.
    pub policy: PolicyFile,
    /// Rows of the inputs and outputs of a graph; any number of them if `None`.
    pub batch: Option<usize>,
}

/// A way to write a policy to a file.
pub struct Format {
    /// The ending of the file names that ask for it.
    pub extension: &'static str,
    /// Returns the bytes of a file for a policy.
    pub write: fn(&Exported) -> Result<Vec<u8>>,
}

/// Policy files, which [`fpo_core::PolicyFile`] defines.
pub const SAFETENSORS: Format =
    Format { extension: "safetensors", write: |exported| Ok(exported.bytes.clone()) };

/// ONNX graphs, which [`fpo_core::onnx`] makes.
pub const ONNX: Format = Format { extension: "onnx", write: graph };

/// The known formats, the default first. A new format is one function and one line here.
pub const FORMATS: [&Format; 2] = [&SAFETENSORS, &ONNX];

/// Returns the graph of a policy. Its metadata entry `fpo` is the text of the policy file's.
fn graph(exported: &Exported) -> Result<Vec<u8>> {
    let said = TensorFile::from_bytes(&exported.bytes)?.metadata.unwrap_or_default();
    let options = onnx::Options { batch: exported.batch, properties: vec![("fpo".into(), said)] };
    let PolicyFile { policy, normalizer, .. } = &exported.policy;
    onnx::to_bytes(policy.as_ref(), normalizer, &options).context("no ONNX graph can be made")
}
