//! One flat parameter vector per network, with named views.
//!
//! All weights and biases of a network lie one after the other in a single [`Var`]. Layers are
//! `narrow` + `reshape` views of it, so the optimiser is one kernel over one buffer, the global
//! gradient norm is one reduction, and a checkpoint is one tensor.

use candle_core::{DType, Device, Tensor, Var};

use crate::error::{Error, Result};

/// Names, shapes and offsets of the tensors inside a flat parameter vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    entries: Vec<Entry>,
    len: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    name: String,
    shape: Vec<usize>,
    offset: usize,
}

impl Layout {
    /// Appends a tensor and returns its index.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize]) -> usize {
        self.entries.push(Entry { name: name.into(), shape: shape.to_vec(), offset: self.len });
        self.len += shape.iter().product::<usize>();
        self.entries.len() - 1
    }

    /// Appends all tensors of `other`.
    pub(crate) fn append(&mut self, other: &Layout) {
        for entry in &other.entries {
            self.push(entry.name.clone(), &entry.shape);
        }
    }

    /// Returns the number of scalars.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there is no parameter at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the `index`-th tensor as a view of `flat`, differentiable with respect to it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is no tensor number `index`.
    pub fn view(&self, flat: &Tensor, index: usize) -> Result<Tensor> {
        let entry = self.entries.get(index).ok_or_else(|| {
            Error::Invalid(format!("there is no parameter tensor number {index}"))
        })?;
        let len = entry.shape.iter().product();
        Ok(flat.narrow(0, entry.offset, len)?.reshape(entry.shape.as_slice())?)
    }

    /// Returns all tensors of `flat` by name, as views.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn views(&self, flat: &Tensor) -> Result<Vec<(String, Tensor)>> {
        (0..self.entries.len())
            .map(|i| Ok((self.entries[i].name.clone(), self.view(flat, i)?)))
            .collect()
    }

    /// Joins named tensors into one flat vector in this layout's order.
    ///
    /// # Errors
    /// [`Error::State`] names a tensor that is missing or has another shape.
    pub fn flatten(&self, find: impl Fn(&str) -> Option<Tensor>) -> Result<Tensor> {
        let mut parts = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let tensor = find(&entry.name)
                .ok_or_else(|| Error::State(format!("tensor `{}` is missing", entry.name)))?;
            if tensor.dims() != entry.shape {
                return Err(Error::State(format!(
                    "tensor `{}` has shape {:?}, expected {:?}",
                    entry.name,
                    tensor.dims(),
                    entry.shape
                )));
            }
            parts.push(tensor.flatten_all()?);
        }
        Ok(Tensor::cat(&parts, 0)?)
    }
}

/// A trainable flat vector together with its [`Layout`].
#[derive(Clone, Debug)]
pub struct FlatParams {
    var: Var,
    flat: Tensor,
    layout: Layout,
}

impl FlatParams {
    /// Wraps `values`, which must have `layout.len()` elements, as a variable.
    ///
    /// # Errors
    /// If `values` has another length.
    pub fn new(
        layout: Layout,
        values: Vec<f32>,
        dtype: DType,
        device: &Device,
    ) -> Result<FlatParams> {
        let len = layout.len();
        let flat = Tensor::from_vec(values, len, device)?.to_dtype(dtype)?;
        FlatParams::from_flat(layout, &flat)
    }

    /// Wraps a copy of the flat tensor `flat` as a variable.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn from_flat(layout: Layout, flat: &Tensor) -> Result<FlatParams> {
        let var = Var::from_tensor(flat)?;
        Ok(FlatParams { flat: var.as_tensor().clone(), var, layout })
    }

    /// Returns the variable, for the optimiser and for gradients.
    pub fn var(&self) -> &Var {
        &self.var
    }

    /// Returns the flat vector as a tensor.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// Returns the same parameters without gradients: a computation on them keeps no graph. They
    /// follow every change of the variable.
    pub fn frozen(&self) -> FlatParams {
        FlatParams { flat: self.flat.detach(), ..self.clone() }
    }

    /// Returns names and shapes of the views.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Replaces all values by the named tensors that `find` yields.
    ///
    /// # Errors
    /// [`Error::State`] names a tensor that is missing or has another shape.
    pub fn load(&self, find: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let flat = self.layout.flatten(find)?;
        let flat = flat.to_dtype(self.var.dtype())?.to_device(self.var.device())?;
        Ok(self.var.set(&flat)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_cover_the_flat_vector_in_order() {
        let mut layout = Layout::default();
        layout.push("w", &[2, 3]);
        layout.push("b", &[3]);
        let values: Vec<f32> = (0..9).map(|i| i as f32).collect();
        let params = FlatParams::new(layout, values, DType::F32, &Device::Cpu).unwrap();
        let b = params.layout().view(params.flat(), 1).unwrap();
        assert_eq!(b.to_vec1::<f32>().unwrap(), [6.0, 7.0, 8.0]);
        let views = params.layout().views(params.flat()).unwrap();
        let find = |name: &str| views.iter().find(|(n, _)| n == name).map(|(_, t)| t.clone());
        let flat = params.layout().flatten(find).unwrap();
        assert_eq!(flat.to_vec1::<f32>().unwrap(), params.flat().to_vec1::<f32>().unwrap());
    }

    #[test]
    fn frozen_parameters_follow_the_variable_and_keep_no_graph() {
        let mut layout = Layout::default();
        layout.push("b", &[2]);
        let params = FlatParams::new(layout, vec![1.0, 2.0], DType::F32, &Device::Cpu).unwrap();
        let frozen = params.frozen();
        params.var().set(&Tensor::new(&[3.0f32, 4.0], &Device::Cpu).unwrap()).unwrap();
        assert_eq!(frozen.flat().to_vec1::<f32>().unwrap(), [3.0, 4.0]);
        let gradient = |flat: &Tensor| {
            let grads = flat.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            grads.get(params.var()).is_some()
        };
        assert!(gradient(params.flat()) && !gradient(frozen.flat()));
    }

    #[test]
    fn loading_names_the_tensor_that_does_not_fit() {
        let mut layout = Layout::default();
        layout.push("w", &[2, 3]);
        let wrong = Tensor::zeros((3, 2), DType::F32, &Device::Cpu).unwrap();
        let error = layout.flatten(|_| Some(wrong.clone())).unwrap_err().to_string();
        assert!(error.contains("`w`") && error.contains("[2, 3]"), "{error}");
        assert!(layout.flatten(|_| None).unwrap_err().to_string().contains("missing"));
    }
}
