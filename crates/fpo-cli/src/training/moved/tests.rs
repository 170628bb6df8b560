//! Tests of exact divergences, against closed forms.

use fpo_core::path::Quantity;
use fpo_core::{
    ActionFrame, FlowConfig, FlowPolicy, GaussianConfig, GaussianPolicy, Noise, Normalizer,
    NormalizerKind, Purpose, Reduction, Transitions,
};

use super::*;

const CPU: Device = Device::Cpu;

/// A flow whose velocity is constant: its actions are the noise, moved by `shift`.
fn moved_by(shift: [f32; 2]) -> FlowPolicy {
    let output_mode = Quantity::Velocity;
    let config = FlowConfig { output_scale: 0.5, output_mode, ..FlowConfig::new(3, 2) };
    let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
    let len = policy.params().layout().len();
    let mut flat = vec![0.0f32; len];
    flat[len - 2..].copy_from_slice(&shift.map(|x| -x / 0.5));
    policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
    policy
}

/// A rollout of 40 steps of 10 environments under the policy that is not moved at all.
fn rollout() -> Rollout {
    rollout_of(1)
}

/// The same with other actions for each `index`.
fn rollout_of(index: u64) -> Rollout {
    let draw = |index, width: usize| {
        Noise::new(1).normal_tensor(Purpose::Action, index, &[40, 10, width], &CPU).unwrap()
    };
    let none = Tensor::zeros((40, 10), DType::F32, &CPU).unwrap();
    Transitions {
        obs: draw(0, 3),
        bootstrap_obs: none.clone(),
        action: draw(index, 2),
        reward: none.clone(),
        terminated: none.clone(),
        truncated: none.clone(),
        cut_value: none.clone(),
        stored: none.clone(),
        t: none.clone(),
        loss_old: none,
    }
}

fn normalizer() -> DeviceNormalizer {
    Normalizer::new(NormalizerKind::None, 3).on_device(DType::F32, &CPU).unwrap()
}

fn divergence(before: &Before, after: &dyn Policy) -> Option<f64> {
    before.after(after).unwrap().divergence()
}

#[test]
fn rows_are_spread_over_steps_and_environments() {
    for (steps, envs) in [(120, 128), (480, 2048), (32, 64), (40, 10), (3, 2), (1, 500)] {
        let rows = spread(steps, envs);
        assert_eq!(rows.len(), ACTIONS.min(steps * envs));
        let distinct = |of: &dyn Fn(usize) -> usize| {
            let mut seen: Vec<usize> = rows.iter().map(|&row| of(row as usize)).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.len()
        };
        assert!(rows.iter().all(|&row| (row as usize) < steps * envs));
        assert_eq!(distinct(&|row| row), rows.len(), "{steps} × {envs}");
        assert_eq!(distinct(&|row| row % envs), envs.min(rows.len()), "{steps} × {envs}");
        assert_eq!(distinct(&|row| row / envs), steps.min(rows.len()), "{steps} × {envs}");
    }
}

#[test]
fn the_divergence_of_a_shift_is_half_its_square() {
    let before = Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
    assert_eq!(before.log_probs.len(), ACTIONS);
    assert!(divergence(&before, &moved_by([0.0, 0.0])).unwrap().abs() < 1e-12);
    for shift in [[0.1f32, 0.0], [0.0, -0.3], [0.2, 0.2]] {
        let expected = 0.5 * shift.map(|x| f64::from(x).powi(2)).iter().sum::<f64>();
        let found = divergence(&before, &moved_by(shift)).unwrap();
        assert!((found / expected - 1.0).abs() < 0.25, "{shift:?}: {found} for {expected}");
    }
}

#[test]
fn a_log_ratio_of_a_shift_is_worth_what_its_loss_says() {
    // Of half of |v - u|², u = eps - a, which is the mean over two dimensions, the log ratio to
    // a shift of d = -v is v·u - |v|²/2. Opposite noise leaves no eps of it, and so it is
    // d·a - |d|²/2, which is exact.
    let old = moved_by([0.0, 0.0]);
    let before = Before::of(&old, &normalizer(), &rollout()).unwrap().unwrap();
    let draws = SampleDraws::default();
    let before = before.with_losses(&old, draws, &Noise::new(2), 7).unwrap();
    let moved = before.after(&moved_by([0.3, -0.1])).unwrap();
    let fit = moved.fit(1.0).unwrap();
    assert!((fit.slope - 1.0).abs() < 1e-4, "{fit:?}");
    assert!((fit.correlation - 1.0).abs() < 1e-6, "{fit:?}");
    assert!((moved.fit(2.0).unwrap().slope - 0.5 * fit.slope).abs() < 1e-12);
    let keys = moved.metrics(1.0);
    assert_eq!(keys.len(), 3, "{keys:?}");
    // A Gaussian's losses are likelihoods, and there is nothing to compare.
    let old = gaussian(0.0, 1.0);
    let before = Before::of(&old, &normalizer(), &rollout()).unwrap().unwrap();
    let before = before.with_losses(&old, draws, &Noise::new(2), 7).unwrap();
    assert_eq!(before.after(&gaussian(0.1, 1.0)).unwrap().metrics(1.0).len(), 1);
}

