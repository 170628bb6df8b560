//! Likelihoods against the policy's own draws, differences, and a closed form.

use std::f64::consts::TAU;

use candle_core::{DType, Device};

use super::*;
use crate::flow::config::Reduction;
use crate::flow::frame::ActionFrame;
use crate::flow::path::Path;
use crate::flow::source::SourceWidth;
use crate::flow::steps::StepTimes;
use crate::likelihood::factors::Factors;
use crate::nn::mlp::Activation;
use crate::policy::Policy;
use crate::random::{Noise, Purpose};

/// A policy with larger weights than it starts with, so that its flow bends.
fn policy(config: FlowConfig, factor: f64) -> FlowPolicy {
    let policy = FlowPolicy::new(config, &Noise::new(4), DType::F32, &Device::Cpu).unwrap();
    let flat = policy.params().flat();
    let shift = Noise::new(5).normal_tensor(Purpose::Probe, 0, flat.dims(), &Device::Cpu).unwrap();
    let moved = ((flat * factor).unwrap() + (shift * 0.1).unwrap()).unwrap();
    policy.params().var().set(&moved).unwrap();
    policy
}

fn normals(index: u64, count: usize) -> Vec<f64> {
    let mut out = vec![0.0; count];
    Noise::new(6).fill_normal(Purpose::Probe, index, &mut out);
    out.into_iter().map(f64::from).collect()
}

fn configs() -> Vec<FlowConfig> {
    let base =
        |dim| FlowConfig { hidden: vec![12, 9], output_scale: 0.5, ..FlowConfig::new(3, dim) };
    let learned = FlowConfig {
        loss_reduction: Reduction::Nats,
        source_std: 0.6,
        source_width: SourceWidth::Learned,
        ..base(4)
    };
    let framed = FlowConfig {
        source_width: SourceWidth::Fixed,
        frame: ActionFrame::PerState,
        step_times: StepTimes::Middle,
        ..learned.clone()
    };
    let cosine = FlowConfig { path: Path::Cosine, flow_steps: 6, ..base(3) };
    let relu = FlowConfig { activation: Activation::Relu, ..base(2) };
    vec![base(1), base(2), relu, cosine, learned, framed]
}

#[test]
fn going_backward_finds_the_noise_from_which_the_policy_draws_the_action() {
    for config in configs() {
        let policy = policy(config.clone(), 1.5);
        let likelihood = FlowLikelihood::new(&policy).unwrap();
        for index in 0..20 {
            let (obs, noise) = (normals(2 * index, 3), normals(2 * index + 1, config.action_dim));
            let action = likelihood.action(&obs, &noise).unwrap();
            // The policy's own sampler, in f32.
            let row = |x: &[f64]| {
                let x = Tensor::from_slice(x, (1, x.len()), &Device::Cpu).unwrap();
                x.to_dtype(DType::F32).unwrap()
            };
            let acted = policy.act(&row(&obs), &row(&noise)).unwrap().action;
            let acted = acted.to_vec2::<f32>().unwrap().remove(0);
            for (own, theirs) in action.iter().zip(acted) {
                assert!((own - f64::from(theirs)).abs() < 1e-5 * (1.0 + own.abs()), "{config:?}");
            }
            let origin = likelihood.origin(&obs, &action).unwrap().unwrap();
            for (found, z) in origin.noise.iter().zip(&noise) {
                assert!((found - z).abs() < 1e-8, "{found} for {z}, {config:?}");
            }
        }
    }
}

/// The density of the action is that of the noise over the volume to which the sampler stretches
/// it: its Jacobian by differences of whole draws.
#[test]
fn the_density_is_that_of_the_noise_over_the_stretch_of_volume() {
    for config in configs() {
        let likelihood = FlowLikelihood::new(&policy(config.clone(), 1.5)).unwrap();
        let dim = config.action_dim;
        for index in 0..10 {
            let (obs, noise) = (normals(2 * index, 3), normals(2 * index + 1, dim));
            let h = 1e-6;
            let moved = |j: usize, by: f64| {
                let mut noise = noise.clone();
                noise[j] += by;
                likelihood.action(&obs, &noise).unwrap()
            };
            let mut jacobian = vec![0.0; dim * dim];
            for j in 0..dim {
                let (up, down) = (moved(j, h), moved(j, -h));
                (0..dim).for_each(|i| jacobian[i * dim + j] = (up[i] - down[i]) / (2.0 * h));
            }
            let log_det = Factors::of(jacobian, dim).unwrap().log_det();
            let normal: f64 = noise.iter().map(|z| -0.5 * (z * z + TAU.ln())).sum();
            let action = likelihood.action(&obs, &noise).unwrap();
            let found = likelihood.origin(&obs, &action).unwrap().unwrap().log_prob;
            let expected = normal - log_det;
            assert!((found - expected).abs() < 1e-5, "{found} for {expected}, {config:?}");
        }
    }
}

