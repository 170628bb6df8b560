//! FPO++ (arXiv 2602.02481) with its settings for locomotion. It has one ratio per Monte-Carlo
//! pair, the surrogate ASPO, bounds on losses and log ratios, and averaged weights that are
//! evaluated from the centre of the noise. Its clip range is FPO's.

use crate::algorithm::fpo;
use crate::algorithm::settings::Algorithm;

/// FPO++.
pub(crate) const ALGORITHM: Algorithm = Algorithm {
    name: "fpo++",
    paper: "arXiv 2602.02481",
    preset: r#"
        [algorithm]
        num_samples = 16
        surrogate = "aspo"
        ratio = "per_sample"
        loss_max = 20.0
        negative_advantage_loss_max = 20.0
        log_ratio_max = 10.0
        ema_decay = 0.95
        ema_warmup = 500
        [policy]
        training_times = "beta"
        output_mode = "velocity"
        loss_reduction = "sqrt"
        [optimizer]
        beta2 = 0.95
        weight_decay = 1e-4
        max_grad_norm = 1.0
        [eval]
        start = "zero"
    "#,
    ..fpo::ALGORITHM
};
