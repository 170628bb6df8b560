//! What tells configurations apart: the fields that differ from the program's defaults, and a
//! digest of them.
//!
//! The digest covers what decides the result of a run and no more. It leaves out the seed, which
//! stands beside it in a row of results; the device, the overlap of stepping and acting and the
//! checkpoints, which change no result; and every field at its default, so that a field that a
//! later version adds leaves the digests of earlier runs as they are. The defaults are those of the
//! configuration's own algorithm. [`FORMAT`] is hashed too: a version that changes the meaning of a
//! default raises it.

use std::collections::BTreeMap;

use fpo_core::Registry;
use serde_json::{Map, Value};

use crate::config::error::ConfigError;
use crate::config::resolved::Config;
use crate::config::wanted::NONE;
use crate::run::sealed_json::sha256;

/// Version of the format of results: of the rows, and of the defaults that they leave out.
pub const FORMAT: u64 = 1;

/// Characters of a digest: 64 bits, so that among a million configurations two are the same by
/// chance once in thirty million times.
const DIGEST_LENGTH: usize = 16;

/// Dotted names of fields that do not decide the result of a run, and sections of such. Where the
/// policy lay that a run started from decides nothing; its digest does.
const UNDECISIVE: [&str; 6] = [
    "train.seed",
    "train.device",
    "train.overlap",
    "train.stop_after",
    "train.init",
    "checkpoint.",
];

/// Fields that have no default, because they say what is trained and how. They are always kept.
const ALWAYS: [&str; 2] = ["env.task", "algorithm.kind"];

/// The fields of a configuration that decide its result and differ from the defaults, by dotted
/// names. An optional field that is set by default and not here is `"none"`, as a configuration
/// spells it.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Identity {
    fields: BTreeMap<String, Value>,
}

impl Identity {
    /// Returns the identity of `config`.
    ///
    /// # Errors
    /// If the configuration has no form in TOML or JSON.
    pub fn of(config: &Config) -> Result<Identity, ConfigError> {
        let registry = Registry::default().with(config.algorithm.kind);
        let spelled = |text: &str| serde_json::Value::from(text).to_string();
        let text = format!(
            "env.task = {}\nalgorithm.kind = {}",
            spelled(&config.env.task),
            spelled(config.algorithm.kind.name)
        );
        let default = Config::from_toml_str_with(&registry, &text, "the defaults")?;
        let (own, default) = (fields(config), fields(&default));
        let names = own.keys().chain(default.keys());
        let differing = names.filter(|name| {
            let is_in = |other: &&str| other.ends_with('.') && name.starts_with(other);
            let decides = !UNDECISIVE.iter().any(|other| name == other || is_in(other));
            decides && (ALWAYS.contains(&name.as_str()) || own.get(*name) != default.get(*name))
        });
        // The fields of a schedule are those of its kind: one of another kind is no choice.
        let unset = |name: &String| match name.matches('.').count() {
            1 => NONE.into(),
            _ => Value::Null,
        };
        let value = |name: &String| own.get(name).cloned().unwrap_or_else(|| unset(name));
        Ok(Identity { fields: differing.map(|name| (name.clone(), value(name))).collect() })
    }

    /// Returns the digest: the beginning of SHA-256 of [`FORMAT`] and the fields as JSON without
    /// spaces, in the order of their names.
    pub fn digest(&self) -> String {
        let text = serde_json::json!([FORMAT, self.fields]).to_string();
        sha256(text.as_bytes())[..DIGEST_LENGTH].into()
    }

    /// Returns the fields in the order of their names.
    pub fn into_fields(self) -> Map<String, Value> {
        self.fields.into_iter().collect()
    }
}

/// Returns every field of `config` by its dotted name.
fn fields(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // A configuration consists of tables, strings and finite numbers, which JSON can all hold.
    if let Ok(value) = serde_json::to_value(config) {
        flatten("", value, &mut found);
    }
    found
}

