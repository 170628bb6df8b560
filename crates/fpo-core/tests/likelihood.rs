//! What a log ratio of losses in nats is worth: its slope against the exact log ratio, on flows
//! that FPO's own update has trained.
//!
//! The task is a bandit: an action earns the more the nearer it is to a target that depends on the
//! observation. Flows of 1, 2 and 6 action dimensions with a learned source or frame are trained
//! on it with either loss, moved by one more update, and asked for both log ratios of actions of
//! the policy before it. A source of fixed width is worth the less the narrower the actions have
//! become: there slopes are 0.9 to 2.2 on the same task.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

use candle_core::{DType, Device, Tensor};
use fpo_core::likelihood::FlowLikelihood;
use fpo_core::path::Quantity;
use fpo_core::time::TrainingTimes;
use fpo_core::{
    ActionFrame, Evaluated, FlatParams, FlowConfig, FlowPolicy, Noise, Policy, Purpose, Reduction,
    SampleDraws, SampleNoise, SampleTimes, SourceWidth,
};

const OBS: usize = 3;
const ROWS: usize = 512;
const UPDATES: u64 = 60;
/// Samples of a loss in training, and where it is compared.
const SAMPLES: [usize; 2] = [8, 256];

/// Observations, actions of the policy at them, and normalised advantages of these actions.
struct Batch {
    obs: Tensor,
    action: Tensor,
    advantages: Tensor,
}

fn normals(noise: &Noise, index: u64, shape: &[usize]) -> Tensor {
    noise.normal_tensor(Purpose::Probe, index, shape, &Device::Cpu).unwrap()
}

fn batch(policy: &FlowPolicy, noise: &Noise, index: u64) -> Batch {
    let dim = policy.config().action_dim;
    let obs = normals(noise, 2 * index, &[ROWS, OBS]);
    let unit = normals(noise, 2 * index + 1, &[ROWS, dim]);
    let action = policy.frozen().act(&obs, &unit).unwrap().action.detach();
    // The target of dimension i is the sine of the i-th observation, each used in turn.
    let targets: Vec<Tensor> =
        (0..dim).map(|i| obs.narrow(1, i % OBS, 1).unwrap().sin().unwrap()).collect();
    let reward = (&action - Tensor::cat(&targets, 1).unwrap()).unwrap().sqr().unwrap();
    let reward = reward.sum(1).unwrap().neg().unwrap();
    let mean = reward.mean_all().unwrap();
    let centred = reward.broadcast_sub(&mean).unwrap();
    let std = centred.sqr().unwrap().mean_all().unwrap().sqrt().unwrap();
    Batch { obs, action, advantages: centred.broadcast_div(&std).unwrap() }
}

/// The mean loss of each action over `samples` pairs, `(ROWS,)`, and the energy of a flow in
/// frames; the noise has the width of `old`, the policy that acted.
fn evaluate(
    policy: &FlowPolicy,
    old: &FlowPolicy,
    batch: &Batch,
    samples: usize,
    (noise, index): (&Noise, u64),
) -> (Tensor, Option<Tensor>) {
    let (dim, steps) = (policy.config().action_dim, policy.config().flow_steps);
    let draws = SampleDraws {
        law: TrainingTimes::Uniform,
        times: SampleTimes::Stratified,
        noise: SampleNoise::Antithetic,
    };
    let mut t = vec![0.0; ROWS * samples];
    draws.fill_times(steps, samples, noise, index, &mut t);
    let mut eps = vec![0.0; ROWS * samples * dim];
    draws.fill_noise(dim, samples, noise, index, &mut eps);
    old.scale_noise(&mut eps).unwrap();
    let t = Tensor::from_vec(t, (1, ROWS, samples, 1), &Device::Cpu).unwrap();
    let eps = Tensor::from_vec(eps, (1, ROWS, samples, dim), &Device::Cpu).unwrap();
    let (obs, action) = (batch.obs.unsqueeze(0).unwrap(), batch.action.unsqueeze(0).unwrap());
    let Evaluated { losses, energy, .. } = policy.evaluate(&obs, &action, &eps, &t).unwrap();
    (losses.squeeze(0).unwrap().mean(1).unwrap(), energy)
}

/// What the policy minimises: `mean A·L`, which has FPO's gradient where ratios are 1, and its
/// energy with the weight that the recommended method has.
fn objective(
    policy: &FlowPolicy,
    old: &FlowPolicy,
    batch: &Batch,
    samples: usize,
    draw: (&Noise, u64),
) -> Tensor {
    let (losses, energy) = evaluate(policy, old, batch, samples, draw);
    let objective = (losses * &batch.advantages).unwrap().mean_all().unwrap();
    match energy {
        Some(energy) => (objective + (energy * 0.1).unwrap()).unwrap(),
        None => objective,
    }
}

