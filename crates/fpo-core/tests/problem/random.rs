//! Problems whose sizes and choices are drawn.

use fpo_core::gae::{AdvantageKind, Truncation};
use fpo_core::path::{Path, Quantity};
use fpo_core::surrogate::SurrogateKind;
use fpo_core::{
    Activation, AdvantageNormalization, DenoisingMdp, FlowConfig, Guards, Noise, Objective,
    Purpose, RatioKind, Reduction, RewardScaling, ScoredSteps, Squash,
};

use super::{Kind, Problem};

impl Problem {
    /// A problem of a flow.
    pub fn random(seed: u64) -> Problem {
        let noise = Noise::new(seed);
        let mut words = vec![0; 64];
        noise.fill_index(Purpose::Shuffle, 0, 1 << 20, &mut words);
        let mut words = words.into_iter().map(|word| word as usize);
        let mut below = |n: usize| words.next().unwrap() % n;
        let activation = |k| [Activation::Silu, Activation::Relu][k];
        let quantities = [Quantity::Velocity, Quantity::Noise, Quantity::Data];
        let flow = FlowConfig {
            hidden: (0..1 + below(4)).map(|_| 1 + below(70)).collect(),
            activation: activation(below(2)),
            output_mode: quantities[below(3)],
            path: [Path::Linear, Path::Cosine][below(2)],
            prediction: quantities[below(3)],
            loss_reduction: [Reduction::Mean, Reduction::Sum, Reduction::Sqrt][below(3)],
            output_scale: 0.25 + below(4) as f64 / 4.0,
            flow_steps: 1 + below(12),
            time_embedding: [2, 4, 8, 10, 16, 30][below(6)],
            ..FlowConfig::new(1 + below(40), 1 + below(22))
        };
        // A bound on present losses alone would let ratios overflow.
        let guards = [
            Guards::default(),
            Guards { loss_max: Some(1.5), ..Guards::default() },
            Guards {
                loss_max: Some(2.0),
                negative_advantage_loss_max: Some(0.8),
                log_ratio_max: Some(0.2),
            },
        ][below(3)];
        let mut objective = Objective {
            surrogate: [SurrogateKind::Clip, SurrogateKind::Spo, SurrogateKind::Aspo][below(3)],
            loss_max: guards.loss_max,
            negative_advantage_loss_max: guards.negative_advantage_loss_max,
            log_ratio_max: guards.log_ratio_max,
            truncation: [Truncation::Mask, Truncation::Bootstrap][below(2)],
            advantage_clamp: [None, Some(0.7)][below(2)],
            entropy_coefficient: 0.1,
            clip_epsilon: [0.05, 0.2, 0.5][below(3)],
            ratio: [RatioKind::PerAction, RatioKind::PerSample][below(2)],
            // 0.2 is also a guard: where both bind, the gradient is at the edge of the clamp.
            log_ratio_clamp: [None, Some(0.1), Some(0.2), Some(3.0)][below(4)],
            mean_ratio_weight: [0.0, 2.0][seed as usize % 2],
            kinetic_weight: 0.0,
            gamma: 0.97,
            gae_lambda: 0.9,
            advantage: [AdvantageKind::Gae, AdvantageKind::Vtrace][below(2)],
            reward_scale: 1.0 + below(10) as f64,
            reward_scaling: RewardScaling::Fixed,
            value_coefficient: 0.25,
            normalize_advantages: [AdvantageNormalization::Minibatch, AdvantageNormalization::None]
                [below(2)],
        };
        let (unrolls, envs) = (1 + below(3), 1 + below(9));
        let value_hidden = (0..1 + below(5)).map(|_| 1 + below(150)).collect();
        let value_activation = activation(below(2));
        let samples: usize = [1, 2, 3, 8, 17][below(5)];
        if samples.is_multiple_of(2) && seed % 2 == 1 {
            objective.ratio = RatioKind::PerPair;
        }
        Problem {
            seed,
            kind: Kind::Flow,
            flow,
            value_hidden,
            value_activation,
            objective,
            own_surrogate: None,
            rounding: None,
            time: None,
            samples,
            unroll_length: [1, 2, 7, 30, 61, 130][below(6)],
            unrolls,
            envs,
            sequences: 1 + below(2 * unrolls * envs),
            hidden: Default::default(),
        }
    }

    /// As [`Problem::random`], of a chain: DPPO.
    pub fn random_chain(seed: u64) -> Problem {
        let mut problem = Problem::random(seed);
        let steps = [ScoredSteps::All, ScoredSteps::FinalHalf][seed as usize % 2];
        let sigma = [0.5, 1.0][seed as usize / 2 % 2];
        problem.kind = Kind::Chain(DenoisingMdp { sigma, steps });
        // A likelihood sums over dimensions; bounds made for means would cut all of it.
        problem.objective.loss_max = None;
        problem.objective.negative_advantage_loss_max = None;
        // The steps of a chain are no pairs.
        if problem.objective.ratio == RatioKind::PerPair {
            problem.objective.ratio = RatioKind::PerSample;
        }
        problem
    }

    /// As [`Problem::random`], of a Gaussian policy.
    pub fn random_gaussian(seed: u64) -> Problem {
        let mut problem = Problem::random_chain(seed);
        problem.kind = Kind::Gaussian;
        problem.flow.squash = [Squash::Tanh, Squash::None][seed as usize % 2];
        problem
    }
}
