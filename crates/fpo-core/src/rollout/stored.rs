//! What a policy keeps with every action besides the action itself.

/// Where the rows stored with an action come from, and how many losses the action has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Unit normals, each with a flow time: the Monte-Carlo pairs of a flow. Their number is the
    /// setting `num_samples`.
    NoiseAndTime,
    /// One row of unit normals for the entropy; the action has one loss.
    Noise,
    /// The states of the chain that led to the action; each of its scored transitions has a loss.
    Chain {
        /// Transitions that have a loss.
        scored: usize,
    },
}

/// Sizes of what is stored with every action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Losses per action, N.
    pub losses: usize,
    /// Rows of `A` numbers per action in [`crate::Transitions::stored`].
    pub rows: usize,
    /// Where the rows come from.
    pub source: Source,
}

impl Source {
    /// Returns the sizes for `num_samples` Monte-Carlo pairs.
    pub fn stored(self, num_samples: usize) -> Stored {
        let (losses, rows) = match self {
            Source::NoiseAndTime => (num_samples, num_samples),
            Source::Noise => (1, 1),
            Source::Chain { scored } => (scored, scored + 1),
        };
        Stored { losses, rows, source: self }
    }

    /// Returns whether the rows are drawn after acting. Those of a chain come from acting.
    pub fn is_drawn(self) -> bool {
        !matches!(self, Source::Chain { .. })
    }
}