/// Takes steps of RMSprop.
fn train(policy: &FlowPolicy, noise: &Noise) {
    let var = policy.params().var();
    let mut second = var.zeros_like().unwrap();
    for index in 0..UPDATES {
        let batch = batch(policy, noise, index);
        let objective = objective(policy, policy, &batch, SAMPLES[0], (noise, index));
        let gradient = objective.backward().unwrap().get(var).unwrap().clone();
        second = ((second * 0.95).unwrap() + (gradient.sqr().unwrap() * 0.05).unwrap()).unwrap();
        let step = (gradient / (second.sqrt().unwrap() + 1e-8).unwrap()).unwrap();
        var.set(&(var.as_tensor() - (step * 1e-3).unwrap()).unwrap()).unwrap();
    }
}

/// The policy with the parameters it has now.
fn copy(policy: &FlowPolicy) -> FlowPolicy {
    let views = policy.params().layout().views(policy.params().flat()).unwrap();
    let find = |name: &str| views.iter().find(|(n, _)| n == name).map(|(_, t)| t.copy().unwrap());
    let copied = FlowPolicy::from_tensors(policy.config().clone(), &Device::Cpu, find).unwrap();
    let _: &FlatParams = copied.params();
    copied
}

fn rows(tensor: &Tensor) -> Vec<Vec<f64>> {
    tensor.to_dtype(DType::F64).unwrap().to_vec2().unwrap()
}

#[test]
fn a_log_ratio_of_losses_in_nats_is_worth_one_of_likelihoods() {
    let learned =
        [(SourceWidth::Learned, ActionFrame::Fixed), (SourceWidth::Fixed, ActionFrame::PerState)];
    for (dim, measure, (source_width, frame)) in [1, 2, 6]
        .into_iter()
        .flat_map(|dim| [Quantity::Velocity, Quantity::Noise].map(|m| (dim, m)))
        .flat_map(|(dim, measure)| learned.map(|learned| (dim, measure, learned)))
    {
        let noise = Noise::new(dim as u64);
        let config = FlowConfig {
            hidden: vec![32, 32],
            output_mode: measure,
            loss_reduction: Reduction::Nats,
            source_width,
            frame,
            ..FlowConfig::new(OBS, dim)
        };
        let policy = FlowPolicy::new(config, &noise, DType::F32, &Device::Cpu).unwrap();
        train(&policy, &noise);
        let old = copy(&policy);
        let batch = batch(&old, &noise, UPDATES);
        let var = policy.params().var();
        let objective = objective(&policy, &old, &batch, SAMPLES[0], (&noise, UPDATES));
        let gradient = objective.backward().unwrap().get(var).unwrap().clone();
        let size = gradient.sqr().unwrap().sum_all().unwrap().sqrt().unwrap();
        let step = (gradient.broadcast_div(&size).unwrap() * 0.1).unwrap();
        var.set(&(var.as_tensor() - step).unwrap()).unwrap();

        let at = |policy: &FlowPolicy| {
            evaluate(policy, &old, &batch, SAMPLES[1], (&noise, UPDATES + 1)).0
        };
        let ours = (at(&old) - at(&policy)).unwrap().detach().to_dtype(DType::F64).unwrap();
        let ours = ours.to_vec1::<f64>().unwrap();
        let [before, after] = [&old, &policy].map(|policy| FlowLikelihood::new(policy).unwrap());
        let log_prob = |flow: &FlowLikelihood, obs: &[f64], action: &[f64]| {
            flow.origin(obs, action).unwrap().map(|origin| origin.log_prob)
        };
        // Where a step has no inverse, there is nothing to compare with.
        let (exact, ours): (Vec<f64>, Vec<f64>) = rows(&batch.obs)
            .iter()
            .zip(rows(&batch.action))
            .zip(ours)
            .filter_map(|((obs, action), ours)| {
                let log_prob = |flow| log_prob(flow, obs, &action);
                Some((log_prob(&after)? - log_prob(&before)?, ours))
            })
            .unzip();
        assert!(exact.len() as f64 > 0.98 * ROWS as f64, "{dim} {measure:?}: {}", exact.len());
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let slope = product(&exact, &ours) / product(&ours, &ours);
        let correlation =
            product(&exact, &ours) / (product(&ours, &ours) * product(&exact, &exact)).sqrt();
        let what = format!("{dim} dimensions, {measure:?}, {source_width:?}, {frame:?}");
        println!("{what}: slope {slope:.3}, correlation {correlation:.3}");
        assert!((0.8..=1.4).contains(&slope), "{what}: {slope}");
        let least = if frame == ActionFrame::PerState { 0.99 } else { 0.8 };
        assert!(correlation > least, "{what}: {correlation}");
    }
}
