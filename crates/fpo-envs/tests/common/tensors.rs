//! Reading tensors of golden files as `f64`.

use safetensors::{Dtype, SafeTensors};

/// A tensor's numbers and shape.
#[derive(Debug, Clone)]
pub struct Tensor {
    pub shape: Vec<usize>,
    pub values: Vec<f64>,
}

impl Tensor {
    /// Row `index` of the first dimension.
    pub fn row(&self, index: usize) -> &[f64] {
        let len = self.shape[1..].iter().product::<usize>();
        &self.values[index * len..(index + 1) * len]
    }
}

/// Reads one tensor of a file; `None` if the file has no tensor of that name.
pub fn tensor(file: &SafeTensors<'_>, name: &str) -> Option<Tensor> {
    let view = file.tensor(name).ok()?;
    let bytes = view.data();
    let values = match view.dtype() {
        Dtype::F64 => bytes.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        Dtype::F32 => {
            bytes.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
        }
        other => panic!("{name} has the type {other:?}"),
    };
    Some(Tensor { shape: view.shape().to_vec(), values })
}

/// Reads one tensor that must be there.
pub fn need(file: &SafeTensors<'_>, name: &str) -> Tensor {
    tensor(file, name).unwrap_or_else(|| panic!("the file has no tensor `{name}`"))
}

/// Returns the cases of a file that have the tensor `CASE/name`, in alphabetical order.
pub fn cases(file: &SafeTensors<'_>, name: &str) -> Vec<String> {
    let case_of = |tensor: &str| match tensor.split_once('/') {
        Some((case, rest)) if rest == name => Some(case.to_owned()),
        _ => None,
    };
    let mut cases: Vec<String> = file.names().into_iter().filter_map(case_of).collect();
    cases.sort();
    cases
}
