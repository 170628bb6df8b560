//! One evaluation of a perceptron, and its derivative written out in Candle operations.
//!
//! With `z_k` the pre-activations of layer k, `h_k = act(z_k)`, and `g_k` the gradient with respect
//! to `z_k`,
//!
//! ```text
//! dW_k = h_{k−1}ᵀ·g_k,   db_k = Σ_rows g_k,   g_{k−1} = (g_k·W_kᵀ) ∘ act′(z_{k−1})
//! ```
//!
//! Candle's own derivative of the same layers takes 38 buffers for each, because it zeroes, adds
//! and pads every view of the flat parameters. This takes 11, and one to join the parts.

use candle_core::Tensor;

use crate::error::Result;
use crate::nn::mlp::{Activation, Mlp};

/// What the derivative needs of an evaluation.
pub(crate) struct Pass {
    mlp: Mlp,
    flat: Tensor,
    shared: Tensor,
    own: Option<Tensor>,
    /// Pre-activations and activations of the hidden layers.
    hidden: Vec<(Tensor, Tensor)>,
}

impl Mlp {
    /// Returns the output `(rows, output)` for a first layer that sees `shared (rows / n, s)`, each
    /// row of which goes with n successive rows of `own (rows, o)`, where there is any; the share
    /// of `shared` is computed once for all of them. `s + o` is the input's width. Hands the
    /// pre-activations and the activations of every hidden layer to `keep`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn evaluate(
        &self,
        flat: &Tensor,
        shared: &Tensor,
        own: Option<&Tensor>,
        mut keep: impl FnMut(Tensor, Tensor),
    ) -> Result<Tensor> {
        let mut z = self.first(flat, shared, own)?;
        for k in 1..self.sizes().len() - 1 {
            let h = self.activation().apply(&z)?;
            let next = h.matmul(&self.weight(flat, k)?)?.broadcast_add(&self.bias(flat, k)?)?;
            keep(z, h);
            z = next;
        }
        Ok(z)
    }

    /// Returns the output of [`Mlp::evaluate`], and what its derivative needs.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn run(
        &self,
        flat: &Tensor,
        shared: &Tensor,
        own: Option<&Tensor>,
    ) -> Result<(Tensor, Pass)> {
        let mut hidden = Vec::with_capacity(self.sizes().len());
        let out = self.evaluate(flat, shared, own, |z, h| hidden.push((z, h)))?;
        let pass = Pass {
            mlp: self.clone(),
            flat: flat.clone(),
            shared: shared.clone(),
            own: own.cloned(),
            hidden,
        };
        Ok((out, pass))
    }

    /// Returns the pre-activations of the first layer, `(rows, hidden[0])`.
    fn first(&self, flat: &Tensor, shared: &Tensor, own: Option<&Tensor>) -> Result<Tensor> {
        let weight = self.weight(flat, 0)?;
        let (rows, width) = shared.dims2()?;
        let share = shared.matmul(&weight.narrow(0, 0, width)?)?;
        let share = share.broadcast_add(&self.bias(flat, 0)?)?;
        let Some(own) = own else { return Ok(share) };
        let each = own.matmul(&weight.narrow(0, width, own.dim(1)?)?)?;
        let (all, out) = each.dims2()?;
        let each = each.reshape((rows, all / rows.max(1), out))?;
        Ok(each.broadcast_add(&share.unsqueeze(1)?)?.reshape((all, out))?)
    }
}

