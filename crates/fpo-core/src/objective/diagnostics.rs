//! Diagnostics of gradient steps: collected on the device, read by the host once per update.

use candle_core::{DType, Device, Tensor};

use crate::error::{Error, Result};
use crate::tensor::transfer::to_host;

/// Turns one list of diagnostics into the fields of [`StepDiagnostics`] and the names of the
/// columns.
macro_rules! diagnostics {
    ($($(#[doc = $text:literal])+ $field:ident as $name:literal,)+) => {
        /// The diagnostics of the loss of one gradient step, as numbers or as scalar tensors.
        #[derive(Clone, Debug)]
        pub struct StepDiagnostics<T> {
            $($(#[doc = $text])+ pub $field: T,)+
        }

        /// Names of the diagnostics, in the order of the fields: the keys of a run's metrics.
        const NAMES: &[&str] = &[$($name),+];

        impl<T> StepDiagnostics<T> {
            /// Returns all diagnostics, in the order of [`StepMetrics::names`].
            fn into_columns(self) -> Vec<T> {
                vec![$(self.$field),+]
            }
        }
    };
}

// The losses come first, then what is computed from them, so that the first diagnostic that is not
// finite is near its source.
diagnostics! {
    /// Mean stored loss.
    loss_old as "cfm_loss_old",
    /// Mean present loss.
    loss_new as "cfm_loss_new",
    /// The smallest ratio.
    ratio_min as "ratio_min",
    /// The largest ratio.
    ratio_max as "ratio_max",
    /// Share of ratios outside `1 ± clip_epsilon`.
    clip_fraction as "clip_fraction",
    /// Mean of `ratio − 1 − ln ratio`.
    divergence as "divergence",
    /// `(Σ ratio)² / (n·Σ ratio²)`.
    effective_sample_size as "effective_sample_size",
    /// Mean ratio.
    ratio_mean as "ratio_mean",
    /// Mean value.
    value_mean as "value_mean",
    /// Mean value target.
    value_target_mean as "value_target_mean",
    /// Variance of the value targets, over the steps that have one.
    value_target_variance as "value_target_variance",
    /// Root mean square of `R − V`, over the steps that have a target.
    value_error as "value_error",
    /// `1 − Var(R − V) / Var(R)`, over the steps that have a target.
    explained_variance as "explained_variance",
    /// Standard deviation of the advantages before they are shaped.
    advantage_std as "advantage_std",
    /// `−mean surrogate`.
    policy_loss as "policy_loss",
    /// The value loss, weighted.
    value_loss as "value_loss",
    /// All losses together, the entropy bonus included.
    total_loss as "total_loss",
}

/// The variance of the targets, of which the host makes out whether they vary. No metric shows it.
const VARIANCE: &str = "value_target_variance";

/// The column that has no number where the targets do not vary.
const EXPLAINED: &str = "explained_variance";

/// Targets whose variance is at most this share of their squared mean vary by rounding only.
const ROUNDING: f32 = 1e-10;

/// The name of the last column, whose number is known only after the optimiser step.
const GRAD_NORM: &str = "grad_norm";

impl StepDiagnostics<f64> {
    /// Returns the diagnostics as a row on `device`.
    pub(crate) fn into_row(self, device: &Device) -> Result<Tensor> {
        let row: Vec<f32> = self.into_columns().into_iter().map(|x| x as f32).collect();
        Ok(Tensor::from_slice(&row, row.len(), device)?)
    }
}

impl StepDiagnostics<Tensor> {
    /// Returns the diagnostics as a row, still on their device.
    pub(crate) fn stack(self) -> Result<Tensor> {
        Ok(Tensor::stack(&self.into_columns(), 0)?)
    }
}

/// Diagnostics of the gradient steps of one update, one row per step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepMetrics {
    /// One row per gradient step, columns as [`StepMetrics::names`]. `explained_variance` is NaN
    /// where it does not exist.
    pub rows: Vec<Vec<f32>>,
}

impl StepMetrics {
    /// Returns the names of the columns: the fields of [`StepDiagnostics`], then the gradient norm.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().copied().chain([GRAD_NORM])
    }

    /// Returns the number of the column `name`, if there is one.
    pub fn column(name: &str) -> Option<usize> {
        StepMetrics::names().position(|column| column == name)
    }

    /// Brings the rows of an update to the host in one transfer; `first_step` gradient steps were
    /// taken before it. Where the targets of a step do not vary, it has no explained variance.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for the first number that is not finite.
    pub fn collect(rows: &[Tensor], first_step: u64) -> Result<StepMetrics> {
        let metrics = StepMetrics::read(rows)?;
        metrics.require_finite(first_step)?;
        Ok(metrics.where_targets_vary())
    }

    /// Brings the rows of an update to the host in one transfer, whatever is in them.
    ///
    /// # Errors
    /// If a tensor operation fails.
    pub fn read(rows: &[Tensor]) -> Result<StepMetrics> {
        let rows = Tensor::stack(rows, 0)?.to_dtype(DType::F32)?;
        let width = rows.dim(1)?;
        Ok(StepMetrics { rows: to_host(&rows)?.chunks_exact(width).map(<[f32]>::to_vec).collect() })
    }

    /// Fails for a number that is not finite; `first_step` gradient steps were taken before the
    /// first row.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for the first such number.
    pub fn require_finite(&self, first_step: u64) -> Result<()> {
        for (k, row) in self.rows.iter().enumerate() {
            if let Some(bad) = row.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFinite {
                    tensor: StepMetrics::names().nth(bad).unwrap_or_default().to_string(),
                    value: row[bad] as f64,
                    step: first_step + k as u64,
                });
            }
        }
        Ok(())
    }

    /// Returns the same with no explained variance where the targets do not vary.
    pub(crate) fn where_targets_vary(mut self) -> StepMetrics {
        let columns = ["value_target_mean", VARIANCE, EXPLAINED].map(StepMetrics::column);
        if let [Some(mean), Some(variance), Some(explained)] = columns {
            let is_constant = |row: &&mut Vec<f32>| row[variance] <= ROUNDING * row[mean].powi(2);
            for row in self.rows.iter_mut().filter(is_constant) {
                row[explained] = f32::NAN;
            }
        }
        self
    }

    /// Returns the numbers in a column, without those of steps in which it is not finite because
    /// there is nothing to measure.
    fn numbers(&self, column: usize) -> impl Iterator<Item = f64> + Clone {
        self.rows.iter().map(move |row| f64::from(row[column])).filter(|x| x.is_finite())
    }

    /// Returns the mean of the column `name`, or NaN if there is no such column or no step that has
    /// it.
    pub fn mean(&self, name: &str) -> f64 {
        let Some(column) = StepMetrics::column(name) else { return f64::NAN };
        let numbers = self.numbers(column);
        numbers.clone().sum::<f64>() / numbers.count() as f64
    }

    /// Returns the mean square of the value targets.
    pub(crate) fn mean_square_of_targets(&self) -> f64 {
        let columns = ["value_target_mean", VARIANCE].map(StepMetrics::column);
        let [Some(mean), Some(variance)] = columns else { return f64::NAN };
        let of = |row: &Vec<f32>| f64::from(row[mean]).powi(2) + f64::from(row[variance]);
        self.rows.iter().map(of).sum::<f64>() / self.rows.len() as f64
    }

    /// Returns the name and the summary of every column over the update: the mean, except that
    /// `ratio_min` and `ratio_max` have their minimum and maximum. A column without a number in any
    /// step is left out, and so is the variance of the targets, of which `explained_variance`
    /// tells.
    pub fn summary(&self) -> Vec<(&'static str, f64)> {
        let summarise = |(k, name): (usize, &'static str)| {
            let value = match name {
                "ratio_min" => self.numbers(k).fold(f64::INFINITY, f64::min),
                "ratio_max" => self.numbers(k).fold(f64::NEG_INFINITY, f64::max),
                _ => self.mean(name),
            };
            (value.is_finite() && name != VARIANCE).then_some((name, value))
        };
        StepMetrics::names().enumerate().filter_map(summarise).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(mean: f32, variance: f32, value_error: f32) -> Tensor {
        let numbers: Vec<f32> = StepMetrics::names()
            .map(|name| match name {
                "value_target_mean" => mean,
                VARIANCE => variance,
                "value_error" => value_error,
                EXPLAINED => 1.0 - value_error,
                _ => 0.5,
            })
            .collect();
        Tensor::from_vec(numbers, NAMES.len() + 1, &Device::Cpu).unwrap()
    }

    #[test]
    fn a_variance_that_does_not_exist_is_passed_over_and_left_out_where_no_step_has_one() {
        let found = |rows: &[Tensor]| {
            let metrics = StepMetrics::collect(rows, 0).unwrap();
            let summary = metrics.summary();
            let explained = summary.iter().find(|(name, _)| *name == EXPLAINED).map(|(_, x)| *x);
            // Of all columns, the variance of the targets is left out too.
            assert_eq!(summary.len() + usize::from(explained.is_none()), NAMES.len());
            (explained, metrics.mean(EXPLAINED))
        };
        let varied = [row(9.0, 1e-4, 0.75), row(0.0, 1e-9, 0.25)];
        let constant = [row(0.0, 0.0, 0.0), row(-9.0, 1e-12, 0.125)];
        assert_eq!(found(&[&varied[..], &constant].concat()), (Some(0.5), 0.5));
        let (none, mean) = found(&constant);
        assert!(none.is_none() && mean.is_nan());
    }

    #[test]
    fn every_number_must_be_finite() {
        let rows = [row(0.5, 0.5, 0.5), row(0.5, 0.0, f32::NAN)];
        let error = StepMetrics::collect(&rows, 7).unwrap_err();
        let Error::NonFinite { tensor, step, .. } = error else { panic!("{error}") };
        assert_eq!((tensor.as_str(), step), ("value_error", 8));
    }
}
