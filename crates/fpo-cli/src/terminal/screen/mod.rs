//! The alternate screen of the terminal, which a dashboard draws on, and the story of the run,
//! which stands on the usual screen afterwards.
//!
//! A process has one terminal, so there is one screen, and whoever ends the process in a hurry can
//! give the terminal back by [`leave`]: a second Ctrl-C, a signal that kills, a panic. Keys arrive
//! one by one and unseen, but Ctrl-C, Ctrl-Z and Ctrl-\ stay signals as they are everywhere.
//!
//! What is said while the screen is shown is kept, and written to standard error when the screen
//! is left, so that a terminal's history has what it would have without a dashboard.

mod signals;

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use rustix::process::getpgrp;
use rustix::termios::{
    self, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetpgrp, tcgetwinsize,
};

use crate::text::shown::lines;

/// Changes to the alternate screen and hides the cursor.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
/// Undoes [`ENTER`], colours included.
const LEAVE: &str = "\x1b[0m\x1b[?25h\x1b[?1049l";

/// Columns and rows of a terminal.
pub type Size = (u16, u16);

/// Where the terminal stands.
#[derive(Default)]
enum Place {
    /// Nobody wants the screen.
    #[default]
    Closed,
    /// Somebody wants it, but the process is in the background or about to be suspended.
    Hidden,
    /// It is shown; what the terminal's modes were before.
    Shown(Box<Termios>),
}

/// The terminal, and what was said.
#[derive(Default)]
struct State {
    place: Place,
    /// Whether the process is about to be suspended, or is.
    is_suspended: bool,
    /// How often the screen was entered: what was drawn before is gone then.
    entered: u64,
    /// What was said since the screen was opened.
    story: Vec<String>,
    /// How much of it standard error has.
    told: usize,
}

static STATE: Mutex<State> = Mutex::new(State {
    place: Place::Closed,
    is_suspended: false,
    entered: 0,
    story: Vec::new(),
    told: 0,
});

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right to draw on the alternate screen, until it is dropped.
#[derive(Debug)]
pub struct Screen {
    _only_here: (),
}

impl Screen {
    /// Takes the terminal of this process, if standard input and standard error are one, it obeys
    /// more than plain text, has at least `least` columns and rows, and this process is in its
    /// foreground.
    pub fn open(least: Size) -> Option<Screen> {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        if dumb || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            return None;
        }
        let (columns, rows) = size()?;
        if columns < least.0 || rows < least.1 {
            return None;
        }
        signals::watch().ok()?;
        leave_before_a_panic_is_told();
        let mut state = state();
        if !matches!(state.place, Place::Closed) || !state.enter() {
            return None;
        }
        (state.story, state.told) = (Vec::new(), 0);
        Some(Screen { _only_here: () })
    }

    /// Writes to the screen what was drawn for its `entered`th showing. Returns whether it is still
    /// the one that is shown.
    pub fn write(&self, entered: u64, drawn: &[u8]) -> bool {
        let state = state();
        let is_shown = matches!(state.place, Place::Shown(_)) && state.entered == entered;
        if is_shown {
            put(drawn);
        }
        is_shown
    }

    /// Returns how often the screen was entered if it is shown. Where the process has come to the
    /// foreground again, shows it.
    pub fn shown(&self) -> Option<u64> {
        let mut state = state();
        if matches!(state.place, Place::Hidden) && !state.is_suspended {
            state.enter();
        }
        matches!(state.place, Place::Shown(_)).then_some(state.entered)
    }

    /// Returns what was said since `told` messages were.
    pub fn story_since(&self, told: usize) -> Vec<String> {
        state().story.get(told..).map(<[String]>::to_vec).unwrap_or_default()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut state = state();
        state.leave();
        state.place = Place::Closed;
        state.story = Vec::new();
    }
}

impl State {
    /// Shows the screen if this process is in the foreground. Returns whether it is shown.
    fn enter(&mut self) -> bool {
        // Another process's terminal must not be touched: the system stops whoever tries.
        let is_foreground = tcgetpgrp(io::stderr()).is_ok_and(|group| group == getpgrp());
        if matches!(self.place, Place::Shown(_)) || !is_foreground {
            return matches!(self.place, Place::Shown(_));
        }
        let Ok(before) = termios::tcgetattr(io::stdin()) else { return false };
        let mut quiet = before.clone();
        quiet.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        if termios::tcsetattr(io::stdin(), OptionalActions::Now, &quiet).is_err() {
            return false;
        }
        put(ENTER.as_bytes());
        self.place = Place::Shown(Box::new(before));
        self.entered += 1;
        true
    }

    /// Gives the terminal back as it was, and tells there what was said meanwhile.
    fn leave(&mut self) {
        let Place::Shown(before) = std::mem::take(&mut self.place) else { return };
        put(LEAVE.as_bytes());
        // A terminal that is gone needs no modes.
        let _ = termios::tcsetattr(io::stdin(), OptionalActions::Now, &before);
        self.place = Place::Hidden;
        self.tell();
    }

    /// Writes to standard error what of the story it does not have yet.
    fn tell(&mut self) {
        let news: String = self.story[self.told..].iter().map(|text| format!("{text}\n")).collect();
        self.told = self.story.len();
        put(news.as_bytes());
    }
}

/// Gives the terminal back, because the process is about to end or to be suspended. Nothing is
/// drawn from then on.
pub fn leave() {
    let mut state = state();
    state.leave();
    state.is_suspended = true;
}

/// Lets the screen be shown again after [`leave`], and shows it in the foreground.
fn come_back() {
    let mut state = state();
    state.is_suspended = false;
    if matches!(state.place, Place::Hidden) {
        state.enter();
    }
}

/// Takes a message that would go to standard error, if a screen is open. Returns whether it did.
pub(crate) fn take_message(text: &str) -> bool {
    let mut state = state();
    if matches!(state.place, Place::Closed) {
        return false;
    }
    state.story.push(lines(text));
    if matches!(state.place, Place::Hidden) {
        state.tell();
    }
    true
}

/// Returns columns and rows of the terminal on standard error, if it tells them.
pub fn size() -> Option<Size> {
    let size = tcgetwinsize(io::stderr()).ok()?;
    (size.ws_col > 0 && size.ws_row > 0).then_some((size.ws_col, size.ws_row))
}

/// Leaves the screen before the message of a panic is written.
fn leave_before_a_panic_is_told() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            leave();
            tell(panic);
        }));
    });
}

/// Writes and flushes. A terminal that has gone away is no reason to fail.
fn put(bytes: &[u8]) {
    let mut out = io::stderr().lock();
    let _ = out.write_all(bytes).and_then(|()| out.flush());
}
