//! `fpo envs`: shows the tasks of this build as a table, or one task in full, as text or as JSON.

use std::fmt::Write;

use anyhow::Result;
use fpo_envs::EnvSpec;

use crate::config::sight::groups;
use crate::terminal::output::{print, print_json};
use crate::training::policy_file::named;

/// Prints all tasks, one per line, or as a JSON array.
///
/// # Errors
/// Those of printing.
pub fn tasks(json: bool) -> Result<()> {
    let specs = fpo_envs::tasks();
    if json {
        return print_json(&specs, true);
    }
    let mut text = String::new();
    writeln!(
        text,
        "{:<30} {:>4} {:>4} {:>8} {:>6}  {:<12} description",
        "task", "obs", "act", "dt (s)", "steps", "reward"
    )?;
    for spec in &specs {
        let EnvSpec { name, obs_dim, action_dim, control_dt, episode_length, .. } = spec;
        let (low, high) = spec.reward_range;
        let reward = format!("{low} to {high}");
        writeln!(
            text,
            "{name:<30} {obs_dim:>4} {action_dim:>4} {control_dt:>8} {episode_length:>6}  \
             {reward:<12} {}",
            spec.description
        )?;
    }
    if cfg!(not(feature = "mujoco")) {
        writeln!(
            text,
            "\nThis build has no MuJoCo tasks; to get them: scripts/setup.sh && \
             cargo build --release"
        )?;
    }
    print(&text)
}

/// Prints one task in full, as lines or as a JSON object.
///
/// # Errors
/// Those of printing.
pub fn task(spec: &EnvSpec, json: bool) -> Result<()> {
    if json {
        return print_json(spec, true);
    }
    let (low, high) = spec.reward_range;
    let success = if spec.has_success { "reaching a goal counts as success" } else { "none" };
    print(&format!(
        "{}: {}\n\
         observation     {} numbers\n\
         groups          {}\n\
         action          {} numbers in [-1, 1]\n\
         control step    {} s\n\
         episode         {} steps\n\
         reward          {low} to {high} a step\n\
         success         {success}\n\
         source          {}",
        spec.name,
        spec.description,
        spec.obs_dim,
        if spec.groups.is_empty() { "none".into() } else { named(&groups(spec)) },
        spec.action_dim,
        spec.control_dt,
        spec.episode_length,
        spec.source
    ))
}
