//! Paints frames on the terminal's alternate screen, and reads its keys.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use crate::dashboard::course::Course;
use crate::dashboard::draw::{LEAST, View, draw};
use crate::dashboard::keyboard::Keyboard;
use crate::dashboard::keys::Key;
use crate::terminal::screen::{Screen, Size, size};

/// The longest time between two frames.
pub const TICK: Duration = Duration::from_millis(250);

/// Bytes that a frame is composed into, before they go to the terminal at once.
#[derive(Clone, Default)]
struct Bytes(Rc<RefCell<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The screen, and what is on it.
pub struct Painter {
    screen: Screen,
    terminal: Terminal<CrosstermBackend<Bytes>>,
    bytes: Bytes,
    keyboard: Keyboard,
    /// The showing of the screen that the last frame was painted on, and its size.
    painted: Option<(u64, Size)>,
    /// How the person looks at the run.
    pub view: View,
}

impl Painter {
    /// Takes an open screen.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn new(screen: Screen, view: View) -> io::Result<Painter> {
        let bytes = Bytes::default();
        let viewport = Viewport::Fixed(Rect::new(0, 0, LEAST.0, LEAST.1));
        let backend = CrosstermBackend::new(bytes.clone());
        let terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
        let keyboard = Keyboard::default();
        Ok(Painter { screen, terminal, bytes, keyboard, painted: None, view })
    }

    /// Paints a frame, if the screen is shown. Adds to the course what was said.
    ///
    /// # Errors
    /// Those of the terminal.
    pub fn paint(&mut self, course: &mut Course) -> io::Result<()> {
        course.story.extend(self.screen.story_since(course.story.len()));
        let (Some(entered), Some(size)) = (self.screen.shown(), size()) else {
            self.painted = None;
            return Ok(());
        };
        if self.painted != Some((entered, size)) {
            // What is there was drawn for another size, or is somebody else's.
            self.terminal.resize(Rect::new(0, 0, size.0, size.1))?;
        }
        let view = self.view;
        self.terminal.draw(|frame| draw(frame, course, &view))?;
        let drawn = std::mem::take(&mut *self.bytes.0.borrow_mut());
        self.painted = self.screen.write(entered, &drawn).then_some((entered, size));
        Ok(())
    }

    /// Returns whether the screen shows something else than the last frame, because its size is
    /// another or it was left meanwhile.
    pub fn is_stale(&self) -> bool {
        match (self.screen.shown(), size()) {
            (Some(entered), Some(size)) => self.painted != Some((entered, size)),
            _ => false,
        }
    }

    /// Waits for a key for at most [`TICK`], changes the view where the key does, and returns it.
    pub fn key(&mut self) -> Option<Key> {
        if self.screen.shown().is_none() {
            thread::sleep(TICK);
            return None;
        }
        let key = self.keyboard.next(TICK)?;
        let view = &mut self.view;
        match key {
            Key::Panel(panel) => view.panel = panel,
            Key::Next => view.panel = view.panel.moved(1),
            Key::Previous => view.panel = view.panel.moved(4),
            Key::Help => view.help = !view.help,
            Key::Save | Key::Evaluate | Key::Quit => {}
        }
        Some(key)
    }
}

/// Returns a frame of this size as plain text.
pub fn as_text(course: &Course, view: &View, (columns, rows): Size) -> String {
    // This terminal is a buffer, with which nothing can go wrong.
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let Ok(_) = terminal.draw(|frame| draw(frame, course, view));
    let cells = &terminal.backend().buffer().content;
    let row = |cells: &[ratatui::buffer::Cell]| {
        let row: String = cells.iter().map(|cell| cell.symbol()).collect();
        row.trim_end().to_string()
    };
    let lines: Vec<String> = cells.chunks(columns.into()).map(row).collect();
    lines.join("\n")
}
