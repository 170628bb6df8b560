//! Advises what may help after a collapse, depending on what changed with it.

use crate::training::collapse::diagnostics::Change;

const MOVES_TOO_FAR: &str = "updates move the policy too far: lower optimizer.learning_rate or \
    algorithm.clip_epsilon, or take fewer epochs (train.num_epochs)";
const SINGLE_SAMPLES: &str = "single samples decide steps: bound them with \
    algorithm.log_ratio_clamp and optimizer.max_grad_norm, or take the guards of FPO++";
const NARROW: &str = "the policy has lost its spread: FPO++'s ASPO surrogate keeps it";
const VALUE_LOST: &str = "the value function no longer explains the returns: lower \
    optimizer.learning_rate, or set algorithm.reward_scaling = \"returns\" if values are large";
const CONVERGED: &str = "the return had converged, where advantages are mostly noise that \
    normalisation brings up to full size: set algorithm.normalize_advantages = \"none\", or stop \
    at the best policy";
const IN_GENERAL: &str = "lower optimizer.learning_rate or algorithm.clip_epsilon, or take the \
    FPO++ preset";

/// Returns advice that fits `changes` in the diagnostics, the most likely to help first.
/// `converged` says whether the best return was on a plateau.
pub(crate) fn on(changes: &[Change], converged: bool) -> Vec<&'static str> {
    let find = |name: &str| changes.iter().find(|change| change.name == name);
    // Tells whether a diagnostic changed more than it does by itself, and `condition(then, now)`
    // holds.
    let has = |name: &str, condition: fn(f64, f64) -> bool| {
        find(name).is_some_and(|change| change.is_telling() && condition(change.then, change.now))
    };
    // PPO-like updates clip about a tenth of the ratios; a ratio of 2 doubles a probability.
    let moves_too_far = has("clip_fraction", |then, now| now > then && now > 0.3)
        || has("ratio_max", |then, now| now > then && now > 2.0)
        || has("effective_sample_size", |then, now| now < 0.7 * then);
    let single_samples = has("ratio_max", |then, now| now > then && now > 10.0)
        || has("grad_norm", |then, now| now > 3.0 * then)
        || has("cfm_loss_new", |then, now| now > 3.0 * then);
    let all = [
        (moves_too_far, MOVES_TOO_FAR),
        (single_samples, SINGLE_SAMPLES),
        (has("action_entropy", |then, now| now < then), NARROW),
        (has("explained_variance", |then, now| now < then - 0.2), VALUE_LOST),
        (converged, CONVERGED),
    ];
    let fitting: Vec<_> = all.into_iter().filter(|(fits, _)| *fits).map(|(_, text)| text).collect();
    if fitting.is_empty() { vec![IN_GENERAL] } else { fitting }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::error::ConfigError;
    use crate::config::resolved::Config;

    #[test]
    fn every_setting_that_is_named_exists() {
        let all = [MOVES_TOO_FAR, SINGLE_SAMPLES, NARROW, VALUE_LOST, CONVERGED, IN_GENERAL];
        let mut named = 0;
        for word in all.iter().flat_map(|text| text.split([' ', ',', ';', ':', '(', ')'])) {
            let Some((section, field)) = word.split_once('.') else { continue };
            named += 1;
            // No setting is a list of lists: a wrong type means that the name is known.
            let toml = format!("[{section}]\n{field} = [[]]\n");
            let error = Config::from_toml_str(&toml, "advice").unwrap_err();
            assert!(matches!(error, ConfigError::WrongType { .. }), "{word}: {error}");
        }
        assert!(named > 8, "{named}");
    }
}
