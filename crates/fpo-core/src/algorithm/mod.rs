//! The algorithms by name. Each lists the settings that it changes, and builds its policy.
//!
//! All algorithms share one update ([`crate::Learner`]). An algorithm consists of a policy, which
//! defines the losses `L`, a surrogate, and settings. A new algorithm is therefore one file and one
//! line in [`ALGORITHMS`], or one [`Algorithm`] that your own program adds with [`Registry::with`].

mod dppo;
mod fpo;
mod fpo_plus_plus;
mod ppo;
pub(crate) mod settings;

use crate::algorithm::settings::Algorithm;

/// The algorithms of this crate, the default first.
pub const ALGORITHMS: [Algorithm; 4] =
    [fpo::ALGORITHM, fpo_plus_plus::ALGORITHM, ppo::ALGORITHM, dppo::ALGORITHM];

/// Algorithms to choose from.
#[derive(Clone, Debug)]
pub struct Registry {
    algorithms: Vec<Algorithm>,
}

impl Default for Registry {
    /// Returns the algorithms of this crate.
    fn default() -> Registry {
        Registry { algorithms: ALGORITHMS.to_vec() }
    }
}

impl Default for Algorithm {
    /// Returns FPO.
    fn default() -> Algorithm {
        fpo::ALGORITHM
    }
}

impl Registry {
    /// Returns the registry with `algorithm` added; it replaces one of the same name.
    pub fn with(mut self, algorithm: Algorithm) -> Registry {
        self.algorithms.retain(|other| other.name != algorithm.name);
        self.algorithms.push(algorithm);
        self
    }

    /// Returns the algorithm of that name, if there is one.
    pub fn get(&self, name: &str) -> Option<Algorithm> {
        self.algorithms.iter().find(|algorithm| algorithm.name == name).copied()
    }

    /// Returns all names, in the order in which the algorithms were added.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.algorithms.iter().map(|algorithm| algorithm.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::settings::PolicySettings;
    use crate::flow::config::{FlowConfig, Reduction};
    use crate::flow::denoising::DenoisingMdp;
    use crate::flow::frame::ActionFrame;
    use crate::flow::source::SourceWidth;
    use crate::random::Noise;
    use candle_core::{DType, Device};

    #[test]
    fn what_is_described_is_what_is_built() {
        let plain = FlowConfig { hidden: vec![5, 4], flow_steps: 3, ..FlowConfig::new(3, 2) };
        let nats = FlowConfig { loss_reduction: Reduction::Nats, ..plain.clone() };
        let learned = FlowConfig { source_width: SourceWidth::Learned, ..nats.clone() };
        let framed = FlowConfig { frame: ActionFrame::PerState, ..nats };
        let kinds = ALGORITHMS.into_iter().map(|algorithm| (algorithm, plain.clone()));
        let fpo = Algorithm::default();
        for (algorithm, flow) in kinds.chain([(fpo, learned), (fpo, framed)]) {
            let denoising = DenoisingMdp::default();
            let settings = PolicySettings { flow, min_std: 1e-3, denoising };
            let policy =
                (algorithm.build)(&settings, &Noise::new(0), DType::F32, &Device::Cpu).unwrap();
            assert_eq!(policy.spec(), &(algorithm.spec)(&settings), "{}", algorithm.name);
            let parameters = policy.params().layout().len();
            assert_eq!(policy.spec().parameters, parameters, "{}", algorithm.name);
            assert_eq!(policy.spec().has_kernels, policy.kernel_form().is_some());
        }
    }

    #[test]
    fn an_algorithm_of_ones_own_is_found_and_replaces_one_of_its_name() {
        let own = Algorithm { name: "own", ..Algorithm::default() };
        let registry = Registry::default().with(own).with(Algorithm { paper: "here", ..own });
        assert_eq!(registry.names().collect::<Vec<_>>(), ["fpo", "fpo++", "ppo", "dppo", "own"]);
        assert_eq!(registry.get("own").unwrap().paper, "here");
        assert!(registry.get("other").is_none());
    }
}
