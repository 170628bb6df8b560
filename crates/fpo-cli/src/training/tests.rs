//! Tests of whole iterations of small runs.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use anyhow::Result;
use candle_core::Device;

use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::terminal::failure::{describe, is_divergence};
use crate::training::trainer::Trainer;

/// The section of training comes last, so that lines can be added to it.
const RUN: &str = "[env]\ntask = \"Classic/Cartpole\"\nnum_envs = 4\nepisode_length = 4\n\
    [policy]\nhidden = [8]\n[value]\nhidden = [16]\n\
    [train]\nunroll_length = 5\nbatch_size = 4\nnum_minibatches = 4\ntotal_steps = 160\n\
    device = \"cpu\"\n";

/// A trainer of the small run with other `lines` of configuration.
fn trainer(lines: &str) -> Trainer {
    let config = Config::from_toml_str(&format!("{RUN}{lines}"), "run").unwrap();
    Trainer::new(config, &Device::Cpu).unwrap()
}

fn iterate(trainer: &mut Trainer) -> Result<Metrics> {
    trainer.iterate(&mut |_| ControlFlow::Continue(()))
}

fn metric(metrics: &Metrics, name: &str) -> f64 {
    metrics.iter().find(|(key, _)| key == name).unwrap().1
}

/// Old statistics change PPO's ratios, but neither actions, which are there by then, nor the value
/// network, which does not share its gradients' bound with the policy.
#[test]
fn values_of_steps_that_the_limit_cut_are_under_the_statistics_of_the_others() {
    let [before, after] = ["before", "after"].map(|update| {
        let lines = format!(
            "[algorithm]\nkind = \"ppo\"\ntruncation = \"bootstrap\"\n[normalizer]\n\
             kind = \"welford\"\nupdate = \"{update}\"\n"
        );
        iterate(&mut trainer(&lines)).unwrap()
    });
    assert!(metric(&before, "rollout/episodes") > 0.0, "some were cut");
    let differs = "train/policy_loss";
    assert_ne!(metric(&before, differs), metric(&after, differs));
    for same in ["train/value_target_mean", "train/value_loss"] {
        assert_eq!(metric(&before, same), metric(&after, same), "{same}");
    }
}

/// A unit of the mean of squared errors of the noise stands for 3/2 nats in one dimension.
#[test]
fn bounds_on_the_divergence_are_in_nats() {
    let made = |epochs: usize, algorithm: &str, schedule: &str| {
        let mut trainer = trainer(&format!(
            "num_epochs = {epochs}\n[algorithm]\n{algorithm}[optimizer]\n\
             learning_rate = 5e-3\n{schedule}"
        ));
        let metrics = iterate(&mut trainer).unwrap();
        (metrics, trainer.rate.current())
    };
    let (metrics, _) = made(1, "", "");
    let [raw, nats] = ["train/divergence", "train/divergence_nats"].map(|x| metric(&metrics, x));
    assert!(raw > 1e-5 && (nats / raw - 2.25).abs() < 1e-3, "{raw} {nats}");
    let bounded = |bound: f64| {
        let (metrics, _) = made(9, &format!("target_divergence = {bound:e}\n"), "");
        metric(&metrics, "train/epochs")
    };
    assert_eq!(bounded(raw * 1.5), 1.0, "the first epoch is beyond it");
    assert!(bounded(raw * 3.0) > 1.0);
    let adapted = |target: f64| {
        made(1, "", &format!("schedule = {{ kind = \"adaptive\", target = {target:e} }}\n")).1
    };
    assert_eq!(adapted(raw * 3.0), 5e-3, "between half and twice the target");
    assert!(adapted(raw * 9.0) > 5e-3);
}

/// Parameters that are finite, with which actions are not.
#[test]
fn a_policy_whose_actions_overflow_has_diverged() {
    let mut trainer = trainer("");
    let vars = trainer.learner.policy().params().var().clone();
    vars.set(&(vars.ones_like().unwrap() * 1e30).unwrap()).unwrap();
    let rollout = iterate(&mut trainer).err().unwrap();
    let evaluation = trainer.evaluate(&AtomicBool::new(false)).err().unwrap();
    for (error, place) in [(rollout, "rollout"), (evaluation, "evaluation")] {
        let text = describe(&error);
        assert!(is_divergence(&error), "{text}");
        assert!(text.starts_with(&format!("an action in the {place} is ")), "{text}");
        assert!(text.ends_with(" at gradient step 0"), "{text}");
    }
}
