//! Turns merged TOML into typed sections, and finds unknown keys and wrong types.

use fpo_core::{Algorithm, Objective, OptimizerConfig, Registry};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;
use toml::{Table, Value};

use crate::config::algorithm::AlgorithmConfig;
use crate::config::error::ConfigError;
use crate::config::field_names::field_names;
use crate::config::files::INCLUDE;
use crate::config::layers::{Layers, ONLY_FILES_INCLUDE};
use crate::config::learning::{PolicyConfig, ValueConfig};
use crate::config::nearest::nearest;
use crate::config::resolved::Config;
use crate::config::sections::{
    CheckpointConfig, EnvConfig, EvalConfig, NormalizerConfig, TrainConfig,
};
use crate::config::wanted::{NONE, misspelt_number, settle, wanted};

/// The field that names the algorithm.
const KIND: &str = "kind";

/// Returns each section with the names of its fields.
pub(crate) fn field_names_of_sections() -> [(&'static str, Vec<&'static str>); 9] {
    [
        ("env", field_names::<EnvConfig>().to_vec()),
        ("train", field_names::<TrainConfig>().to_vec()),
        ("algorithm", algorithm_names()),
        ("policy", field_names::<PolicyConfig>().to_vec()),
        ("value", field_names::<ValueConfig>().to_vec()),
        ("optimizer", field_names::<OptimizerConfig>().to_vec()),
        ("normalizer", field_names::<NormalizerConfig>().to_vec()),
        ("eval", field_names::<EvalConfig>().to_vec()),
        ("checkpoint", field_names::<CheckpointConfig>().to_vec()),
    ]
}

/// Returns the configuration that `layers` spell, with defaults for what they leave out. Ranges are
/// not checked here.
pub(crate) fn typed(layers: &Layers, registry: &Registry) -> Result<Config, ConfigError> {
    let known = field_names_of_sections();
    for name in layers.values.keys() {
        if name == INCLUDE {
            return Err(ConfigError::WrongType {
                field: INCLUDE.into(),
                origin: layers.origins.of(INCLUDE),
                message: ONLY_FILES_INCLUDE.into(),
            });
        }
        if !known.iter().any(|(section, _)| section == name) {
            return Err(unknown(layers, name));
        }
    }
    Ok(Config {
        env: section(layers, "env")?,
        train: section(layers, "train")?,
        algorithm: algorithm(layers, registry)?,
        policy: section(layers, "policy")?,
        value: section(layers, "value")?,
        optimizer: section(layers, "optimizer")?,
        normalizer: section(layers, "normalizer")?,
        eval: section(layers, "eval")?,
        checkpoint: section(layers, "checkpoint")?,
    })
}

/// Returns the names of the fields of `[algorithm]`: its own and the objective's.
fn algorithm_names() -> Vec<&'static str> {
    let own = field_names::<AlgorithmConfig>().iter();
    [KIND].iter().chain(own).chain(field_names::<Objective>()).copied().collect()
}

/// Returns the section `[algorithm]`, whose `kind` must be one of `registry`.
fn algorithm(layers: &Layers, registry: &Registry) -> Result<AlgorithmConfig, ConfigError> {
    let (mut own, mut objective) = (Table::new(), Table::new());
    let mut kind = Algorithm::default();
    for (field, value) in table(layers, "algorithm")? {
        if field == KIND {
            kind = algorithm_kind(layers, registry, &value)?;
        } else if field_names::<Objective>().contains(&field.as_str()) {
            objective.insert(field, value);
        } else {
            own.insert(field, value);
        }
    }
    let own: AlgorithmConfig = fields(layers, "algorithm", own)?;
    let objective = fields(layers, "algorithm", objective)?;
    Ok(AlgorithmConfig { kind, objective, ..own })
}

/// Returns the algorithm of `registry` that `value` names.
fn algorithm_kind(
    layers: &Layers,
    registry: &Registry,
    value: &Value,
) -> Result<Algorithm, ConfigError> {
    let found = match value {
        Value::String(name) => match registry.get(name) {
            Some(algorithm) => return Ok(algorithm),
            None => format!("unknown variant `{name}`"),
        },
        other => format!("found {} `{other}`", other.type_str().replace("array", "list")),
    };
    let names: Vec<String> = registry.names().map(|name| format!("`{name}`")).collect();
    let key = format!("algorithm.{KIND}");
    Err(ConfigError::WrongType {
        origin: layers.origins.of(&key),
        field: key,
        message: format!("{found}, expected one of {}", names.join(", ")),
    })
}

