//! `fpo bench ranks`: what it costs that several processes make one run. All ranks that a launcher
//! has started measure together, and rank 0 has the results; a process alone measures what they
//! are to be compared with.
//!
//! Exchanges are those of a gradient step ([`fpo_core::Communicator`]): every rank sends each of
//! them its slice of so many numbers, and then gets all slices. Ranks repeat everything equally
//! often, because all of them must take part.

use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use candle_core::Device;
use fpo_core::{Communicator, Registry};

use crate::commands::bench::args::BenchArgs;
use crate::commands::bench::bench_file::BenchFile;
use crate::commands::bench::machine::Machine;
use crate::commands::bench::measurement::{Case, Kind, Measurement};
use crate::commands::bench::shape::Shape;
use crate::commands::bench::sizes::{Sizes, desk_cheetah};
use crate::commands::bench::stats::{Repeats, Timing};
use crate::commands::bench::ticker::Ticker;
use crate::commands::bench::{learner, train};
use crate::commands::train::ranks::{leave, named, unreached};
use crate::config::resolved::Config;
use crate::ranks::{RanksChoice, join};
use crate::terminal::failure::UsageError;
use crate::terminal::stop::Stop;
use crate::training::crew::handshake::meet;
use crate::training::crew::{Crew, member};

/// Exchanges between two readings of the clock: a single one is as short as a few microseconds.
const AT_ONCE: usize = 20;

/// What is measured.
struct Plan {
    sizes: Vec<Sizes>,
    /// Training, with the name of its sizes.
    config: Config,
    name: String,
}

/// Measures on the ranks that a launcher has started, or alone. `ready` is asked on rank 0 whether
/// the results can be kept, and `show` is called there with them, before the ranks part: a launcher
/// may not pass on what is printed later.
///
/// # Errors
/// A request that cannot be met, and where the ranks cannot reach each other or differ.
pub fn measure(
    args: &BenchArgs,
    ready: impl FnOnce() -> Result<()>,
    show: impl FnOnce(&BenchFile) -> Result<()>,
) -> Result<()> {
    let Some(mpi) = join(RanksChoice::Auto).map_err(unreached)? else {
        ready()?;
        return Plan::of(args)?.measure(args, &Crew::alone(), show).0;
    };
    let crew = Crew::of(mpi.clone());
    let leads = crew.rank() == 0;
    let plan = if leads { ready().and_then(|()| Plan::of(args)) } else { Plan::of(args) };
    let agreed = crew.agree(plan).and_then(|plan| {
        for config in plan.sizes.iter().map(|sizes| &sizes.config).chain([&plan.config]) {
            meet(&crew, Some(Ok(config.clone())))?;
        }
        Ok(plan)
    });
    match agreed {
        Ok(plan) => {
            let (ended, in_order) = plan.measure(args, &crew, show);
            leave(&mpi, if leads { ended.map_err(named) } else { ended }, in_order)
        }
        // All ranks have the same error, and rank 0 says it.
        Err(error) => {
            let is_lost = matches!(error.downcast_ref(), Some(fpo_core::Error::Rank(_)));
            let ended = if leads || is_lost { Err(error) } else { Ok(()) };
            leave(&mpi, ended, !is_lost)
        }
    }
}

impl Plan {
    fn of(args: &BenchArgs) -> Result<Plan> {
        let others = [args.transitions.len(), args.tasks.len(), args.envs.len()];
        let others = others.into_iter().sum::<usize>() + args.threads.len() + args.devices.len();
        let of_envs = args.warmup.is_some() || args.auto_reset.is_some();
        if args.parts.len() > 1 || others > 0 || of_envs {
            let text = "`fpo bench ranks` is made by itself, on the threads of RAYON_NUM_THREADS: \
                        it takes --sizes, --config, --repeats, --quick and --json";
            return Err(UsageError(text.into()).into());
        }
        let (name, config) = match &args.config {
            Some(path) => (path.display().to_string(), Config::load(&[path], &[])?),
            None => ("desk".into(), desk_cheetah()?),
        };
        fpo_envs::spec(&config.env.task)?;
        let sizes = args.sizes().into_iter().map(Sizes::named);
        Ok(Plan { sizes: sizes.collect::<Result<_>>()?, config, name })
    }

    /// Measures on all ranks of `crew`, and shows the results on rank 0. Returns also whether no
    /// other rank waits for this one.
    fn measure(
        self,
        args: &BenchArgs,
        crew: &Crew,
        show: impl FnOnce(&BenchFile) -> Result<()>,
    ) -> (Result<()>, bool) {
        let mut ticker = (crew.rank() == 0).then(|| Ticker::on_stderr(self.sizes.len() + 2));
        let mut tick = |what: &str| ticker.iter_mut().for_each(|ticker| ticker.next(what));
        let mut results = match self.steps(args, crew, &mut tick) {
            Ok(results) => results,
            Err(error) => return (Err(error), false),
        };
        tick("iterations");
        if crew.rank() > 0 {
            let stop = Stop::on_signals();
            let ended = stop.and_then(|stop| member::follow(crew, &Registry::default(), &stop));
            let in_order = ended.is_ok();
            return (ended, in_order);
        }
        let measured = self.iterations(args, crew);
        let in_order = crew.size() == 1 || crew.dismiss();
        drop(ticker);
        let shown = measured.and_then(|measured| {
            results.push(measured);
            show(&BenchFile::new(Machine::describe(), results))
        });
        (shown, in_order)
    }

