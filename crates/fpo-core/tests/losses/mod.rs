//! The composed loss of one participant with a named surrogate, as most tests want it.

use fpo_core::{
    Alone, DeviceNormalizer, Learner, LossInputs, MinibatchLoss, MinibatchTensors, Objective,
    PhaseTimes, Policy, ValueNet, minibatch_loss,
};

/// The composed loss of `batch` under these networks.
pub fn loss_of(
    policy: &dyn Policy,
    value: &ValueNet,
    objective: &Objective,
    batch: &MinibatchTensors,
    normalizer: &DeviceNormalizer,
) -> MinibatchLoss {
    let inputs = LossInputs {
        policy,
        value,
        objective,
        surrogate: None,
        ratio_weight: None,
        normalizer,
        reduce: &Alone,
    };
    minibatch_loss(&inputs, batch, &mut PhaseTimes::default()).unwrap()
}

/// The composed loss of `batch` under a learner's networks and objective.
pub fn learner_loss(
    learner: &Learner,
    batch: &MinibatchTensors,
    normalizer: &DeviceNormalizer,
) -> MinibatchLoss {
    let (policy, value, objective) = (learner.policy(), learner.value(), learner.objective());
    loss_of(policy.as_ref(), value, objective, batch, normalizer)
}