/// Returns one typed section.
fn section<T: DeserializeOwned>(layers: &Layers, name: &str) -> Result<T, ConfigError> {
    fields(layers, name, table(layers, name)?)
}

/// Returns the table of the section `name`, which is empty if no layer has one.
fn table(layers: &Layers, name: &str) -> Result<Table, ConfigError> {
    match layers.values.get(name) {
        None => Ok(Table::new()),
        Some(Value::Table(table)) => Ok(table.clone()),
        Some(other) => {
            let found = other.type_str();
            Err(ConfigError::WrongType {
                field: name.into(),
                origin: layers.origins.of(name),
                message: format!("found {found}, expected a table `[{name}]`"),
            })
        }
    }
}

/// Returns the typed fields in `table`, a part of the section `name`. An error names the first
/// field that cannot be read.
fn fields<T: DeserializeOwned>(
    layers: &Layers,
    name: &str,
    mut table: Table,
) -> Result<T, ConfigError> {
    settle::<T>(&mut table);
    let wrong = |field: &str, message: String| ConfigError::WrongType {
        field: field.into(),
        origin: layers.origins.of(field),
        message,
    };
    serde_path_to_error::deserialize(Value::Table(table.clone())).map_err(|error| {
        let message = error.inner().message();
        // Only the first segment names the field; deeper ones lie inside its value.
        let Some(Segment::Map { key: field }) = error.path().iter().next() else {
            return wrong(name, in_plain_words(message));
        };
        let key = format!("{name}.{field}");
        let known = field_names::<T>().iter().find(|known| *known == field);
        match (table.get(field), known) {
            (Some(value), Some(field)) => wrong(&key, explained::<T>(field, value, message)),
            _ => unknown(layers, &key),
        }
    })
}

/// Returns what is wrong with the `value` of `field`. Where a choice is expected and the value is
/// not a string, serde names neither the value nor the choices. This function therefore asks serde
/// for the choice with an empty name, which does not exist, and takes the choices from that error.
fn explained<T: DeserializeOwned>(field: &'static str, value: &Value, message: &str) -> String {
    let wanted = wanted::<T>(field);
    if let Some(text) = misspelt_number(wanted, value) {
        return text;
    }
    if wanted.optional {
        return format!("{}, or `{NONE}`, which leaves it unset", in_plain_words(message));
    }
    let nameless = Table::from_iter([(field.to_string(), Value::String(String::new()))]);
    let refused = nameless.try_into::<T>().err().map(|error| in_plain_words(error.message()));
    let choices = refused.as_deref().and_then(|text| text.strip_prefix("unknown variant ``, "));
    match (value, choices) {
        (Value::String(_), _) | (_, None) => in_plain_words(message),
        (_, Some(choices)) => {
            let found = value.type_str().replace("array", "list");
            format!("found {found} `{value}`, {choices}")
        }
    }
}

/// Returns serde's message with its types named as a reader of TOML names them.
pub(crate) fn in_plain_words(message: &str) -> String {
    let mut message = message.trim().replace('\n', ", ");
    for (rust, plain) in [
        ("invalid type: ", "found "),
        ("invalid value: ", "found "),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected f64", "expected a number"),
        ("expected a boolean", "expected `true` or `false`"),
        ("expected a sequence", "expected a list"),
        (
            "expected internally tagged enum RateSchedule",
            "expected a table such as { kind = \"linear\", to = 0.1 }",
        ),
        ("found map", "found a table"),
        ("found sequence", "found a list"),
    ] {
        message = message.replace(rust, plain);
    }
    message
}

/// Returns the error for a `key` that no section or field has.
fn unknown(layers: &Layers, key: &str) -> ConfigError {
    ConfigError::UnknownKey {
        key: key.into(),
        origin: layers.origins.of(key),
        nearest: suggestion(key),
    }
}

/// Returns the known dotted name that `key` most likely stands for: a field of the same section, a
/// field of another section, or a section.
fn suggestion(key: &str) -> Option<String> {
    let known = field_names_of_sections();
    let (section, field) = key.split_once('.').unwrap_or(("", key));
    if section.is_empty() {
        let names = known.iter().map(|(name, _)| *name).chain([INCLUDE]);
        if let Some(name) = nearest(field, names) {
            return Some(name.into());
        }
    }
    // `nearest` prefers earlier names, so the names of the section itself stand first.
    let mut ordered = known.to_vec();
    ordered.sort_by_key(|(name, _)| *name != section);
    let field = nearest(field, ordered.iter().flat_map(|(_, fields)| fields.iter().copied()))?;
    let (section, _) = ordered.iter().find(|(_, fields)| fields.contains(&field))?;
    Some(format!("{section}.{field}"))
}
