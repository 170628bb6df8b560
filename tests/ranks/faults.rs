//! What follows where a rank fails, drifts away, ends, or is asked to stop.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::Device;
use fpo_cli::terminal::failure::describe;
use fpo_cli::terminal::reporter::Phase;
use fpo_cli::training::build;
use fpo_cli::training::crew::Crew;
use fpo_cli::training::crew::command::Command;
use fpo_cli::training::snapshot::Snapshot;
use fpo_cli::training::trainer::Trainer;
use fpo_core::{Communicator, Threads};
use fpo_envs::{EnvError, EnvSpec, StepOutput, VecEnv, VecEnvState};
use tempfile::tempdir;

use crate::fixture::{digests, on_ranks, resume_on_ranks, train_alone};
use crate::grid;

type Result<T, E = fpo_core::Error> = std::result::Result<T, E>;

/// What is wrong with a rank.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    /// The sum of a gradient that it receives has a wrong bit, as if its memory had failed, so that
    /// its parameters are no longer those of the others.
    Hears,
    /// It ends without a word.
    Ends,
}

/// A rank with which something is wrong after some exchanges of gradients.
#[derive(Debug)]
struct Faulty {
    ranks: Threads,
    fault: Option<Fault>,
    /// Exchanges of gradients so far.
    exchanges: AtomicUsize,
}

/// The exchange at which it goes wrong: in the second iteration, which has 80.
const WRONG: usize = 100;

impl Communicator for Faulty {
    fn rank(&self) -> usize {
        self.ranks.rank()
    }

    fn size(&self) -> usize {
        self.ranks.size()
    }

    fn all_gather(&self, own: &[u32], counts: &[usize], all: &mut [u32]) -> Result<()> {
        self.ranks.all_gather(own, counts, all)?;
        // What follows the slices of a gradient is their sum.
        if self.fault == Some(Fault::Hears)
            && self.exchanges.load(Ordering::Relaxed) == WRONG
            && all.len() > 4000
        {
            all.iter_mut().for_each(|word| *word ^= 1);
        }
        Ok(())
    }

    fn all_to_all(
        &self,
        send: &[u32],
        send_counts: &[usize],
        received: &mut [u32],
        receive_counts: &[usize],
    ) -> Result<()> {
        let exchange = self.exchanges.fetch_add(1, Ordering::Relaxed) + 1;
        if self.fault == Some(Fault::Ends) && exchange == WRONG {
            return Err(fpo_core::Error::Rank("it ends".into()));
        }
        self.ranks.all_to_all(send, send_counts, received, receive_counts)
    }

    fn broadcast(&self, root: usize, words: &mut [u32]) -> Result<()> {
        self.ranks.broadcast(root, words)
    }

    fn barrier(&self) -> Result<()> {
        self.ranks.barrier()
    }
}

/// Ranks of which number `faulty` has a fault.
fn ranks_with(fault: Fault, faulty: usize, size: usize) -> Vec<Faulty> {
    let of = |ranks: Threads| {
        let fault = (ranks.rank() == faulty).then_some(fault);
        Faulty { ranks, fault, exchanges: AtomicUsize::new(0) }
    };
    Threads::ranks(size).into_iter().map(of).collect()
}

