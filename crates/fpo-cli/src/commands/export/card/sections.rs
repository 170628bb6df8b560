//! The sections of a card.

use anyhow::Result;
use fpo_core::Source;

use crate::commands::export::card::content::Card;
use crate::commands::export::card::evaluation::Evaluation;
use crate::commands::export::card::origin::Origin;
use crate::commands::export::card::words::{acting, code, count, is_flow, known, policy, table};
use crate::commands::export::output::{GRAPH, POLICY};
use crate::host;
use crate::results::outcome::{MadeBy, Status};
use crate::results::row::{Evaluation as Recorded, Row};
use crate::terminal::humanize::{grouped, short_duration};
use crate::training::build::policy_spec;
use crate::training::policy_file::named;

/// Why something about the training is not known, where the policy is all there is.
const FILE_ALONE: &str = "the policy was exported from a file, which does not say it";

/// How an exported policy may differ from the one in training.
const AVERAGED: &str = "its weights are averages over the iterations";
const UNDISTURBED: &str = "without the noise that training adds after each step";
const AS_IT_IS: &str = "as training left it";

impl Card<'_> {
    /// Returns the section about task, method and network.
    pub(super) fn what_it_is(&self) -> String {
        let info = &self.policy.info;
        let spec = fpo_envs::spec(&info.task).ok();
        let task = match &spec {
            Some(spec) => format!("{}: {} ({})", code(&info.task), spec.description, spec.source),
            None => code(&info.task),
        };
        let method = self.origin.as_ref().map(|origin| {
            let kind = &origin.config.algorithm.kind;
            format!("{} ({})", code(kind.name), kind.paper)
        });
        let (obs, act) = (self.policy.policy.obs_dim(), self.policy.policy.action_dim());
        let sizes = format!("{obs} numbers observed, {act} in an action");
        let sees = match &info.sight {
            None => "all of the observation".into(),
            Some(sight) => format!(
                "{} of the observation's groups ({}); it is given the whole observation all the \
                 same, and what it does not see is zero to it",
                code(&sight.sees().join(", ")),
                code(&named(&sight.groups))
            ),
        };
        let episodes = format!(
            "{} at most, {} starts, each action held for {}",
            count(info.episode_length as u64, "control step"),
            code(&info.starts),
            count(info.action_repeat as u64, "control step"),
        );
        let rows = [
            ("task", task),
            ("sizes", sizes),
            ("sees", sees),
            ("episodes", episodes),
            ("method", known(method, FILE_ALONE)),
            ("policy", policy(self.policy)),
            ("as exported", known(self.origin.as_ref().map(as_exported), FILE_ALONE)),
            ("trained for", count(info.steps, "environment step")),
        ];
        format!(
            "A policy for continuous control, trained with [Flow Policy \
             Optimization](https://arxiv.org/abs/2507.21053)'s program `fpo`.\n\n{}",
            table(&rows)
        )
    }

    /// Returns the section about the return.
    pub(super) fn how_well_it_does(&self) -> String {
        let own = match &self.evaluation {
            Some(evaluation) => self.played(evaluation),
            None => "No episodes were played for this card.\n".into(),
        };
        let recorded = self.origin.as_ref().map_or(String::new(), recorded);
        format!("## How well it does\n\n{own}{recorded}")
    }

    fn played(&self, evaluation: &Evaluation) -> String {
        let Evaluation { report, interval, seed } = evaluation;
        let interval = interval
            .map_or("no interval, for one episode has none".into(), |interval| {
                format!("95 % interval [{:.2}, {:.2}]", interval.low, interval.high)
            });
        let episodes = count(report.episodes as u64, "episode");
        let mut more = format!(
            "least {:.2}, most {:.2}, mean length {:.1}",
            report.return_min, report.return_max, report.length_mean
        );
        if let Some(rate) = report.success_rate {
            more += &format!(", {:.1} % successful", 100.0 * rate);
        }
        if report.divergences > 0 {
            let cut = report.divergences;
            more += &format!(", {cut} cut by numbers that are not finite");
        }
        let equal = match report.return_min == report.return_max && report.episodes > 1 {
            true => " All returns were equal, and a bootstrap knows no others.",
            false => "",
        };
        let seed_is = match &self.origin {
            Some(origin) if *seed == origin.config.eval.seed => {
                ", that of the evaluations during training"
            }
            Some(origin) if *seed == origin.config.train.seed => ", that of training",
            Some(_) => ", which neither training nor its evaluations used",
            None => "",
        };
        let chosen = match &self.origin {
            Some(_) => {
                "It is the policy of its run's newest checkpoint, not one that was chosen \
                        by its return. "
            }
            None => "Whether it was chosen among others by its return is not known. ",
        };
        format!(
            "Mean return **{:.2}**, {interval}, over {episodes} ({more}).\n\n\
             These episodes were played for this card, with this very file, from seed {seed}\
             {seed_is}; {}. {chosen}The interval is a percentile bootstrap over episodes. It says \
             how well this policy's mean is known, not how another seed of training would \
             do.{equal}\n\n\
             Played again: `fpo eval {POLICY} --episodes {} --seed {seed}`\n",
            report.return_mean,
            acting(self.policy),
            report.episodes,
        )
    }

    /// Returns the section about training.
    pub(super) fn how_it_was_trained(&self) -> Result<String> {
        let title = "## How it was trained\n\n";
        let exported = format!("`fpo` {}{}", host::VERSION, commit(host::COMMIT));
        let Some(Origin { config, row, changes }) = &self.origin else {
            return Ok(format!(
                "{title}Configuration, seed, hardware and time are not known: {FILE_ALONE}. \
                 Exported by {exported}.\n"
            ));
        };
        let made_by = (row.status != Status::Unfinished).then_some(&row.made_by);
        let not_over = "the run has not ended";
        let wall_clock = format!(
            "{} for {}, evaluations included",
            short_duration(row.seconds.round() as u64),
            count(row.env_steps, "environment step")
        );
        let memory = row.peak_memory_bytes.map(|bytes| format!("{} MB", bytes / 1_000_000));
        let mujoco = host::mujoco_version();
        let trained = made_by.map(|by| format!("`fpo` {}{}", by.fpo, commit(by.commit.as_deref())));
        let simulator = known(mujoco, "a build without it");
        let rows = [
            ("seed", format!("{}: one run", config.train.seed)),
            ("state of the run", state(row)),
            ("hardware", known(made_by.map(hardware), not_over)),
            ("wall-clock", wall_clock),
            ("memory at most", known(memory, "it was not recorded")),
            ("trained by", known(trained, not_over)),
            ("exported by", format!("{exported}, with MuJoCo {simulator}")),
        ];
        let changed: String = changes
            .iter()
            .map(|(step, change)| format!("- from step {} on, {change}\n", grouped(*step)))
            .collect();
        let changed = match changed.is_empty() {
            true => String::new(),
            false => format!("\nThe run was continued with changed settings:\n\n{changed}"),
        };
        Ok(format!(
            "{title}{}{changed}\n\
             <details>\n<summary>Configuration, all settings</summary>\n\n\
             ````toml\n{}````\n\n</details>\n",
            table(&rows),
            config.to_toml()?
        ))
    }

    /// Returns the section about loading.
    pub(super) fn how_to_load_it(&self) -> String {
        let graph = match self.has_graph {
            true => format!(
                "\nAs a graph, with its inputs and outputs by name:\n\n\
                 ```python\n\
                 import numpy as np, onnxruntime\n\
                 session = onnxruntime.InferenceSession(\"{GRAPH}\")\n\
                 obs, noise = np.zeros((1, {}), \"f4\"), np.zeros((1, {}), \"f4\")\n\
                 [control] = session.run([\"control\"], {{\"obs\": obs, \"noise\": noise}})\n\
                 ```\n",
                self.policy.policy.obs_dim(),
                self.policy.policy.noise_len()
            ),
            false => String::new(),
        };
        let noise = match is_flow(self.policy) {
            true => "what the flow starts from",
            false => "what is multiplied by the deviation",
        };
        format!(
            "## How to load it\n\n\
             Play it, with the program:\n\n\
             ```console\n$ fpo eval {POLICY}\n```\n\n\
             Compute an action in Python, with numpy and safetensors alone; `read_policy.py` \
             stands in `scripts/` of the program's sources:\n\n\
             ```python\n\
             import numpy as np\n\
             from read_policy import Policy\n\
             policy = Policy(\"{POLICY}\")\n\
             obs, noise = np.zeros((1, {obs})), np.zeros((1, {act}))\n\
             control = policy.control(policy.act(obs, noise))\n\
             ```\n\n\
             In Rust, with the crate `fpo-core`:\n\n\
             ```rust\n\
             let bytes = std::fs::read(\"{POLICY}\")?;\n\
             let actor = fpo_core::PolicyFile::from_bytes(&bytes, &Device::Cpu)?.actor()?;\n\
             let mut control = actor.act(&obs, &noise)?;\n\
             actor.policy.squash().apply(&mut control);\n\
             ```\n{graph}\n\
             Noise is {noise}: independent unit normals, or zeros.\n",
            obs = self.policy.policy.obs_dim(),
            act = self.policy.policy.action_dim(),
        )
    }

    /// Returns the section about the licence.
    pub(super) fn licence(&self) -> String {
        let says = match self.license {
            Some(license) => {
                format!("{}, as whoever exported the policy has stated.", code(license))
            }
            None => "Unknown: whoever exported the policy has named none, so that nobody is \
                     given a licence by this card. That of the program `fpo`, MIT or Apache-2.0, \
                     says nothing about the policies it trains."
                .into(),
        };
        format!("## Licence\n\n{says}\n")
    }
}