/// Adds to `found` what lies in `value`, whose name is `name`.
fn flatten(name: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(table) => {
            for (key, value) in table {
                let name = if name.is_empty() { key } else { format!("{name}.{key}") };
                flatten(&name, value, found);
            }
        }
        Value::Null => {}
        value => {
            found.insert(name.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Identity {
        let config = Config::from_toml_str(text, "text").unwrap();
        Identity::of(&config).unwrap()
    }

    #[test]
    fn only_what_differs_from_the_defaults_of_the_algorithm_is_kept() {
        let text = "env.task = 'A'\nalgorithm.kind = 'fpo++'\nalgorithm.clip_epsilon = 0.2\n\
                    [optimizer.schedule]\nkind = 'linear'\nto = 0.1";
        let fields = identity(text).into_fields();
        let expected = serde_json::json!({
            "algorithm.clip_epsilon": 0.2,
            "algorithm.kind": "fpo++",
            "env.task": "A",
            "optimizer.schedule.kind": "linear",
            "optimizer.schedule.to": 0.1,
        });
        assert_eq!(Value::Object(fields), expected);
    }

    #[test]
    fn a_field_at_its_default_and_one_that_decides_nothing_leave_the_digest_as_it_is() {
        let plain = identity("env.task = 'A'").digest();
        assert_eq!(plain.len(), DIGEST_LENGTH);
        let same = "env.task = 'A'\nalgorithm.clip_epsilon = 0.05\n\
                    [train]\nseed = 7\ndevice = 'cpu'\noverlap = 'off'\n\
                    init = 'x.safetensors'\n[checkpoint]\ninterval_s = 1.0\nkeep = 9";
        assert_eq!(identity(same).digest(), plain);
        let digest = "0".repeat(64);
        let started = format!("env.task = 'A'\ntrain.init = 'x'\ntrain.init_sha256 = '{digest}'");
        for other in ["env.task = 'B'", "env.task = 'A'\nalgorithm.clip_epsilon = 0.051", &started]
        {
            assert_ne!(identity(other).digest(), plain, "{other}");
        }
    }

    #[test]
    fn a_field_that_is_unset_against_the_preset_is_told_from_one_at_its_default() {
        let plus = "env.task = 'A'\nalgorithm.kind = 'fpo++'";
        let unset = identity(&format!("{plus}\nalgorithm.loss_max = 'none'"));
        assert_ne!(unset.digest(), identity(plus).digest());
        assert_eq!(unset.into_fields()["algorithm.loss_max"], "none");
        let fpo = "env.task = 'A'\nalgorithm.loss_max = 'none'";
        assert_eq!(identity(fpo).digest(), identity("env.task = 'A'").digest());
    }

    /// Digests that were written down when the format was fixed. A change here makes every stored
    /// result a stranger: raise [`FORMAT`] if a default has changed its meaning, and find the
    /// mistake otherwise.
    #[test]
    fn digests_stay_what_they_are() {
        let text = "env.task = 'CheetahRun'\nalgorithm.kind = 'ppo'\ntrain.total_steps = 1000\n\
                    value.hidden = [128, 128]\noptimizer.learning_rate = 1e-3";
        let identity = identity(text);
        let fields = concat!(
            r#"[1,{"algorithm.kind":"ppo","env.task":"CheetahRun","#,
            r#""optimizer.learning_rate":0.001,"train.total_steps":1000,"#,
            r#""value.hidden":[128,128]}]"#
        );
        assert_eq!(identity.digest(), sha256(fields.as_bytes())[..16]);
        assert_eq!(identity.digest(), "71c6ce732743346c");
    }

    /// A digest leaves out what is at its default, so a default must not change unnoticed. New
    /// fields may come. `FPO_DEFAULTS=record` writes the defaults down anew, which goes with a
    /// higher [`FORMAT`].
    #[test]
    fn defaults_stay_what_they_are() {
        let path = "../../tests/golden/defaults.json";
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let defaults = |kind: &str| {
            let text = format!("env.task = 'A'\nalgorithm.kind = '{kind}'");
            fields(&Config::from_toml_str(&text, "text").unwrap())
        };
        let kinds = ["fpo", "fpo++", "ppo", "dppo"];
        let asked = std::env::var_os("FPO_DEFAULTS");
        assert!(asked.as_ref().is_none_or(|v| v == "record"), "FPO_DEFAULTS={asked:?}: record");
        if asked.is_some() {
            let all: BTreeMap<_, _> = kinds.iter().map(|kind| (*kind, defaults(kind))).collect();
            let text = serde_json::to_string_pretty(&(FORMAT, all)).unwrap();
            std::fs::write(&path, text + "\n").unwrap();
        }
        type Recorded = (u64, BTreeMap<String, BTreeMap<String, Value>>);
        let text = std::fs::read_to_string(&path).unwrap();
        let (format, recorded): Recorded = serde_json::from_str(&text).unwrap();
        assert_eq!(format, FORMAT, "record the defaults of this format");
        assert_eq!(recorded.len(), kinds.len());
        for (kind, recorded) in recorded {
            let now = defaults(&kind);
            assert!(recorded.len() > 40);
            for (name, value) in recorded {
                assert_eq!(now.get(&name), Some(&value), "{kind}: {name}");
            }
        }
    }
}
