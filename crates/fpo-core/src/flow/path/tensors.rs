//! The formulas of [`crate::path`] on tensors, where every row may have a flow time of its own.

use candle_core::Tensor;

use crate::error::Result;
use crate::flow::path::cosine::Cosine;
use crate::flow::path::interpolation::Interpolation;
use crate::flow::path::linear::Linear;
use crate::flow::path::{FLOOR, Parametrization, Path, Quantity, with_formulas};

impl Path {
    /// Returns the action and the noise that make up `x`, given its velocity `v` at `t`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn unmix(self, x: &Tensor, v: &Tensor, t: f64) -> Result<(Tensor, Tensor)> {
        let ((alpha, sigma), (alpha_rate, sigma_rate)) = (self.shares(t), self.rates(t));
        let d = self.determinant();
        let action = ((x * (sigma_rate / d))? - (v * (sigma / d))?)?;
        let noise = ((v * (alpha / d))? - (x * (alpha_rate / d))?)?;
        Ok((action, noise))
    }
}

impl Parametrization {
    /// Returns `x_t` of noise `eps (…, A)` and `action (…, A)` at times `t (…, 1)`, the
    /// prediction's target, and the weight of its error, or `None` if the weight is 1 throughout.
    /// All arguments broadcast.
    pub(crate) fn regress(
        self,
        action: &Tensor,
        eps: &Tensor,
        t: &Tensor,
    ) -> Result<(Tensor, Tensor, Option<Tensor>)> {
        use Quantity::{Data, Noise, Velocity};
        let (alpha, sigma) = with_formulas!(self.path, formulas => formulas.shares_at(t))?;
        let x_t = (sigma.broadcast_mul(eps)? + alpha.broadcast_mul(action)?)?;
        let target = match self.prediction {
            Noise => eps.clone(),
            Data => action.broadcast_as(eps.shape())?,
            Velocity => {
                let (alpha, sigma) = (&alpha, &sigma);
                with_formulas!(self.path, formulas => formulas.velocity(alpha, sigma, action, eps))?
            }
        };
        let d = self.path.determinant();
        let weight = match (self.prediction, self.measure) {
            (Velocity, Velocity) | (Noise, Noise) | (Data, Data) => return Ok((x_t, target, None)),
            (Velocity, Noise) if d == 1.0 => alpha,
            (Velocity, Noise) => (alpha / d)?,
            (Velocity, Data) => (sigma / -d)?,
            (Noise, Data) => (sigma.neg()? / alpha.maximum(FLOOR)?)?,
            (Data, Noise) => (alpha.neg()? / sigma.maximum(FLOOR)?)?,
            (Noise | Data, Velocity) => self.velocity_at(t)?.1,
        };
        Ok((x_t, target, Some(weight)))
    }

    /// Returns the velocity of a prediction at `x` and times `t`; `t` broadcasts.
    pub(crate) fn velocity_of(self, prediction: Tensor, x: &Tensor, t: &Tensor) -> Result<Tensor> {
        if self.prediction == Quantity::Velocity {
            return Ok(prediction);
        }
        let (keep, gain) = self.velocity_at(t)?;
        Ok((x.broadcast_mul(&keep)? + prediction.broadcast_mul(&gain)?)?)
    }

    /// Returns [`Parametrization::velocity`] at times `t`.
    fn velocity_at(self, t: &Tensor) -> Result<(Tensor, Tensor)> {
        let (alpha, sigma) = with_formulas!(self.path, formulas => formulas.shares_at(t))?;
        let (alpha_rate, sigma_rate) =
            with_formulas!(self.path, formulas => formulas.rates_at(t, &alpha, &sigma))?;
        match self.prediction {
            Quantity::Velocity => Ok((t.zeros_like()?, t.ones_like()?)),
            Quantity::Noise => {
                let keep = (alpha_rate / alpha.maximum(FLOOR)?)?;
                let gain = (sigma_rate - (&keep * sigma)?)?;
                Ok((keep, gain))
            }
            Quantity::Data => {
                let keep = (sigma_rate / sigma.maximum(FLOOR)?)?;
                let gain = (alpha_rate - (&keep * alpha)?)?;
                Ok((keep, gain))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    const PATHS: [Path; 2] = [Path::Linear, Path::Cosine];
    const QUANTITIES: [Quantity; 3] = [Quantity::Velocity, Quantity::Noise, Quantity::Data];
    /// An action and a noise.
    const PAIR: (f64, f64) = (0.7, -1.3);

    fn parametrizations() -> impl Iterator<Item = Parametrization> {
        PATHS.into_iter().flat_map(|path| {
            QUANTITIES.into_iter().flat_map(move |prediction| {
                QUANTITIES.map(|measure| Parametrization { path, prediction, measure }).into_iter()
            })
        })
    }

    #[test]
    fn tensors_and_numbers_agree_also_where_a_divisor_is_raised() {
        let times = [0.0, 0.01, 0.3, 0.97, 1.0];
        let column = |x: &[f64]| Tensor::from_slice(x, (x.len(), 1), &Device::Cpu).unwrap();
        let host = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f64>().unwrap();
        let t = column(&times);
        let (action, eps) = (column(&[PAIR.0; 5]), column(&[PAIR.1; 5]));
        for form in parametrizations() {
            let (x_t, target, weight) = form.regress(&action, &eps, &t).unwrap();
            let predicted = column(&[0.4; 5]);
            let velocity = form.velocity_of(predicted, &x_t, &t).unwrap();
            let weight = weight.map_or(vec![1.0; 5], |weight| host(&weight));
            for (i, &t) in times.iter().enumerate() {
                let rule = form.regression(t);
                let x = rule.alpha * PAIR.0 + rule.sigma * PAIR.1;
                let (k, g) = form.velocity(t);
                for (found, expected) in [
                    (host(&x_t)[i], x),
                    (host(&target)[i], rule.action_share * PAIR.0 + rule.noise_share * PAIR.1),
                    (weight[i], rule.weight),
                    (host(&velocity)[i], k * x + g * 0.4),
                ] {
                    let error = (found - expected).abs();
                    assert!(error < 1e-12 * (1.0 + expected.abs()), "{form:?} at {t}: {found}");
                }
            }
        }
    }

    #[test]
    fn unmixing_gives_back_action_and_noise() {
        for path in PATHS {
            for t in [0.0, 0.2, 1.0] {
                let ((alpha, sigma), rates) = (path.shares(t), path.rates(t));
                let x = Tensor::new(&[alpha * PAIR.0 + sigma * PAIR.1], &Device::Cpu).unwrap();
                let v = Tensor::new(&[rates.0 * PAIR.0 + rates.1 * PAIR.1], &Device::Cpu).unwrap();
                let (action, noise) = path.unmix(&x, &v, t).unwrap();
                assert!((action.to_vec1::<f64>().unwrap()[0] - PAIR.0).abs() < 1e-14);
                assert!((noise.to_vec1::<f64>().unwrap()[0] - PAIR.1).abs() < 1e-14);
            }
        }
    }
}
