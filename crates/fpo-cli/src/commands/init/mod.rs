//! `fpo init`: writes a commented configuration to start from, for a task and a method, with sizes
//! for this machine.

mod sizes;
#[cfg(test)]
mod tests;
mod text;
mod why;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use candle_core::Device;
use clap::Args;
use fpo_core::Registry;
use toml::{Table, Value};

use crate::commands::init::sizes::{Machine, fit, notes};
use crate::commands::init::text::{Parts, left_to_the_kind, text};
use crate::commands::init::why::whys;
use crate::commands::task_arg::task_name;
use crate::config::named::{Method, Named, Task};
use crate::config::resolved::Config;
use crate::host;
use crate::run::durable;
use crate::terminal::humanize::grouped;
use crate::terminal::output::{print, print_file};
use crate::text::shell;
use crate::training::build;
use crate::training::memory::Memory;

/// The method of a task that none is named for.
const METHOD: &str = "fpo";

/// The arguments of `fpo init`.
#[derive(Args, Debug)]
pub struct InitArgs {
    /// Task to train on, such as CheetahRun; `fpo envs` lists all
    #[arg(value_parser = task_name(), hide_possible_values = true)]
    task: String,
    /// Method to train with, such as fpo, fpo++, ppo or dppo
    #[arg(long, short, value_name = "METHOD", default_value = METHOD)]
    method: String,
    /// File to write; - is standard output [default: TASK.toml or TASK-METHOD.toml]
    #[arg(short, long, alias = "out", value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    force: bool,
}

/// Writes the configuration and says how to go on.
///
/// # Errors
/// If there is no such task or method, this build lacks it, or the file is there or cannot be
/// written.
pub fn init(args: &InitArgs) -> Result<()> {
    let task = Task::named(&args.task)?;
    let method = task.method(&args.method)?;
    fpo_envs::spec(&task.name)?;
    let is_stdout = args.output.as_ref().is_some_and(|path| path.as_os_str() == "-");
    let path = args.output.clone().filter(|_| !is_stdout);
    let path = path.unwrap_or_else(|| file_name(&task, &method));
    if !is_stdout {
        check(&path, args.force)?;
    }
    let start = Start::of(&task, &method)?;
    let text = start.text(&path)?;
    if is_stdout {
        return print_file(&text);
    }
    write(&path, text.as_bytes(), args.force).with_context(|| path.display().to_string())?;
    let Start { config, memory, .. } = &start;
    let file = shell::path(&path);
    print(&format!(
        "wrote {}: {} with {}, {} environments, {} iterations of {} steps\n\
         {memory}\n\
         train it:             fpo train {file}\n\
         see every setting:    fpo config {file}\n\
         change one:           fpo train {file} --set train.total_steps={}\n\
         and see how it does:  fpo list",
        path.display(),
        task.name,
        method.name,
        config.env.num_envs,
        grouped(config.num_iterations()),
        grouped(config.steps_per_iteration()),
        config.train.total_steps * 2,
    ))
}

/// A configuration to start from, and what there is to say of it.
struct Start<'a> {
    task: &'a Task,
    method: &'a Method,
    machine: Machine,
    tuned: Config,
    config: Config,
    memory: Memory,
}

