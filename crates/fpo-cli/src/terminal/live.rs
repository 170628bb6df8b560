//! Lines at the bottom of the terminal that are redrawn in their place, and the messages that pass
//! them by.
//!
//! All that this program writes to standard error goes through here, so that a message takes away
//! what is drawn before it is written, also where it comes from somebody who knows nothing of the
//! drawing. Lines are cut to the terminal's width, which is asked for at each drawing: a line of
//! two rows would leave one behind.

use std::io::{self, IsTerminal, Stderr, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::terminal::screen::take_message;
use crate::text::columns::fitted;
use crate::text::shown::{line, lines};

/// Moves the cursor to the start of the line, and erases the line.
pub(crate) const CLEAR_LINE: &str = "\r\x1b[2K";
/// Columns that stay free at the end of a drawn line: the terminal writes `^C` behind it.
const FREE_COLUMNS: usize = 3;

/// What is drawn at the bottom of a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Drawn {
    /// Nothing.
    #[default]
    Nothing,
    /// A line, with the cursor at its end.
    Line,
    /// So many rows, with the cursor at the start of the row below them.
    Rows(usize),
}

impl Drawn {
    /// Returns what takes it away.
    fn taken_away(&mut self) -> String {
        match std::mem::take(self) {
            Drawn::Nothing => String::new(),
            Drawn::Line => CLEAR_LINE.into(),
            Drawn::Rows(rows) => format!("\x1b[{rows}F\x1b[J"),
        }
    }
}

/// What is drawn on standard error, by whoever drew it.
static ON_STDERR: LazyLock<Arc<Mutex<Drawn>>> = LazyLock::new(Arc::default);

/// Whether messages are kept back.
pub(crate) static IS_SILENT: AtomicBool = AtomicBool::new(false);

/// Columns and rows of a terminal.
type Size = (usize, usize);

/// Draws lines that are replaced, and writes messages that stay.
#[derive(Debug)]
pub(crate) struct Live<W: Write = Stderr> {
    /// Where it is written.
    pub(crate) out: W,
    on_terminal: bool,
    size: fn() -> Option<Size>,
    drawn: Arc<Mutex<Drawn>>,
}

impl Live {
    /// Draws on standard error.
    pub(crate) fn on_stderr() -> Live {
        let dumb = std::env::var_os("TERM").is_none_or(|terminal| terminal == "dumb");
        Live {
            out: io::stderr(),
            on_terminal: io::stderr().is_terminal() && !dumb,
            size: size_of_stderr,
            drawn: Arc::clone(&ON_STDERR),
        }
    }
}

/// Writes a message to standard error, or onto the screen that a dashboard has opened. What is
/// drawn there is taken away.
pub(crate) fn pass_by(text: &str) {
    if IS_SILENT.load(Ordering::Relaxed) || take_message(text) {
        return;
    }
    let mut drawn = ON_STDERR.lock().unwrap_or_else(PoisonError::into_inner);
    put(&mut io::stderr(), &format!("{}{}\n", drawn.taken_away(), lines(text)));
}

impl<W: Write> Live<W> {
    /// Draws on `out`, a terminal of this size or something else.
    #[cfg(test)]
    pub(crate) fn new(out: W, on_terminal: bool, size: fn() -> Option<Size>) -> Live<W> {
        Live { out, on_terminal, size, drawn: Arc::default() }
    }

    /// Returns whether lines can be replaced.
    pub(crate) fn is_on_terminal(&self) -> bool {
        self.on_terminal
    }

    /// Draws a line in place of what is drawn. Elsewhere than on a terminal the line stays.
    pub(crate) fn line(&mut self, text: &str) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.on_terminal {
            return put(&mut self.out, &format!("{}\n", line(text)));
        }
        let taken_away = match drawn.taken_away() {
            nothing if nothing.is_empty() => CLEAR_LINE.into(),
            before => before,
        };
        *drawn = Drawn::Line;
        put(&mut self.out, &format!("{taken_away}{}", fit(text, (self.size)())));
    }

    /// Draws the lines of a block in place of what is drawn: as many as there are rows, and how
    /// many more there would be.
    pub(crate) fn block(&mut self, block: &[String]) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let size = (self.size)();
        // The cursor stands in the row below the block.
        let rows = size.map_or(usize::MAX, |(_, rows)| rows.saturating_sub(1).max(1));
        let mut shown: Vec<String> = block.iter().map(|text| fit(text, size)).collect();
        if shown.len() > rows {
            let more = shown.len() + 1 - rows;
            shown.truncate(rows - 1);
            shown.push(fit(&format!("    and {more} more"), size));
        }
        let taken_away = drawn.taken_away();
        *drawn = Drawn::Rows(shown.len());
        // A terminal that does not tell its width cuts the lines itself.
        let text: String = shown.iter().map(|line| format!("{line}\n")).collect();
        put(&mut self.out, &format!("\x1b[?7l{taken_away}{text}\x1b[?7h"));
    }

    /// Writes a message that stays, on lines of its own. What is drawn is taken away, and so is
    /// what the terminal itself wrote behind it, such as `^C`.
    pub(crate) fn message(&mut self, text: &str) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        let taken_away = match drawn.taken_away() {
            nothing if nothing.is_empty() && self.on_terminal => CLEAR_LINE.into(),
            before => before,
        };
        put(&mut self.out, &format!("{taken_away}{}\n", lines(text)));
    }

    /// Ends a drawn line, which stays.
    pub(crate) fn keep(&mut self) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut *drawn) == Drawn::Line {
            put(&mut self.out, "\n");
        }
    }

    /// Takes away what is drawn.
    pub(crate) fn clear(&mut self) {
        let mut drawn = self.drawn.lock().unwrap_or_else(PoisonError::into_inner);
        put(&mut self.out, &drawn.taken_away());
    }
}

