//! The model card of a folder: what the policy is, how well it does, how it was trained, how to
//! load it, and under which licence. What is not known is said to be unknown.

pub(crate) mod content;
pub(crate) mod evaluation;
mod front_matter;
pub(crate) mod origin;
pub(crate) mod seal;
mod sections;
mod words;

use anyhow::Result;

use crate::commands::export::card::content::Card;
use crate::commands::export::card::front_matter::front_matter;

/// Returns the text of a card, with the seal below it.
///
/// # Errors
/// If the configuration of its run has no form in TOML.
pub(crate) fn text(card: &Card) -> Result<String> {
    let title = format!("# {}\n", card.name());
    let parts = [
        front_matter(card) + &title,
        card.what_it_is(),
        card.how_well_it_does(),
        card.how_it_was_trained()?,
        card.how_to_load_it(),
        card.licence(),
    ];
    Ok(seal::sealed(&(parts.join("\n") + "\n")))
}
