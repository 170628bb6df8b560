//! Loads a checked configuration from files and overrides: merges them, fills in the preset of the
//! algorithm, gives every value its type, and checks it.

use std::path::Path;

use fpo_core::Registry;
use toml::Table;

use crate::config::error::ConfigError;
use crate::config::layers::Layers;
use crate::config::named::Named;
use crate::config::resolved::Config;
use crate::config::{presets, schema, validate};

impl Config {
    /// Reads the files at `paths` with every file that they include, and then `overrides` of the
    /// form `section.field=value`; later ones win. The algorithm must be one of this program's own.
    ///
    /// # Errors
    /// Returns the first mistake: a file that cannot be read or is not TOML, an unknown key, a
    /// value of the wrong type or out of range, or values that do not go together.
    pub fn load(paths: &[impl AsRef<Path>], overrides: &[String]) -> Result<Self, ConfigError> {
        Self::load_with(&Registry::default(), paths, overrides)
    }

    /// Does the same as [`Config::load`], with the algorithms of `registry`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with(
        registry: &Registry,
        paths: &[impl AsRef<Path>],
        overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_files(paths)?;
        for text in overrides {
            layers.add_override(text)?;
        }
        Self::from_layers(registry, layers)
    }

    /// Does the same as [`Config::load_with`], for files, tasks and methods that the command line
    /// names.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_named(
        registry: &Registry,
        named: &[Named],
        overrides: &[String],
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_named(named)?;
        for text in overrides {
            layers.add_override(text)?;
        }
        Self::from_layers(registry, layers)
    }

    /// Reads the files at `paths` with every file that they include, and lays `tables` over them,
    /// each with the name that errors call it by; later ones win. The algorithm must be one of
    /// `registry`.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_under(
        registry: &Registry,
        paths: &[impl AsRef<Path>],
        tables: &[(String, Table)],
    ) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_files(paths)?;
        for (origin, table) in tables {
            layers.lay_over(table.clone(), origin);
        }
        Self::from_layers(registry, layers)
    }

    /// Reads one TOML document that includes no other; `origin_name` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`]. An `include` is refused too.
    pub fn from_toml_str(text: &str, origin_name: &str) -> Result<Self, ConfigError> {
        Self::from_toml_str_with(&Registry::default(), text, origin_name)
    }

    /// Does the same as [`Config::from_toml_str`], with the algorithms of `registry`.
    ///
    /// # Errors
    /// As [`Config::from_toml_str`].
    pub fn from_toml_str_with(
        registry: &Registry,
        text: &str,
        origin_name: &str,
    ) -> Result<Self, ConfigError> {
        Self::from_layers(registry, Layers::from_text(text, origin_name)?)
    }

    fn from_layers(registry: &Registry, mut layers: Layers) -> Result<Self, ConfigError> {
        presets::fill(&mut layers, registry)?;
        let config = schema::typed(&layers, registry)?;
        validate::validate(&config, &layers.origins)?;
        Ok(config)
    }
}
