//! Keeps MuJoCo's messages away from the user's terminal and folder.
//!
//! By default MuJoCo prints warnings and appends them to `MUJOCO_LOG.TXT` in the working
//! directory. In this crate its warnings report diverging states, which the batch driver counts.

use std::sync::Once;

use mujoco_rs::logging::set_log_handler;
use mujoco_rs::wrappers::mj_logging::{MjLogMessage, MjtLogLevel, log_config, set_log_config};

static QUIET: Once = Once::new();

/// Installs the handler, once per process. Every model is compiled after this call.
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

/// Drops every message but errors. After an error MuJoCo ends the process, so the user must learn
/// the reason.
fn handle(message: &MjLogMessage) {
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo stopped the program: {}", message.subject());
    }
}