#[test]
fn a_rank_that_drifts_away_is_noticed_and_the_run_goes_on_from_before_it() {
    let dir = tempdir().unwrap();
    let run = grid(&[], &["eval.count=0"]);
    let (alone, together) = (dir.path().join("alone"), dir.path().join("together"));
    train_alone(&run, &alone).unwrap();
    let ended = on_ranks(ranks_with(Fault::Hears, 1, 3), &run, &together);
    let text = describe(ended[0].as_ref().unwrap_err());
    for words in
        ["rank 1 no longer has the parameters of rank 0", "its state at step 2048 is saved"]
    {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(ended[1..].iter().all(|ended| ended.is_ok()), "rank 0 alone speaks");
    let ended = resume_on_ranks(Threads::ranks(2), &together, 4096);
    ended.into_iter().for_each(|ended| ended.unwrap());
    let [found, expected] = [digests(&together), digests(&alone)];
    for file in ["policy", "learner.safetensors", "envs.safetensors", "metrics"] {
        assert_eq!(found[file], expected[file], "{file}");
    }
}

#[test]
fn nobody_waits_for_a_rank_that_ends_and_nothing_of_the_run_is_spoilt() {
    let dir = tempdir().unwrap();
    let run = grid(&[], &["eval.count=0", "checkpoint.interval_s=0"]);
    for faulty in [0, 1] {
        let out = dir.path().join(format!("faulty-{faulty}"));
        let ended = on_ranks(ranks_with(Fault::Ends, faulty, 2), &run, &out);
        assert!(ended.iter().all(|ended| ended.is_err()), "{ended:?}");
        let text = describe(ended[0].as_ref().unwrap_err());
        assert!(text.contains("fpo train --resume"), "{text}");
        let ended = resume_on_ranks(Threads::ranks(3), &out, 4096);
        ended.into_iter().for_each(|ended| ended.unwrap());
        let alone = dir.path().join(format!("alone-{faulty}"));
        train_alone(&run, &alone).unwrap();
        assert_eq!(digests(&out)["policy"], digests(&alone)["policy"]);
        let beside = std::fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(beside, 2 * faulty + 2, "no folder was left beside the run");
    }
}

/// Environments whose rewards are not finite from some step on.
struct Poisoned {
    envs: Box<dyn VecEnv>,
    healthy_steps: usize,
}

impl VecEnv for Poisoned {
    fn spec(&self) -> &EnvSpec {
        self.envs.spec()
    }

    fn num_envs(&self) -> usize {
        self.envs.num_envs()
    }

    fn reset(&mut self, obs: &mut [f32]) -> Result<(), EnvError> {
        self.envs.reset(obs)
    }

    fn step_range(
        &mut self,
        envs: Range<usize>,
        actions: &[f32],
        out: StepOutput<'_>,
    ) -> Result<(), EnvError> {
        let StepOutput { obs, reward, terminated, truncated, success, final_obs } = out;
        let out = StepOutput { obs, reward, terminated, truncated, success, final_obs };
        self.envs.step_range(envs, actions, out)?;
        match self.healthy_steps.checked_sub(1) {
            Some(rest) => self.healthy_steps = rest,
            None => reward[2] = f32::NAN,
        }
        Ok(())
    }

    fn save(&self) -> VecEnvState {
        self.envs.save()
    }

    fn restore(&mut self, state: &VecEnvState) -> Result<(), EnvError> {
        self.envs.restore(state)
    }

    fn divergences(&self) -> u64 {
        self.envs.divergences()
    }
}

/// A number that is not finite on one rank ends the iteration on all, with the number of the rank;
/// all are then where they were before it, and can go on.
#[test]
fn a_number_that_is_not_finite_on_one_rank_is_an_error_of_all_which_names_the_rank() {
    let config = grid(&[], &["eval.count=0"]).config().unwrap();
    let mut alone = Trainer::new(config.clone(), &Device::Cpu).unwrap();
    let mut never = |_| ControlFlow::Continue(());
    alone.iterate(&mut never).unwrap();
    let expected = alone.parameter_hash().unwrap();
    std::thread::scope(|scope| {
        for ranks in Threads::ranks(3) {
            let config = config.clone();
            scope.spawn(move || {
                let crew = Crew::of(Arc::new(ranks));
                let mut trainer = Trainer::build(config, &Device::Cpu, crew.clone()).unwrap();
                let iterate = |trainer: &mut Trainer| {
                    if crew.rank() > 0 {
                        assert!(matches!(crew.next_command(), Ok(Command::Iterate(_))));
                    }
                    Snapshot::guard(trainer, &mut |_| ControlFlow::Continue(()))
                };
                let healthy = build::envs_of(&trainer.config, crew.share(64)).unwrap();
                let healthy = std::mem::replace(&mut trainer.collector.stage.envs, healthy);
                let poisoned = Poisoned { envs: healthy, healthy_steps: 5 };
                let spare = match crew.rank() {
                    1 => std::mem::replace(&mut trainer.collector.stage.envs, Box::new(poisoned)),
                    _ => std::mem::replace(&mut trainer.collector.stage.envs, poisoned.envs),
                };
                let text = describe(&iterate(&mut trainer).unwrap_err());
                assert_eq!(
                    text,
                    "rank 1: step 5 of every environment, counted from number 21: environment 2: \
                     element 0 of the reward is NaN"
                );
                assert!(crew.is_settled());
                if crew.rank() == 1 {
                    let state = trainer.collector.stage.envs.save();
                    trainer.collector.stage.envs = spare;
                    trainer.collector.stage.envs.restore(&state).unwrap();
                }
                iterate(&mut trainer).unwrap();
                assert_eq!(trainer.parameter_hash().unwrap(), expected);
            });
        }
    });
}

/// A stop that one rank is asked for, in a rollout or an update, is one of all.
#[test]
fn a_stop_of_one_rank_gives_the_iteration_up_on_all() {
    let config = grid(&[], &["eval.count=0"]).config().unwrap();
    for (phase, done) in [("rollout", 3), ("update", 2)] {
        std::thread::scope(|scope| {
            for ranks in Threads::ranks(2) {
                let config = config.clone();
                scope.spawn(move || {
                    let crew = Crew::of(Arc::new(ranks));
                    let mut trainer = Trainer::build(config, &Device::Cpu, crew.clone()).unwrap();
                    let before = trainer.parameter_hash().unwrap();
                    if crew.rank() > 0 {
                        crew.next_command().unwrap();
                    }
                    let is_asked = crew.rank() == 1;
                    let mut watch = |at: Phase| match at.name == phase && at.done == done {
                        true if is_asked => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    };
                    assert!(Snapshot::guard(&mut trainer, &mut watch).unwrap().is_none());
                    assert!(crew.is_settled());
                    assert_eq!(trainer.parameter_hash().unwrap(), before);
                    assert_eq!((trainer.iteration, trainer.collector.position.steps), (0, 0));
                });
            }
        });
    }
}