/// In one dimension the density integrates to the shares of a histogram of the policy's own draws.
#[test]
fn the_density_in_one_dimension_is_that_of_a_histogram_of_draws() {
    let config = FlowConfig { hidden: vec![16, 16], output_scale: 1.0, ..FlowConfig::new(3, 1) };
    let policy = policy(config, 2.0);
    let likelihood = FlowLikelihood::new(&policy).unwrap();
    let obs = normals(0, 3);
    let draws = 200_000;
    let mut noise = vec![0.0; draws];
    Noise::new(7).fill_normal(Purpose::Probe, 1, &mut noise);
    let row: Vec<f32> = obs.iter().map(|&x| x as f32).collect();
    let rows = Tensor::from_vec(row, (1, 3), &Device::Cpu).unwrap();
    let rows = rows.broadcast_as((draws, 3)).unwrap().contiguous().unwrap();
    let noise = Tensor::from_vec(noise, (draws, 1), &Device::Cpu).unwrap();
    let actions = policy.act(&rows, &noise).unwrap().action.flatten_all().unwrap();
    let actions = actions.to_vec1::<f32>().unwrap();
    let (low, high) = actions.iter().fold((f32::MAX, f32::MIN), |(a, b), &x| (a.min(x), b.max(x)));
    let bins = 24;
    let width = f64::from(high - low) / bins as f64;
    let mut counts = vec![0.0; bins];
    for x in actions {
        let bin = (f64::from(x - low) / width) as usize;
        counts[bin.min(bins - 1)] += 1.0;
    }
    let density =
        |x: f64| likelihood.origin(&obs, &[x]).unwrap().map_or(0.0, |origin| origin.log_prob.exp());
    let mut total = 0.0;
    for (bin, count) in counts.iter().enumerate() {
        // Simpson's rule over 16 intervals.
        let from = f64::from(low) + bin as f64 * width;
        let h = width / 16.0;
        let weight = |k: usize| match k {
            0 | 16 => 1.0,
            k if k % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let share: f64 = (0..=16).map(|k| weight(k) * density(from + k as f64 * h)).sum();
        let share = share * h / 3.0;
        total += share;
        let deviation = (share * (1.0 - share) / draws as f64).sqrt();
        let found = count / draws as f64;
        assert!((found - share).abs() < 5.0 * deviation + 2e-5, "bin {bin}: {found} for {share}");
    }
    assert!((total - 1.0).abs() < 1e-3, "{total}");
}

#[test]
fn a_flow_that_only_shifts_its_source_has_the_density_of_a_normal() {
    let config = FlowConfig {
        source_std: 0.5,
        loss_reduction: Reduction::Nats,
        source_width: SourceWidth::Learned,
        ..FlowConfig::new(3, 2)
    };
    let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &Device::Cpu).unwrap();
    // Without weights, only the last bias is left: v = 0.25·(4, −2), so that a = σ·z − (1, −0.5).
    let mut flat = vec![0.0f32; policy.params().layout().len()];
    let last = flat.len() - 4;
    flat[last..].copy_from_slice(&[4.0, -2.0, 0.3, -0.2]);
    let flat = Tensor::from_vec(flat, policy.params().layout().len(), &Device::Cpu).unwrap();
    policy.params().var().set(&flat).unwrap();
    let likelihood = FlowLikelihood::new(&policy).unwrap();
    let (mean, std) = ([-1.0, 0.5], [0.5 * 0.3f64.exp(), 0.5 * (-0.2f64).exp()]);
    for action in [[0.0, 0.0], [-1.0, 0.5], [2.0, -1.0]] {
        let found = likelihood.origin(&[0.1, 0.2, 0.3], &action).unwrap().unwrap().log_prob;
        let term = |i: usize| {
            let d: f64 = (action[i] - mean[i]) / std[i];
            -0.5 * (d * d + TAU.ln()) - std[i].ln()
        };
        let expected = term(0) + term(1);
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
}

/// Where the field bends much, a search with the derivative at hand misses roots that Newton's
/// method finds; the careful one then does.
#[test]
fn what_a_quick_search_misses_a_careful_one_finds() {
    let config = FlowConfig { hidden: vec![12, 9], output_scale: 0.5, ..FlowConfig::new(3, 1) };
    let likelihood = FlowLikelihood::new(&policy(config, 7.0)).unwrap();
    let (mut missed, mut found) = (0, 0);
    for index in 0..400 {
        let (obs, noise) = (normals(2 * index, 3), normals(2 * index + 1, 1));
        let action = likelihood.action(&obs, &noise).unwrap();
        let [quick, careful] = [Search::Quick, Search::Careful]
            .map(|search| likelihood.trace(&obs, &action, search).is_some());
        let either = likelihood.origin(&obs, &action).unwrap().is_some();
        assert_eq!(either, quick || careful);
        missed += usize::from(!quick);
        found += usize::from(!quick && careful);
    }
    assert!(found > 0 && found < missed, "{found} of {missed}");
}

#[test]
fn lengths_that_are_not_the_policys_are_refused() {
    let config = FlowConfig { hidden: vec![4], ..FlowConfig::new(3, 2) };
    let likelihood = FlowLikelihood::new(&policy(config, 1.0)).unwrap();
    let error = likelihood.origin(&[0.0; 2], &[0.0; 2]).unwrap_err().to_string();
    assert!(error.contains("2 numbers") && error.contains('3'), "{error}");
    assert!(likelihood.origin(&[0.0; 3], &[0.0; 1]).is_err());
}
