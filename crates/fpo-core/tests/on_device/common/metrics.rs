//! The metrics of the official losses from ours, and the sizes of what they sum.

use candle_core::Tensor;
use fpo_core::{FlatParams, MinibatchLoss, StepMetrics};

use super::golden::golden_name;
use super::scalar;
use crate::device::host;

/// A number of ours that a golden file may hold.
#[derive(Clone)]
pub struct Found {
    /// Its name within a case.
    pub name: String,
    /// The number, or numbers.
    pub tensor: Tensor,
    /// The mean magnitude of what was summed to get it; 0 where nothing cancels.
    pub size: f64,
}

impl Found {
    /// A tensor whose error follows its own entries.
    pub fn new(name: impl Into<String>, tensor: Tensor) -> Found {
        Found { name: name.into(), tensor, size: 0.0 }
    }

    /// A number whose error follows its own size.
    pub fn number(name: impl Into<String>, x: f64) -> Found {
        Found::new(name, scalar(x))
    }

    /// The mean of `summands`, whose error follows theirs.
    pub fn mean(name: impl Into<String>, summands: &Tensor) -> Found {
        let mean = host(summands).iter().sum::<f64>() / summands.elem_count() as f64;
        Found { size: mean_magnitude(summands), ..Found::number(name, mean) }
    }
}

/// The mean of `|x|`.
pub fn mean_magnitude(x: &Tensor) -> f64 {
    host(x).iter().map(|x| x.abs()).sum::<f64>() / x.elem_count() as f64
}

/// The size of what was summed for the number called `name`.
pub fn size_of(numbers: &[Found], name: &str) -> f64 {
    let found = numbers.iter().find(|found| found.name == name);
    found.unwrap_or_else(|| panic!("no number {name}")).size
}

/// Both arguments of PPO's clipped surrogate, elementwise, `r·A` and `clip(r)·A`, and the smaller.
fn surrogates(loss: &MinibatchLoss, clip_epsilon: f64) -> [Tensor; 3] {
    let advantages = loss.advantages.unsqueeze(2).unwrap();
    let clipped = loss.ratio.clamp(1.0 - clip_epsilon, 1.0 + clip_epsilon).unwrap();
    let times = |ratio: &Tensor| ratio.broadcast_mul(&advantages).unwrap();
    let (unclipped, clipped) = (times(&loss.ratio), times(&clipped));
    let smaller = unclipped.minimum(&clipped).unwrap();
    [unclipped, clipped, smaller]
}

/// The policy loss, whose error follows the surrogates it averages.
pub fn policy_loss(name: &str, loss: &MinibatchLoss, clip_epsilon: f64) -> Found {
    let [_, _, smaller] = surrogates(loss, clip_epsilon);
    Found { size: mean_magnitude(&smaller), ..Found::new(name, loss.policy_loss.detach()) }
}

/// The loss that is differentiated, whose error follows all that it adds up.
pub fn total_loss(name: &str, loss: &MinibatchLoss, clip_epsilon: f64) -> Found {
    let entropy = loss.entropy.as_ref().map_or(0.0, |(_, loss)| mean_magnitude(loss));
    let value = mean_magnitude(&loss.value_terms.value_loss);
    let size = policy_loss(name, loss, clip_epsilon).size + value + entropy;
    Found { size, ..Found::new(name, loss.total.detach()) }
}

/// Every metric that both official losses report, from ours.
pub fn official_metrics(loss: &MinibatchLoss, action: &Tensor, clip_epsilon: f64) -> Vec<Found> {
    let terms = &loss.value_terms;
    let [unclipped, clipped, _] = surrogates(loss, clip_epsilon);
    let beyond = host(&loss.ratio).iter().filter(|r| (*r - 1.0).abs() > clip_epsilon).count();
    let mut metrics = vec![
        Found::number("metric/clipped_ratio_mean", beyond as f64 / loss.ratio.elem_count() as f64),
        policy_loss("metric/policy_loss", loss, clip_epsilon),
        Found::mean("metric/surrogate_loss1_mean", &unclipped),
        Found::mean("metric/surrogate_loss2_mean", &clipped),
        Found::new("metric/v_loss", terms.value_loss.detach()),
        Found::mean("metric/value_target_mean", &terms.estimates.targets),
    ];
    for (name, x, which) in [
        ("action", action, "max min"),
        ("advantages", &terms.estimates.advantages, "max mean min std"),
        ("policy_ratio", &loss.ratio, "max mean min"),
        ("value_error", &terms.value_error, "mean std"),
        ("value", &terms.values, "max mean min std"),
    ] {
        metrics.extend(which.split(' ').map(|what| statistic(name, x, what)));
    }
    metrics
}

/// The metric `{name}_{what}` of the numbers `x`.
fn statistic(name: &str, x: &Tensor, what: &str) -> Found {
    let (key, values) = (format!("metric/{name}_{what}"), host(x));
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    match what {
        "max" => Found::number(key, values.into_iter().fold(f64::NEG_INFINITY, f64::max)),
        "min" => Found::number(key, values.into_iter().fold(f64::INFINITY, f64::min)),
        "mean" => Found::mean(key, x),
        "std" => {
            let squares = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            Found::number(key, (squares / n).sqrt())
        }
        other => panic!("no statistic {other}"),
    }
}

/// A network's gradient by the names of the golden files.
///
/// A bias's gradient sums the errors of all rows, which may cancel; those of the weights sum the
/// same errors times the layer's inputs, so the largest of them is taken for the summands' size.
pub fn gradients(params: &FlatParams, gradient: &Tensor) -> Vec<Found> {
    let name = |ours: &str| {
        let net = ours.split('.').next().unwrap();
        golden_name(&format!("grad_{net}."), ours)
    };
    let views = params.layout().views(gradient).unwrap();
    let largest = |of: &str| {
        let view = views.iter().find(|(ours, _)| ours == of);
        host(&view.unwrap().1).into_iter().fold(0.0f64, |m, x| m.max(x.abs()))
    };
    let found = |(ours, view): &(String, Tensor)| {
        let size = ours.strip_suffix(".bias").map(|layer| largest(&format!("{layer}.weight")));
        Found { size: size.unwrap_or(0.0), ..Found::new(name(ours), view.clone()) }
    };
    views.iter().map(found).collect()
}

/// The number of the diagnostics' column `name`.
pub fn column(name: &str) -> usize {
    StepMetrics::column(name).unwrap_or_else(|| panic!("no column {name}"))
}
