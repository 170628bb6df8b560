//! The whole loss, its gradients, Adam on it, and a whole training step against the official code.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so tests fail")]

mod common;

use candle_core::{DType, Tensor};
use common::{Golden, device, host, policy, sizes, surrogates, usize_of};
use fpo_core::gae::AdvantageKind;
use fpo_core::{
    Activation, AdamConfig, AdvantageNormalization, Compute, DeviceNormalizer, FpoLoss, Isa,
    Learner, MinibatchSchedule, MinibatchTensors, Noise, Normalizer, NormalizerKind, Objective,
    OptimizerConfig, PhaseTimes, RatioKind, Rollout, StepMetrics, ValueNet, fpo_loss,
};
use serde_json::Value;

/// The value network that a case describes.
fn value_net(golden: &Golden, name: &str, case: &Value, prefix: &str) -> ValueNet {
    let (obs_dim, hidden) = (usize_of(case, "O"), sizes(case, "vh"));
    let silu = Activation::Silu;
    let net = ValueNet::new(obs_dim, &hidden, silu, &Noise::new(0), DType::F32, &device()).unwrap();
    golden.load(&format!("{name}/{prefix}value."), net.params());
    net
}

/// The official per-sample mode bounds the log ratio.
const OFFICIAL_LOG_RATIO_CLAMP: f64 = 3.0;

/// Composed operations and, on the CPU, the kernels on every instruction set that is there.
fn all_computes() -> Vec<Compute> {
    let fused = Isa::ALL.into_iter().filter(|isa| device().is_cpu() && isa.is_available());
    [Compute::Composed].into_iter().chain(fused.map(Compute::Fused)).collect()
}

fn learner(golden: &Golden, name: &str, case: &Value, prefix: &str, compute: Compute) -> Learner {
    let per_sample = case["average_losses_before_exp"] == false;
    let config = Objective {
        ratio: if per_sample { RatioKind::PerSample } else { RatioKind::PerAction },
        log_ratio_clamp: per_sample.then_some(OFFICIAL_LOG_RATIO_CLAMP),
        advantage: AdvantageKind::Vtrace,
        normalize_advantages: if case["normalize_advantage"] == false {
            AdvantageNormalization::None
        } else {
            AdvantageNormalization::Minibatch
        },
        ..Objective::default()
    };
    let adam =
        AdamConfig { learning_rate: case["lr"].as_f64().unwrap_or(3e-4), ..AdamConfig::default() };
    let optimizer = OptimizerConfig { adam, ..OptimizerConfig::default() };
    let normalizer = Normalizer::new(NormalizerKind::Official, usize_of(case, "O"));
    Learner::new(
        policy(golden, name, case, prefix).with_compute(compute).unwrap(),
        value_net(golden, name, case, prefix),
        normalizer,
        optimizer,
        config,
    )
    .unwrap()
}

fn loss_of(learner: &Learner, batch: &MinibatchTensors, map: &DeviceNormalizer) -> FpoLoss {
    let Learner { policy, value, config, .. } = learner;
    fpo_loss(policy, value, config, batch, map, &mut PhaseTimes::default()).unwrap()
}

/// The minibatch of a case as a rollout of one unroll, and that unroll's length.
fn one_unroll(golden: &Golden, name: &str) -> (Rollout, usize) {
    let steps = golden.get(&format!("{name}/obs")).dim(0).unwrap();
    (rollout(golden, name, steps), steps)
}

/// All sub-sequences of a rollout of one unroll.
fn all_picks(rollout: &Rollout) -> Vec<u32> {
    (0..rollout.reward.dim(1).unwrap() as u32).collect()
}

fn given_statistics(golden: &Golden, name: &str, case: &Value) -> DeviceNormalizer {
    let mean = golden.get(&format!("{name}/obs_mean"));
    let std = golden.get(&format!("{name}/obs_std"));
    if case["normalize_observations"] == false {
        let (zero, one) = (mean.zeros_like().unwrap(), std.ones_like().unwrap());
        return DeviceNormalizer::new(zero, one);
    }
    DeviceNormalizer::new(mean, std)
}