/// Returns how the exported policy differs from the one in training.
fn as_exported(origin: &Origin) -> String {
    let config = &origin.config;
    let spec = fpo_envs::spec(&config.env.task).ok();
    let is_chain =
        spec.is_some_and(|spec| matches!(policy_spec(config, &spec).source, Source::Chain { .. }));
    let averaged = config.algorithm.ema_decay.map(|_| AVERAGED);
    let parts: Vec<&str> = averaged.into_iter().chain(is_chain.then_some(UNDISTURBED)).collect();
    if parts.is_empty() { AS_IT_IS.into() } else { parts.join("; ") }
}

/// Returns what the evaluations during training were.
fn recorded(origin: &Origin) -> String {
    let Origin { config, row, .. } = origin;
    // The first, where several are equally good.
    let best = row.evaluations.iter().rev().max_by(|a, b| a.mean.total_cmp(&b.mean));
    let (Some(last), Some(best)) = (row.evaluations.last(), best) else {
        return "\nThe run has recorded no evaluation.\n".into();
    };
    let line = |name: &str, evaluation: &Recorded| {
        let stderr = evaluation.stderr.map_or(String::new(), |stderr| format!(" ± {stderr:.2}"));
        format!("| {name} | {} | {:.2}{stderr} |\n", grouped(evaluation.step), evaluation.mean)
    };
    format!(
        "\nThe run itself has recorded {} of {}, seed {} (± is the standard error of the mean). \
         The best of several is also the luckiest:\n\n\
         | evaluation | step | mean return |\n|---|---|---|\n{}{}",
        count(row.evaluations.len() as u64, "evaluation"),
        count(config.eval.episodes as u64, "episode"),
        config.eval.seed,
        line("last", last),
        line("best", best),
    )
}

/// Returns how a run ended.
fn state(row: &Row) -> String {
    match &row.reason {
        Some(reason) => format!("{}: {}", row.status.name(), code(reason)),
        None => row.status.name().into(),
    }
}

fn hardware(made_by: &MadeBy) -> String {
    let MadeBy { cpu, device, os, .. } = made_by;
    format!("{}, {}, {} (of the process that ended the run)", code(cpu), code(device), code(os))
}

/// Returns a commit in brackets, if it is known.
fn commit(commit: Option<&str>) -> String {
    commit.map_or(String::new(), |commit| format!(" (commit {})", code(commit)))
}