#[test]
fn the_energy_of_a_flow_in_a_frame_is_that_of_its_velocity() {
    let config = FlowConfig {
        output_scale: 0.5,
        output_mode: Quantity::Velocity,
        loss_reduction: Reduction::Nats,
        frame: ActionFrame::PerState,
        ..FlowConfig::new(3, 2)
    };
    let own: usize = config.sizes().windows(2).map(|pair| (pair[0] + 1) * pair[1]).sum();
    let policy = FlowPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
    let len = policy.params().layout().len();
    let mut flat = vec![0.0f32; len];
    flat[own - 2..own].copy_from_slice(&[0.6, -0.2]);
    policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
    let before = Before::of(&policy, &normalizer(), &rollout()).unwrap().unwrap();
    let draws = SampleDraws::default();
    let before = before.with_losses(&policy, draws, &Noise::new(2), 7).unwrap();
    let metrics = before.after(&policy).unwrap().metrics(1.0);
    let energy = metrics.iter().find(|(key, _)| key == "train/kinetic_energy").unwrap().1;
    // The velocity is half of (0.6, -0.2); the sum over all samples is one of 32 bits.
    assert!((energy - 0.5 * (0.09 + 0.01)).abs() < 1e-4, "{energy}");
}

#[test]
fn without_likelihoods_there_is_no_divergence() {
    let mut before = Before::of(&moved_by([0.0, 0.0]), &normalizer(), &rollout()).unwrap().unwrap();
    before.log_probs[..ACTIONS / 2].fill(None);
    let half = divergence(&before, &moved_by([0.1, 0.0])).unwrap();
    assert!((half / 0.005 - 1.0).abs() < 0.25, "half of the actions are enough: {half}");
    before.log_probs[ACTIONS - 1] = Some(-1e4);
    let moved = before.after(&moved_by([0.1, 0.0])).unwrap();
    assert_eq!(moved.divergence(), Some(f64::INFINITY), "an overflow is far");
    assert!(moved.metrics(1.0).is_empty(), "and no number");
    before.log_probs[ACTIONS - 1] = None;
    assert_eq!(divergence(&before, &moved_by([0.1, 0.0])), None, "too few");
}

/// A Gaussian of this mean and standard deviation, whatever it observes.
fn gaussian(mean: f64, std: f64) -> GaussianPolicy {
    let config = GaussianConfig { min_std: 1e-3, ..GaussianConfig::new(3, 2) };
    let policy = GaussianPolicy::new(config, &Noise::new(0), DType::F32, &CPU).unwrap();
    let len = policy.params().layout().len();
    let mut flat = vec![0.0f32; len];
    // std = softplus(x) + min_std.
    let x = (std - 1e-3).exp_m1().ln();
    flat[len - 4..].copy_from_slice(&[mean, mean, x, x].map(|x| x as f32));
    policy.params().var().set(&Tensor::from_vec(flat, len, &CPU).unwrap()).unwrap();
    policy
}

#[test]
fn the_divergence_of_gaussians_is_the_closed_form() {
    let old = gaussian(0.0, 1.0);
    let before = |index| Before::of(&old, &normalizer(), &rollout_of(index)).unwrap().unwrap();
    let before: Vec<Before> = (1..=32).map(before).collect();
    for (mean, std) in [(0.2, 1.0), (0.0, 0.85), (-0.1, 1.1)] {
        let of = |before: &Before| divergence(before, &gaussian(mean, std)).unwrap();
        let found = before.iter().map(of).sum::<f64>() / before.len() as f64;
        let of_one = f64::ln(std) + (1.0 + mean * mean) / (2.0 * std * std) - 0.5;
        let expected = 2.0 * of_one;
        assert!((found / expected - 1.0).abs() < 0.1, "{mean} {std}: {found}, {expected}");
    }
}
