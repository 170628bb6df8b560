//! The sizes of a run that depend on the machine: enough environments for its threads, and no more
//! in memory than it has free.
//!
//! What learning was tuned with stays: steps of an iteration, of a minibatch and of an unroll. They
//! decide how a policy learns; how many environments the steps of an iteration are shared among
//! decides mainly how well they keep the threads busy.

use anyhow::Result;

use crate::config::resolved::Config;
use crate::terminal::humanize::grouped;

/// Environments that a thread should have at least: with fewer, handing them out takes a large part
/// of the time of a step.
const PER_THREAD: usize = 8;

/// What a machine has for a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Machine {
    /// Threads that compute.
    pub threads: usize,
    /// Free memory in bytes, where the system says.
    pub free: Option<u64>,
}

/// What is to be said of a field, by its dotted name.
pub(super) type Notes = Vec<(&'static str, String)>;

/// Fits the sizes of `config` to `machine`. `need` returns the bytes that a run takes.
///
/// # Errors
/// Those of `need`.
pub(super) fn fit(
    config: &mut Config,
    machine: &Machine,
    need: impl Fn(&Config) -> Result<u64>,
) -> Result<()> {
    let unrolls = config.train.batch_size * config.train.num_minibatches;
    while config.env.num_envs < PER_THREAD * machine.threads
        && unrolls.is_multiple_of(2 * config.env.num_envs)
    {
        config.env.num_envs *= 2;
    }
    // Half is left for whatever else runs here, and for what an estimate misses.
    let most = machine.free.map_or(u64::MAX, |free| free / 2);
    while config.train.num_minibatches > 1 && need(config)? > most {
        config.train.num_minibatches /= 2;
        let unrolls = config.train.batch_size * config.train.num_minibatches;
        while !unrolls.is_multiple_of(config.env.num_envs) {
            config.env.num_envs /= 2;
        }
    }
    Ok(())
}

/// Returns what the sizes of `config` come to on `machine`; `tuned` is the configuration before
/// [`fit`].
pub(super) fn notes(config: &Config, tuned: &Config, machine: &Machine) -> Notes {
    let (train, envs) = (&config.train, config.env.num_envs);
    let threads = match machine.threads {
        1 => "the thread of this machine has them all".into(),
        count if envs < count => format!("fewer than this machine has threads, {count}"),
        count => format!("{} for each of the {count} threads of this machine", envs / count),
    };
    let change = |now: usize, before: usize| match now == before {
        true => String::new(),
        false => format!("; {before} in the file that this is built on"),
    };
    let total = format!(
        "{} iterations of {} steps, {} of each environment",
        grouped(config.num_iterations()),
        grouped(config.steps_per_iteration()),
        config.iteration_length()
    );
    let minibatch = (train.batch_size * train.unroll_length) as u64;
    let mut notes = vec![
        ("env.num_envs", threads + &change(envs, tuned.env.num_envs)),
        ("train.total_steps", total),
        ("train.batch_size", format!("{} steps in a gradient step", grouped(minibatch))),
    ];
    if train.num_minibatches != tuned.train.num_minibatches {
        let before = change(train.num_minibatches, tuned.train.num_minibatches);
        notes.push(("train.num_minibatches", format!("as the free memory allows{before}")));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Config {
        let text = "env.task = 'CheetahRun'\nenv.num_envs = 128\ntrain.batch_size = 16";
        Config::from_toml_str(text, "desk").unwrap()
    }

    fn fitted(threads: usize, free: Option<u64>) -> Config {
        let mut config = desk();
        // A byte for each step of an iteration.
        let need = |config: &Config| Ok(config.steps_per_iteration());
        fit(&mut config, &Machine { threads, free }, need).unwrap();
        config
    }

    #[test]
    fn threads_get_environments_as_far_as_the_unrolls_of_an_iteration_go() {
        for (threads, envs) in [(1, 128), (2, 128), (16, 128), (17, 256), (64, 512), (1000, 512)] {
            let config = fitted(threads, None);
            assert_eq!(config.env.num_envs, envs, "{threads}");
            assert_eq!(config.steps_per_iteration(), desk().steps_per_iteration());
            assert!(config.iteration_length() >= config.train.unroll_length);
        }
    }

    #[test]
    fn a_run_takes_half_of_the_free_memory_at_most_and_stays_a_run() {
        let steps = desk().steps_per_iteration();
        assert_eq!(fitted(2, Some(2 * steps)), desk());
        let smaller = fitted(2, Some(2 * steps - 1));
        assert_eq!((smaller.train.num_minibatches, smaller.env.num_envs), (16, 128));
        let least = fitted(64, Some(1));
        assert_eq!((least.train.num_minibatches, least.env.num_envs), (1, 16));
        assert!(least.iteration_length() > 0);
    }

    #[test]
    fn notes_say_what_was_changed() {
        let machine = Machine { threads: 32, free: None };
        let config = fitted(32, None);
        let notes = notes(&config, &desk(), &machine);
        let of = |field: &str| notes.iter().find(|note| note.0 == field).map(|note| &note.1);
        let envs = "8 for each of the 32 threads of this machine; 128 in the file that this is \
                    built on";
        assert_eq!(of("env.num_envs").unwrap(), envs);
        let total = "3,906 iterations of 15,360 steps, 60 of each environment";
        assert_eq!(of("train.total_steps").unwrap(), total);
        assert_eq!(of("train.num_minibatches"), None);
    }
}