/// Returns columns and rows of the terminal on standard error, if it tells them.
fn size_of_stderr() -> Option<Size> {
    let (width, height) = terminal_size::terminal_size_of(io::stderr())?;
    Some((width.0.into(), height.0.into()))
}

/// Returns `text` as one line of a terminal of this size.
fn fit(text: &str, size: Option<Size>) -> String {
    let text = line(text);
    match size {
        Some((columns, _)) if columns > 0 => fitted(&text, columns.saturating_sub(FREE_COLUMNS)),
        _ => text,
    }
}

/// Writes and flushes. A reader that has gone away is no reason to fail.
fn put(out: &mut impl Write, text: &str) {
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(live: Live<Vec<u8>>) -> String {
        String::from_utf8(live.out).unwrap()
    }

    #[test]
    fn a_drawn_line_leaves_room_for_what_the_terminal_writes_behind_it() {
        let mut live = Live::new(Vec::new(), true, || Some((20, 24)));
        live.line("0123456789012345");
        live.line("012345678901234567890");
        live.keep();
        let expected = "\r\x1b[2K0123456789012345\r\x1b[2K0123456789012345…\n";
        assert_eq!(written(live), expected);
    }

    #[test]
    fn the_width_is_asked_for_at_each_drawing() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static WIDTH: AtomicUsize = AtomicUsize::new(9);
        let size = || Some((WIDTH.load(Ordering::Relaxed), 24));
        let mut live = Live::new(Vec::new(), true, size);
        live.line("0123456789");
        WIDTH.store(6, Ordering::Relaxed);
        live.line("0123456789");
        live.block(&["0123456789".into()]);
        let block = "\x1b[?7l\r\x1b[2K01…\n\x1b[?7h";
        assert_eq!(written(live), format!("\r\x1b[2K01234…\r\x1b[2K01…{block}"));
    }

    #[test]
    fn a_block_has_no_more_lines_than_the_terminal_has_rows() {
        let block: Vec<String> = (0..9).map(|row| format!("run {row}")).collect();
        let mut live = Live::new(Vec::new(), true, || Some((80, 5)));
        live.block(&block);
        live.block(&block[..4]);
        let text = "run 0\nrun 1\nrun 2\n    and 6 more\n\x1b[?7h\
                    \x1b[?7l\x1b[4F\x1b[Jrun 0\nrun 1\nrun 2\nrun 3\n\x1b[?7h";
        assert_eq!(written(live), format!("\x1b[?7l{text}"));
    }

    #[test]
    fn a_message_starts_on_a_line_of_its_own() {
        let mut live = Live::new(Vec::new(), true, || None);
        // Nothing is drawn, but the terminal may have written `^C`.
        live.message("one\ntwo");
        live.block(&["a".into(), "b".into()]);
        live.message("three");
        let expected = "\r\x1b[2Kone\ntwo\n\x1b[?7la\nb\n\x1b[?7h\x1b[2F\x1b[Jthree\n";
        assert_eq!(written(live), expected);
        let mut log = Live::new(Vec::new(), false, || None);
        log.line("a");
        log.message("b");
        assert_eq!(written(log), "a\nb\n");
    }

    #[test]
    fn nothing_that_is_written_can_give_orders_to_the_terminal() {
        let mut live = Live::new(Vec::new(), true, || Some((80, 24)));
        live.message("a\x1b[31m");
        live.line("b\u{9b}2J\r");
        live.block(&["c\nd".into()]);
        let text = written(live);
        for (escaped, raw) in
            [("a\\u{1b}[31m", "a\x1b"), ("b\\u{9b}2J\\r", "b\u{9b}"), ("c\\nd", "c\nd")]
        {
            assert!(text.contains(escaped) && !text.contains(raw), "{text:?}");
        }
    }
}
