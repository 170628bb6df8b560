//! Reads the keys of the terminal that standard input is.
//!
//! A terminal can go away under a run: its window is closed, its connection breaks. From then on
//! there are no more keys, and nothing here waits for one.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};

use crate::dashboard::keys::Key;

/// The keys that were pressed.
#[derive(Debug, Default)]
pub struct Keyboard {
    /// Bytes of which it is not known yet what key they are.
    unread: Vec<u8>,
    keys: VecDeque<Key>,
    is_gone: bool,
}

impl Keyboard {
    /// Returns the next key, for which it waits this long at most.
    pub fn next(&mut self, wait: Duration) -> Option<Key> {
        if self.keys.is_empty() {
            if self.is_gone {
                thread::sleep(wait);
            } else {
                self.listen(io::stdin(), wait);
            }
        }
        self.keys.pop_front()
    }

    /// Waits for bytes of the `terminal`, and reads them.
    fn listen(&mut self, terminal: impl AsFd, wait: Duration) {
        let mut awaited = [PollFd::new(&terminal, PollFlags::IN)];
        match poll(&mut awaited, Timespec::try_from(wait).ok().as_ref()) {
            // What began like an arrow was the escape key.
            Ok(0) => return self.unread.clear(),
            Ok(_) => {}
            Err(Errno::INTR) => return,
            Err(_) => return self.is_gone = true,
        }
        let mut bytes = [0; 64];
        match read(&terminal, &mut bytes) {
            Ok(count @ 1..) => self.pressed(&bytes[..count]),
            Err(Errno::INTR | Errno::AGAIN) => {}
            Ok(0) | Err(_) => self.is_gone = true,
        }
    }

    /// Takes bytes of the terminal.
    fn pressed(&mut self, bytes: &[u8]) {
        self.unread.extend(bytes);
        while let Some(length) = length(&self.unread) {
            let bytes: Vec<u8> = self.unread.drain(..length).collect();
            self.keys.extend(Key::of(&bytes));
        }
    }
}

/// Returns how many of these bytes are one key, if it is whole: a control sequence (ESC, `[` or
/// `O`, parameters below `@`, and a last byte), a character of UTF-8, or a byte.
fn length(bytes: &[u8]) -> Option<usize> {
    let whole = |length: usize| (bytes.len() >= length).then_some(length);
    match bytes {
        [] | [0x1b] => None,
        [0x1b, b'[' | b'O', rest @ ..] => {
            rest.iter().position(|byte| (0x40..0x7f).contains(byte)).map(|at| at + 3)
        }
        [0x1b, ..] => Some(1),
        [0xc0..=0xdf, ..] => whole(2),
        [0xe0..=0xef, ..] => whole(3),
        [0xf0..=0xf7, ..] => whole(4),
        _ => Some(1),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn keys(parts: &[&str]) -> Vec<Key> {
        let mut keyboard = Keyboard::default();
        parts.iter().for_each(|part| keyboard.pressed(part.as_bytes()));
        keyboard.keys.into()
    }

    #[test]
    fn keys_that_come_together_or_in_parts_are_each_read_once() {
        let (save, next, previous) = (Key::Save, Key::Next, Key::Previous);
        assert_eq!(keys(&["s\x1b[C\x1b[Zs"]), [save, next, previous, save]);
        assert_eq!(keys(&["\x1b", "[", "D", "\x1bOC"]), [previous, next]);
        // What asks for nothing is passed over whole: a function key, a mouse, a letter of UTF-8.
        assert_eq!(keys(&["\x1b[15~\x1b[<0;1;1M", "ßs"]), [save]);
        assert_eq!(keys(&["\x1bs"]), [save]);
        assert_eq!(keys(&["\x1b["]), []);
    }

    #[test]
    fn what_was_pressed_before_the_terminal_went_away_is_read_and_then_nothing_is_awaited() {
        let (terminal, mut other_end) = io::pipe().unwrap();
        other_end.write_all(b"s").unwrap();
        let mut keyboard = Keyboard::default();
        keyboard.listen(&terminal, Duration::ZERO);
        assert_eq!((keyboard.keys.pop_front(), keyboard.is_gone), (Some(Key::Save), false));
        keyboard.listen(&terminal, Duration::ZERO);
        assert!(!keyboard.is_gone, "nothing was pressed, and the terminal is there");
        drop(other_end);
        keyboard.listen(&terminal, Duration::ZERO);
        assert!(keyboard.is_gone);
    }
}
