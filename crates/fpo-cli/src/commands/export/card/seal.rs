//! The last line of a card: a digest of the text above it, by which `fpo export` knows a card that
//! it wrote and nobody has changed since. Only such a card may be written over.

use crate::run::sealed_json::sha256;

const BEFORE: &str = "<!-- written by fpo export; SHA-256 of the text above: ";
const AFTER: &str = " -->\n";

/// Returns `text` with the line below it.
pub(crate) fn sealed(text: &str) -> String {
    format!("{text}{BEFORE}{}{AFTER}", sha256(text.as_bytes()))
}

/// Returns whether `card` is as [`sealed`] returned it.
pub(crate) fn is_whole(card: &[u8]) -> bool {
    let Ok(card) = std::str::from_utf8(card) else { return false };
    card.rfind(BEFORE).is_some_and(|end| sealed(&card[..end]) == card)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_whole_until_a_letter_of_it_changes() {
        let card = sealed("# A card\n");
        assert!(is_whole(card.as_bytes()));
        for changed in [card.replace("A c", "My c"), format!("{card}more"), "# A card\n".into()] {
            assert!(!is_whole(changed.as_bytes()), "{changed}");
        }
        assert!(!is_whole(&[0xff, 0xfe]));
    }
}
