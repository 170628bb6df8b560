//! Shows the run of this process on the dashboard.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crate::dashboard::course::Course;
use crate::dashboard::draw::{LEAST, View};
use crate::dashboard::keys::{Key, Waiting};
use crate::dashboard::painter::Painter;
use crate::results::standing::Standing;
use crate::terminal::progress::Progress;
use crate::terminal::reporter::{Phase, Reporter, Wishes};
use crate::terminal::screen::{Screen, take_message};
use crate::terminal::stop::Stop;
use crate::text::shown::line;

/// Time between readings of the memory that the process has.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two frames, however fast keys come.
const SHORTEST: Duration = Duration::from_millis(40);

/// What changes many times an iteration. It has a lock of its own, so that the run never waits for
/// a frame to be composed.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    steps_done: u64,
    phase: Option<Phase>,
}

/// What the run and the thread that draws it share.
struct Shared {
    now: Mutex<Now>,
    course: Mutex<Course>,
    waiting: Waiting,
    stop: Arc<AtomicBool>,
    is_over: AtomicBool,
    started: Instant,
    /// Steps and seconds before this process.
    before: (u64, f64),
}

/// The dashboard of this process's run.
pub struct Dashboard {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// What shows the run once the dashboard is gone.
    plain: Progress,
}

impl Dashboard {
    /// Opens the dashboard of a run with this course so far, if the terminal is fit for one. The
    /// key to quit asks for the stop.
    pub fn open(course: Course, stop: &Stop) -> Option<Dashboard> {
        let screen = Screen::open(LEAST)?;
        let plain = Progress::on_stderr(course.run.steps_total, course.steps_done);
        let shared = Arc::new(Shared {
            now: Mutex::new(Now { steps_done: course.steps_done, phase: None }),
            before: (course.steps_done, course.elapsed_s),
            course: Mutex::new(course),
            waiting: Waiting::default(),
            stop: stop.asker(),
            is_over: AtomicBool::new(false),
            started: Instant::now(),
        });
        let drawn = shared.clone();
        let thread = Builder::new().name("dashboard".into());
        let thread = thread.spawn(move || drawn.show(screen)).ok()?;
        Some(Dashboard { shared, thread: Some(thread), plain })
    }

    /// Gives the terminal back.
    fn close(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, the terminal was given back before the message was written.
            let _ = thread.join();
        }
    }

    /// Returns whether the dashboard is there.
    fn is_there(&self) -> bool {
        self.thread.as_ref().is_some_and(|thread| !thread.is_finished())
    }
}

impl Shared {
    /// Draws the run until it is over.
    fn show(&self, screen: Screen) {
        let Ok(mut painter) = Painter::new(screen, View::default()) else { return };
        let (mut painted, mut measured): (Option<Instant>, Option<Instant>) = (None, None);
        while !self.is_over.load(Ordering::Relaxed) {
            let now = Instant::now();
            let is_due = |last: Option<Instant>, wait| last.is_none_or(|at| now - at >= wait);
            let memory = is_due(measured, MEMORY_INTERVAL).then(|| {
                measured = Some(now);
                resident_memory()
            });
            if is_due(painted, SHORTEST) {
                painted = Some(now);
                painter.view.waiting = self.waiting.peek();
                let mut course = locked(&self.course);
                self.update(&mut course);
                if let Some(memory) = memory {
                    course.memory = memory;
                }
                if painter.paint(&mut course).is_err() {
                    return;
                }
            }
            match painter.key() {
                Some(Key::Save) => self.waiting.wish_to_save(),
                Some(Key::Evaluate) => self.waiting.wish_to_evaluate(),
                Some(Key::Quit) => self.stop.store(true, Ordering::Relaxed),
                _ => {}
            }
        }
    }

    /// Brings a course up to now.
    fn update(&self, course: &mut Course) {
        let now = *locked(&self.now);
        let seconds = self.started.elapsed().as_secs_f64();
        let (steps, elapsed) = self.before;
        course.steps_done = now.steps_done;
        course.phase = now.phase;
        course.steps_per_s = now.steps_done.saturating_sub(steps) as f64 / seconds.max(1e-9);
        course.elapsed_s = elapsed + seconds;
        course.standing = match self.stop.load(Ordering::Relaxed) {
            true => Standing::Stopping,
            false => Standing::Running,
        };
    }
}

impl Reporter for Dashboard {
    fn note(&mut self, text: &str) {
        self.message(&format!("fpo: {}", line(text)));
    }

    fn message(&mut self, text: &str) {
        if !take_message(text) {
            self.plain.message(text);
        }
    }

    fn phase(&mut self, steps_done: u64, phase: Phase) {
        match self.is_there() {
            true => *locked(&self.shared.now) = Now { steps_done, phase: Some(phase) },
            false => self.plain.phase(steps_done, phase),
        }
    }

    fn iteration(&mut self, steps_done: u64) {
        match self.is_there() {
            true => *locked(&self.shared.now) = Now { steps_done, phase: None },
            false => self.plain.iteration(steps_done),
        }
    }

    fn evaluated(&mut self, return_mean: f64) {
        self.plain.evaluated(return_mean);
    }

    fn recorded(&mut self, step: u64, metrics: &[(String, f64)]) {
        let metrics = metrics.iter().map(|(key, value)| (key.as_str(), *value));
        locked(&self.shared.course).add(step, metrics);
    }

    fn wishes(&mut self) -> Wishes {
        self.shared.waiting.take()
    }

    fn finish(&mut self, steps_done: u64) {
        self.close();
        self.plain.finish(steps_done);
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        self.close();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the bytes of memory that this process has, where the system tells.
fn resident_memory() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}
