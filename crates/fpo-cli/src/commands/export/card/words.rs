//! A policy in words, and text from files as Markdown and YAML take it.

use std::fmt::Display;

use fpo_core::sampler::Start;
use fpo_core::{ActionFrame, Activation, KernelForm, PolicyFile, SourceWidth, Squash};

use crate::terminal::humanize::grouped;
use crate::text::shown::shown;

/// Returns `text` as code in Markdown, also within a table.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", shown(text).replace('`', "'").replace('|', "\\|"))
}

/// Returns `text` as a string in YAML, which takes those of JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(shown(text)).to_string()
}

/// Returns a table of two columns without a head.
pub(super) fn table(rows: &[(&str, String)]) -> String {
    let rows: String = rows.iter().map(|(name, says)| format!("| {name} | {says} |\n")).collect();
    format!("| | |\n|---|---|\n{rows}")
}

/// Returns whether the policy of `file` is a flow.
pub(super) fn is_flow(file: &PolicyFile) -> bool {
    matches!(file.policy.kernel_form(), Some(KernelForm::Flow { .. }))
}

/// Returns what the policy of `file` is.
pub(super) fn policy(file: &PolicyFile) -> String {
    let count = grouped(file.policy.params().layout().len() as u64);
    let form = match file.policy.kernel_form() {
        Some(KernelForm::Flow { flow, .. }) => {
            let steps = flow.flow_steps;
            let noise = match (flow.frame, flow.source_width, flow.source_std) {
                (ActionFrame::PerState, ..) => "a Gaussian learned for each state".to_string(),
                (_, SourceWidth::Learned, _) => "noise of a learned width".to_string(),
                (_, SourceWidth::Fixed, 1.0) => "unit noise".to_string(),
                (_, SourceWidth::Fixed, std) => {
                    // In the course of a run a width has more digits than anybody reads.
                    let rounded = format!("{std:.3e}").parse().unwrap_or(std);
                    format!("noise of width {rounded}")
                }
            };
            let network = network(&flow.hidden, flow.activation);
            format!("a flow from {noise} to the action in {steps} steps; {network}")
        }
        Some(KernelForm::Gaussian(config)) => {
            let network = network(&config.hidden, config.activation);
            format!("a Gaussian whose deviation depends on the observation; {network}")
        }
        None => "of a kind that this program cannot describe".to_string(),
    };
    let squash = match file.policy.squash() {
        Squash::Tanh => "the control is tanh of the action",
        Squash::None => "the control is the action",
    };
    format!("{form}, {count} parameters; {squash}")
}

fn network(hidden: &[usize], activation: Activation) -> String {
    let widths: Vec<String> = hidden.iter().map(usize::to_string).collect();
    let activation = match activation {
        Activation::Silu => "SiLU",
        Activation::Relu => "ReLU",
    };
    format!("hidden layers of {} units with {activation}", widths.join(", "))
}

/// Returns how the policy of `file` acts when it is evaluated.
pub(super) fn acting(file: &PolicyFile) -> String {
    let is_flow = is_flow(file);
    match (file.info.start, is_flow) {
        (Start::Noise, true) => "each action starts from fresh noise and takes all steps".into(),
        (Start::Zero, true) => "each action starts from zero instead of noise, so that nothing in \
                                it is random, and takes all steps"
            .into(),
        (Start::Noise, false) => "each action is drawn at random".into(),
        (Start::Zero, false) => "each action is the mean, so that nothing in it is random".into(),
    }
}

/// Returns `1 step`, `2 steps`.
pub(super) fn count(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Returns a value, or that it is not known and why.
pub(super) fn known(value: Option<impl Display>, why_not: &str) -> String {
    value.map_or(format!("not known: {why_not}"), |value| value.to_string())
}