    /// Measures what all ranks of `crew` do alike: exchanges and gradient steps.
    fn steps(
        &self,
        args: &BenchArgs,
        crew: &Crew,
        tick: &mut dyn FnMut(&str),
    ) -> Result<Vec<Measurement>> {
        let repeats = |many| repeats(args, many);
        let mut shapes = Vec::with_capacity(self.sizes.len());
        for sizes in &self.sizes {
            let batch_size = sizes.batch_sizes.last().copied().unwrap_or(1);
            shapes.push((batch_size, Shape::of(&sizes.config, &sizes.spec, batch_size)?));
        }
        let mut results = Vec::new();
        tick("exchanges");
        if let Some(ranks) = crew.ranks() {
            // One number for each rank: what is left is the time of the messages themselves.
            let mut numbers: Vec<usize> = shapes.iter().flat_map(|x| x.1.parameters).collect();
            numbers.push(ranks.size());
            numbers.sort_unstable();
            numbers.dedup();
            for numbers in numbers {
                let ranks_and = Case { ranks: Some(ranks.size()), ..Case::default() };
                let case = Case { numbers: Some(numbers), ..ranks_and };
                results.push(exchange(ranks, numbers, repeats(100), case)?);
            }
        }
        for (sizes, (batch_size, shape)) in self.sizes.iter().zip(shapes) {
            tick(&format!("gradient steps ({})", sizes.name));
            let case = Case {
                sizes: Some(sizes.name.clone()),
                transitions: Some(shape.transitions),
                ..ours(crew)
            };
            let (device, reduce, repeats) = (&Device::Cpu, crew.reduce(), repeats(15));
            let step = learner::measure(sizes, batch_size, device, reduce, repeats, case, None)?;
            results.push(Measurement { shape: Some(shape), ..step });
        }
        Ok(results)
    }

    /// Measures iterations of training, which this rank leads.
    fn iterations(self, args: &BenchArgs, crew: &Crew) -> Result<Measurement> {
        let spec = fpo_envs::spec(&self.config.env.task)?;
        let shape = Shape::of(&self.config, &spec, self.config.train.batch_size)?;
        let case = Case {
            sizes: Some(self.name),
            task: Some(self.config.env.task.clone()),
            envs: Some(self.config.env.num_envs),
            ..ours(crew)
        };
        let (config, repeats) = (self.config, repeats(args, 5));
        let measured = train::measure(config, &Device::Cpu, crew.clone(), repeats, case)?;
        Ok(Measurement { shape: Some(shape), ..measured })
    }
}

/// Returns as many repeats as were asked for, or `many`: equally many on all ranks.
fn repeats(args: &BenchArgs, many: usize) -> Repeats {
    match (args.repeats, args.quick) {
        (Some(count), _) => Repeats::exactly(count as usize),
        (None, true) => Repeats::exactly(3),
        (None, false) => Repeats::exactly(many),
    }
}

/// Returns what all cases of computing have in common.
fn ours(crew: &Crew) -> Case {
    Case {
        device: Some("cpu".into()),
        threads: Some(rayon::current_num_threads()),
        ranks: Some(crew.size()),
        ..Case::default()
    }
}

/// Times sums of so many `numbers` over all ranks, without the additions.
fn exchange(
    ranks: &dyn Communicator,
    numbers: usize,
    repeats: Repeats,
    case: Case,
) -> Result<Measurement> {
    let (rank, size) = (ranks.rank(), ranks.size());
    let slice =
        |rank: usize| -> Range<usize> { rank * numbers / size..(rank + 1) * numbers / size };
    let counts: Vec<usize> = (0..size).map(|rank| slice(rank).len()).collect();
    let own: Vec<u32> = (0..numbers).map(|k| (k as u32).wrapping_mul(2_654_435_761)).collect();
    let received_counts = vec![counts[rank]; size];
    let mut received = vec![0; counts[rank] * size];
    let mut whole = vec![0; numbers];
    let mut some = || -> Result<Duration> {
        ranks.barrier()?;
        let clock = Instant::now();
        for _ in 0..AT_ONCE {
            ranks.all_to_all(&own, &counts, &mut received, &received_counts)?;
            ranks.all_gather(&received[..counts[rank]], &counts, &mut whole)?;
        }
        Ok(clock.elapsed())
    };
    Repeats::exactly(2).take(&mut some)?;
    let durations = repeats.take(&mut some)?;
    ensure!(whole == own, "an exchange of {numbers} numbers between ranks has changed them");
    Ok(Measurement::new(Kind::Exchange, case, Timing::of(&durations, AT_ONCE as f64)?))
}

/// Returns how many bits each rank sends, and receives, in an exchange.
pub fn bits_sent(numbers: usize, ranks: usize) -> f64 {
    2.0 * 32.0 * numbers as f64 * (ranks - 1) as f64 / ranks as f64
}

#[cfg(test)]
mod tests {
    use fpo_core::Threads;

    use super::*;

    #[test]
    fn exchanges_between_any_number_of_ranks_can_be_timed() {
        for size in [2, 3] {
            std::thread::scope(|scope| {
                for ranks in Threads::ranks(size) {
                    scope.spawn(move || {
                        for numbers in [size, 100] {
                            let case = Case { numbers: Some(numbers), ..Case::default() };
                            let found = exchange(&ranks, numbers, Repeats::exactly(3), case);
                            assert_eq!(found.unwrap().time.runs, 3);
                        }
                    });
                }
            });
        }
        assert_eq!(bits_sent(100, 2), 3200.0);
    }
}
