//! From files and overrides to a checked configuration.

use std::path::Path;

use crate::config::error::ConfigError;
use crate::config::layers::Layers;
use crate::config::resolved::Config;
use crate::config::{presets, schema, validate};

impl Config {
    /// Reads the files at `paths` with all they include, and then `overrides` of the form
    /// `section.field=value`; later ones win.
    ///
    /// # Errors
    /// Whatever is wrong first: a file that cannot be read or is no TOML, an unknown key, a value
    /// of the wrong type or out of range, or values that do not go together.
    pub fn load(paths: &[impl AsRef<Path>], overrides: &[String]) -> Result<Self, ConfigError> {
        let mut layers = Layers::from_files(paths)?;
        for text in overrides {
            layers.add_override(text)?;
        }
        Self::from_layers(layers)
    }

    /// Reads one TOML document that includes no other; `origin_name` names it in errors.
    ///
    /// # Errors
    /// As [`Config::load`]; and `include` is refused.
    pub fn from_toml_str(text: &str, origin_name: &str) -> Result<Self, ConfigError> {
        Self::from_layers(Layers::from_text(text, origin_name)?)
    }

    fn from_layers(mut layers: Layers) -> Result<Self, ConfigError> {
        presets::fill(&mut layers)?;
        let config = schema::typed(&layers)?;
        validate::validate(&config, &layers.origins)?;
        Ok(config)
    }
}
