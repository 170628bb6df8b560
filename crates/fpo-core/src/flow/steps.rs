//! The steps of a flow's own sampler, `x ← keep·x + gain·output(x, t)`.
//!
//! The times from 1 to 0 are cut into K even steps. The paper asks the network at the start of
//! each. Where velocities change along the way, such steps fall short: a flow from `N(0, 1)` to
//! `N(0, 1)` has the velocity `(2t − 1)/(t² + (1 − t)²)·x`, and its ten steps shrink the standard
//! deviation to 0.88. A policy that is regressed on its own actions becomes narrower so each time.
//! With the velocity of the **middle** of each step, at the state of its start, 0.97 are left, for
//! as many evaluations of the network.

use serde::{Deserialize, Serialize};

use crate::flow::path::Parametrization;
use crate::flow::time::grid;

/// The time of a step at which the network is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepTimes {
    /// The start of the step, as in the paper.
    #[default]
    Start,
    /// Its middle.
    Middle,
}

impl StepTimes {
    /// Returns whether it is the default, which policy files do not mention.
    pub(crate) fn is_start(&self) -> bool {
        *self == StepTimes::Start
    }
}

/// One step of a flow's own sampler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FlowStep {
    /// The time at which the network is asked.
    pub(crate) t: f64,
    /// The factor on the state.
    pub(crate) keep: f64,
    /// The factor on the network's scaled output.
    pub(crate) gain: f64,
}

/// Returns the `count` steps of a sampler, from noise to action.
pub(crate) fn steps(rule: Parametrization, count: usize, times: StepTimes) -> Vec<FlowStep> {
    let step = |pair: &[f64]| {
        let (keep, gain) = rule.step(pair[0], pair[1]);
        let t = match times {
            StepTimes::Start => pair[0],
            StepTimes::Middle => 0.5 * (pair[0] + pair[1]),
        };
        FlowStep { t, keep, gain }
    };
    grid(count).windows(2).map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::config::FlowConfig;

    /// What is left of the standard deviation by steps of the flow from N(0, 1) to itself.
    fn left(step_times: StepTimes) -> f64 {
        let config = FlowConfig { step_times, ..FlowConfig::new(1, 1) };
        let velocity = |t: f64| (2.0 * t - 1.0) / (t * t + (1.0 - t) * (1.0 - t));
        config.steps().iter().map(|step| step.keep + step.gain * velocity(step.t)).product()
    }

    #[test]
    fn velocities_of_the_middle_keep_a_spread_that_those_of_the_start_lose() {
        let (start, middle) = (left(StepTimes::Start), left(StepTimes::Middle));
        assert!((start - 0.880).abs() < 2e-3, "{start}");
        assert!((middle - 0.972).abs() < 2e-3, "{middle}");
    }

    #[test]
    fn steps_of_the_middle_stand_between_those_of_the_start() {
        let config = FlowConfig { flow_steps: 4, ..FlowConfig::new(1, 1) };
        let times = |step_times| {
            let config = FlowConfig { step_times, ..config.clone() };
            config.steps().iter().map(|step| step.t).collect::<Vec<_>>()
        };
        assert_eq!(times(StepTimes::Start), [1.0, 0.75, 0.5, 0.25]);
        assert_eq!(times(StepTimes::Middle), [0.875, 0.625, 0.375, 0.125]);
    }
}
