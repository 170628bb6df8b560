//! An algorithm of one's own in one file: advantage-weighted flow matching on GridWorld.
//!
//! FPO maximises a clipped ratio. This maximises, over the same rollouts, networks and losses,
//!
//! ```text
//! w·ln ratio = w·(L_old − L_new),   w = min(exp(A / β), 20)
//! ```
//!
//! so that the policy is fitted to its own actions, the better ones more: a weighted CFM loss in
//! the manner of advantage-weighted regression (arXiv 1910.00177).
//!
//! ```console
//! $ cargo run --release -p fpo-cli --example own_algorithm
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Tensor;
use fpo_cli::commands::train;
use fpo_cli::commands::train::operator::Operator;
use fpo_cli::config::Config;
use fpo_core::surrogate::Surrogate;
use fpo_core::{ALGORITHMS, Algorithm, Registry, Result};

/// The weighted log ratio, for normalised advantages.
#[derive(Debug)]
struct AdvantageWeighted {
    /// β: the smaller, the more the best actions count.
    temperature: f64,
}

impl Surrogate for AdvantageWeighted {
    fn evaluate(&self, log_ratio: &Tensor, advantages: &Tensor) -> Result<Tensor> {
        let weights = (advantages / self.temperature)?.exp()?.minimum(20.0)?;
        Ok(log_ratio.broadcast_mul(&weights.unsqueeze(2)?)?)
    }
}

/// FPO's policy, with other settings and another surrogate.
const ALGORITHM: Algorithm = Algorithm {
    name: "awfm",
    paper: "this example",
    preset: "optimizer.learning_rate = 1e-3",
    surrogate: Some(|_| Arc::new(AdvantageWeighted { temperature: 0.5 })),
    ..ALGORITHMS[0]
};

fn main() -> anyhow::Result<()> {
    let registry = Registry::default().with(ALGORITHM);
    let configs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let files = [configs.join("gridworld/two_walls.toml")];
    let overrides = ["algorithm.kind=awfm", "train.total_steps=61_440", "eval.count=4"];
    let mut overrides = overrides.map(String::from).to_vec();
    overrides.extend(std::env::args().skip(1));
    let config = Config::load_with(&registry, &files, &overrides)?;
    // From here on everything is as with `fpo train`.
    train::start(config, &[PathBuf::from("own_algorithm")], None, Operator::on_signals()?)
}
