//! Parses the name of a device, spelled as a configuration does.

use crate::config::choices::DeviceChoice;

/// Returns the device that `text` names.
///
/// # Errors
/// Says what is wrong with `text`.
pub(crate) fn parse_device(text: &str) -> Result<DeviceChoice, String> {
    DeviceChoice::try_from(text.to_string())
}
