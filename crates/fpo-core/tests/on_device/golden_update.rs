//! The whole loss, its gradients, Adam on it, and a whole training step against the official code.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use candle_core::{DType, Tensor};
use fpo_core::gae::AdvantageKind;
use fpo_core::{
    AdvantageNormalization, Compute, Learner, MinibatchSchedule, MinibatchTensors, Normalizer,
    NormalizerKind, Objective, OptimizerConfig, RatioKind, Rollout,
};
use serde_json::Value;

use crate::common::cases::{Case, all_computes, all_picks, usize_of};
use crate::common::golden::Golden;
use crate::common::metrics::{Found, column, official_metrics, policy_loss, size_of, total_loss};
use crate::common::scalar;
use crate::device::host;
use crate::losses::learner_loss;

/// The official per-sample mode bounds the log ratio.
const OFFICIAL_LOG_RATIO_CLAMP: f64 = 3.0;

/// A case of these files, which are in single precision.
fn case_of<'a>(golden: &'a Golden, name: &'a str, config: &'a Value) -> Case<'a> {
    Case { golden, name, config, dtype: DType::F32 }
}

/// The learner that a case describes, computed by `compute`.
fn learner(case: Case, compute: Compute) -> Learner {
    let config = case.config;
    let per_sample = config["average_losses_before_exp"] == false;
    let objective = Objective {
        ratio: if per_sample { RatioKind::PerSample } else { RatioKind::PerAction },
        log_ratio_clamp: per_sample.then_some(OFFICIAL_LOG_RATIO_CLAMP),
        advantage: AdvantageKind::Vtrace,
        normalize_advantages: if config["normalize_advantage"] == false {
            AdvantageNormalization::None
        } else {
            AdvantageNormalization::Minibatch
        },
        ..Objective::default()
    };
    let learning_rate = config["lr"].as_f64().unwrap_or(3e-4);
    let optimizer = OptimizerConfig { learning_rate, ..OptimizerConfig::default() };
    let normalizer = Normalizer::new(NormalizerKind::Official, usize_of(config, "O"));
    let (policy, value) = (Arc::new(case.flow()), case.value_net());
    let learner = Learner::new(policy, value, normalizer, optimizer, objective).unwrap();
    learner.with_compute(compute).unwrap()
}

#[test]
fn golden_f_fpo_loss_metrics_and_gradients() {
    let Some(mut golden) = Golden::open("f_fpo_loss") else { return };
    for (name, config) in golden.cases() {
        let case = case_of(&golden, &name, &config);
        let composed = learner(case, Compute::Composed);
        let length = case.steps();
        let rollout = case.flow_rollout(length);
        let picks = all_picks(&rollout);
        let minibatch = rollout.minibatch(&picks, length).unwrap();
        let statistics = case.normalizer();
        let mut learners: Vec<_> =
            all_computes().into_iter().map(|compute| learner(case, compute)).collect();

        let batch = minibatch.gather().unwrap();
        let loss = learner_loss(&composed, &batch, &statistics);
        let clip_epsilon = composed.objective().clip_epsilon;
        let total = total_loss("total_loss", &loss, clip_epsilon);
        golden.check_found(&name, &total);
        let metrics = official_metrics(&loss, &batch.action, clip_epsilon);
        for metric in &metrics {
            golden.check_found(&name, metric);
        }
        let terms = &loss.value_terms;
        golden.check(&format!("{name}/value_pred"), "value_pred", &terms.values);
        golden.check(&format!("{name}/gae_vs"), "gae_vs", &terms.estimates.targets);
        golden.check(&format!("{name}/gae_adv"), "gae_adv", &terms.estimates.advantages);

        for learner in &mut learners {
            let loss = learner.loss(&minibatch, &statistics).unwrap();
            let sum = (&loss.policy + &loss.value).unwrap();
            golden.check_found(&name, &Found { tensor: sum, ..total.clone() });
            check_diagnostics(
                &mut golden,
                &name,
                &loss.diagnostics.unsqueeze(0).unwrap(),
                &metrics,
            );
            let grads = [loss.policy.backward().unwrap(), loss.value.backward().unwrap()];
            let nets = [("policy", learner.policy().params()), ("value", learner.value().params())];
            for ((net, params), grads) in nets.into_iter().zip(grads) {
                let grad = grads.get(params.var()).unwrap();
                let kind = format!("grad_{net}");
                golden.check_flat(&format!("{name}/{kind}."), &kind, params, grad);
            }
        }
    }
    golden.finish();
}

/// The columns of rows of diagnostics against the official metrics; the sizes of what these sum
/// are those of `metrics`.
fn check_diagnostics(golden: &mut Golden, name: &str, rows: &Tensor, metrics: &[Found]) {
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
        let found = rows.narrow(1, column(ours), 1).unwrap();
        let metric = format!("metric/{theirs}");
        let (kind, size) = (format!("f_fpo_loss:{metric}"), size_of(metrics, &metric));
        golden.check_sum(&format!("{name}/{metric}"), &kind, &found, size);
    }
}

