//! A policy that makes an action which is not finite: its parameters are finite still, but no
//! diagnostic of its last update has seen what comes out of them in every state. That is a
//! divergence like any other, which a run can go back from.

use anyhow::Error;
use fpo_core::{ACTION, Learner};

/// Returns `error` as a divergence of `learner` if it is about an action that is not finite, and as
/// it is otherwise. The divergence names `where_found`.
pub fn spoilt(error: Error, where_found: &str, learner: &Learner) -> Error {
    match error.downcast_ref::<fpo_core::Error>() {
        Some(&fpo_core::Error::NotFinite { what: ACTION, value, .. }) => {
            let tensor = format!("an action {where_found}");
            let (value, step) = (f64::from(value), learner.gradient_steps());
            fpo_core::Error::NonFinite { tensor, value, step }.into()
        }
        _ => error,
    }
}
