//! Keys of the dashboard, and what they ask for.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::dashboard::draw::Panel;
use crate::terminal::reporter::Wishes;

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A checkpoint now.
    Save,
    /// An evaluation now.
    Evaluate,
    /// To save and to end the run, or to end looking on.
    Quit,
    /// Another panel.
    Panel(Panel),
    /// The next panel.
    Next,
    /// The panel before.
    Previous,
    /// The list of keys, or no longer.
    Help,
}

impl Key {
    /// Returns what the key that a terminal sends as these bytes asks for.
    pub fn of(bytes: &[u8]) -> Option<Key> {
        Some(match bytes {
            b"s" => Key::Save,
            b"e" => Key::Evaluate,
            b"q" => Key::Quit,
            b"?" | b"h" => Key::Help,
            b"\t" | b" " | b"\x1b[C" | b"\x1bOC" => Key::Next,
            b"\x1b[Z" | b"\x1b[D" | b"\x1bOD" => Key::Previous,
            [digit @ b'1'..=b'9'] => Key::Panel(*Panel::ALL.get(usize::from(digit - b'1'))?),
            _ => return None,
        })
    }
}

/// Wishes that wait to be granted.
#[derive(Debug, Default)]
pub struct Waiting {
    save: AtomicBool,
    evaluate: AtomicBool,
}

impl Waiting {
    /// Adds a wish for a checkpoint.
    pub fn wish_to_save(&self) {
        self.save.store(true, Ordering::Relaxed);
    }

    /// Adds a wish for an evaluation.
    pub fn wish_to_evaluate(&self) {
        self.evaluate.store(true, Ordering::Relaxed);
    }

    /// Returns what is waited for.
    pub fn peek(&self) -> Wishes {
        Wishes {
            save: self.save.load(Ordering::Relaxed),
            evaluate: self.evaluate.load(Ordering::Relaxed),
        }
    }

    /// Takes what is waited for.
    pub fn take(&self) -> Wishes {
        Wishes {
            save: self.save.swap(false, Ordering::Relaxed),
            evaluate: self.evaluate.swap(false, Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_ask_for_what_the_help_says() {
        assert_eq!(Key::of(b"s"), Some(Key::Save));
        assert_eq!(Key::of(b"q"), Some(Key::Quit));
        assert_eq!(Key::of(b"\x1b[Z"), Some(Key::Previous));
        assert_eq!(Key::of(b"1"), Some(Key::Panel(Panel::ALL[0])));
        let count = Panel::ALL.len();
        assert_eq!(Key::of(count.to_string().as_bytes()), Some(Key::Panel(Panel::ALL[count - 1])));
        for other in ["0", "9", "x", "\x1b"] {
            assert_eq!(Key::of(other.as_bytes()), None);
        }
    }

    #[test]
    fn a_wish_is_granted_once() {
        let waiting = Waiting::default();
        waiting.wish_to_save();
        assert!(waiting.peek().save && !waiting.peek().evaluate);
        assert_eq!(waiting.take(), Wishes { save: true, evaluate: false });
        assert_eq!(waiting.take(), Wishes::default());
    }
}
