//! The value network `V(obs)`, from which advantages are estimated.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;
use crate::nn::mlp::{Activation, Mlp, validate_dim, validate_hidden};
use crate::nn::params::FlatParams;
use crate::random::{Noise, Purpose};
use crate::tensor::attached::attach;

/// A perceptron from a normalised observation to the expected discounted return.
#[derive(Clone, Debug)]
pub struct ValueNet {
    mlp: Mlp,
    params: FlatParams,
}

impl ValueNet {
    /// Returns a network with freshly drawn weights.
    ///
    /// # Errors
    /// [`crate::Error::OutOfRange`] for sizes that cannot work.
    pub fn new(
        obs_dim: usize,
        hidden: &[usize],
        activation: Activation,
        noise: &Noise,
        dtype: DType,
        device: &Device,
    ) -> Result<ValueNet> {
        validate_dim("obs_dim", obs_dim)?;
        validate_hidden(hidden)?;
        let mlp = Mlp::new("value", &[&[obs_dim], hidden, &[1]].concat(), activation);
        let values = mlp.init(noise, Purpose::ValueInit);
        let params = FlatParams::new(mlp.layout().clone(), values, dtype, device)?;
        Ok(ValueNet { mlp, params })
    }

    /// Returns the trainable parameters.
    pub fn params(&self) -> &FlatParams {
        &self.params
    }

    /// Returns the sizes and the activation.
    pub(crate) fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// Multiplies all values by `factor`, by means of the last layer.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn scale_by(&self, factor: f64) -> Result<()> {
        let (flat, last) = (self.params.flat().detach(), self.mlp.last_layer());
        let scaled = (flat.narrow(0, last.start, last.len())? * factor)?;
        Ok(self.params.var().set(&Tensor::cat(&[flat.narrow(0, 0, last.start)?, scaled], 0)?)?)
    }

    /// Returns by how much the gradients `(P,)` of squared errors `(V − R)²` grow where V, by
    /// [`ValueNet::scale_by`], and R are multiplied by `factor`: the last layer's by `factor`, all
    /// others by its square.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn gradient_factors(&self, factor: f64) -> Result<Tensor> {
        let (ones, last) = (self.params.flat().ones_like()?.detach(), self.mlp.last_layer());
        let before = (ones.narrow(0, 0, last.start)? * factor.powi(2))?;
        Ok(Tensor::cat(&[before, (ones.narrow(0, last.start, last.len())? * factor)?], 0)?)
    }

    /// Returns the values `(…)` of normalised observations `(…, O)`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn forward(&self, obs: &Tensor) -> Result<Tensor> {
        let values = self.mlp.forward(self.params.flat(), obs)?;
        Ok(values.squeeze(values.rank() - 1)?)
    }

    /// Returns the values `(U, B)` of normalised observations `(U + 1, B, O)` without the last
    /// ones, differentiable with respect to the parameters, and those of the last ones, `(B,)`,
    /// which are constants. All come from one pass of the network.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub(crate) fn along(&self, obs: &Tensor) -> Result<(Tensor, Tensor)> {
        let (rows, batch, width) = obs.dims3()?;
        let flat = self.params.flat();
        let obs = obs.reshape((rows * batch, width))?;
        let (out, pass) = self.mlp.run(&flat.detach(), &obs, None)?;
        let all = out.reshape((rows, batch))?;
        let steps = rows - 1;
        let values = attach(all.narrow(0, 0, steps)?, 1.0, flat, move |upstream| {
            pass.gradient(&upstream.reshape((steps * batch, 1))?)
        })?;
        Ok((values, all.get(steps)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_work_are_refused_by_name() {
        let new = |obs_dim, hidden: &[usize]| {
            let (noise, silu) = (Noise::new(0), Activation::Silu);
            ValueNet::new(obs_dim, hidden, silu, &noise, DType::F32, &Device::Cpu)
        };
        for (obs_dim, hidden, field) in
            [(3, &[][..], "hidden"), (3, &[8, 0], "hidden"), (0, &[8], "obs_dim")]
        {
            let error = new(obs_dim, hidden).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
        assert!(new(3, &[1]).is_ok());
    }
}