/// Every metric that the official loss reports, from ours.
fn official_metrics(
    loss: &FpoLoss,
    action: &Tensor,
    clip_epsilon: f64,
) -> Vec<(&'static str, f64)> {
    let stats = |x: &Tensor| {
        let x = host(x);
        let n = x.len() as f64;
        let mean = x.iter().sum::<f64>() / n;
        let std = (x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        let min = x.iter().copied().fold(f64::INFINITY, f64::min);
        (mean, std, min, x.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    };
    let advantages = stats(&loss.critique.estimates.advantages);
    let (ratio, value, error) =
        (stats(&loss.ratio), stats(&loss.critique.values), stats(&loss.critique.value_error));
    let beyond =
        host(&loss.ratio).iter().filter(|r| (*r - 1.0).abs() > clip_epsilon).count() as f64;
    let action = stats(action);
    let (unclipped, clipped) = surrogates(loss, clip_epsilon);
    vec![
        ("action_max", action.3),
        ("action_min", action.2),
        ("advantages_max", advantages.3),
        ("advantages_mean", advantages.0),
        ("advantages_min", advantages.2),
        ("advantages_std", advantages.1),
        ("clipped_ratio_mean", beyond / loss.ratio.elem_count() as f64),
        ("policy_loss", stats(&loss.policy_loss).0),
        ("policy_ratio_max", ratio.3),
        ("policy_ratio_mean", ratio.0),
        ("policy_ratio_min", ratio.2),
        ("surrogate_loss1_mean", stats(&unclipped).0),
        ("surrogate_loss2_mean", stats(&clipped).0),
        ("v_loss", stats(&loss.critique.value_loss).0),
        ("value_error_mean", error.0),
        ("value_error_std", error.1),
        ("value_max", value.3),
        ("value_mean", value.0),
        ("value_min", value.2),
        ("value_std", value.1),
        ("value_target_mean", stats(&loss.critique.estimates.targets).0),
    ]
}

fn scalar(x: f64) -> Tensor {
    Tensor::new(&[x], &candle_core::Device::Cpu).unwrap()
}

#[test]
fn golden_f_fpo_loss_metrics_and_gradients() {
    let Some(mut golden) = Golden::open("f_fpo_loss") else { return };
    for (name, case) in golden.cases() {
        let mut learner = learner(&golden, &name, &case, "", Compute::Composed);
        let (rollout, length) = one_unroll(&golden, &name);
        let picks = all_picks(&rollout);
        let minibatch = rollout.minibatch(&picks, length).unwrap();
        let statistics = given_statistics(&golden, &name, &case);
        let batch = minibatch.gather().unwrap();
        let loss = loss_of(&learner, &batch, &statistics);
        golden.check(&format!("{name}/total_loss"), "total_loss", &loss.total);
        for (metric, value) in official_metrics(&loss, &batch.action, learner.config.clip_epsilon) {
            let key = format!("metric/{metric}");
            golden.check(&format!("{name}/{key}"), &key, &scalar(value));
        }
        golden.check(&format!("{name}/value_pred"), "value_pred", &loss.critique.values);
        golden.check(&format!("{name}/gae_vs"), "gae_vs", &loss.critique.estimates.targets);
        golden.check(&format!("{name}/gae_adv"), "gae_adv", &loss.critique.estimates.advantages);

        for compute in all_computes() {
            learner = self::learner(&golden, &name, &case, "", compute);
            let loss = learner.loss(&minibatch, &statistics).unwrap();
            let total = (&loss.policy + &loss.value).unwrap();
            golden.check(&format!("{name}/total_loss"), "total_loss", &total);
            check_diagnostics(&mut golden, &name, &loss.diagnostics.unsqueeze(0).unwrap());
            let grads = [loss.policy.backward().unwrap(), loss.value.backward().unwrap()];
            let nets = [("policy", learner.policy.params()), ("value", learner.value.params())];
            for ((net, params), grads) in nets.into_iter().zip(grads) {
                let grad = grads.get(params.var()).unwrap();
                let kind = format!("grad_{net}");
                golden.check_flat(&format!("{name}/{kind}."), &kind, params, grad);
            }
        }
    }
    golden.finish();
}

/// The columns of rows of diagnostics against the official metrics.
fn check_diagnostics(golden: &mut Golden, name: &str, rows: &Tensor) {
    for (ours, theirs) in [
        ("policy_loss", "policy_loss"),
        ("value_loss", "v_loss"),
        ("ratio_mean", "policy_ratio_mean"),
        ("ratio_min", "policy_ratio_min"),
        ("ratio_max", "policy_ratio_max"),
        ("clip_fraction", "clipped_ratio_mean"),
        ("advantage_std", "advantages_std"),
        ("value_mean", "value_mean"),
        ("value_target_mean", "value_target_mean"),
    ] {
        let column = StepMetrics::NAMES.iter().position(|name| *name == ours).unwrap();
        let found = rows.narrow(1, column, 1).unwrap();
        let kind = format!("f_fpo_loss:metric/{theirs}");
        golden.check(&format!("{name}/metric/{theirs}"), &kind, &found);
    }
}

#[test]
fn golden_h_adam_three_steps_on_the_fpo_loss() {
    let (Some(mut golden), Some(f)) = (Golden::open("h_adam"), Golden::open("f_fpo_loss")) else {
        return;
    };
    let f_cases: std::collections::HashMap<_, _> = f.cases().into_iter().collect();
    let mut found = 0;
    for (name, case) in golden.cases() {
        let Some(f_name) = case["f_case"].as_str().filter(|_| name.ends_with("_train")) else {
            continue;
        };
        let Some(f_case) = f_cases.get(f_name) else {
            println!("golden h_adam {name}: skipped, {f_name} absent");
            continue;
        };
        found += 1;
        let (rollout, length) = one_unroll(&f, f_name);
        let picks = all_picks(&rollout);
        let batch = rollout.minibatch(&picks, length).unwrap();
        let statistics = given_statistics(&f, f_name, f_case);
        for compute in all_computes() {
            let mut learner = learner(&f, f_name, f_case, "", compute);
            for k in 1..=3 {
                let loss = learner.loss(&batch, &statistics).unwrap();
                for (key, value) in [("policy_loss", &loss.policy), ("v_loss", &loss.value)] {
                    let key = format!("{key}{k}");
                    golden.check(&format!("{name}/{key}"), &key, value);
                }
                learner.gradient_step(&batch, &statistics).unwrap();
                for (net, params) in
                    [("policy", learner.policy.params()), ("value", learner.value.params())]
                {
                    let prefix = format!("{name}/p{k}.{net}.");
                    if golden.has(&format!("{prefix}0.w")) {
                        golden.check_flat(&prefix, &format!("p{k}"), params, params.flat());
                    }
                }
            }
        }
    }
    assert!(found > 0, "h_adam holds no training case whose loss case is present");
    golden.finish();
}

#[test]
fn golden_k_whole_training_step() {
    let Some(mut golden) = Golden::open("k_training_step") else { return };
    let cases = golden.cases();
    for ((name, case), compute) in
        cases.iter().flat_map(|case| all_computes().into_iter().map(move |compute| (case, compute)))
    {
        let mut learner = learner(&golden, name, case, "", compute);
        let schedule = MinibatchSchedule {
            unroll_length: usize_of(case, "U"),
            batch_size: usize_of(case, "Bz"),
            num_minibatches: usize_of(case, "M"),
            num_epochs: usize_of(case, "upd"),
            max_divergence: None,
        };
        let rollout = rollout(&golden, name, schedule.unroll_length);
        let rows: Vec<f32> = host(&rollout.obs).iter().map(|&x| x as f32).collect();
        learner.normalizer.update(&rows).unwrap();
        let (count, mean, squares) = learner.normalizer.parts();
        let row = |x: &[f64]| Tensor::new(x, &candle_core::Device::Cpu).unwrap();
        let (mean, squares, std) = (row(mean), row(squares), row(&learner.normalizer.std()));
        for (what, noise, found) in [
            ("count", "ref_count1", scalar(count as f64)),
            ("mean", "ref_mean1", mean),
            ("var_sum", "ref_var_sum1", squares),
            ("std", "ref_std1", std),
        ] {
            let kind = format!("i_running_stats:{noise}");
            golden.check(&format!("{name}/out.stats_{what}"), &kind, &found);
        }

        let statistics = learner.device_normalizer().unwrap();
        let mut rows = Vec::new();
        for epoch in 0..schedule.num_epochs {
            let order: Vec<u32> =
                golden.values(&format!("{name}/perm{epoch}")).iter().map(|&x| x as u32).collect();
            if epoch == 0 {
                check_first_minibatches(&mut golden, name, &rollout, &order, schedule);
            }
            rows.extend(
                learner.epoch(&rollout, &order, schedule, &statistics, &mut |_| ()).unwrap(),
            );
        }
        let rows = Tensor::stack(&rows, 0).unwrap();
        check_diagnostics(&mut golden, name, &rows);
        for (net, params) in
            [("policy", learner.policy.params()), ("value", learner.value.params())]
        {
            let prefix = format!("{name}/out.{net}.");
            golden.check_flat(&prefix, "h_adam:p3", params, params.flat());
        }
    }
    golden.finish();
}

fn rollout(golden: &Golden, name: &str, unroll_length: usize) -> Rollout {
    let get = |key: &str| golden.get(&format!("{name}/{key}"));
    let next_obs = get("next_obs");
    let steps = next_obs.dim(0).unwrap();
    let last: Vec<Tensor> = (unroll_length - 1..steps)
        .step_by(unroll_length)
        .map(|t| next_obs.get(t).unwrap())
        .collect();
    Rollout {
        obs: get("obs"),
        bootstrap_obs: Tensor::stack(&last, 0).unwrap(),
        action: get("action"),
        reward: get("reward"),
        terminated: (1.0 - get("discount")).unwrap(),
        truncated: get("truncation"),
        cut_value: get("reward").zeros_like().unwrap(),
        eps: get("loss_eps"),
        t: get("loss_t"),
        loss_old: get("initial_cfm_loss"),
    }
}

fn check_first_minibatches(
    golden: &mut Golden,
    name: &str,
    rollout: &Rollout,
    order: &[u32],
    schedule: MinibatchSchedule,
) {
    let cut: Vec<MinibatchTensors> = order
        .chunks_exact(schedule.batch_size)
        .map(|picks| rollout.minibatch(picks, schedule.unroll_length).unwrap().gather().unwrap())
        .collect();
    let stack = |pick: fn(&MinibatchTensors) -> &Tensor| {
        Tensor::stack(&cut.iter().map(pick).collect::<Vec<_>>(), 0).unwrap()
    };
    golden.check(&format!("{name}/mb0.reward"), "exact", &stack(|m| &m.reward));
    golden.check(&format!("{name}/mb0.obs"), "exact", &stack(|m| &m.obs));
    golden.check(&format!("{name}/mb0.loss_eps"), "exact", &stack(|m| &m.eps));
}
