//! Keys of the dashboard, and what they ask for.

use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind};

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
    /// Returns what an event of the terminal asks for, if it is a key that does.
    pub fn of(event: &Event) -> Option<Key> {
        let Event::Key(KeyEvent { code, kind: KeyEventKind::Press, .. }) = event else {
            return None;
        };
        Some(match code {
            KeyCode::Char('s') => Key::Save,
            KeyCode::Char('e') => Key::Evaluate,
            KeyCode::Char('q') => Key::Quit,
            KeyCode::Char('?' | 'h') => Key::Help,
            KeyCode::Tab | KeyCode::Right | KeyCode::Char(' ') => Key::Next,
            KeyCode::BackTab | KeyCode::Left => Key::Previous,
            KeyCode::Char(digit) => {
                let number = digit.to_digit(10)?.checked_sub(1)?;
                Key::Panel(*Panel::ALL.get(number as usize)?)
            }
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
    use ratatui::crossterm::event::KeyModifiers;

    use super::*;

    fn pressed(code: KeyCode) -> Option<Key> {
        Key::of(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    #[test]
    fn keys_ask_for_what_the_help_says() {
        assert_eq!(pressed(KeyCode::Char('s')), Some(Key::Save));
        assert_eq!(pressed(KeyCode::Char('q')), Some(Key::Quit));
        assert_eq!(pressed(KeyCode::BackTab), Some(Key::Previous));
        assert_eq!(pressed(KeyCode::Char('1')), Some(Key::Panel(Panel::ALL[0])));
        let last = char::from_digit(Panel::ALL.len() as u32, 10).unwrap();
        assert_eq!(
            pressed(KeyCode::Char(last)),
            Some(Key::Panel(Panel::ALL[Panel::ALL.len() - 1]))
        );
        for other in ['0', '9', 'x'] {
            assert_eq!(pressed(KeyCode::Char(other)), None);
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
