//! `fpo watch`: the dashboard of a run of another process, or of one that has ended, from its
//! files.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::dashboard::draw::{LEAST, Panel, View};
use crate::dashboard::follow::Follower;
use crate::dashboard::keys::Key;
use crate::dashboard::painter::{Painter, as_text};
use crate::run::dir::RunDir;
use crate::terminal::output::print;
use crate::terminal::screen::{Screen, Size, size};
use crate::terminal::stop::Stop;

/// Time between looks at the run's files.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The size of a frame that is printed where the terminal tells none.
const PRINTED: Size = (100, 30);

/// Flags of `fpo watch`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Folder of the run
    run: PathBuf,
    /// Print one frame as text and end, as is done where the output is no terminal
    #[arg(long)]
    once: bool,
    /// Panel to begin with
    #[arg(long, value_enum, default_value = "overview")]
    panel: PanelName,
}

/// The names of the panels.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PanelName {
    Overview,
    Learning,
    Updates,
    Time,
    Messages,
}

impl PanelName {
    fn panel(self) -> Panel {
        match self {
            PanelName::Overview => Panel::Overview,
            PanelName::Learning => Panel::Learning,
            PanelName::Updates => Panel::Updates,
            PanelName::Time => Panel::Time,
            PanelName::Messages => Panel::Story,
        }
    }
}

/// Shows a run until the person leaves. Never writes to it.
///
/// # Errors
/// If the folder is no run, or its files cannot be read.
pub fn watch(args: &WatchArgs) -> Result<()> {
    let mut follower = Follower::new(RunDir::open(&args.run)?)?;
    let mut course = follower.course();
    follower.read(&mut course)?;
    let view = View { panel: args.panel.panel(), is_watched: true, ..View::default() };
    // The screen is drawn on standard error, but a frame for a file or a pipe goes there.
    let is_shown = std::io::stdout().is_terminal();
    let screen = if args.once || !is_shown { None } else { Screen::open(LEAST) };
    let Some(screen) = screen else {
        let size = match size().filter(|_| is_shown) {
            // The shell's next prompt needs a row.
            Some((columns, rows)) => (columns.max(LEAST.0), rows.max(LEAST.1 + 1) - 1),
            None => PRINTED,
        };
        return print(&as_text(&course, &view, size));
    };
    let stop = Stop::on_signals()?;
    let mut painter = Painter::new(screen, view)?;
    let (mut looked, mut is_new) = (Instant::now(), true);
    while !stop.is_asked() {
        if looked.elapsed() >= LOOK_INTERVAL {
            looked = Instant::now();
            is_new |= follower.read(&mut course)?;
        }
        if is_new || painter.is_stale() {
            painter.paint(&mut course)?;
        }
        let key = painter.key();
        if key == Some(Key::Quit) {
            break;
        }
        is_new = key.is_some();
    }
    Ok(())
}
