//! Fills in the preset of `algorithm.kind`, which changes some of the defaults. Files and `--set`
//! win over it field by field.

use fpo_core::{Algorithm, OptimizerKind, Registry};
use toml::{Table, Value};

use crate::config::error::ConfigError;
use crate::config::files::parse;
use crate::config::layers::Layers;
use crate::config::wanted::NONE;

/// Fills in the fields that the preset of the configured algorithm sets and that no layer has
/// written.
pub(super) fn fill(layers: &mut Layers, registry: &Registry) -> Result<(), ConfigError> {
    let kind = layers.values.get("algorithm").and_then(|section| section.get("kind")?.as_str());
    // A kind that does not exist is reported later, together with the types of the other fields.
    let Some(algorithm) = kind.and_then(|kind| registry.get(kind)) else { return Ok(()) };
    let origin = format!("the preset of `algorithm.kind` = `{}`", algorithm.name);
    let mut preset = parse(algorithm.preset, &origin)?;
    let optimizer = layers.values.get("optimizer").and_then(|section| section.get("kind"));
    let optimizer: OptimizerKind =
        optimizer.and_then(|kind| kind.clone().try_into().ok()).unwrap_or_default();
    if let Some(Value::Table(section)) = preset.get_mut("optimizer")
        && !optimizer.takes_weight_decay()
    {
        section.remove("weight_decay");
    }
    layers.add_below(preset, &origin);
    Ok(())
}

/// Writes into `table`, a whole configuration, [`NONE`] for every field that is not set and that
/// the preset of `algorithm` sets. Returns whether there is one.
pub(super) fn mark_unset(table: &mut Table, algorithm: &Algorithm) -> Result<bool, ConfigError> {
    let mut found = false;
    for (section, preset) in parse(algorithm.preset, "the preset")? {
        let (Value::Table(preset), Some(Value::Table(own))) = (preset, table.get_mut(&section))
        else {
            continue;
        };
        for (field, _) in preset {
            if !own.contains_key(&field) {
                own.insert(field, Value::String(NONE.into()));
                found = true;
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use toml::Table;

    use crate::config::merge::merge_below;
    use crate::config::resolved::Config;
    use fpo_core::RatioKind;
    use fpo_core::surrogate::SurrogateKind;

    fn load(text: &str) -> Config {
        Config::from_toml_str(&format!("env.task = 'A'\n{text}"), "text").unwrap()
    }

    #[test]
    fn a_kind_brings_its_defaults_and_what_is_written_wins() {
        let fpo = load("");
        assert_eq!(
            (fpo.algorithm.objective.clip_epsilon, fpo.algorithm.objective.ratio),
            (0.05, RatioKind::PerAction)
        );
        let ppo = load("algorithm.kind = 'ppo'");
        assert_eq!(
            (ppo.algorithm.objective.clip_epsilon, ppo.algorithm.objective.entropy_coefficient),
            (0.1, 0.01)
        );
        let dppo = load("algorithm.kind = 'dppo'\nalgorithm.clip_epsilon = 0.3");
        assert_eq!(
            (dppo.algorithm.objective.clip_epsilon, dppo.algorithm.objective.ratio),
            (0.3, RatioKind::PerSample)
        );
        let plus = load("algorithm.kind = 'fpo++'\noptimizer.max_grad_norm = 2.0");
        assert_eq!(plus.algorithm.objective.surrogate, SurrogateKind::Aspo);
        assert_eq!(plus.algorithm.objective.loss_max, Some(20.0));
        assert_eq!((plus.optimizer.max_grad_norm, plus.optimizer.beta2), (Some(2.0), 0.95));
    }

    #[test]
    fn a_preset_adds_nothing_to_a_choice_of_another_kind() {
        let table = |text: &str| toml::from_str::<Table>(text).unwrap();
        let mut values = table("optimizer.schedule = { kind = 'constant' }");
        let below =
            table("optimizer.schedule = { kind = 'linear', to = 0.1 }\noptimizer.beta1 = 0.8");
        merge_below(&mut values, below, "", &mut |_| {});
        let merged = "optimizer = { schedule = { kind = 'constant' }, beta1 = 0.8 }";
        assert_eq!(values, table(merged));
    }

    #[test]
    fn a_presets_weight_decay_is_left_out_where_the_optimizer_takes_none() {
        for (optimizer, decay) in [("rmsprop", 0.0), ("radam", 1e-4)] {
            let text = format!("algorithm.kind = 'fpo++'\noptimizer.kind = '{optimizer}'");
            assert_eq!(load(&text).optimizer.weight_decay, decay, "{optimizer}");
        }
        let text = "env.task = 'A'\nalgorithm.kind = 'fpo++'\n\
                    [optimizer]\nkind = 'rmsprop'\nweight_decay = 1e-4";
        let error = Config::from_toml_str(text, "text").unwrap_err().to_string();
        assert!(error.contains("`optimizer.weight_decay` in text"), "{error}");
    }

    #[test]
    fn the_written_configuration_of_every_kind_loads_as_an_equal_one() {
        for kind in ["fpo", "fpo++", "ppo", "dppo"] {
            let config = load(&format!("algorithm.kind = '{kind}'"));
            let text = config.to_toml().unwrap();
            assert_eq!(Config::from_toml_str(&text, "written").unwrap(), config, "{text}");
        }
    }

    #[test]
    fn an_unknown_kind_is_told_which_there_are() {
        let text = "env.task = 'A'\nalgorithm.kind = 'fpo+'";
        let error = Config::from_toml_str(text, "text").unwrap_err().to_string();
        assert!(error.contains("algorithm.kind") && error.contains("fpo++"), "{error}");
    }
}
