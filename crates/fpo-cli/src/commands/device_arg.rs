//! The `--device` of a command, as a configuration spells it.

use crate::config::choices::DeviceChoice;

/// Returns the device that `text` names, or what is wrong with it.
pub(crate) fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::try_from(text.to_string())
}