impl Pass {
    /// Returns the gradient with respect to the flat parameters, given that with respect to the
    /// first rows of the output, `(rows, output)`; other rows have none.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn gradient(&self, upstream: &Tensor) -> Result<Tensor> {
        let rows = upstream.dim(0)?;
        let mut upstream = upstream.clone();
        // From the last layer to the first, each with its bias before its weight.
        let mut parts = Vec::with_capacity(2 * self.hidden.len() + 3);
        for (k, (z, h)) in self.hidden.iter().enumerate().rev() {
            let (z, h) = (z.narrow(0, 0, rows)?, h.narrow(0, 0, rows)?);
            parts.push(upstream.sum(0)?);
            parts.push(h.t()?.matmul(&upstream)?.flatten_all()?);
            let weight = self.mlp.weight(&self.flat, k + 1)?;
            let before = upstream.matmul(&weight.t()?)?;
            upstream = self.mlp.activation().pull(&before, &z, &h)?;
        }
        let (mut shared_rows, mut own_part) = (rows, None);
        if let Some(own) = &self.own {
            let samples = own.dim(0)? / self.shared.dim(0)?.max(1);
            shared_rows = rows / samples.max(1);
            own_part = Some(own.narrow(0, 0, rows)?.t()?.matmul(&upstream)?.flatten_all()?);
            let width = upstream.dim(1)?;
            upstream = upstream.reshape((shared_rows, samples, width))?.sum(1)?;
        }
        parts.push(upstream.sum(0)?);
        parts.extend(own_part);
        let shared = self.shared.narrow(0, 0, shared_rows)?;
        parts.push(shared.t()?.matmul(&upstream)?.flatten_all()?);
        parts.reverse();
        Ok(Tensor::cat(&parts, 0)?)
    }
}

impl Activation {
    /// Returns `act(x)`, elementwise.
    pub(crate) fn apply(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Activation::Silu => x.silu()?,
            Activation::Relu => x.relu()?,
        })
    }

    /// Returns `upstream ∘ act′(z)` for `h = act(z)`. At 0 the derivative of `max(z, 0)` is 0, as
    /// in the fused kernels.
    fn pull(self, upstream: &Tensor, z: &Tensor, h: &Tensor) -> Result<Tensor> {
        let slope = match self {
            // With σ the sigmoid, h′ = σ + z·σ·(1 − σ) = σ·(1 − h) + h.
            Activation::Silu => ((candle_nn::ops::sigmoid(z)? * h.affine(-1.0, 1.0)?)? + h)?,
            Activation::Relu => h.sign()?,
        };
        Ok((upstream * slope)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Noise, Purpose};
    use candle_core::{DType, Device, Var};

    fn random(index: u64, shape: &[usize]) -> Tensor {
        let noise = Noise::new(5);
        let x = noise.normal_tensor(Purpose::LossNoise, index, shape, &Device::Cpu).unwrap();
        x.to_dtype(DType::F64).unwrap()
    }

    /// Candle differentiates the same operations by itself.
    #[test]
    fn the_written_derivative_is_that_of_automatic_differentiation() {
        // Sizes, the part of the input that is a row's own, rows of it for each shared row, and
        // how many of the six shared rows have a gradient.
        let cases = [
            (&[7, 5, 4, 3][..], 4, 4, 6),
            (&[7, 5, 3], 4, 2, 5),
            (&[3, 6, 2], 0, 1, 5),
            (&[3, 2], 0, 1, 6),
        ];
        for activation in [Activation::Silu, Activation::Relu] {
            for (sizes, own_width, each, counted) in cases {
                let mlp = Mlp::new("net", sizes, activation);
                let flat = Var::from_tensor(&random(0, &[mlp.layout().len()])).unwrap();
                let shared = random(1, &[6, sizes[0] - own_width]);
                let own = (own_width > 0).then(|| random(2, &[6 * each, own_width]));
                let upstream = random(3, &[counted * each, sizes[sizes.len() - 1]]);

                let (out, _) = mlp.run(&flat, &shared, own.as_ref()).unwrap();
                let loss = (out.narrow(0, 0, counted * each).unwrap() * &upstream).unwrap();
                let grads = loss.sum_all().unwrap().backward().unwrap();
                let expected = grads.get(&flat).unwrap();
                let (_, pass) = mlp.run(&flat.detach(), &shared, own.as_ref()).unwrap();
                let found = pass.gradient(&upstream).unwrap();
                assert_eq!(found.dims(), expected.dims());
                let off = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
                let off = off.to_scalar::<f64>().unwrap();
                assert!(off < 1e-13, "{sizes:?} {activation:?}: {off}");
                let least = expected.abs().unwrap().min_all().unwrap().to_scalar::<f64>().unwrap();
                assert!(activation == Activation::Relu || least > 0.0, "all parameters count");
            }
        }
    }
}
