//! Several policies that play the same episodes: a report of each, and how far each differs from
//! the first, episode by episode.

use std::fmt::{Display, Formatter};

use anyhow::{Context, Result};
use candle_core::Device;
use serde::Serialize;

use crate::commands::eval::args::EvalArgs;
use crate::commands::eval::entrant::Entrant;
use crate::commands::play::played;
use crate::commands::summary::{Summary, resampling};
use crate::statistics::bootstrap::Interval;
use crate::statistics::paired::{PairedDifference, paired_difference};
use crate::terminal::failure::UsageError;
use crate::text::count::count;
use crate::text::shown::line;
use crate::training::evaluate::EvalPlan;

/// The outcome of policies that played the same episodes.
#[derive(Serialize)]
pub struct Comparison {
    /// What all of them played.
    #[serde(skip)]
    plan: EvalPlan,
    policies: Vec<Entry>,
    differences: Vec<Difference>,
}

#[derive(Serialize)]
struct Entry {
    policy: String,
    #[serde(flatten)]
    summary: Summary,
}

/// How much higher the returns of `policy` are than those of `baseline`.
#[derive(Serialize)]
struct Difference {
    policy: String,
    baseline: String,
    #[serde(flatten)]
    returns: PairedDifference,
}

impl Comparison {
    /// Plays the episodes of the first policy with every policy that `args` names. All are read
    /// before the first plays, so that a wrong one fails at once.
    ///
    /// # Errors
    /// Those of [`Entrant::read`], and of playing, with the policy's name. [`UsageError`] if a
    /// recording is asked for, or policies were not trained on the same episodes.
    pub fn play(args: &EvalArgs, device: &Device) -> Result<Comparison> {
        if args.play.record.is_some() {
            let what = format!(
                "--record writes the steps of one policy, and {} are given; record them one by one",
                args.policies.len()
            );
            return Err(UsageError(what).into());
        }
        let mut entrants: Vec<Entrant> = Vec::new();
        for given in &args.policies {
            let seed = entrants.first().map(|first| first.plan.seed);
            let entrant = Entrant::read(given, &args.asked(), device, seed)?;
            if let Some(first) = entrants.first() {
                require_same_episodes(first, &entrant)?;
            }
            entrants.push(entrant);
        }
        let mut policies = Vec::new();
        for entrant in &entrants {
            let report = played(&entrant.player, &entrant.plan, None)
                .with_context(|| format!("policy {}", entrant.path.display()))?;
            let policy = entrant.given.display().to_string();
            policies.push(Entry { policy, summary: Summary::new(report) });
        }
        let differences = differences(&policies)?;
        let plan = entrants.swap_remove(0).plan;
        Ok(Comparison { plan, policies, differences })
    }
}

/// Fails if the episodes of `other` are not those of `first`. How long each holds an action is its
/// own affair: the length of an episode counts control steps.
///
/// # Errors
/// [`UsageError`] names both policies and what differs.
pub fn require_same_episodes(first: &Entrant, other: &Entrant) -> Result<()> {
    let [a, b] = [&first.plan, &other.plan];
    let [a_steps, b_steps] = [steps(a)?, steps(b)?];
    let (ours, theirs, advice) = if a.task != b.task {
        let advice = "; --task TASK lets all play one task";
        (format!("task {}", a.task), format!("task {}", b.task), advice)
    } else if a.starts != b.starts {
        let name = |plan: &EvalPlan| format!("`{}` starts", plan.starts.name());
        (name(a), name(b), "")
    } else if a_steps != b_steps {
        let of = |steps: usize| format!("episodes of {}", count(steps, "control step"));
        (of(a_steps), of(b_steps), "")
    } else {
        return Ok(());
    };
    let what = format!(
        "policies that are compared must play the same episodes: {} plays {ours}, {} {theirs}\
         {advice}",
        first.given.display(),
        other.given.display()
    );
    Err(UsageError(what).into())
}

/// Returns the step limit of the episodes of `plan`, in control steps.
fn steps(plan: &EvalPlan) -> Result<usize> {
    match plan.episode_length {
        Some(steps) => Ok(steps),
        None => Ok(fpo_envs::spec(&plan.task)?.episode_length),
    }
}

fn differences(policies: &[Entry]) -> Result<Vec<Difference>> {
    let Some((baseline, others)) = policies.split_first() else { return Ok(Vec::new()) };
    let over = &baseline.summary.report.returns;
    let difference = |other: &Entry| {
        let returns =
            paired_difference(&other.summary.report.returns, over, resampling(over.len()))
                .with_context(|| format!("{} against {}", other.policy, baseline.policy))?;
        let (policy, baseline) = (other.policy.clone(), baseline.policy.clone());
        Ok(Difference { policy, baseline, returns })
    };
    others.iter().map(difference).collect()
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let EvalPlan { task, episodes, seed, .. } = &self.plan;
        let same = match episodes {
            1 => "the same episode".into(),
            count => format!("the same {count} episodes"),
        };
        writeln!(f, "{task}, {same} of seed {seed} for each policy")?;
        let names: Vec<String> = self.policies.iter().map(|entry| line(&entry.policy)).collect();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, Entry { summary, .. }) in names.iter().zip(&self.policies) {
            writeln!(f, "{name:width$}  {summary}")?;
        }
        for Difference { policy, baseline, returns } in &self.differences {
            write!(f, "{} − {}: {:+.2}", line(policy), line(baseline), returns.mean)?;
            if let Some(stderr) = returns.stderr {
                write!(f, " ± {stderr:.2}")?;
            }
            if let Some(Interval { low, high }) = returns.interval {
                write!(f, " [{low:+.2}, {high:+.2}]")?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
