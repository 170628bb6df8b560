//! Whoever started a run: how they look at it, and how they stop it.

use anyhow::Result;

use crate::commands::train::session::Session;
use crate::dashboard::course::{Course, Run};
use crate::dashboard::follow::Follower;
use crate::dashboard::reporter::Dashboard;
use crate::run::dir::RunDir;
use crate::run::metrics::MetricsLog;
use crate::terminal::progress::Progress;
use crate::terminal::reporter::Reporter;
use crate::terminal::stop::Stop;
use crate::training::crew::Crew;
use crate::training::device;
use crate::training::trainer::Trainer;

/// Whoever started a run.
#[derive(Debug)]
pub struct Operator {
    /// How they stop it.
    pub stop: Stop,
    /// Whether they want plain lines also where a dashboard could be drawn.
    pub plain: bool,
    /// The ranks that make the run together, of which this is rank 0.
    pub crew: Crew,
}

impl Operator {
    /// Returns somebody who stops by signals, and wants a dashboard.
    ///
    /// # Errors
    /// If signals cannot be caught.
    pub fn on_signals() -> Result<Operator> {
        Ok(Operator { stop: Stop::on_signals()?, plain: false, crew: Crew::alone() })
    }

    /// Trains to the end of the run, which took `elapsed` seconds until now.
    ///
    /// # Errors
    /// Those of [`Session::run`].
    pub(super) fn run(
        self,
        run: RunDir,
        trainer: Trainer,
        log: MetricsLog,
        elapsed: f64,
    ) -> Result<()> {
        let reporter = self.reporter(&run, &trainer, elapsed);
        Session::new(run, trainer, log, elapsed, reporter).run(self.stop)
    }

    /// Returns what shows the run: the dashboard, where it is wanted and the terminal fit for it.
    fn reporter(&self, run: &RunDir, trainer: &Trainer, elapsed: f64) -> Box<dyn Reporter> {
        if !self.plain
            && let Some(dashboard) = Dashboard::open(course(run, trainer, elapsed), &self.stop)
        {
            return Box::new(dashboard);
        }
        let total = trainer.config.num_iterations() * trainer.config.steps_per_iteration();
        Box::new(Progress::on_stderr(total, trainer.steps()))
    }
}

/// Returns the course of a run until now. What cannot be read of an earlier life is not drawn.
fn course(run: &RunDir, trainer: &Trainer, elapsed: f64) -> Course {
    let learner = &trainer.learner;
    let device = device::describe(learner.device(), learner.compute());
    let mut course = Course::of(Run::of(&trainer.config, run.root().into(), &device));
    if trainer.iteration > 0
        && let Ok(mut follower) = Follower::new(run.clone())
    {
        let _ = follower.read(&mut course);
        course.story.clear();
    }
    course.steps_done = trainer.steps();
    course.elapsed_s = elapsed;
    course
}