#[test]
fn golden_h_adam_three_steps_on_the_fpo_loss() {
    let (Some(mut golden), Some(f)) = (Golden::open("h_adam"), Golden::open("f_fpo_loss")) else {
        return;
    };
    let f_cases: HashMap<_, _> = f.cases().into_iter().collect();
    let mut found = 0;
    for (name, config) in golden.cases() {
        let Some(f_name) = config["f_case"].as_str().filter(|_| name.ends_with("_train")) else {
            continue;
        };
        let Some(f_config) = f_cases.get(f_name) else {
            println!("golden h_adam {name}: skipped, {f_name} absent");
            continue;
        };
        found += 1;
        let case = case_of(&f, f_name, f_config);
        let length = case.steps();
        let rollout = case.flow_rollout(length);
        let picks = all_picks(&rollout);
        let minibatch = rollout.minibatch(&picks, length).unwrap();
        let batch = minibatch.gather().unwrap();
        let statistics = case.normalizer();
        for compute in all_computes() {
            let mut learner = learner(case, compute);
            for k in 1..=3 {
                let clip_epsilon = learner.objective().clip_epsilon;
                let composed = learner_loss(&learner, &batch, &statistics);
                let policy = policy_loss(&format!("policy_loss{k}"), &composed, clip_epsilon);
                let loss = learner.loss(&minibatch, &statistics).unwrap();
                golden.check_found(&name, &Found { tensor: loss.policy, ..policy });
                golden.check_found(&name, &Found::new(format!("v_loss{k}"), loss.value));
                learner.gradient_step(&minibatch, &statistics).unwrap();
                for (net, params) in
                    [("policy", learner.policy().params()), ("value", learner.value().params())]
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
    for (name, config) in golden.cases() {
        for compute in all_computes() {
            check_training_step(&mut golden, &name, &config, compute);
        }
    }
    golden.finish();
}

/// Statistics, minibatches, diagnostics and parameters of a whole training step.
fn check_training_step(golden: &mut Golden, name: &str, config: &Value, compute: Compute) {
    let case = case_of(golden, name, config);
    let mut learner = learner(case, compute);
    let schedule = MinibatchSchedule {
        unroll_length: usize_of(config, "U"),
        batch_size: usize_of(config, "Bz"),
        num_minibatches: usize_of(config, "M"),
        num_epochs: usize_of(config, "upd"),
        max_divergence: None,
    };
    let rollout = case.flow_rollout(schedule.unroll_length);
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
    let (mut rows, mut sizes) = (Vec::new(), Vec::new());
    for epoch in 0..schedule.num_epochs {
        let order: Vec<u32> =
            golden.values(&format!("{name}/perm{epoch}")).iter().map(|&x| x as u32).collect();
        if epoch == 0 {
            let first = first_minibatches(&rollout, &order, schedule);
            check_minibatches(golden, name, &first);
            // What the first step sums stands for what the others sum.
            let loss = learner_loss(&learner, &first[0], &statistics);
            sizes = official_metrics(&loss, &first[0].action, learner.objective().clip_epsilon);
        }
        rows.extend(
            learner
                .epoch(&rollout, &order, schedule, &statistics, &mut |_| ControlFlow::Continue(()))
                .unwrap(),
        );
    }
    check_diagnostics(golden, name, &Tensor::stack(&rows, 0).unwrap(), &sizes);
    for (net, params) in
        [("policy", learner.policy().params()), ("value", learner.value().params())]
    {
        let prefix = format!("{name}/out.{net}.");
        golden.check_flat(&prefix, "h_adam:p3", params, params.flat());
    }
}

/// The minibatches of the first pass, gathered.
fn first_minibatches(
    rollout: &Rollout,
    order: &[u32],
    schedule: MinibatchSchedule,
) -> Vec<MinibatchTensors> {
    order
        .chunks_exact(schedule.batch_size)
        .map(|picks| rollout.minibatch(picks, schedule.unroll_length).unwrap().gather().unwrap())
        .collect()
}

/// What the minibatches of the first pass hold.
fn check_minibatches(golden: &mut Golden, name: &str, cut: &[MinibatchTensors]) {
    let stack = |pick: fn(&MinibatchTensors) -> &Tensor| {
        Tensor::stack(&cut.iter().map(pick).collect::<Vec<_>>(), 0).unwrap()
    };
    golden.check(&format!("{name}/mb0.reward"), "exact", &stack(|m| &m.reward));
    golden.check(&format!("{name}/mb0.obs"), "exact", &stack(|m| &m.obs));
    golden.check(&format!("{name}/mb0.loss_eps"), "exact", &stack(|m| &m.stored));
}