impl Start<'_> {
    fn of<'a>(task: &'a Task, method: &'a Method) -> Result<Start<'a>> {
        let named = [Named::Task(task.clone()), Named::Method(method.clone())];
        let tuned = Config::load_named(&Registry::default(), &named, &[])?;
        let machine =
            Machine { threads: rayon::current_num_threads(), free: host::memory("MemAvailable") };
        let mut config = tuned.clone();
        fit(&mut config, &machine, |config| Ok(memory(config)?.total()))?;
        let memory = memory(&config)?;
        Ok(Start { task, method, machine, tuned, config, memory })
    }

    /// Returns the text of the file at `path`.
    fn text(&self, path: &Path) -> Result<String> {
        let layers = [self.task.layers()?, self.method.layers()?].concat();
        let tables: Vec<&Table> = layers.iter().map(|(_, table)| table).collect();
        let written = written(&tables);
        text(&Parts {
            head: &self.head(path, &left_to_the_kind(&self.config, &written)?),
            config: &self.config,
            written: &written,
            whys: &whys(&[self.task.texts()?, self.method.texts()?].concat()),
            notes: &notes(&self.config, &self.tuned, &self.machine),
        })
    }

    /// Returns the paragraphs at the head of the file, which leaves the settings `left` to the kind
    /// of algorithm.
    fn head(&self, path: &Path, left: &[String]) -> Vec<String> {
        let Start { task, method, machine, config, .. } = self;
        let built_on = match (task.own_file(), task.base_file()) {
            (Some(file), _) => format!("Built on configs/{file}."),
            (None, base) => {
                format!("Built on configs/{base}: nothing was tuned for this task.")
            }
        };
        // How much is free changes all the time, and the file should not.
        let memory = host::memory("MemTotal")
            .map_or(String::new(), |bytes| format!(" and {:.0} GB of memory", bytes as f64 / 1e9));
        let threads = match machine.threads {
            1 => "1 thread".into(),
            count => format!("{count} threads"),
        };
        let mut head = vec![
            format!("{} with {}. {built_on}", task.name, method.name),
            format!("Sizes are for the CPU of a machine with {threads}{memory}."),
            String::new(),
            "What has its default is left out, but for what is changed first. As sources, \
             \"paper\" is arXiv 2507.21053, \"official\" the program of its authors, \"FPO++\" is \
             arXiv 2602.02481, and \"ours\" a choice made here; defaults are those of \"fpo\". \
             docs/configuration-keys.md has every field."
                .into(),
        ];
        if !left.is_empty() {
            let (kind, left) = (config.algorithm.kind.name, left.join(", "));
            head.push(format!("Left out too is what kind = \"{kind}\" sets by itself: {left}."));
        }
        head.extend([String::new(), format!("fpo train {}", shell::path(path))]);
        head
    }
}

/// Returns the memory that a run of `config` takes on the CPU.
fn memory(config: &Config) -> Result<Memory> {
    let envs = build::envs(config)?;
    Ok(Memory::of(config, envs.as_ref(), &Device::Cpu))
}

/// Returns the dotted names of the fields in `tables`.
fn written(tables: &[&Table]) -> HashSet<String> {
    let mut names = HashSet::new();
    for (section, fields) in tables.iter().flat_map(|table| table.iter()) {
        if let Value::Table(fields) = fields {
            names.extend(fields.keys().map(|field| format!("{section}.{field}")));
        }
    }
    names
}

/// Returns the name of the file for a task and a method: `cheetah_run-ppo.toml`.
fn file_name(task: &Task, method: &Method) -> PathBuf {
    let name = task.name.rsplit('/').next().unwrap_or(&task.name);
    let mut words = String::new();
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            words.push('_');
        }
        was_small = !letter.is_uppercase() && letter != '_';
        words.extend(letter.to_lowercase());
    }
    match method.name {
        METHOD => format!("{words}.toml").into(),
        method => format!("{words}-{method}.toml").into(),
    }
}

/// Fails if [`write`] would.
fn check(path: &Path, force: bool) -> Result<()> {
    if is_taken(path) && !force {
        let shown = path.display();
        bail!("{shown} is there already: name another file with -o, or replace it with --force");
    }
    durable::check_output(path).with_context(|| path.display().to_string())
}

/// Returns whether something is at `path` that writing would destroy.
fn is_taken(path: &Path) -> bool {
    let is_stream = || fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir());
    path.symlink_metadata().is_ok() && !is_stream()
}

/// Writes the file, over another only where that is asked for, also if another came meanwhile.
fn write(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    if force || path.symlink_metadata().is_ok() && !is_taken(path) {
        return durable::write_output(path, bytes);
    }
    let mut file = File::create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = fs::remove_file(path);
    }
    written
}
