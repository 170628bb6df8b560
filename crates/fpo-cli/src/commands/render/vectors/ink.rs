//! What all drawings share: the colours of what acts, and how an observation is read.

use crate::commands::figure::scene::Paint;
use crate::commands::render::episode::Moment;

/// What acts.
pub const AGENT: Paint = Paint::solid(0x0072b2);
/// Where it has been.
pub const TRAIL: Paint = AGENT.at(0.45);

/// Returns the last observation of `moments` if it has `N` numbers.
pub fn last<const N: usize>(moments: &[Moment]) -> Option<[f32; N]> {
    moments.last()?.obs.as_slice().try_into().ok()
}
