//! What a card is made of.

use fpo_core::PolicyFile;

use crate::commands::export::card::evaluation::Evaluation;
use crate::commands::export::card::origin::Origin;
use crate::text::shown::shown;

/// The policy of a card, and what is known of it.
pub(crate) struct Card<'a> {
    /// The policy.
    pub(crate) policy: &'a PolicyFile,
    /// The run that it comes from, if its folder was given.
    pub(crate) origin: Option<Origin>,
    /// The episodes that were played for the card, if any were.
    pub(crate) evaluation: Option<Evaluation>,
    /// The licence, if one was named.
    pub(crate) license: Option<&'a str>,
    /// Whether the folder holds the policy's graph too.
    pub(crate) has_graph: bool,
}

impl Card<'_> {
    /// Returns the name of the policy: that of its task and, where it is known, its method.
    pub(super) fn name(&self) -> String {
        let task = shown(&self.policy.info.task).replace('/', "-");
        match &self.origin {
            Some(origin) => format!("{task}-{}", origin.config.algorithm.kind.name),
            None => format!("{task}-policy"),
        }
    }
}
