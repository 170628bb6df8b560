//! The objective by hand-computed values.

use super::*;
use crate::reduce::Alone;
use candle_core::Device;

fn flat(t: Tensor) -> Vec<f64> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn per_action_averages_before_the_exponential_and_per_sample_does_not() {
    let old = Tensor::new(&[[[1.0f64, 2.0], [0.0, 4.0]]], &Device::Cpu).unwrap();
    let new = Tensor::new(&[[[0.5f64, 3.0], [1.0, -1.0]]], &Device::Cpu).unwrap();
    let advantages = Tensor::new(&[[1.0f64, -1.0]], &Device::Cpu).unwrap();
    let with = |ratio, log_ratio_clamp, guards: Guards| {
        let Guards { loss_max, log_ratio_max, .. } = guards;
        let bounds = Objective { loss_max, log_ratio_max, ..Objective::default() };
        let objective = Objective { ratio, log_ratio_clamp, ..bounds };
        objective.log_ratio(&old, &new, &advantages).unwrap()
    };
    let free = Guards::default();
    let per_action = with(RatioKind::PerAction, None, free);
    assert_eq!(per_action.dims(), [1, 2, 1]);
    assert_eq!(flat(per_action), [-0.25, 2.0]);
    let per_sample = with(RatioKind::PerSample, Some(3.0), free);
    assert_eq!(flat(per_sample), [0.5, -1.0, -1.0, 3.0]);
    // Losses are bounded before the mean, the log ratio after it.
    let guards = Guards { loss_max: Some(2.0), log_ratio_max: Some(1.25), ..Guards::default() };
    assert_eq!(flat(with(RatioKind::PerAction, None, guards)), [0.25, 1.0]);
    assert_eq!(flat(with(RatioKind::PerSample, None, guards)), [0.5, 0.0, -1.0, 1.25]);
}

#[test]
fn a_ratio_per_pair_lies_between_one_per_sample_and_one_per_action() {
    let old = Tensor::new(&[[[1.0f64, 2.0, 0.0, 4.0]]], &Device::Cpu).unwrap();
    let new = Tensor::new(&[[[0.5f64, 3.0, 1.0, -1.0]]], &Device::Cpu).unwrap();
    let advantages = Tensor::new(&[[1.0f64]], &Device::Cpu).unwrap();
    let of = |ratio| Objective { ratio, ..Objective::default() };
    let pairs = of(RatioKind::PerPair).log_ratio(&old, &new, &advantages).unwrap();
    assert_eq!((pairs.dims(), RatioKind::PerPair.count(4)), (&[1, 1, 2][..], 2));
    assert_eq!(flat(pairs), [-0.25, 2.0]);
    // A single pair has the ratio of its action.
    let (old, new) = (old.narrow(2, 0, 2).unwrap(), new.narrow(2, 0, 2).unwrap());
    let [pair, action] = [RatioKind::PerPair, RatioKind::PerAction]
        .map(|ratio| flat(of(ratio).log_ratio(&old, &new, &advantages).unwrap()));
    assert_eq!(pair, action);
    let odd = new.narrow(2, 0, 1).unwrap();
    assert!(of(RatioKind::PerPair).log_ratio(&odd, &odd, &advantages).is_err());
}

#[test]
fn every_number_out_of_range_is_refused_by_name() {
    let good = Objective::default();
    assert!(good.validate().is_ok());
    for (objective, field) in [
        (Objective { clip_epsilon: f64::NAN, ..good }, "clip_epsilon"),
        (Objective { clip_epsilon: 0.0, ..good }, "clip_epsilon"),
        (Objective { log_ratio_clamp: Some(-1.0), ..good }, "log_ratio_clamp"),
        (Objective { log_ratio_clamp: Some(0.0), ..good }, "log_ratio_clamp"),
        (Objective { advantage_clamp: Some(f64::NAN), ..good }, "advantage_clamp"),
        (Objective { log_ratio_max: Some(-3.0), ..good }, "log_ratio_max"),
        (Objective { loss_max: Some(0.0), ..good }, "loss_max"),
        (Objective { gamma: 1.5, ..good }, "gamma"),
        (Objective { gae_lambda: -0.1, ..good }, "gae_lambda"),
        (Objective { gae_lambda: f64::NAN, ..good }, "gae_lambda"),
        (Objective { reward_scale: 0.0, ..good }, "reward_scale"),
        (Objective { mean_ratio_weight: -0.1, ..good }, "mean_ratio_weight"),
        (Objective { value_coefficient: -1.0, ..good }, "value_coefficient"),
        (Objective { entropy_coefficient: f64::INFINITY, ..good }, "entropy_coefficient"),
    ] {
        let error = objective.validate().unwrap_err().to_string();
        assert!(error.starts_with(&format!("{field} is ")), "{error}");
    }
}

#[test]
fn advantages_are_normalised_and_then_bounded() {
    let advantages = Tensor::new(&[[1.0f64, 2.0, 3.0, 10.0]], &Device::Cpu).unwrap();
    let with = |normalize_advantages, advantage_clamp| {
        let objective = Objective { normalize_advantages, advantage_clamp, ..Objective::default() };
        flat(objective.shape_advantages(&advantages, None, &Alone).unwrap())
    };
    // Mean 4, population variance (9 + 4 + 1 + 36)/4 = 12.5.
    let std = 12.5f64.sqrt();
    let found = with(AdvantageNormalization::Minibatch, Some(1.5));
    for (found, expected) in found.iter().zip([-3.0 / std, -2.0 / std, -1.0 / std, 1.5]) {
        assert!((found - expected).abs() < 1e-8, "{found} {expected}");
    }
    assert_eq!(with(AdvantageNormalization::None, Some(2.5)), [1.0, 2.0, 2.5, 2.5]);
    assert_eq!(with(AdvantageNormalization::None, None), [1.0, 2.0, 3.0, 10.0]);
}

/// A masked step has an advantage of 0, which normalisation turns into `−mean/std`; an excluded one
/// has no part in mean and deviation, and stays at 0.
#[test]
fn excluded_steps_have_no_part_in_normalised_advantages() {
    let advantages = Tensor::new(&[[1.0f64, 3.0, 0.0]], &Device::Cpu).unwrap();
    let counts = Tensor::new(&[[1.0f64, 1.0, 0.0]], &Device::Cpu).unwrap();
    let objective = Objective::default();
    let masked = flat(objective.shape_advantages(&advantages, None, &Alone).unwrap());
    assert!(masked[2] < -0.5, "{masked:?}");
    let excluded = flat(objective.shape_advantages(&advantages, Some(&counts), &Alone).unwrap());
    for (found, expected) in excluded.iter().zip([-1.0, 1.0, 0.0]) {
        assert!((found - expected).abs() < 1e-7, "{excluded:?}");
    }
}
