//! Times whole iterations of training, and the phases of each.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::{Result, ensure};
use candle_core::Device;

use crate::commands::bench::measurement::{Case, Kind, Measurement, PhaseTime};
use crate::commands::bench::stats::{Repeats, Timing};
use crate::config::resolved::Config;
use crate::run::metrics::Metrics;
use crate::statistics::sample::median;
use crate::training::crew::Crew;
use crate::training::trainer::Trainer;

/// Names between `time/` and `_s` that are not those of phases: the whole iteration, and a rate.
const NO_PHASES: [&str; 2] = ["iteration", "steps_per"];

/// Times iterations under `config` on the ranks of `crew`, which this one leads, after a first one
/// that does not count.
///
/// # Errors
/// Those of training.
pub fn measure(
    config: Config,
    device: &Device,
    crew: Crew,
    repeats: Repeats,
    case: Case,
) -> Result<Measurement> {
    let steps = config.steps_per_iteration() as usize;
    let mut trainer = Trainer::lead(config, device, crew)?;
    trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
    let mut all_metrics = Vec::new();
    let durations = repeats.take(|| {
        device.synchronize()?;
        let clock = Instant::now();
        let metrics = trainer.iterate(&mut |_| ControlFlow::Continue(()))?;
        device.synchronize()?;
        let taken = clock.elapsed();
        ensure!(metrics.iter().all(|(_, x)| x.is_finite()), "a metric is not finite");
        all_metrics.push(metrics);
        Ok(taken)
    })?;
    let time = Timing::of(&durations, 1.0)?;
    let mut measured = Measurement::new(Kind::Iteration, case, time).with_steps(steps);
    measured.phases = phases(&all_metrics, time.ms_median);
    Ok(measured)
}

/// Returns the medians of all `time/…_s` metrics that belong to phases, in the order in which they
/// were recorded.
fn phases(iterations: &[Metrics], ms_total: f64) -> Vec<PhaseTime> {
    let keys = iterations.first().into_iter().flatten().map(|(key, _)| key);
    keys.filter_map(|key| {
        let name = key.strip_prefix("time/")?.strip_suffix("_s")?;
        if NO_PHASES.contains(&name) {
            return None;
        }
        let milliseconds = |metrics: &Metrics| {
            metrics.iter().find(|(found, _)| found == key).map(|(_, seconds)| seconds * 1e3)
        };
        let ms_median = median(iterations.iter().filter_map(milliseconds));
        Some(PhaseTime { name: name.into(), ms_median, share: ms_median / ms_total })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_the_durations_among_the_metrics() {
        let iteration = |env: f64| -> Metrics {
            vec![
                ("train/policy_loss".into(), 0.5),
                ("time/env_s".into(), env),
                ("time/iteration_s".into(), 1.0),
                ("time/steps_per_s".into(), 1e6),
            ]
        };
        let phases = phases(&[iteration(0.25), iteration(0.75), iteration(0.5)], 1000.0);
        let expected = PhaseTime { name: "env".into(), ms_median: 500.0, share: 0.5 };
        assert_eq!(phases, [expected]);
    }

    #[test]
    fn an_iteration_can_be_timed() {
        let text = "[env]\ntask = 'GridWorld/two_walls'\nnum_envs = 4\n\
                    [train]\nunroll_length = 4\nbatch_size = 4\nnum_minibatches = 2\n\
                    num_epochs = 1\n[value]\nhidden = [8]\n";
        let config = Config::from_toml_str(text, "test").unwrap();
        let repeats = Repeats::exactly(2);
        let measured =
            measure(config, &Device::Cpu, Crew::alone(), repeats, Case::default()).unwrap();
        assert_eq!(measured.time.runs, 2);
        assert!(!measured.phases.is_empty());
        let shares: f64 = measured.phases.iter().map(|phase| phase.share).sum();
        assert!(shares > 0.5 && shares < 1.5, "{:?}", measured.phases);
    }
}
