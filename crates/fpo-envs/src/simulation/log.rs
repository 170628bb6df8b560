//! Keeps MuJoCo's messages away from the user's terminal and folder.
//!
//! By default MuJoCo prints warnings and appends them to `MUJOCO_LOG.TXT` in the working
//! directory. Its warnings here tell of diverging states, which the batch driver counts.

use std::sync::Once;

use mujoco_rs::logging::set_log_handler;
use mujoco_rs::wrappers::mj_logging::{MjLogMessage, MjtLogLevel, log_config, set_log_config};

static QUIET: Once = Once::new();

/// Installs the handler, once per process. Every use of MuJoCo in this crate comes after it.
pub(super) fn keep_quiet() {
    QUIET.call_once(|| {
        // SAFETY: no thread of this crate uses MuJoCo before this call has returned, since every
        // model is compiled behind it and `Once` makes the others wait.
        unsafe {
            set_log_handler(handle);
            set_log_config(log_config().with_topics(0));
        }
    });
}

/// Drops everything but errors: after one of those MuJoCo ends the process, and must say why.
fn handle(message: &MjLogMessage) {
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo stopped the program: {}", message.subject());
    }
}
